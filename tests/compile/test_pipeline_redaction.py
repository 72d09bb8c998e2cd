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
from binnacle.check.pipeline.run import run
from binnacle.compile.onigmo.dialect import problem
from binnacle.compile.redaction import DEFAULT, PACKS
from binnacle.intent.pipeline import Containers, Filter, Pipeline, Redact, Stdout
from binnacle.intent.refs import Key
from binnacle.targets.fluentd import element
from binnacle.targets.fluentd.render import render
from binnacle.targets.fluentd.stages import quarantine
from binnacle.targets.fluentd.stages.stages import redaction
from compile.privatetexts import CLASSES, Private, clean, private

KEY = Key("LogPipeline", "shop", "checkout")
STAGE = Redact("private", PACKS[DEFAULT].patterns, PACKS[DEFAULT].keys)
PIPELINE = Pipeline((Containers("app"),), (STAGE, Filter("all")), (Stdout("out"),))
CORPUS = list(private(7, 200))


def shown(value: Any) -> str:
    """All that a reader of the record could see, numbers too."""
    return json.dumps(value, ensure_ascii=False, default=repr)


def seen(secret: str, record: Any) -> bool:
    """Whether the secret, or the digits of one that is only digits, can be read in a record."""
    text = shown(record)
    return secret in text or json.dumps(secret)[1:-1] in text


@pytest.mark.parametrize("pattern", PACKS[DEFAULT].patterns, ids=lambda pattern: pattern.name)
def test_every_pattern_is_good_ruby(pattern):
    assert problem(pattern.regex) == ""


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
    outcome = run(KEY, PIPELINE, [one.record for one in CORPUS])
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
    came = [record["message"] for record in run(KEY, PIPELINE, [{"message": line} for line in lines]).records("out")]
    changed = [(line, other) for line, other in zip(lines, came, strict=True) if line != other]
    assert len(changed) / len(lines) <= 0.005, changed[:10]


def test_redacting_twice_changes_nothing_more():
    once = run(KEY, PIPELINE, [one.record for one in CORPUS]).records("out")
    twice = run(KEY, PIPELINE, once).records("out")
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
    start = time.perf_counter()
    work("t", (1, 0), {"message": line})
    assert time.perf_counter() - start < 2


def test_nothing_private_leaves_through_the_error_label_either():
    errors, stub = quarantine(element("match", "**", {"@type": "capture", "@id": "quarantine"}))
    work = Engine(parse(render([errors])).root, {stub.code: operation(stub)})
    for one in CORPUS:
        work.emit([Event("lp.shop.checkout.app", (1, 0), decoded(one.record))], "@ERROR")
    assert len(work.arrived) == len(CORPUS)
    for arrived in work.arrived:
        assert set(arrived.event.record) == {"time", "tag", "reason", "size"}
        assert arrived.event.record["reason"] == "Failed"
