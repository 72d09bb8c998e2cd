"""Rules of SLOs that are wrong in one place fail a generated test: a sample each time, all of them with `BINNACLE_FULL`."""

from __future__ import annotations

import json
import os
import random
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from binnacle.check.proofs.moments import moved
from binnacle.check.proofs.promtool import Document
from binnacle.check.proofs.slo import key_of, proofs_of
from binnacle.intent.refs import Key
from binnacle.intent.rules import RuleSet
from check.rule_mutants import is_equivalent, mutants
from check.test_slo_proofs import CASES, DATED, NATIVE, RATIO
from compile.building import compiled, make_slo, make_world, rule_text, rules_of
from compile.test_slo_meaning import line_3

pytestmark = pytest.mark.thorough

FULL = bool(os.environ.get("BINNACLE_FULL"))
SEED = int(os.environ.get("BINNACLE_SEED", "2"))
SAMPLE = 12
WEEK = {"indicator": RATIO, "window": {"rolling": "7d"}}
EVERY: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "seven days": (WEEK, {}),
    "native": ({"indicator": NATIVE}, {}),
    **CASES,
    **DATED,
}
SAMPLED = ("seven days", "apart")
"""One as most are, and one with everything switched on."""


class Judge:
    """Asks one generated test after the other whether rules are right; those first that found the last wrong ones."""

    def __init__(self, documents: Mapping[str, Document], key: Key, folder: Path):
        self._key, self._folder = key, folder
        alone = [replace(one, cases=(case,)) for one in documents.values() for case in one.cases]
        self._tests = sorted(alone, key=lambda one: sum(len(values) for _, values in one.cases[0].series))

    def passes(self, rules: RuleSet) -> bool:
        """Say whether rules pass all of the tests."""
        for test in self._tests:
            if not self._passes(rules, test):
                self._tests.remove(test)
                self._tests.insert(0, test)
                return False
        return True

    def _passes(self, rules: RuleSet, test: Document) -> bool:
        text = rule_text(moved(rules, test.begin), self._key)
        (self._folder / "rules.yaml").write_text(text)
        body = test.body(["rules.yaml"])
        # The group of the descriptions has a name that tells of the rules.
        (stamped,) = re.findall(r"name: (\S+\.meta\.\S+)", text)
        body["group_eval_order"] = [stamped if ".meta." in name else name for name in test.order]
        (self._folder / "test.yaml").write_text(json.dumps(body))
        return line_3()("test", "rules", "test.yaml", cwd=self._folder, check=False, timeout=900).returncode == 0


@pytest.mark.parametrize("name", EVERY if FULL else SAMPLED)
def test_wrong_rules_fail(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each fails a generated test, or changes nothing; the sample is the same in every run."""
    spec, clocks = EVERY[name]
    slo = make_slo(**spec)
    outcome = compiled(slo, **clocks)
    all_of_them = list(mutants(rules_of(outcome)))
    chosen = all_of_them if FULL else random.Random(SEED).sample(all_of_them, SAMPLE)
    judge = Judge(proofs_of(slo, outcome, make_world(**clocks)).documents, key_of(slo), tmp_path)
    wrong = [mutant for mutant in chosen if not is_equivalent(mutant.what)]
    survived = [mutant.what for mutant in wrong if judge.passes(mutant.rules)]
    with capsys.disabled():
        print(f"\n{name}: {len(wrong) - len(survived)} of {len(wrong)} wrong rules found, of {len(all_of_them)}")
    assert not survived
