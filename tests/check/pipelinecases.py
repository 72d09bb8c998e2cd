"""The recorded pipelines that our filters can run: which they are, and what came out of them."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from binnacle.check.fluentd.grammar import parse
from binnacle.check.fluentd.sections import FluentdSyntaxError, Section
from binnacle.check.pipeline.engine import Engine
from binnacle.check.pipeline.events import Binary, Event

DATA = Path(__file__).parents[1] / "data" / "fluentd" / "pipelines.json"
CASES: dict[str, dict[str, Any]] = {case["id"]: case for case in json.loads(DATA.read_text())["cases"]}
OUTPUTS = {"capture", "relabel", "copy", "null"}


def engine(case: dict[str, Any]) -> Engine | None:
    """Return an engine for a case, or None when it has something that stages are not spelled with."""
    if "configure_error" in case["result"] or any("lines" in step for step in case["input"]):
        return None
    try:
        root = parse(case["config"]).root
    except FluentdSyntaxError:
        return None
    outputs = list(_outputs(root))
    if root.all("source") or not {str(section.get("@type")) for section in outputs} <= OUTPUTS:
        return None
    failing = frozenset(str(section.get("@id")) for section in outputs if section.get("raise_message") is not None)
    try:
        return Engine(root, {}, failing)
    except ValueError as error:
        if not str(error).startswith("not simulated"):
            raise
        return None


def replayed(case: dict[str, Any], work: Engine) -> list[tuple[Any, ...]]:
    """Return what comes to outputs: sink, tag, time, record, whether at shutdown."""
    for step in case["input"]:
        if "sleep" in step:
            work.idle()
            continue
        events = step.get("batch") or [step]
        tag = step.get("tag", events[0].get("tag"))
        work.emit([Event(tag, _time(one["time"]), _read(one["record"])) for one in events], step.get("label", ""))
    if case.get("wait_s", 0) > 1:
        work.idle()
    work.stop()
    return [(one.sink, one.event.tag, one.event.time, _plain(one.event.record), one.shutdown) for one in work.arrived]


def recorded(case: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Return what real Fluentd delivered, in the same shape."""
    return [
        (one["sink"], one["tag"], _time(one["time"]), _read(one["record"]), one.get("phase") == "shutdown")
        for one in case["result"]["output"]
    ]


def _outputs(root: Section) -> Iterator[Section]:
    for domain in (root, *root.all("label")):
        for match in domain.all("match"):
            yield from (match, *match.all("store"))


def _time(value: Any) -> Any:
    if isinstance(value, int):
        return value, 0
    return tuple(value) if isinstance(value, list) else value


def _read(value: Any) -> Any:
    if isinstance(value, dict):
        if set(value) == {"$base64"}:
            return base64.b64decode(value["$base64"])
        if set(value) == {"$base64_binary"}:
            return Binary(base64.b64decode(value["$base64_binary"]))
        return {key: _read(inner) for key, inner in value.items()}
    return [_read(item) for item in value] if isinstance(value, list) else value


def _plain(value: Any) -> Any:
    if isinstance(value, Binary):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return bytes(value)
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value
