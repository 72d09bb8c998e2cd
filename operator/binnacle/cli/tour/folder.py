"""The tour in a folder: what a team writes, what becomes of it, live figures, a change, a mistake."""

import asyncio
import dataclasses
import json
import re
import shutil
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import yaml

from binnacle.api.config import Config
from binnacle.api.findings import Severity
from binnacle.api.registry import KINDS
from binnacle.cli.compiling import offline
from binnacle.cli.output import Format, write_findings
from binnacle.cli.tour.prometheus import LivePrometheus, missing
from binnacle.cli.tour.stage import Stage
from binnacle.cli.tour.tables import table, value_at
from binnacle.control.clock import SystemClock
from binnacle.control.ports import Expectation, Observed
from binnacle.control.status import judge
from binnacle.control.toolchain import shipped
from binnacle.errors import BinnacleError
from binnacle.folder.compilation import Compilation
from binnacle.folder.compose import compose
from binnacle.folder.context import read_config
from binnacle.folder.loop import FolderLoop, Turn
from binnacle.folder.reloads import Reloads
from binnacle.folder.status import FOLDER
from binnacle.intent.readback import SLOReadback
from binnacle.intent.refs import Key
from binnacle.observe.backend import open_session
from binnacle.observe.observer import PrometheusObserver

_LABELS: Final = re.compile(r"\{slo=[^}]*\}")
_SLO: Final = re.compile("^kind: SLO$", re.MULTILINE)
_PATIENCE: Final = 120.0
"""Seconds within which live figures must come: they come within a few, where the machine does nothing else."""
_WATCHED: Final = 6.0
"""Seconds for which they are watched, where somebody watches."""
_GLANCE: Final = 1.5
"""Seconds after which they are printed elsewhere: until every group of rules has had its turn."""

OLD, NEW = "objective: 99.9%", "objective: 99.95%"
WHOLE, BROKEN = 'code=~"5.."}', 'code=~"5.."'


