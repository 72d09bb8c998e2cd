"""The parts of a soak: what is taken in full, and what takes it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

FULL: Final = {
    "BINNACLE_FULL": "1",
    # Without its servers a part would have held without having run.
    "BINNACLE_REQUIRE_SERVERS": "1",
    "BINNACLE_FUZZ_EXAMPLES": "100000",
    "BINNACLE_SURVIVAL_EXAMPLES": "10000",
    "BINNACLE_LAYOUTS": "100000",
    "BINNACLE_DASHBOARDS": "5000",
}
"""The full counts, as tests read them from their environment."""
COURSES: Final = 10
"""Parts of the courses of events, each with a seed of its own."""
LONGEST: Final = 14400
"""Seconds that one test may take."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part.

    Attributes:
        name: what it is called, on the command line too.
        what: what is taken, and how much of it.
        tests: the arguments of pytest; none where a benchmark is run.
        bench: the arguments of `python -m bench`.
        workers: tests at the same time; one where they share servers.
        environment: what differs from `FULL`.
    """

    name: str
    what: str
    tests: tuple[str, ...] = ()
    bench: tuple[str, ...] = ()
    workers: int = 2
    environment: Mapping[str, str] = field(default_factory=dict)

    def command(self, passed: Path) -> list[str]:
        """Return what runs it; `passed` is the file of the tests that need not run again."""
        if self.bench:
            return [sys.executable, "-m", "bench", *self.bench]
        # What they say of themselves, such as times and counts, is wanted of those that hold too.
        said = ("-v", "-rfEP")
        return pytest(*said, "-p", "soak.passed", "--passed", str(passed), "-n", str(self.workers), *self.tests)


def pytest(*arguments: str) -> list[str]:
    """Return a command that runs tests, each of which may take long."""
    return [sys.executable, "-m", "pytest", "--timeout", str(LONGEST), *arguments]


def _courses(seed: int) -> Part:
    return Part(
        f"courses-{seed}",
        f"{10_000 // COURSES:,} courses of events, 25 steps each, seed {seed}",
        ("tests/control/test_survival.py", f"--hypothesis-seed={seed}"),
        workers=1,
        environment={"BINNACLE_SURVIVAL_EXAMPLES": str(10_000 // COURSES)},
    )


PARTS: Final = (
    Part("layouts", "100,000 layouts of dashboards", ("tests/compile/test_dashboard_layout.py",)),
    Part("texts", "100,000 texts in place of PromQL", ("tests/promql/test_promql_fences.py",)),
    Part("queue", "10,000 courses of the queue, 40 steps each", ("tests/control/test_queue.py",)),
    Part("folder", "100,000 values of each law of the folder's reader", ("tests/folder",)),
    Part("strings", "every payload in every place of every kind's strings", ("tests/targets/test_injection.py",)),
    Part("dashboards", "5,000 dashboards by Grafana's own types", ("tests/targets/test_dashboard_json.py",)),
    Part("backends", "faults of Prometheus beside an operator", ("tests/stack/test_backend_faults.py",), workers=1),
    Part(
        "faults",
        "every fault of the API server with every happening",
        ("tests/cluster/test_operator_faults.py",),
        workers=1,
    ),
    Part("takeovers", "100 takeovers", ("tests/cluster/test_operator_replicas.py",), workers=1),
    Part("edits", "edits beside poisoned resources among 10,000", bench=("latency", "--resources", "10000")),
    *map(_courses, range(1, COURSES + 1)),
    Part("imports", "100,000 files of sloth, pyrra and OpenSLO", ("tests/convert/test_convert_fuzz.py",)),
    Part("fuzz", "100,000 inputs of each way in", ("tests/fuzz",)),
    Part("proofs", "generated tests of every SLO", ("tests/check/test_slo_proofs.py",)),
    Part("cells", "every indicator with every kind of window", ("tests/compile/test_slo_cells.py",)),
    Part("wrong-rules", "rules that are wrong in one place", ("tests/check/test_slo_mutants.py",)),
)
"""In the order in which they run: what is over soonest comes first."""
