"""A Prometheus of the tour's own: a month of history, the rules as they were written, and live traffic.

It listens on the loopback, keeps everything in the tour's folder, and is ended by its process id.
"""

import http.client
import json
import shutil
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import yaml

from binnacle.cli.tour.traffic import Target, Traffic
from binnacle.errors import BinnacleError

PROGRAMS: Final = ("prometheus", "promtool")
WINDOW: Final = 30 * 86400
"""Seconds of history: the window of the quickstart's SLO."""
_JOB: Final = {"job": "shop/shop/checkout", "instance": "checkout-7d9f6c5b8-x2kfp:8080"}
"""What the quickstart's MetricSet has its targets called."""
_INCREASE: Final = ("slo:events:increase", "slo:errors:increase")
_READY: Final = 120.0
"""Seconds that it may take to start: one or two, but a busy machine has other things to do."""
_TRIES: Final = 3
"""Times that it is started: its port may be taken by somebody else in between."""


def missing() -> list[str]:
    """Return which programs are not on the PATH."""
    return [name for name in PROGRAMS if shutil.which(name) is None]


class LivePrometheus:
    """Prometheus with the rules of the tour. Use it as a context manager.

    Args:
        folder: for all its files.
        rules: the rule files, name -> text.
    """

    def __init__(self, folder: Path, rules: Mapping[str, str]):
        self._folder = folder
        self._traffic = Traffic(int(time.time()), WINDOW)
        self._target = Target(self._traffic)
        self._rules = {name: yaml.load(text, yaml.CSafeLoader)["groups"] for name, text in rules.items()}
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0

    @property
    def url(self) -> str:
        """Address of its API."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._target.__enter__()
        try:
            self._write()
            self._remember()
            self._start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._target.__exit__(kind, error, trace)

    def alerts(self) -> list[dict[str, Any]]:
        """Return the pending and firing alerts as its API lists them."""
        answer = json.loads(self._get("/api/v1/alerts")[1])
        found: list[dict[str, Any]] = answer["data"]["alerts"]
        return found

    # -- setting up ------------------------------------------------------------------------------------------------

    def _write(self) -> None:
        """Write the configuration and the rules."""
        (self._folder / "rules").mkdir(parents=True)
        for name, groups in self._rules.items():
            often = [group if _counts(group) else {**group, "interval": "1s"} for group in groups]
            (self._folder / "rules" / name).write_text(json.dumps({"groups": often}))
        job, labels = _JOB["job"], {"instance": _JOB["instance"]}
        configuration = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(self._folder / "rules" / "*.yaml")],
            "scrape_configs": [
                {"job_name": job, "static_configs": [{"targets": [self._target.address], "labels": labels}]}
            ],
        }
        # JSON is YAML.
        (self._folder / "prometheus.yml").write_text(json.dumps(configuration))

    def _remember(self) -> None:
        """Write the month before: what the rules had recorded of it, and the last hours of the counters.

        Raises:
            BinnacleError: promtool does not take it.
        """
        lines = [*self._traffic.history(_JOB), *self._recorded(), "# EOF", ""]
        path = self._folder / "history.txt"
        path.write_text("\n".join(lines))
        ended = subprocess.run(  # noqa: S603 - a program of the PATH with arguments of ours
            [
                *(str(shutil.which("promtool")), "tsdb", "create-blocks-from", "--max-block-duration=1458h"),
                *("openmetrics", "--quiet", str(path), str(self._folder / "data")),
            ],
            capture_output=True,
            check=False,
            text=True,
            stdin=subprocess.DEVNULL,
        )
        path.unlink()
        if ended.returncode != 0:
            raise BinnacleError(f"promtool could not write the history: {(ended.stderr or ended.stdout).strip()}")

    def _recorded(self) -> list[str]:
        lines = []
        for rule in (rule for groups in self._rules.values() for group in groups for rule in group["rules"]):
            name = rule.get("record", "")
            if not name.startswith(_INCREASE):
                continue
            step = 60 * int(name.rpartition("increase")[2].removesuffix("m"))
            labels = ",".join(f'{key}="{value}"' for key, value in sorted(rule["labels"].items()))
            which = int(name.startswith(_INCREASE[1]))
            lines.append(f"# TYPE {name} gauge")
            for at in range(self._traffic.now - WINDOW + step, self._traffic.now + 1, step):
                increase = self._traffic.counters(at)[which] - self._traffic.counters(at - step)[which]
                lines.append(f"{name}{{{labels}}} {increase:.4f} {at}")
        return lines

    def _start(self) -> None:
        """Start it and wait until it answers.

        Raises:
            BinnacleError: it does not start.
        """
        log = self._folder / "prometheus.log"
        for _ in range(_TRIES):
            self.port = _free_port()
            with log.open("wb") as out:
                self._process = subprocess.Popen(  # noqa: S603 - as above
                    [
                        str(shutil.which("prometheus")),
                        f"--config.file={self._folder / 'prometheus.yml'}",
                        f"--storage.tsdb.path={self._folder / 'data'}",
                        "--storage.tsdb.retention.time=60d",
                        f"--web.listen-address=127.0.0.1:{self.port}",
                    ],
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=out,
                    # Ctrl-C is for the tour, which ends it in order.
                    start_new_session=True,
                )
            if self._wait_ready():
                return
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-5:])
        raise BinnacleError(f"Prometheus does not start:\n{tail}")

    def _wait_ready(self) -> bool:
        """Say whether it is ready; False when it has ended.

        Raises:
            BinnacleError: it is neither, for too long.
        """
        until = time.monotonic() + _READY
        while self._process is not None and self._process.poll() is None:
            try:
                if self._get("/-/ready")[0] == 200:
                    return True
            except OSError:
                pass
            if time.monotonic() > until:
                raise BinnacleError(f"Prometheus is not ready after {_READY:g} s")
            time.sleep(0.1)
        return False

    def _get(self, path: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()


def _counts(group: Mapping[str, Any]) -> bool:
    """Say whether a group counts what came since its last evaluation: evaluated more often it would count twice."""
    rules: Sequence[Mapping[str, Any]] = group["rules"]
    return any(str(rule.get("record", "")).startswith(_INCREASE) for rule in rules)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