class Tour:
    """The tour.

    Args:
        source: the folder to show.
        scratch: for everything that is written.
        stage: where it is shown.
    """

    def __init__(self, source: Path, scratch: Path, stage: Stage):
        self._stage = stage
        self._source = source
        self._in, self._out, self._scratch = scratch / "in", scratch / "out", scratch
        shutil.copytree(source, self._in)
        self._executor = ThreadPoolExecutor(1)
        self._turns: list[Turn] = []
        self._loop = FolderLoop(
            self._in,
            self._out,
            shipped(offline(read_config(None))),
            reloads=Reloads((), lambda _: None, self._executor, time.monotonic),
            today=lambda: datetime.now(UTC).date(),
            now=lambda: datetime.now(UTC),
            monotonic=time.monotonic,
            tell=self._turns.append,
        )

    def run(self) -> None:
        """Go through the steps.

        Raises:
            BinnacleError: the folder is not what the tour tells of.
        """
        file = self._chosen_file()
        self._stage.open("Binnacle in a minute.", "All of it happens in a temporary folder, which is gone afterwards.")
        self._written(file)
        done = self._loop.turn().compilation
        self._files(done)
        self._tables(done)
        self._live(done)
        self._change(file)
        self._mistake(file)
        self._next()
        self._executor.shutdown()

    def _chosen_file(self) -> Path:
        for path in sorted(self._in.rglob("*.yaml")):
            text = path.read_text()
            if _SLO.search(text) and OLD in text and WHOLE in text:
                return path
        raise BinnacleError(f"the tour tells of an SLO with {OLD} and {WHOLE}, and there is none in {self._source}")

    # -- steps -----------------------------------------------------------------------------------------------------

    def _written(self, file: Path) -> None:
        self._stage.step("What a team writes")
        rows = [
            (path.relative_to(self._in).as_posix(), _first_comment(path.read_text()))
            for path in sorted(self._in.rglob("*.yaml"))
        ]
        self._stage.table(rows, heads=0)
        self._stage.command(f"cat {self._source / file.relative_to(self._in)}")
        self._stage.code(file.read_text().rpartition("\n---\n")[2])

    def _files(self, done: Compilation) -> None:
        self._stage.step("What is written for the backends")
        self._stage.command(f"binnacle folder {self._source}/ out/ --once")
        rows = [(f"out/{file.path}", _holds(file.path, file.text)) for file in done.outcome.files]
        self._stage.table(rows, heads=0)

    def _tables(self, done: Compilation) -> None:
        self._stage.step("What the people on call see")
        bodies = list(self._statuses(done))
        for info in KINDS.values():
            self._get(info.kind, bodies)
        alerts = [one for wants in done.outcome.desired.values() for one in (wants.facts or {}).get("alerts", ())]
        if alerts:
            self._stage.say("\nNobody wrote a limit for the SLO: its alerts follow from objective and window.")
            names = ("name", "severity", "factor", "budget", "long", "short", "worstCaseDetection")
            heads = ("ALERT", "SEVERITY", "BURN RATE", "BUDGET", "LONG", "SHORT", "TOTAL OUTAGE")
            self._stage.table([heads, *(tuple(str(one.get(name, "")) for name in names) for one in alerts)])

    def _live(self, done: Compilation) -> None:
        self._stage.step("The same, live")
        absent = missing()
        if absent:
            self._stage.remark(
                f"Left out: {' and '.join(absent)} {'is' if len(absent) == 1 else 'are'} not on the PATH. Where they are "
                "(on Debian and Ubuntu: apt install prometheus), the rules are loaded and the SLO watches over made-up traffic."
            )
            return
        rules = {
            Path(file.path).name: file.text for file in done.outcome.files if file.path.startswith("prometheus/rules/")
        }
        self._stage.say(
            "A Prometheus of its own loads these rules, with a month of made-up traffic behind it. Eleven days ago there "
            "was a bad half hour, and five minutes ago three of ten requests began to fail."
        )
        with ExitStack() as running:
            with self._stage.busy("starting Prometheus with a month of history"):
                live = running.enter_context(LivePrometheus(self._scratch / "prometheus", rules))
            asyncio.run(self._watch(live, done))

    async def _watch(self, live: LivePrometheus, done: Compilation) -> None:
        """Show the figures as they come; on a terminal for some seconds.

        Raises:
            BinnacleError: none come.
        """
        wanted = [
            Expectation(
                key, tuple(mark.name for mark in wants.marks if mark.backend == wants.readback.backend), wants.readback
            )
            for key, wants in done.outcome.desired.items()
            if isinstance(wants.readback, SLOReadback)
        ]
        config = Config.from_data({"prometheus": {"url": live.url, "output": "configMap"}})
        until = time.monotonic() + _PATIENCE
        async with open_session() as session:
            observer = PrometheusObserver(config, session, SystemClock())
            with self._stage.busy("waiting for the first evaluation"):
                while True:
                    observed = await observer.observe(wanted)
                    alerts = live.alerts()
                    if all("burnRate" in one.facts for one in observed.values()) and _firing(alerts):
                        break
                    if time.monotonic() > until:
                        raise BinnacleError(f"Prometheus gives no figures of the SLO: {observed}")
                    await asyncio.sleep(0.25)
            self._stage.command(f"kubectl -n {_namespace(done)} get slo; curl {live.url}/api/v1/alerts")
            bodies = [body for body in self._statuses(done) if body["kind"] == "SLO"]
            until = time.monotonic() + (_WATCHED if self._stage.console.is_terminal else _GLANCE)
            with self._stage.moving() as show:
                while True:
                    told = [_with(body, observed) for body in bodies]
                    show([_figures(told), [("ALERT", "SEVERITY", "STATE"), *sorted(map(_alert, alerts))]])
                    if time.monotonic() > until:
                        break
                    await asyncio.sleep(0.5)
                    observed, alerts = await observer.observe(wanted), live.alerts()
        for one in alerts:
            if one["state"] == "firing" and "burning" in one["annotations"]:
                self._stage.remark(f"{one['labels']['alertname']}: {one['annotations']['burning']}.")
        self._stage.remark(
            "The ratios are evaluated each second here; elsewhere those of the long windows each four minutes."
        )

    def _change(self, file: Path) -> None:
        self._stage.step("A change, and what it changes")
        before = self._texts()
        self._edit(file, OLD, NEW)
        self._stage.say(f"In {file.name} the objective goes from 99.9% to 99.95%. All that is different then:")
        turn = self._loop.turn()
        written = [path for path in turn.changes.written if not path.startswith(FOLDER)]
        for path in written:
            self._stage.command(f"git diff out/{path}   # labels of this SLO as {{…}}")
            self._stage.difference(
                _rules_only(before.get(path, "")), _rules_only(self._texts()[path]), shortened=_LABELS
            )
        unchanged = [path for path in turn.changes.unchanged if not path.startswith(FOLDER)]
        self._stage.remark(f"  {len(unchanged)} other files are as they were.")

    def _mistake(self, file: Path) -> None:
        self._stage.step("A mistake, and what becomes of it")
        kept = self._texts()
        self._edit(file, WHOLE, BROKEN)
        self._stage.say("A bracket is lost in the selector of the errors.")
        name = self._source / file.relative_to(self._in)
        self._stage.command(f"binnacle check {name}")
        done = self._loop.turn().compilation
        errors = [
            dataclasses.replace(item, file=str(name))
            for item in done.findings
            if item.finding.severity is Severity.ERROR
        ]
        sys.stdout.flush()
        write_findings(errors, Format.TEXT, sys.stdout, texts={str(name): done.texts[str(file)]})
        bodies = [body for body in self._statuses(done) if body["kind"] == "SLO"]
        self._get("SLO", bodies)
        for body in bodies:
            why = value_at(body, '.status.conditions[?(@.type=="Stalled")].message')
            self._stage.remark(f"  Stalled: {why}")
        same = "byte for byte as before" if _backends(self._texts()) == _backends(kept) else "CHANGED"
        self._stage.say(f"\nThe rules of the last good version are in place, {same}.")

    def _next(self) -> None:
        self._stage.step("How to go on")
        rows = [
            ("binnacle check", "finds mistakes before anything is applied, in pipelines too"),
            ("binnacle explain", "says in words what a resource does, and draws dashboards"),
            ("binnacle test", "runs the tests that resources carry, on the real engines"),
            ("binnacle diff", "shows what applying would change in a cluster"),
            ("binnacle operator", "keeps a cluster equal to what the resources say"),
            ("make demo-cluster", "is this tour on a local Kubernetes API server"),
        ]
        self._stage.table(rows, heads=0)

    def _get(self, kind: str, bodies: Sequence[Mapping[str, Any]]) -> None:
        """Show what kubectl would say of the resources of a kind."""
        found = [body for body in bodies if body["kind"] == kind]
        if found:
            self._stage.command(f"kubectl -n {found[0]['metadata']['namespace']} get {KINDS[kind].short}")
            self._stage.table(table(KINDS[kind], found))

    # -- looking ---------------------------------------------------------------------------------------------------

    def _statuses(self, done: Compilation) -> Iterator[dict[str, Any]]:
        """Yield the resources with the status that lies in the folder."""
        for key, document in sorted(done.documents.items()):
            path = self._out / FOLDER / f"{key.kind.lower()}.{key.namespace}.{key.name}.yaml"
            (status,) = (one.value for one in compose(path.read_text()))
            yield {**document.obj, "status": status["status"]}

    def _texts(self) -> dict[str, str]:
        paths = [path for path in sorted(self._out.rglob("*")) if path.is_file()]
        return {path.relative_to(self._out).as_posix(): path.read_text() for path in paths}

    def _edit(self, file: Path, old: str, new: str) -> None:
        file.write_text(file.read_text().replace(old, new, 1))


