"""Tailed files in the simulator against what real Fluentd made of them, and the expression that takes every line."""

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from binnacle.check.fluentd.grammar import parse
from binnacle.check.fluentd.types import regexp
from binnacle.check.pipeline.engine import ROOT, Engine
from binnacle.targets.fluentd import element, render
from binnacle.targets.fluentd.inputs import CRI
from check.pipelinecases import CASES, recorded
from check.tailing import tailed

TAILED = ["tail-none-utf8", "tail-none-invalid-utf8", "tail-tag-star", "tail-append", "tail-missing-file"]


def lines(case: dict[str, Any]) -> dict[str, list[bytes]]:
    files: dict[str, list[bytes]] = {}
    for step in case["input"]:
        for line in step.get("lines", ()):
            data = base64.b64decode(line["$base64"]) if isinstance(line, dict) else line.encode()
            files.setdefault(step.get("file", "in/app.log"), []).append(data + b"\n")
    return files


@pytest.mark.parametrize("name", TAILED)
def test_files_are_read_as_real_fluentd_read_them(name: str) -> None:
    case = CASES[name]
    root = parse(case["config"].replace("path ./in/", "path in/")).root
    engine = Engine(root, {})
    (source,) = root.all("source")
    for event in tailed(source, lines(case)):
        engine.emit([event], ROOT)
    came = [(one.sink, one.event.tag, one.event.time, plain(one.event.record), False) for one in engine.arrived]
    assert came == recorded(case)


def plain(record: dict[str, Any]) -> dict[str, Any]:
    """As the recording shows bytes: text where they are valid."""
    shown = {}
    for key, value in record.items():
        try:
            shown[key] = value.decode()
        except UnicodeDecodeError:
            shown[key] = bytes(value)
    return shown


def source(**more: Any) -> Any:
    inner = element("parse", "", {"@type": "regexp", "expression": CRI, "time_key": "time", "time_format": "%iso8601"})
    params = {"@type": "tail", "tag": "t.*", "path": "/a/*.log", **more}
    return parse(render([element("source", "", params, [inner])])).root.sections[0]


def test_what_is_not_simulated_is_refused() -> None:
    with pytest.raises(ValueError, match="not simulated: encoding"):
        list(tailed(source(encoding="UTF-8"), {}))


@given(st.binary())
def test_the_expression_takes_every_line(line: bytes) -> None:
    """One that it refused would stand in Fluentd's own log, as it is."""
    line = line.replace(b"\n", b"")
    (event,) = tailed(source(), {"/a/x.log": [line + b"\n"]})
    assert event.record == {"message": line.removesuffix(b"\r")}


@pytest.mark.parametrize(
    ("line", "time", "record"),
    [
        ("2024-05-06T07:08:09.123456789Z stdout F a b", (1_714_979_289, 123_456_789), ("stdout", "F", "a b")),
        ("2024-05-06T07:08:09+02:00 stderr P ", (1_714_972_089, 0), ("stderr", "P", "")),
        ("2024-05-06T07:08:09.5-00:30 stdout F:x \tq", (1_714_981_089, 500_000_000), ("stdout", "F:x", "\tq")),
        ("2024-05-06T07:08:09Z stdout F", (1_714_979_289, 0), ("stdout", "F", "")),
        ("2024-13-06T07:08:09Z stdout F x", "now", None),
        ("2024-05-06T24:08:09Z stdout F x", "now", None),
        ("2024-05-06T07:08:09Z other F x", "now", None),
        ("2024-05-06T07:08:09Z stdout X x", "now", None),
        ("x 2024-05-06T07:08:09Z stdout F x", "now", None),
    ],
)
def test_lines_of_container_runtimes(line: str, time: Any, record: Any) -> None:
    (event,) = tailed(source(), {"/a/x.log": [line.encode() + b"\n"]})
    assert event.time == time
    names = ("stream", "logtag", "message")
    wanted = {"message": line} if record is None else dict(zip(names, record, strict=True))
    assert plain(event.record) == wanted


def test_the_expression_is_rubys() -> None:
    assert regexp(CRI).multiline
