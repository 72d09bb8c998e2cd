"""The tour on a cluster: it goes through on a real API server, ends by itself, and leaves nothing behind."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import psutil

from servers.errors import ServerMissingError
from servers.find import find
from servers.skips import unavailable

TESTS = Path(__file__).resolve().parents[1]
STEPS = [
    "1. A team applies what it wrote",
    "2. What the operator has made of it",
    "3. A change: first what it would do, then it is done",
    "4. A mistake that the API server refuses",
    "5. A mistake that only the compiler sees",
    "6. Somebody deletes the rules by hand",
]


def test_the_tour_goes_through_and_leaves_nothing_behind(tmp_path: Path) -> None:
    try:
        for program in ("etcd", "kube-apiserver", "kube-controller-manager", "kubectl"):
            find(program)
    except ServerMissingError as error:
        unavailable(str(error))
    ended = subprocess.run(
        [sys.executable, "-m", "tour"],
        env={**os.environ, "PYTHONPATH": f"{TESTS}{os.pathsep}{TESTS.parent / 'operator'}", "TMPDIR": str(tmp_path)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    said = ended.stdout
    assert "\x1b" not in said
    places = [said.index(step) for step in STEPS]
    assert places == sorted(places)
    parts = dict(zip(STEPS, (said[a:b] for a, b in zip(places, [*places[1:], None], strict=True)), strict=True))
    assert re.search(r"slo\.binnacle\.dev/checkout +checkout +99\.9% +30d +True", parts[STEPS[0]])
    assert "binnacle-default-rules" in parts[STEPS[1]]
    assert "SLO shop/checkout (checkout-slo.yaml) would be changed" in parts[STEPS[2]]
    assert re.search(r"^ *checkout +checkout +99\.95% +30d +True", parts[STEPS[2]], re.MULTILINE)
    assert "is invalid: spec.objective" in parts[STEPS[3]]
    assert re.search(r"^ *checkout +checkout +99\.95% +30d +False", parts[STEPS[4]], re.MULTILINE)
    assert "The `{` here is never closed" in parts[STEPS[4]]
    assert "byte for byte as before" in parts[STEPS[4]]
    assert re.search(r"Back after \d+\.\d s", parts[STEPS[5]])
    assert list(tmp_path.iterdir()) == []
    running = psutil.process_iter(["cmdline"])
    assert [one for one in running if any(str(tmp_path) in part for part in one.info["cmdline"] or ())] == []
