"""Values of parameters against the answers of real Fluentd."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from binnacle.check.fluentd import types
from binnacle.compile.onigmo.dialect import Regexp, problem

CASES = json.loads((Path(__file__).parents[1] / "data/fluentd/types.json").read_text())["cases"]
PLAIN = {
    "size": types.size,
    "time": types.time,
    "bool": types.boolean,
    "integer": types.integer,
    "float": types.floating,
    "string": types.string,
    "regexp": types.regexp,
}
DEFAULTS: dict[str, Any] = {"true": True, "7": 7, "drop": {"$symbol": "drop"}, "d": "d"}


def reader(kind: str, *, strict: bool) -> Callable[[str], Any]:
    name = re.sub(r"\(default .*\)|; default .*\)", "", kind)
    outer, _, inner = name.rstrip(")").partition("(")
    if outer == "enum":
        return lambda text: {"$symbol": types.enumeration(text, inner.split(","))}
    if outer == "array":
        return lambda text: types.array(text, item=PLAIN.get(inner), strict=strict)
    if inner == "symbolize_keys":
        return lambda text: symbols(types.mapping(text))
    if outer == "hash":
        return lambda text: types.mapping(text, item=PLAIN.get(inner), strict=strict)
    return lambda text: PLAIN[outer](text, strict=strict)


def symbols(pairs: dict[str, Any]) -> dict[str, Any]:
    return {"$pairs": [[{"$symbol": key}, value] for key, value in pairs.items()]} if pairs else {}


def as_recorded(value: Any) -> Any:
    if isinstance(value, Regexp):
        return {"$regexp": value.source, "options": "i" * value.ignore_case + "m" * value.multiline}
    return {"$float": "Infinity"} if value == float("inf") else value


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("kind", sorted({case["type"] for case in CASES}))
def test_reads_what_fluentd_reads(kind: str, strict: bool) -> None:
    default = re.search(r"default (\w+)\)", kind)
    for case in CASES:
        if case["type"] != kind:
            continue
        answer = case.get("strict", case) if strict else case
        text = types.USE_DEFAULT if isinstance(case["text"], dict) else case["text"]
        given = DEFAULTS[default[1]] if default else types.REQUIRED
        if "error" in answer:
            with pytest.raises(types.ParameterError):
                types.parameter("v", text, reader(kind, strict=strict), default=given)
            continue
        value = as_recorded(types.parameter("v", text, reader(kind, strict=strict), default=given))
        assert value == answer["result"], case
        assert type(value) is type(answer["result"]), case


@pytest.mark.parametrize(
    ("source", "fine"),
    [
        ("(?<=ab)c", True),
        ("(?<=a{2})c", True),
        ("(?<=(?:ab))c", True),
        ("(?<=a*)c", False),
        ("(?<!a{1,2})c", False),
        ("(?<=[+*])c", True),
        (r"(?<=\+)c", True),
        ("a{3,1}", False),
    ],
)
def test_what_rubys_engine_refuses_and_its_relative_does_not(source: str, fine: bool) -> None:
    assert (problem(source) == "") is fine


def test_flags_do_what_rubys_flags_do() -> None:
    assert Regexp("^b.c$", ignore_case=True, multiline=True).compiled().search("a\nB\nC")
    assert not Regexp("b.c", ignore_case=True).compiled().search("B\nC")
    assert Regexp(r"\u{e9}\u00e9").compiled().search("éé")
