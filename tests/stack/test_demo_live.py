"""The tour where Prometheus is on the PATH: figures and alerts come live, and nothing stays behind, whoever ends it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from servers.prometheus import PrometheusLine
from servers.waiting import PATIENCE, eventually

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def demo(prometheus_line: PrometheusLine, tmp_path: Path) -> subprocess.Popen[str]:
    """The tour, running, with each line of Prometheus."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (tmp_path / "tmp").mkdir()
    (programs / "prometheus").symlink_to(prometheus_line.prometheus)
    (programs / "promtool").symlink_to(prometheus_line.promtool_program)
    return subprocess.Popen(
        [sys.executable, "-m", "binnacle.cli.main", "demo"],
        cwd=REPOSITORY,
        env={
            **os.environ,
            "PATH": str(programs),
            "PYTHONPATH": str(REPOSITORY / "operator"),
            "TMPDIR": str(tmp_path / "tmp"),
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def started(folder: Path) -> list[psutil.Process]:
    """Processes that work in a folder."""
    running = psutil.process_iter(["cmdline"])
    return [one for one in running if any(str(folder) in part for part in one.info["cmdline"] or ())]


def test_figures_and_alerts_are_those_of_the_made_up_outage(demo: subprocess.Popen[str], tmp_path: Path) -> None:
    said, _ = demo.communicate(timeout=PATIENCE)
    assert demo.returncode == 0, said
    figures = re.search(r"^ *checkout +checkout +99\.9% +30d +(\S+)% +(\S+)% +True +(\S+)$", said, re.MULTILINE)
    assert figures is not None, said
    sli, budget, burn = map(float, figures.groups())
    # Three of ten fail, and 0.1% may.
    assert 150 <= burn <= 300
    assert 99.9 < sli < 99.99
    assert 40 < budget < 90
    assert re.search(r"^ *SLOErrorBudgetBurn +critical +firing$", said, re.MULTILINE)
    assert "CheckoutDown" not in said
    assert list((tmp_path / "tmp").iterdir()) == []
    assert started(tmp_path) == []


def test_told_to_end_it_ends_what_it_started(demo: subprocess.Popen[str], tmp_path: Path) -> None:
    folder = tmp_path / "tmp"
    eventually(lambda: [one for one in started(folder) if "--config.file" in " ".join(one.cmdline())])
    demo.send_signal(signal.SIGTERM)
    demo.communicate(timeout=PATIENCE)
    assert demo.returncode == 128 + signal.SIGTERM
    assert started(folder) == []
    assert list(folder.iterdir()) == []
