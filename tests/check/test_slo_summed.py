"""Tests for which something is given in place of rules: windows that are summed up rarely, and SLOs that were away."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from binnacle.check.proofs.moments import moved
from binnacle.check.proofs.promtool import Document
from binnacle.check.proofs.slo import key_of, proofs_of
from binnacle.check.slo import proof_files, rule_text
from binnacle.intent import series
from binnacle.intent.rules import Recording, RuleSet
from check.rule_judge import Judge
from check.rule_mutants import is_equivalent, mutants
from check.test_slo_mutants import SEED
from check.test_slo_proofs import CASES, DATED
from compile.building import compiled, make_slo, make_world, rules_of
from compile.rule_tests import Promtool
from compile.test_slo_meaning import line_3

GIVEN = ("summed", "away")
OF_PERIODS = (*GIVEN, "turned")
SAMPLE = 4
LONG = {"window": {"rolling": "90d"}, "alerting": {"burnRates": []}}


def recorded(rules: RuleSet) -> set[str]:
    return {rule.record for group in rules.groups for rule in group.rules if isinstance(rule, Recording)}


def documents(spec: dict[str, Any], **clocks: str) -> tuple[RuleSet, dict[str, Document]]:
    """The rules of an SLO, and those of its documents for which something is given."""
    slo = make_slo(**spec)
    outcome = compiled(slo, **clocks)
    found = proofs_of(slo, outcome, make_world(**clocks)).documents
    return rules_of(outcome), {name: made for name, made in found.items() if made.given}


@pytest.mark.parametrize("name", ["latency", "expression", "quarter", "year"])
def test_what_is_given_is_fed_and_not_recorded(name: str) -> None:
    """All other rules stay, and the order names the groups that are left."""
    rules, found = documents(*map(dict, {**CASES, **DATED}[name][:1]))
    assert tuple(found) == (OF_PERIODS if name in DATED else GIVEN)
    assert found["away"].given - found["summed"].given == {series.TIME_PERIOD}
    for part, made in found.items():
        left = moved(rules, made.begin, made.given)
        assert made.given <= recorded(rules)
        assert recorded(left) == recorded(rules) - made.given
        assert all(group.rules for group in left.groups)
        assert sorted(one.split(".")[3] for one in made.order) == sorted(group.part for group in left.groups)
        own = 'slo="avail",slo_namespace="shop",slo_service="checkout"'
        fed = {text.partition("{")[0] for case in made.cases for text, _ in case.series if own in text}
        # An SLO that is away is not summed up as a whole.
        assert fed & recorded(rules) == made.given - ({series.PERIOD_COUNTED} if part == "away" else set())


@pytest.mark.parametrize("window", [{"rolling": "35d"}, {"calendar": "Month", "timeZone": "UTC"}], ids=str)
def test_nothing_is_given_where_a_window_is_summed_up_at_once(window: dict[str, str]) -> None:
    assert not documents({"window": window})[1]


def test_rules_as_they_are_stay_the_same() -> None:
    rules, _ = documents(LONG)
    assert moved(rules, 0) is rules


def test_files_have_rules_of_their_own() -> None:
    """Those of a test for which something is given lack what is given; the others read the rules as they are."""
    slo = make_slo(**LONG)
    outcome = compiled(slo)
    texts = {
        Path(file.path).name: file.text for file in proof_files(slo, outcome, make_world()) if "/rules/" in file.path
    }
    assert texts.keys() == {f"slo.shop.avail.{name}.yaml" for name in GIVEN}
    for name, made in documents(LONG)[1].items():
        text = texts[f"slo.shop.avail.{name}.yaml"]
        assert not [one for one in made.given if f"record: {one}\n" in text]
        assert f"record: {series.PERIOD_ERROR}\n" in text
        assert f"record: {series.OBJECTIVE}\n" in text
    read = {
        Path(file.path).name: next(line for line in file.text.splitlines() if "rules/" in line)
        for file in proof_files(slo, outcome, make_world())
        if "/rules/" not in file.path
    }
    for name in GIVEN:
        assert f"rules/slo.shop.avail.{name}.yaml" in read[f"slo.shop.avail.{name}.yaml"]
    assert "../rules/slo.shop.avail.yaml" in read["slo.shop.avail.traffic.yaml"]


MEETING: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "sums end with a step": ({**LONG, "window": {"rolling": "150d"}}, {}),
    "steps of ten minutes": ({**LONG, "window": {"rolling": "366d"}}, {"scrapeInterval": "10m"}),
    "groups": ({**LONG, "groupBy": ["region", "zone"]}, {}),
    "without series": (
        {**LONG, "indicator": {"expression": {"errorRatio": "sum(rate(a[$window])) or vector(0)"}}},
        {"scrapeInterval": "6m"},
    ),
}
"""Where the two lines of Prometheus see ranges that differ, where a step is longer than what an instant looks back, and where
more is recorded than one group of what is scraped."""


@pytest.mark.thorough
def test_right_rules_pass_whatever_the_clocks_are(promtool: Promtool, tmp_path: Path) -> None:
    tests = []
    for name, (spec, clocks) in MEETING.items():
        slo = make_slo(**spec)
        outcome = compiled(slo, **clocks)
        for part, made in documents(spec, **clocks)[1].items():
            stem = f"{name}.{part}".replace(" ", "-")
            (tmp_path / f"{stem}.rules.yaml").write_text(rule_text(slo, outcome, made))
            tests.append(f"{stem}.yaml")
            (tmp_path / tests[-1]).write_text(json.dumps(made.body([f"{stem}.rules.yaml"])))
    assert len(tests) == len(GIVEN) * len(MEETING)
    ended = promtool("test", "rules", *tests, cwd=tmp_path, check=False, timeout=900)
    assert ended.returncode == 0, (ended.stdout + ended.stderr)[:3000]


@pytest.mark.thorough
def test_wrong_rules_fail(tmp_path: Path) -> None:
    """A sample of what may be wrong in the share of a long window; `test_slo_mutants` tries all of it."""
    slo = make_slo(**CASES["latency"][0])
    outcome = compiled(slo)
    wrong = [
        one
        for one in mutants(rules_of(outcome))
        if one.record == series.PERIOD_ERROR and not is_equivalent(one.what) and "1440000" in one.what
    ]
    chosen = random.Random(SEED).sample(wrong, SAMPLE)
    found = {name: made for name, made in proofs_of(slo, outcome, make_world()).documents.items() if made.given}
    judge = Judge(found, key_of(slo), tmp_path, line_3(), outcome.facts["alerts"])
    assert [one.what for one in judge.survivors(chosen)] == []
