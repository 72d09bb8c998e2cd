"""promtool's rule tests as values, and promtool as a program that runs them."""

import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from binnacle.api.values import Duration

_TIMEOUT: Final = 180.0
_THRIFT: Final = {"GOGC": "400"}
"""Environment of promtool: it lives for seconds, and a fifth of its time would go into collecting memory."""
Run = Callable[[Sequence[str], Path], "subprocess.CompletedProcess[str]"]
"""Runs a program in a folder."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """At a time (milliseconds), an expression has this one value without labels; None: it has none at all."""

    at: int
    expr: str
    value: int | None = 1


@dataclass(frozen=True, slots=True)
class Case:
    """One test: series that are fed each `interval` milliseconds, and what is expected."""

    name: str
    interval: int
    series: tuple[tuple[str, str], ...]
    expected: tuple[Expectation, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """Tests that are evaluated at one interval (milliseconds); `order` names the rule groups, readers last.

    `begin` is the second of the epoch that the rules of the test take its beginning for. `given` are the series that the tests
    feed in place of the rules that record them: those are left out.
    """

    interval: int
    order: tuple[str, ...]
    cases: tuple[Case, ...]
    begin: int = 0
    given: frozenset[str] = frozenset()

    def body(self, rule_files: Sequence[str]) -> dict[str, Any]:
        """Return the document as promtool reads it."""
        return {
            "rule_files": list(rule_files),
            "evaluation_interval": str(Duration(self.interval)),
            "group_eval_order": list(self.order),
            "tests": [_test(case) for case in self.cases],
        }


def _test(case: Case) -> dict[str, Any]:
    return {
        "name": case.name,
        "interval": str(Duration(case.interval)),
        "input_series": [{"series": selector, "values": values} for selector, values in case.series],
        "promql_expr_test": [
            {
                "expr": one.expr,
                "eval_time": str(Duration(one.at)),
                "exp_samples": [] if one.value is None else [{"labels": "{}", "value": one.value}],
            }
            for one in case.expected
        ],
    }


def run_tests(
    program: str, rules: Mapping[str, str], tests: Mapping[str, Mapping[str, Any]], run: Run | None = None
) -> str:
    """Run test files in one process of promtool; return what it said when one failed, else nothing.

    Args:
        program: promtool.
        rules: name -> text of rule files.
        tests: name -> body of test files.
        run: how the program is run.
    """
    with tempfile.TemporaryDirectory(prefix="binnacle-test-") as name:
        folder = Path(name)
        for path, text in rules.items():
            (folder / path).write_text(text)
        for path, body in tests.items():
            # JSON is YAML, and quotes whatever needs it.
            (folder / path).write_text(json.dumps(body))
        try:
            ended = (run or _run)([program, "test", "rules", *tests], folder)
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"promtool did not run: {error}"
    said = f"{ended.stdout}{ended.stderr}".replace(f"{folder}/", "")
    return "" if ended.returncode == 0 else _shortened(said)


def _shortened(said: str) -> str:
    kept = [line.strip() for line in said.splitlines() if line.strip() and not line.startswith("Unit Testing")]
    return " ".join(kept)[:1000] or "promtool failed and said nothing."


def _run(command: Sequence[str], folder: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(  # noqa: S603 - a program that the caller found
        command,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=_TIMEOUT,
        check=False,
        env={**_THRIFT, **os.environ},
    )
