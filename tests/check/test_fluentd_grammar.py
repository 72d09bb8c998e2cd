"""Fluentd's grammar against the answers of real Fluentd, and what no text may do to the reader."""

import base64
import json
import random
import re
import time
from pathlib import Path

import pytest

from binnacle.check.fluentd.grammar import parse
from binnacle.check.fluentd.sections import Computed, FluentdSyntaxError, Parsed, RubyCode, Section
from check.fluentdtexts import mutated
from servers.pace import effort

CASES = json.loads((Path(__file__).parents[1] / "data/fluentd/parse.json").read_text())["cases"]
GROUPS = sorted({case["group"] for case in CASES})
UNKNOWABLE = re.compile(r"key-(match|nested|root)-(44|53)|json-(27|31)")
"""Cases in which the value of the Ruby decides about the structure: it becomes a key (`@include`), or breaks the JSON around it."""


def text_of(case: dict) -> str | bytes:
    return case["config"] if "config" in case else base64.b64decode(case["config_base64"])


def same_text(read: str | Computed | None, expected: object) -> bool:
    """Texts are equal; of a computed one the known parts are, around whatever the Ruby gave."""
    if not isinstance(read, Computed):
        return read == expected
    pattern = "".join(re.escape(part) if isinstance(part, str) else ".*" for part in read.parts)
    return not isinstance(expected, str) or re.fullmatch(pattern, expected, re.DOTALL) is not None


def assert_same(read: Section, expected: dict) -> None:
    assert read.name == (expected["name"] or "")
    assert same_text(read.argument, expected["arg"])
    attributes = list(expected["attrs"].items())
    assert len(read.params) == len(attributes)
    for (key, value), (wanted_key, wanted) in zip(read.params, attributes, strict=True):
        assert key == wanted_key or "#{" in key
        assert same_text(value, wanted)
    assert len(read.sections) == len(expected["elements"])
    for section, element in zip(read.sections, expected["elements"], strict=True):
        assert_same(section, element)


def outcome(text: str | bytes, **given: object) -> Parsed | FluentdSyntaxError:
    try:
        return parse(text, **given)
    except FluentdSyntaxError as error:
        return error


def check(case: dict, answer: dict, *, ruby_in_json: bool) -> None:
    found = outcome(text_of(case), files=case.get("files"), ruby_in_json=ruby_in_json)
    if isinstance(found, FluentdSyntaxError):
        assert "error" in answer, found
        check_error(found, answer["error"])
        return
    ran = [f'"#{{{code.code}}}"' for code in found.ruby]
    assert ran == case.get("ruby_evaluated", []) or not ruby_in_json
    if ran and UNKNOWABLE.fullmatch(case["id"]):
        return
    if "error" in answer:
        assert ran, f"read, but Fluentd says {answer['error']['reason']}"
        assert answer["error"]["class"] != "Fluent::ConfigParseError"
        return
    assert list(found.warnings) == case.get("warnings", [])
    assert_same(found.root, answer["result"])


def check_error(error: FluentdSyntaxError, wanted: dict) -> None:
    if wanted["class"] != "Fluent::ConfigParseError":
        return
    reason = wanted["reason"].split(" at bad.conf line ")
    assert error.problem == reason[0]
    assert error.file == ("bad.conf" if len(reason) > 1 else "fluent.conf")
    if "line" in wanted and "JSON" not in error.problem:
        assert error.line == wanted["line"]


@pytest.mark.parametrize("group", GROUPS)
def test_reads_what_fluentd_reads(group: str) -> None:
    failed = []
    for case in CASES:
        if case["group"] != group:
            continue
        try:
            check(case, case, ruby_in_json=True)
            check(case, case.get("on_1.16.11", case), ruby_in_json=False) if "on_1.16.11" in case else None
        except AssertionError as error:
            failed.append((case["id"], str(error)))
    assert not failed


