"""A judge of rules: asks generated tests whether they are right, and as few of them as tell.

What tests cost is what rules they evaluate, so of a wrong recording rule it is first asked for what is said of its own series,
by that rule and what it reads alone. Only what passes that is put among all others, where what follows from it may tell.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

from binnacle.api.values import Duration
from binnacle.check.proofs.moments import moved
from binnacle.check.proofs.promtool import Case, Document
from binnacle.intent import series
from binnacle.intent.refs import Key
from binnacle.intent.rules import Alert, RuleSet
from binnacle.promql import facts
from check.rule_mutants import Mutant
from compile.building import rule_text
from compile.rule_tests import Promtool

_ALERTS = "ALERTS"
_PATIENCE = 0.2
"""How many wrong rules each test is taken to have found before it was asked: until much is known, the quick ones come first."""


@dataclass
class _Test:
    """One generated test; how many wrong rules it was asked about, and how many of them it found."""

    document: Document
    asked: float = 0
    found: float = 0

    @property
    def case(self) -> Case:
        return self.document.cases[0]

    @property
    def steps(self) -> int:
        """How often rules are evaluated in it."""
        return 10 + max((one.at for one in self.case.expected), default=0) // self.document.interval

    def rank(self) -> float:
        return (self.found + _PATIENCE) / (self.asked + 1) / self.steps


class Judge:
    """Tells which wrong rules no generated test finds.

    Args:
        documents: the tests.
        key: of the SLO.
        folder: where files may be put.
        promtool: runs them.
        pairs: its burn alerts, as they are told in its status; the tests of one have its name in theirs.
    """

    def __init__(
        self,
        documents: Mapping[str, Document],
        key: Key,
        folder: Path,
        promtool: Promtool,
        pairs: Sequence[Mapping[str, str]],
    ):
        self._pairs = {one["name"]: series.error_ratio(Duration.parse(one["long"])) for one in pairs}
        self._key, self._folder, self._promtool = key, folder, promtool
        self._tests = [_Test(replace(one, cases=(case,))) for one in documents.values() for case in one.cases]

    def survivors(self, wrong: Sequence[Mutant]) -> Iterator[Mutant]:
        """Yield the rules that pass all of the tests; those that are wrong in the same rule are asked about together."""
        for _, same in groupby(wrong, key=lambda one: (one.place, one.reads)):
            left = list(same)
            known = [f" {name} " for name, long in self._pairs.items() if long in left[0].reads and not left[0].record]
            for record in dict.fromkeys((left[0].record, "")):
                named = {id(test): any(name in f"{test.case.name} " for name in known) for test in self._tests}
                for test in sorted(self._tests, key=lambda one: (named[id(one)], one.rank()), reverse=True):
                    about = replace(test.case, expected=tuple(e for e in test.case.expected if f"{record}{{" in e.expr))
                    asked = replace(test.document, cases=(about if record else test.case,))
                    if left and asked.cases[0].expected:
                        left = self._passing(left, asked, test, only_own=bool(record))
            yield from left

    def _passing(self, asked: list[Mutant], document: Document, test: _Test, *, only_own: bool) -> list[Mutant]:
        for number, mutant in enumerate(asked):
            rules = _needed(mutant) if only_own else mutant.rules
            text = rule_text(moved(rules, document.begin, document.given), self._key)
            (self._folder / f"{number}.rules.yaml").write_text(text)
            body = document.body([f"{number}.rules.yaml"])
            body["group_eval_order"] = _ordered(document.order, text)
            (self._folder / f"{number}.yaml").write_text(json.dumps(body))
        passed = self._run([f"{number}.yaml" for number in range(len(asked))])
        left = [mutant for mutant, right in zip(asked, passed, strict=True) if right]
        test.asked += len(asked)
        test.found += len(asked) - len(left)
        return left

    def _run(self, names: list[str]) -> list[bool]:
        """Say of each file whether it passed."""
        report = self._folder / "report.xml"
        report.unlink(missing_ok=True)
        self._promtool("test", "rules", f"--junit={report}", *names, cwd=self._folder, check=False, timeout=900)
        said = re.findall(r'<testsuite name="(\S+)" tests="1" failures="(\d+)" errors="(\d+)"', report.read_text())
        assert [name for name, *_ in said] == names
        return [wrong == ["0", "0"] for _, *wrong in said]


def _needed(mutant: Mutant) -> RuleSet:
    """Return the rule that is wrong, what it reads, and what is always there."""
    groups = mutant.rules.groups
    number, place = mutant.place
    wanted = {mutant.record}
    kept = {mutant.place} | {
        (at, one) for at, group in enumerate(groups) if group.stamped for one in range(len(group.rules))
    }
    read = facts.metrics(groups[number].rules[place].expr)
    while read - wanted:
        wanted |= read
        for at, group in enumerate(groups):
            for one, rule in enumerate(group.rules):
                if (_ALERTS if isinstance(rule, Alert) else rule.record) in read:
                    kept.add((at, one))
        read = frozenset(name for at, one in kept for name in facts.metrics(groups[at].rules[one].expr))
    cut = (
        replace(group, rules=tuple(rule for one, rule in enumerate(group.rules) if (at, one) in kept))
        for at, group in enumerate(groups)
    )
    return RuleSet(tuple(group for group in cut if group.rules))


def _ordered(order: Sequence[str], text: str) -> list[Any]:
    """Return the names of the groups that there are, in an order. That of the descriptions tells of the rules."""
    there = re.findall(r"(?m)^ *-? *name: (\S+)$", text)
    (stamped,) = (name for name in there if ".meta." in name)
    return [stamped if ".meta." in name else name for name in order if name in there or ".meta." in name]
