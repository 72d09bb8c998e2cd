"""Every way in takes inputs that are nearly right without a crash, a hang, or an error that is not its own.

`BINNACLE_FUZZ_EXAMPLES=100000` takes the full count, and `BINNACLE_SEED` other inputs.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from fuzz.entries import ENTRIES

COUNT = int(os.environ.get("BINNACLE_FUZZ_EXAMPLES", "300"))
SEED = int(os.environ.get("BINNACLE_SEED", "1"))
MEMORY = 2**30
TESTS = Path(__file__).resolve().parents[1]


def bounded() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


@pytest.mark.timeout(300 + COUNT * 0.2)
@pytest.mark.parametrize("entry", ENTRIES)
def test_nothing_but_its_own_errors(entry: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "fuzz.entries", entry, str(COUNT), str(SEED)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(TESTS.parent / "operator"), str(TESTS)))},
        capture_output=True,
        text=True,
        preexec_fn=bounded,
    )
    assert done.returncode == 0, (done.returncode, done.stderr[-4000:])
    report = json.loads(done.stdout)
    print(report)
    assert report["taken"] == COUNT
    # Inputs that are all refused at once, or none, would show nothing.
    assert 0 < report["accepted"] < COUNT
