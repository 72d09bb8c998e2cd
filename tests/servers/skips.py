"""A test that cannot have its server is skipped aloud; in CI only expected skips pass."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

import pytest

EXPECTED = Path(__file__).resolve().parents[1] / "expected_skips.txt"
REQUIRE = "BINNACLE_REQUIRE_SERVERS"
UNAVAILABLE = "no server:"
"""How the reason of a skip for want of a server begins."""
UNEXPECTED = "binnacle/unexpected"
"""Where pytest's cache keeps the skips that failed the last run."""


def truth(env: Mapping[str, str], name: str) -> bool:
    """Whether an environment variable is set to anything but no."""
    return env.get(name, "").strip().lower() not in ("", "0", "false", "no")


def unavailable(reason: str) -> NoReturn:
    """Skip for want of a server; with ``BINNACLE_REQUIRE_SERVERS=1`` fail instead."""
    if truth(os.environ, REQUIRE):
        pytest.fail(f"{UNAVAILABLE} {reason} ({REQUIRE} is set)", pytrace=False)
    pytest.skip(f"{UNAVAILABLE} {reason}")


def expected_reasons(path: Path) -> list[re.Pattern[str]]:
    """The regular expressions of a file, one on each line; empty lines and lines from ``#`` on are notes."""
    lines = path.read_text().splitlines() if path.exists() else []
    return [re.compile(line) for line in map(str.strip, lines) if line and not line.startswith("#")]


class SkipWatch:
    """Collects the skips of a run, shows them, and with ``strict`` fails a run that has an unexpected one."""

    def __init__(self, expected: list[re.Pattern[str]], *, strict: bool) -> None:
        self._expected = expected
        self._strict = strict
        self._skips: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A test, or its setting up, was skipped."""
        # An expected failure comes as a skip too, and is none.
        if report.skipped and not hasattr(report, "wasxfail"):
            self._skips[report.nodeid] = _reason(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A whole module was skipped."""
        if report.skipped:
            self._skips[report.nodeid] = _reason(report)

    @property
    def unexpected(self) -> dict[str, str]:
        """The skips that no expression matches: test to reason."""
        return {
            test: reason
            for test, reason in self._skips.items()
            if not any(expression.search(reason) for expression in self._expected)
        }

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Turn a good end into a failure where a skip was not expected, and leave word of it for a second run."""
        cache: pytest.Cache | None = getattr(session.config, "cache", None)
        if cache is not None:
            cache.set(UNEXPECTED, sorted(self.unexpected) if self._strict else [])
        if self._strict and self.unexpected and exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say what did not run."""
        missing = {test: reason for test, reason in self._skips.items() if reason.startswith(UNAVAILABLE)}
        if missing:
            terminalreporter.section("tests that did not run for want of a server", yellow=True, bold=True)
            for reason in sorted(set(missing.values())):
                count = sum(1 for other in missing.values() if other == reason)
                terminalreporter.line(f"{count} tests: {reason}", yellow=True)
        if self._strict and self.unexpected:
            terminalreporter.section("unexpected skips fail this run", red=True, bold=True)
            for test, reason in sorted(self.unexpected.items()):
                terminalreporter.line(f"{test}: {reason}", red=True)
            terminalreporter.line(f"What may be skipped in CI is listed in {EXPECTED.name}.", red=True)


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return text.removeprefix("Skipped: ")
