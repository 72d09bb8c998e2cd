"""The shapes of checks: what runs with every compilation, and the outcome of one test."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from binnacle.api.findings import Finding
from binnacle.compile.world import Compiled, World
from binnacle.targets.base import File


@dataclass(frozen=True, slots=True)
class TestResult:
    """The outcome of one test that a resource carries, or that was generated for it.

    Attributes:
        name: as written in the resource, or of the generated test.
        passed: whether it held; meaningless when `unproved` says why it could not be run.
        message: what was expected and what came, for a person; empty when it passed.
        unproved: why it could not be run here (`promtool is not installed`); empty when it was.
        path: field path of the test in the resource.
        fix: what would let it run; empty when it was, or when that is told elsewhere.
    """

    name: str
    passed: bool
    message: str = ""
    unproved: str = ""
    path: str = ""
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check adds to a compilation.

    Attributes:
        findings: what it found.
        facts: the kind's own status fields (`tests`).
        refused: what was compiled must not be applied, because a test of its owner says that it is wrong: the last good
            version stays, as if it had not compiled.
    """

    findings: tuple[Finding, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    refused: bool = False


Check = Callable[[Any, Compiled, World], Checked]
"""A check of one kind: the model, what it compiled to, and the world; pure, and quick enough for every reconcile."""

Tests = Callable[[Any, Compiled, World], tuple[TestResult, ...]]
"""The tests of one kind, also those that need a program (promtool); for `binnacle test`, not for the loop."""

ProofFiles = Callable[[Any, Compiled, World], tuple[File, ...]]
"""The generated tests of one kind as files that an engine's own test program reads."""


WHERE_PROMTOOL_IS = (
    "It comes with Prometheus: in its image, its archive, and the package prometheus of Debian and Ubuntu."
)
"""Where the program is found that runs tests of rules."""


def without_promtool(name: str, path: str = "") -> TestResult:
    """Return the outcome of a test of rules where Prometheus' own program for it is missing."""
    return TestResult(
        name,
        passed=False,
        unproved="promtool is not on the PATH",
        path=path,
        fix=WHERE_PROMTOOL_IS,
    )