def test_ruby_is_listed_with_its_place_and_never_run() -> None:
    parsed = parse('<match a>\n  k "x#{exit!}y"\n</match>\n')
    assert parsed.ruby == (RubyCode("exit!"),)
    assert parsed.ruby[0].line == 2
    assert parsed.root.sections[0].get("k") == Computed(("x", RubyCode("exit!"), "y"))


@pytest.mark.parametrize(
    "code", ["%w[a } b]", "'}'", '"}"', '"#{"}"}"', "{a: {}}", "/}/", "a # }\n", "%q(})", "x[/\\}/]", "1 / 2 / 3"]
)
def test_ruby_ends_at_its_own_brace(code: str) -> None:
    assert [found.code for found in parse(f'k "#{{{code}}}"\n').ruby] == [code]


@pytest.mark.parametrize(
    "target", ["http://127.0.0.1/x", "https://example.org/x.conf", "//host/x", "ftp://h/x", "data:,x", "x?y", "{a,b}"]
)
def test_nothing_is_fetched(target: str) -> None:
    with pytest.raises(FluentdSyntaxError, match="include error"):
        parse(f"@include {target}\n", files={"x": "k v\n"})


def test_a_file_that_includes_itself_ends() -> None:
    with pytest.raises(FluentdSyntaxError, match="too many files"):
        parse("@include a.conf\n", files={"a.conf": "@include a.conf\n@include a.conf\n"})


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("conf.d/*.conf", ["conf.d/a.conf", "conf.d/b.conf"]),
        ("conf.d/%7Bb,a%7D.conf", ["conf.d/a.conf", "conf.d/b.conf"]),
        ("conf.d/%5B!a%5D.conf", ["conf.d/b.conf"]),
        ("conf.d/%3F.conf", ["conf.d/a.conf", "conf.d/b.conf"]),
        ("./conf.d/../conf.d/a.conf", ["conf.d/a.conf"]),
        ("**/*.conf", ["conf.d/a.conf", "conf.d/b.conf", "conf.d/deep/c.conf"]),
        ("none*", []),
    ],
)
def test_include_finds_files_as_a_glob(pattern: str, found: list[str]) -> None:
    files = dict.fromkeys(["conf.d/a.conf", "conf.d/b.conf", "conf.d/deep/c.conf", "other.txt"], "k v\n")
    parsed = parse(f"@include '{pattern}'\n", files=files)
    assert list(parsed.included) == found
    assert list(parsed.empty_includes) == ([] if found else [pattern])


def timed(text: str) -> float:
    begun = time.process_time()
    outcome(text, files={"x": "k v\n"})
    return time.process_time() - begun


def test_five_thousand_mutated_texts_are_read_or_refused_at_once() -> None:
    rng = random.Random(20260101)
    texts = [case["config"] for case in CASES if "config" in case]
    assert max(timed(mutated(rng, texts)) for _ in range(5000)) < effort(1.0)


@pytest.mark.parametrize(
    "text",
    [
        "<match a" + " " * 50_000 + "b>",
        "<match a" + "#\r" * 25_000,
        "<m " + "a \r#" * 10_000,
        "<a>\n" * 50_000,
        "k " + "[" * 50_000,
        "k [" + "[]" * 25_000,
        'k "' + "a\n" * 25_000,
        'k "' + "a" * 100_000 + "\n",
        'k "#{' + "{" * 50_000,
        'k "' + "#{1}" * 10_000,
        'k "#{"' + '#{"' * 10_000,
        "k [1" + " #c\n" * 10_000 + "]",
        'k ["' + "#{" * 5_000 + '"]',
        "k v #" + "\r#" * 25_000 + "x",
        "@include " + "{a,b}" * 30 + "\n",
        'k "#{' + " / " * 10_000,
        'k "#{' + "%(" * 10_000,
    ],
    ids=range(17),
)
def test_a_long_hostile_text_takes_no_time(text: str) -> None:
    assert timed(text) < effort(1.0)
