"""`binnacle backfill` without a Prometheus: what is refused, and what is said when nobody answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.running import Runner, write
from cli.test_cli_backtest import NOBODY, SLO


@pytest.fixture
def binnacle(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Runner:
    program = tmp_path / "programs" / "promtool"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent))
    return Runner(capsys, monkeypatch)


def test_without_promtool_it_says_where_that_comes_from(
    binnacle: Runner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    ended = binnacle("backfill", write(tmp_path, SLO), "--prometheus", NOBODY, "-o", tmp_path / "out")
    assert (ended.status, ended.out) == (2, "")
    assert "promtool is not on the PATH" in ended.err


def test_a_server_that_does_not_answer_leaves_nothing(binnacle: Runner, tmp_path: Path) -> None:
    ended = binnacle("backfill", write(tmp_path, SLO), "--prometheus", NOBODY, "-o", tmp_path / "out")
    assert (ended.status, ended.out) == (2, "")
    assert "cannot be reached" in ended.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("since", ["30", "1m", "900d", "x"])
def test_a_length_that_is_none_is_refused(binnacle: Runner, tmp_path: Path, since: str) -> None:
    path = write(tmp_path, SLO)
    assert binnacle("backfill", path, "--prometheus", NOBODY, "-o", tmp_path / "out", "--since", since).status == 2


def test_what_does_not_compile_is_told_and_not_filled_in(binnacle: Runner, tmp_path: Path) -> None:
    bad = {**SLO, "spec": {**SLO["spec"], "objective": "100%"}}
    ended = binnacle("backfill", write(tmp_path, bad), "--prometheus", NOBODY, "-o", tmp_path / "out")
    assert ended.status == 1
    assert "Nothing to fill in" in ended.out
    assert "spec.objective" in ended.err
