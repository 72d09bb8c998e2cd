"""Rules of SLOs that are wrong in one place fail a generated test: a sample each time, all of them with `BINNACLE_FULL`."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any

import pytest

from binnacle.check.proofs.slo import key_of, proofs_of
from check.rule_judge import Judge
from check.rule_mutants import is_equivalent, mutants
from check.test_slo_proofs import CASES, DATED, NATIVE, RATIO
from compile.building import compiled, make_slo, make_world, rules_of
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


@pytest.mark.parametrize("name", EVERY if FULL else SAMPLED)
def test_wrong_rules_fail(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each fails a generated test, or changes nothing; the sample is the same in every run."""
    spec, clocks = EVERY[name]
    slo = make_slo(**spec)
    outcome = compiled(slo, **clocks)
    all_of_them = list(mutants(rules_of(outcome)))
    chosen = all_of_them if FULL else random.Random(SEED).sample(all_of_them, SAMPLE)
    proofs = proofs_of(slo, outcome, make_world(**clocks)).documents
    judge = Judge(proofs, key_of(slo), tmp_path, line_3(), outcome.facts["alerts"])
    wrong = [mutant for mutant in chosen if not is_equivalent(mutant.what)]
    survived = [mutant.what for mutant in judge.survivors(wrong)]
    with capsys.disabled():
        print(f"\n{name}: {len(wrong) - len(survived)} of {len(wrong)} wrong rules found, of {len(all_of_them)}")
    assert not survived
