"""A real Prometheus of either line, with its promtool."""

from __future__ import annotations

import datetime as dt
import json
import math
import re
import subprocess
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import yaml

from servers.errors import ServerFailedError
from servers.find import find, version_of
from servers.http import Answer, fetch
from servers.process import ServerProcess, clean_environment, free_port
from servers.waiting import PATIENCE

LineName = Literal["2.42", "3.x"]
LINES: tuple[LineName, ...] = ("2.42", "3.x")
PROGRAMS: Mapping[str, tuple[str, str]] = {"2.42": ("prometheus2", "promtool2"), "3.x": ("prometheus3", "promtool3")}

BLOCKS = "--max-block-duration=1458h"
"""Blocks of up to two months: promtool reads its whole input again, or asks again, for each block that it writes."""


class PromtoolError(Exception):
    """promtool said no; the message is what it printed."""

    def __init__(self, arguments: tuple[str, ...], code: int, output: str) -> None:
        super().__init__(f"promtool {' '.join(arguments)} ended with {code}:\n{output.strip()}")
        self.code = code
        self.output = output


class QueryError(Exception):
    """Prometheus refused a query; the message is its own."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One element of an instant vector, or a scalar (no labels).

    ``value`` is NaN for a native histogram, whose ``histogram`` is as the API gives it.
    """

    labels: Mapping[str, str]
    value: float
    at: float
    histogram: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Series:
    """One element of a range: ``points`` are (Unix seconds, value); histograms have none."""

    labels: Mapping[str, str]
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class PrometheusLine:
    """The two programs of one line, ``2.42`` or ``3.x``."""

    name: LineName
    prometheus: Path
    promtool_program: Path

    @classmethod
    def find(cls, name: LineName) -> Self:
        """The line as it is on this machine.

        Raises:
            ServerMissingError: it is not there.
        """
        prometheus, promtool = PROGRAMS[name]
        return cls(name, find(prometheus), find(promtool))

    @property
    def version(self) -> str:
        """What this Prometheus calls itself, such as ``3.15.0``."""
        found = re.search(r"version (\d+\.\d+\.\d+)", version_of(self.prometheus))
        if found is None:
            raise ServerFailedError(f"{self.prometheus} tells no version")
        return found.group(1)

    @property
    def left_open(self) -> bool:
        """Whether a range leaves out a sample exactly at its start (from 3.0 on)."""
        return int(self.version.partition(".")[0]) >= 3

    def promtool(
        self,
        *arguments: str,
        input: str | None = None,  # noqa: A002 - as subprocess.run calls it
        cwd: Path | None = None,
        check: bool = True,
        timeout: float = PATIENCE,
    ) -> subprocess.CompletedProcess[str]:
        """Run this line's promtool.

        Raises:
            PromtoolError: it ended with another code than 0 and ``check`` is set.
        """
        ended = subprocess.run(
            [str(self.promtool_program), *arguments],
            input=input,
            cwd=cwd,
            capture_output=True,
            text=True,
            # It lives for a moment: memory is cheaper than the time to collect it.
            env={**clean_environment(cwd or Path(tempfile.gettempdir())), "GOGC": "400"},
            timeout=timeout,
        )
        if check and ended.returncode != 0:
            raise PromtoolError(arguments, ended.returncode, ended.stdout + ended.stderr)
        return ended

    def create_blocks(self, openmetrics: str, data: Path) -> None:
        """Write history into a data folder from OpenMetrics text whose samples have timestamps (Unix seconds).

        The text must end with ``# EOF``. Prometheus sees the blocks at its next start, or within a minute.
        """
        data.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", suffix=".txt", prefix="history-") as file:
            file.write(openmetrics)
            file.flush()
            self.promtool("tsdb", "create-blocks-from", BLOCKS, "openmetrics", "--quiet", file.name, str(data))

    def create_blocks_from_rules(
        self,
        *,
        start: float,
        end: float,
        rules: Sequence[Path],
        url: str,
        data: Path,
        step: str = "60s",
        cwd: Path | None = None,
    ) -> None:
        """Write what recording rules would have recorded from ``start`` to ``end`` (Unix seconds) into a data folder.

        ``url`` is a running Prometheus that has the raw data. Rules do not see each other's results of the same pass:
        one pass for each layer, with a Prometheus that has the blocks of the layers before. Evaluations lie where
        Prometheus would have them: by the interval of the group, at an offset made of its name and the file's path as
        it is given here; one that is relative to ``cwd`` makes it the same in every run.
        """
        data.mkdir(parents=True, exist_ok=True)
        flags = [
            f"--start={start:.0f}",
            f"--end={end:.0f}",
            f"--url={url}",
            f"--eval-interval={step}",
            f"--output-dir={data}",
        ]
        self.promtool("tsdb", "create-blocks-from", BLOCKS, "rules", *flags, *map(str, rules), cwd=cwd, timeout=600)


