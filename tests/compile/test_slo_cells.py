"""Right rules of every indicator over every kind of window pass what `binnacle test` generates for them.

Some cells by default, where an indicator or a window is told apart most; with `BINNACLE_FULL` each, on both lines.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from binnacle.check.proofs.moments import moved
from binnacle.check.proofs.slo import key_of, proofs_of
from check.test_slo_proofs import CASES, KINDS, SPANS
from compile.building import compiled, make_slo, make_world, rule_text, rules_of
from compile.rule_tests import Promtool

pytestmark = pytest.mark.thorough

FULL = bool(os.environ.get("BINNACLE_FULL"))
DATED = frozenset({"reset", "periods"})
PARTS = frozenset({"traffic", *DATED})
"""What depends on the indicator and on the window together."""
OF_EXPRESSIONS = frozenset({"traffic", "short", "periods"})
"""The same of expressions, which are given what they are counted as."""
CELLS = [(indicator, window) for indicator in (*KINDS, "expression") for window in SPANS]
SAMPLE = [("windowed", SPANS[2]), ("freshness", SPANS[3])]


def named(cell: tuple[str, dict[str, str]]) -> str:
    indicator, window = cell
    return f"{indicator}-{window.get('calendar', 'rolling')}"


@pytest.mark.parametrize("cell", CELLS if FULL else SAMPLE, ids=named)
def test_right_rules_pass(promtool: Promtool, tmp_path: Path, cell: tuple[str, dict[str, str]]) -> None:
    indicator, window = cell
    slo = make_slo(indicator=CASES[indicator][0]["indicator"], window=window, objective="99%")
    outcome = compiled(slo)
    names, parts = [], OF_EXPRESSIONS if indicator == "expression" else PARTS
    for part, document in proofs_of(slo, outcome, make_world()).documents.items():
        if part not in parts:
            continue
        rules = f"{part}.rules.yaml"
        (tmp_path / rules).write_text(rule_text(moved(rules_of(outcome), document.begin, document.given), key_of(slo)))
        names.append(f"{part}.yaml")
        (tmp_path / names[-1]).write_text(json.dumps(document.body([rules])))
    assert len(names) == len(parts if "calendar" in window else parts - DATED)
    ended = promtool("test", "rules", *names, cwd=tmp_path, check=False, timeout=900)
    assert ended.returncode == 0, (ended.stdout + ended.stderr).strip()[:3000]
