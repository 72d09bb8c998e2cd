"""Which times of an SLO's history can be filled in, and what is said where promtool fails."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from binnacle.check.backfill import Missing, missing, write_blocks
from binnacle.errors import BinnacleError

STEP = 300
MOMENTS = st.lists(st.floats(0, 200 * STEP), max_size=40)


def evaluations(one: Missing, phase: int) -> list[int]:
    """Where promtool evaluates: at slots of the interval, the first just before the beginning."""
    first = (one.begin - phase) // STEP * STEP + phase
    return list(range(first, one.end + 1, STEP))


@given(MOMENTS, st.integers(0, STEP - 1), st.integers(0, 100), st.integers(0, 100))
def test_no_step_is_counted_twice_and_few_stay_empty(
    recorded: list[float], phase: int, first: int, length: int
) -> None:
    begin, end = first * STEP, (first + length) * STEP
    filled = [at for one in missing(recorded, begin, end, STEP) for at in evaluations(one, phase)]
    for at in filled:
        assert begin - STEP < at <= end
        assert all(abs(at - other) >= STEP for other in recorded)
    known = sorted({begin, end, *filled, *recorded})
    assert all(later - earlier < 4 * STEP for earlier, later in pairwise(known) if begin <= earlier and later <= end)


def test_a_history_without_holes_has_nothing_missing() -> None:
    assert list(missing(range(17, 100 * STEP, STEP), 0, 99 * STEP, STEP)) == []
    assert list(missing([], 0, 10 * STEP, STEP)) == [Missing(0, 10 * STEP)]


@pytest.mark.parametrize(
    ("status", "said"), [(1, "cannot reach it"), (0, 'level=error msg="importer: failed" err="server_error"')]
)
def test_what_promtool_cannot_do_is_told(tmp_path: Path, status: int, said: str) -> None:
    def run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, status, "", said)

    with pytest.raises(BinnacleError, match=r"promtool failed: .*(cannot reach|server_error)"):
        write_blocks("promtool", tmp_path / "rules.yaml", Missing(0, 600), "http://x", tmp_path / "out", run)
