"""A plugin of pytest (`-p soak.passed --passed FILE`): what has passed is written down at once, and left out the next time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

_BEFORE = pytest.StashKey[frozenset[str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("binnacle").addoption("--passed", type=Path, required=True, metavar="FILE")


def names(file: Path) -> frozenset[str]:
    """Return pytest's names of what has passed, one on each line; a line that was not finished counts for nothing."""
    return frozenset(file.read_text().split("\n")[:-1]) if file.exists() else frozenset()


def pytest_configure(config: pytest.Config) -> None:
    """Ask the file once, before anything runs: all workers must leave out the same."""
    given = getattr(config, "workerinput", None)
    config.stash[_BEFORE] = names(config.getoption("--passed")) if given is None else frozenset(given["passed"])
    if given is None:
        config.pluginmanager.register(_Passed(config.getoption("--passed")))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    node.workerinput["passed"] = sorted(node.config.stash[_BEFORE])


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    before = config.stash[_BEFORE]
    config.hook.pytest_deselected(items=[one for one in items if one.nodeid in before])
    items[:] = [one for one in items if one.nodeid not in before]


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Where all has passed before, nothing is left to run, and that is well."""
    if exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED and session.config.stash[_BEFORE]:
        session.exitstatus = pytest.ExitCode.OK


class _Passed:
    """Writes down what passes, its setting up and taking down included."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._failed: set[str] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if not report.passed:
            self._failed.add(report.nodeid)
        elif report.when == "teardown" and report.nodeid not in self._failed:
            with self._file.open("a") as file:
                file.write(f"{report.nodeid}\n")