def _first_comment(text: str) -> str:
    found = re.match(r"#\s*(.*)", text)
    return found[1] if found else ""


def _holds(path: str, text: str) -> str:
    """Return what is in a file, in a few words."""
    counts: Sequence[tuple[int, str]] = ()
    if path.endswith(".json"):
        panels = [one for one in json.loads(text).get("panels", ()) if one.get("type") != "row"]
        counts = ((len(panels), "panel"),)
    elif path.endswith(".conf"):
        lines = [line.strip() for line in text.splitlines()]
        counts = [(sum(line.startswith(f"<{name}") for line in lines), name) for name in ("source", "filter", "match")]
    elif path.endswith(".yaml"):
        whole = yaml.load(text, yaml.CSafeLoader) or {}
        rules = [rule for group in whole.get("groups", ()) for rule in group.get("rules", ())]
        counts = (
            (sum("record" in rule for rule in rules), "recording"),
            (sum("alert" in rule for rule in rules), "alert"),
            (len(whole.get("receivers", ())), "receiver"),
            (len(whole.get("inhibit_rules", ())), "inhibition"),
            (len(whole.get("scrape_configs", ())), "scrape job"),
        )
    said = [_counted(count, name) for count, name in counts if count]
    return ", ".join(said) or f"{len(text.encode()):,} bytes"


def _counted(count: int, name: str) -> str:
    plural = "matches" if name == "match" else f"{name}s"
    return f"{count} {name if count == 1 else plural}"


def _rules_only(text: str) -> str:
    """Return a rule file without the alerts' texts, which repeat its numbers."""
    return "\n".join(line for line in text.splitlines() if "{{ range" not in line)


def _backends(texts: Mapping[str, str]) -> dict[str, str]:
    """Return the files of backends: not status, and not what is noted about all of them."""
    return {path: text for path, text in texts.items() if not path.startswith((FOLDER, "."))}


def _with(body: Mapping[str, Any], observed: Mapping[Key, Observed]) -> dict[str, Any]:
    """Return a resource with what was observed in its status."""
    key = Key(body["kind"], body["metadata"]["namespace"], body["metadata"]["name"])
    status = body["status"]
    conditions = [one for one in status.get("conditions", ()) if one["type"] != "Live"]
    seen = observed[key]
    # Nothing was there before the look, and nobody waits here for a reload: what was seen counts at once.
    live = judge(seen, {}, grace_over=True, new_version=False, carried=()).said()
    if live is not None:
        conditions.append({"type": "Live", "status": live.status, "reason": live.reason, "message": live.message})
    return {**body, "status": {**status, **seen.facts, "conditions": conditions}}


def _firing(alerts: Sequence[Mapping[str, Any]]) -> bool:
    return any(one["state"] == "firing" for one in alerts)


def _alert(one: Mapping[str, Any]) -> tuple[str, str, str]:
    labels = one["labels"]
    return labels["alertname"], labels.get("severity", ""), one["state"]


def _figures(bodies: Sequence[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """Return the table of SLOs with the burn rate, which kubectl shows with -o wide."""
    heads, *rows = table(KINDS["SLO"], bodies)
    burn = [value_at(body, ".status.burnRate") for body in bodies]
    return [(*heads, "BURN"), *((*row, one) for row, one in zip(rows, burn, strict=True))]


def _namespace(done: Compilation) -> str:
    return next(key.namespace for key in done.documents if key.kind == "SLO")
