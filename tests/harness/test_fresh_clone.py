"""`make demo` in a clone that nobody has worked in, with nothing cached: Python, make and an index are enough."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from servers.pace import paced
from servers.skips import unavailable

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ("make", "sh", "touch", "env", "awk")
"""All that is on the PATH beside Python: no uv, no Go, no Prometheus."""
COLD, WARM = 500, 30
"""Seconds: when the first run has failed, and what the second one may take; it takes a few."""
NO_INDEX = re.compile(
    r"Could not find a version|No matching distribution|Name or service not known|Temporary failure in name resolution"
    r"|Connection (refused|reset|timed out)|Network is unreachable|Max retries exceeded|ReadTimeout"
)


def clone(folder: Path) -> Path:
    """The last commit, as somebody else gets it; the files themselves where they are no repository."""
    if (ROOT / ".git").exists() and shutil.which("git") is not None:
        subprocess.run(["git", "clone", "--quiet", "--no-local", str(ROOT), str(folder)], check=True, timeout=60)
    else:
        shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(".*_cache", ".venv", "__pycache__", ".hypothesis"))
    return folder


@pytest.fixture
def surroundings(tmp_path: Path) -> dict[str, str]:
    """The environment with empty caches and next to nothing on the PATH."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in TOOLS:
        found = shutil.which(name)
        assert found is not None, name
        (programs / name).symlink_to(found)
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("BINNACLE_", "MAKE", "MFLAGS", "PYTEST", "COV", "VIRTUAL_ENV", "PYTHONPATH"))
    }
    caches = {name: str(tmp_path / "cache" / name) for name in ("PIP_CACHE_DIR", "UV_CACHE_DIR", "XDG_CACHE_HOME")}
    # The interpreter below the environment that the tests run in.
    python = Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
    return {**kept, **caches, "PATH": str(programs), "PYTHON": str(python)}


def demo(folder: Path, surroundings: dict[str, str], limit: int) -> tuple[subprocess.CompletedProcess[str], float]:
    began = time.monotonic()
    ended = subprocess.run(
        ["make", "demo"], cwd=folder, env=surroundings, capture_output=True, text=True, timeout=limit
    )
    return ended, time.monotonic() - began


def test_the_demo_runs_in_a_fresh_clone_with_empty_caches(tmp_path: Path, surroundings: dict[str, str]) -> None:
    folder = clone(tmp_path / "clone")
    cold, _ = demo(folder, surroundings, COLD)
    if cold.returncode and NO_INDEX.search(cold.stdout + cold.stderr):
        unavailable("no package index can be reached from a fresh clone")
    assert cold.returncode == 0, cold.stdout[-2000:] + cold.stderr[-2000:]
    assert "How to go on" in cold.stdout
    warm, seconds = demo(folder, surroundings, COLD)
    assert warm.returncode == 0
    assert "creating .venv" not in warm.stdout
    assert seconds < paced(WARM), "the tour takes too long"
    if (folder / ".git").exists():
        status = ["git", "-C", str(folder), "status", "--porcelain"]
        assert subprocess.run(status, capture_output=True, text=True, check=True).stdout == "", "files are left behind"
