"""The law of the default pack: what is private does not come out, and what is not stays as it was."""

import json
import time
from collections import Counter
from typing import Any

import pytest

from binnacle.check.fluentd.grammar import parse
from binnacle.check.pipeline.engine import Engine
from binnacle.check.pipeline.events import Event
from binnacle.check.pipeline.programs import operation
from binnacle.check.pipeline.run import Offline
from binnacle.compile.onigmo.cost import Growth, growth
from binnacle.compile.onigmo.dialect import problem
from binnacle.compile.redaction import DEFAULT, PACKS
from binnacle.intent.pipeline import Containers, Filter, Pipeline, Redact, Stdout
from binnacle.intent.refs import Key
from binnacle.targets.fluentd import element
from binnacle.targets.fluentd.render import render
from binnacle.targets.fluentd.stages import quarantine
from binnacle.targets.fluentd.stages.stages import redaction
from compile.privatetexts import CLASSES, Private, clean, private
from servers.pace import effort

KEY = Key("LogPipeline", "shop", "checkout")
STAGE = Redact("private", PACKS[DEFAULT].patterns, PACKS[DEFAULT].keys)
PIPELINE = Pipeline((Containers("app"),), (STAGE, Filter("all")), (Stdout("out"),))
CORPUS = list(private(7, 200))


def shown(value: Any) -> str:
    """All that a reader of the record could see, numbers too."""
    return json.dumps(value, ensure_ascii=False, default=repr)


def seen(secret: str, record: Any) -> bool:
    """Whether half of a secret, or more of it, can be read in a record: that many characters in a row, wherever they begin."""
    text = shown(record)
    half = -(-len(secret) // 2)
    return any(
        secret[at : at + half] in text or json.dumps(secret[at : at + half])[1:-1] in text
        for at in range(len(secret) - half + 1)
    )


@pytest.mark.parametrize("pattern", PACKS[DEFAULT].patterns, ids=lambda pattern: pattern.name)
def test_every_pattern_is_good_ruby(pattern):
    assert problem(pattern.regex) == ""


@pytest.mark.parametrize("pattern", PACKS[DEFAULT].patterns, ids=lambda pattern: pattern.name)
def test_no_pattern_could_be_refused_as_one_of_a_team(pattern):
    """The analysis knows no look-behind, so for it any repeat without an end may begin everywhere; numbers have none."""
    assert growth(pattern.regex) < Growth.FASTER
    if pattern.name in ("iban", "card", "phone", "ipv4"):
        assert growth(pattern.regex) is Growth.LINEAR


def test_the_corpus_is_large_and_has_what_it_says():
    assert len(CORPUS) >= 2000
    assert {one.kind for one in CORPUS} == set(CLASSES)
    assert all(seen(one.secret, decoded(one.record)) for one in CORPUS)


def decoded(value: Any) -> Any:
    match value:
        case bytes():
            return value.decode("utf-8", "replace")
        case list():
            return [decoded(item) for item in value]
        case dict():
            return {key: decoded(inner) for key, inner in value.items()}
        case _:
            return value


def test_private_text_does_not_come_out_anywhere():
    missed: Counter[str] = Counter()
    examples: list[Private] = []
    outcome = Offline(KEY, PIPELINE).run([one.record for one in CORPUS])
    came = outcome.records("out")
    assert len(came) == len(CORPUS)
    assert not outcome.quarantine
    for one, record in zip(CORPUS, came, strict=True):
        if seen(one.secret, record):
            missed[one.kind] += 1
            examples.append(one)
    assert {kind: 1 - missed[kind] / 200 for kind in CLASSES if missed[kind] > 2} == {}, examples[:5]


def test_clean_lines_stay_as_they_are():
    lines = list(clean(11, 4000))
    came = [
        record["message"] for record in Offline(KEY, PIPELINE).run([{"message": line} for line in lines]).records("out")
    ]
    changed = [(line, other) for line, other in zip(lines, came, strict=True) if line != other]
    assert len(changed) / len(lines) <= 0.005, changed[:10]


@pytest.mark.parametrize(
    ("line", "left"),
    [
        *(
            (f"call {number} 2 times", "call [PHONE] 2 times")
            for number in (
                "+491701234567", "+49 (0)170 1234567", "0049 170 1234567", "030 12345678", "(030) 1234567", "07911 123456",
                "0170 1234567", "0170/1234567", "030 1234567-0", "01 23 45 67 89", "555-234-6789", "(555) 234-6789", "01701234567",
            )
        ),
        *((line, line) for line in ("id 1701234567", "id 0012345678", "isbn 0306406152", "upc 012345678905", "GET /o/01701234567")),
        ("be68 5390 0754 7034 from anna", "[IBAN] from anna"),
        ("BE68 5390 0754 7034 OK", "[IBAN] OK"),
        ("be68 5390 0754 7034 be68 5390 0754 7034 be68539007547034", "[IBAN] [IBAN] [IBAN]"),
        ("paid 4111 1111 1111 1111 200 ok", "paid [CARD] 200 ok"),
        ("paid 4111  1111  1111  1111", "paid [CARD]"),
        ("be67 5390 0754 7034 from anna", "be67 5390 0754 7034 from anna"),
        ("dump 01 23 45 67 89 10 11", "dump 01 23 45 67 89 10 11"),
    ],
)  # fmt: skip
def test_where_a_number_begins_and_ends(line, left):
    assert Offline(KEY, PIPELINE).run([{"message": line}]).records("out") == [{"message": left}]


def test_redacting_twice_changes_nothing_more():
    once = Offline(KEY, PIPELINE).run([one.record for one in CORPUS]).records("out")
    twice = Offline(KEY, PIPELINE).run(once).records("out")
    # Only what a stage adds by itself (stream, logtag) may differ; `run` gives and takes both.
    assert twice == once


@pytest.mark.parametrize(
    "line",
    [
        "a" * 100_000,
        "a@" * 50_000,
        "1 " * 50_000,
        "4111-" * 20_000,
        "::" * 50_000,
        "1." * 50_000,
        "+1 " * 30_000,
        "0170 " * 20_000,
        "(0170) 12-" * 10_000,
        "+49 (0170) 12-" * 7_000,
        "01 23 45 67 89 " * 7_000,
        "be68 5390 0754 7034 " * 5_000,
        "bearer" + ": " * 50_000,
        "://" * 30_000,
        "password=" * 11_000,
        "eyJ" * 33_000,
        "-----BEGIN " * 9_000,
        "bearer " * 14_000,
        "é" * 50_000,
        "A1" * 50_000,
        "0:" * 50_000,
        "a." * 50_000,
    ],
    ids=lambda line: line[:10],
)
def test_a_long_hostile_line_is_quick(line):
    work = operation(redaction(STAGE, "shop", "/etc/binnacle/secrets"))
    start = time.process_time()
    work("t", (1, 0), {"message": line})
    assert time.process_time() - start < effort(2)


def test_nothing_private_leaves_through_the_error_label_either():
    errors, stub = quarantine(element("match", "**", {"@type": "capture", "@id": "quarantine"}))
    work = Engine(parse(render([errors])).root, {stub.code: operation(stub)})
    for one in CORPUS:
        work.emit([Event("lp.shop.checkout.app", (1, 0), decoded(one.record))], "@ERROR")
    assert len(work.arrived) == len(CORPUS)
    for arrived in work.arrived:
        assert set(arrived.event.record) == {"time", "tag", "reason", "size"}
        assert arrived.event.record["reason"] == "Failed"