class Prometheus:
    """One Prometheus on a loopback port, with its data in a folder of its own.

    Rule files go into ``rules`` (``*.yaml``), then `reload`. Start it with ``with`` or `start` and `stop`; after
    `stop` it can be started again on the same data.

    Args:
        line: which Prometheus.
        directory: a folder of its own; ``data``, ``rules`` and the log are in it.
        rule_files: further rule files or patterns, left where they are.
        config: what to set in the configuration beside, or in place of, one-second intervals.
        scrape: targets (``host:port``) to scrape by job.
        features: values of ``--enable-feature``.
        flags: further flags, whole.
        data: another data folder.
    """

    def __init__(
        self,
        line: PrometheusLine,
        directory: Path,
        *,
        rule_files: Iterable[Path | str] = (),
        config: Mapping[str, Any] | None = None,
        scrape: Mapping[str, Sequence[str]] | None = None,
        features: Sequence[str] = (),
        flags: Sequence[str] = (),
        data: Path | None = None,
    ) -> None:
        self.line = line
        self.directory = directory
        self.rules_directory = directory / "rules"
        self.data = data or directory / "data"
        self._config = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(self.rules_directory / "*.yaml"), *(str(path) for path in rule_files)],
            "scrape_configs": [
                {"job_name": job, "static_configs": [{"targets": list(targets)}]}
                for job, targets in (scrape or {}).items()
            ],
            **(config or {}),
        }
        self._features = tuple(features)
        self._flags = tuple(flags)
        self._port = 0
        self._process: ServerProcess | None = None

    @property
    def url(self) -> str:
        """Where its API is; the same over restarts."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._running.pid

    def start(self) -> Self:
        """Start it and return when it answers queries.

        Raises:
            ServerFailedError: it ended (a wrong rule file, say) or was not ready in time; the message has the end of its log.
        """
        for folder in (self.directory, self.rules_directory, self.data):
            folder.mkdir(parents=True, exist_ok=True)
        self.configure()
        self._port = self._port or free_port()
        features = [f"--enable-feature={','.join(self._features)}"] if self._features else []
        self._process = ServerProcess(
            f"prometheus {self.line.name}",
            [
                str(self.line.prometheus),
                f"--config.file={self._config_file}",
                f"--storage.tsdb.path={self.data}",
                # Tests write history of any age.
                "--storage.tsdb.retention.time=100y",
                f"--web.listen-address=127.0.0.1:{self._port}",
                "--web.enable-lifecycle",
                *features,
                *self._flags,
            ],
            log=self.directory / "prometheus.log",
            env=clean_environment(self.directory),
            grace=10,
        )
        try:
            self._process.start()
            self._process.wait_ready(lambda: fetch(f"{self.url}/-/ready").status == 200)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Stop it in order; the data stays."""
        if self._process is not None:
            self._process.stop()

    def configure(self, **sections: Any) -> None:
        """Write the configuration, with these top-level sections in place of the ones so far; `reload` makes it live."""
        self._config |= sections
        # JSON is YAML, and quotes whatever needs it.
        self._config_file.write_text(json.dumps(self._config, indent=1))

    def write_rules(self, name: str, document: Mapping[str, Any] | str) -> Path:
        """Put a rule file (``{"groups": […]}`` or its text) into ``rules``; `reload` makes it live."""
        self.rules_directory.mkdir(parents=True, exist_ok=True)
        path = self.rules_directory / f"{name}.yaml"
        path.write_text(document if isinstance(document, str) else yaml.safe_dump(dict(document), sort_keys=False))
        return path

    def reload(self) -> None:
        """Make the files on disk live.

        Raises:
            ServerFailedError: Prometheus refused them and goes on with what it had; the message is its own.
        """
        answer = fetch(f"{self.url}/-/reload", method="POST")
        if answer.status != 200:
            raise ServerFailedError(
                f"prometheus {self.line.name} refused the reload: {answer.body.decode()}\n{self._running.tail(5)}"
            )

    def query(self, expression: str, at: float | None = None) -> list[Sample]:
        """An instant query at Unix time ``at``, else now; a scalar gives one sample without labels.

        Raises:
            QueryError: the expression was refused.
        """
        form = {"query": expression} | ({"time": repr(at)} if at is not None else {})
        data = self._api("query", form)
        if data["resultType"] in ("scalar", "string"):
            data["result"] = [{"metric": {}, "value": data["result"]}]
        return [_sample(entry) for entry in data["result"]]

    def value(self, expression: str, at: float | None = None) -> float:
        """The one value of an expression.

        Raises:
            LookupError: it has none, or several.
        """
        samples = self.query(expression, at)
        if len(samples) != 1:
            raise LookupError(f"{expression} has {len(samples)} values, not one: {samples[:5]}")
        return samples[0].value

    def cost(self, expression: str, at: float) -> tuple[int, float]:
        """Samples that an instant query at Unix time ``at`` reads, and seconds that the engine evaluates it.

        Raises:
            QueryError: the expression was refused.
        """
        stats = self._api("query", {"query": expression, "time": repr(at), "stats": "all"})["stats"]
        return int(stats["samples"]["totalQueryableSamples"]), float(stats["timings"]["innerEvalTime"])

    def query_range(self, expression: str, *, start: float, end: float, step: float) -> list[Series]:
        """A range query; times are Unix seconds, ``step`` seconds.

        Raises:
            QueryError: the expression was refused.
        """
        data = self._api(
            "query_range", {"query": expression, "start": repr(start), "end": repr(end), "step": repr(step)}
        )
        return [
            Series(entry["metric"], tuple((float(at), float(value)) for at, value in entry.get("values", ())))
            for entry in data["result"]
        ]

    def rules(self) -> list[dict[str, Any]]:
        """The loaded rules as the API lists them, each with its ``group`` and ``file``."""
        groups = self._api("rules")["groups"]
        return [{**rule, "group": group["name"], "file": group["file"]} for group in groups for rule in group["rules"]]

    def alerts(self) -> list[dict[str, Any]]:
        """The pending and firing alerts as the API lists them."""
        alerts = self._api("alerts")["alerts"]
        assert isinstance(alerts, list)
        return alerts

    def wait_evaluated(self, limit: float = PATIENCE) -> None:
        """Return once every loaded rule has been evaluated since this call.

        Raises:
            TimeoutError: some were not; the message names them.
        """
        begun = time.time()
        deadline = time.monotonic() + limit
        while True:
            late = [rule["name"] for rule in self.rules() if _unix(rule.get("lastEvaluation", "")) < begun]
            if not late:
                return
            if time.monotonic() >= deadline:
                raise TimeoutError(f"not evaluated within {limit:g} s: {late}")
            time.sleep(0.05)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def _config_file(self) -> Path:
        return self.directory / "prometheus.yml"

    @property
    def _running(self) -> ServerProcess:
        if self._process is None:
            raise ServerFailedError(f"prometheus {self.line.name} was never started")
        return self._process

    def _api(self, path: str, form: Mapping[str, str] | None = None) -> Any:
        answer: Answer = fetch(f"{self.url}/api/v1/{path}", form=form)
        try:
            document = json.loads(answer.body)
        except ValueError as error:
            raise QueryError(f"{path}: status {answer.status}: {answer.body[:300]!r}") from error
        if document["status"] != "success":
            raise QueryError(f"{path}: {document.get('errorType')}: {document.get('error')}")
        return document["data"]


def _sample(entry: Mapping[str, Any]) -> Sample:
    if "histogram" in entry:
        at, histogram = entry["histogram"]
        return Sample(entry["metric"], math.nan, float(at), histogram)
    at, value = entry["value"]
    return Sample(entry["metric"], float(value), float(at))


def _unix(stamp: str) -> float:
    try:
        return dt.datetime.fromisoformat(stamp).timestamp()
    except ValueError:
        return 0.0
