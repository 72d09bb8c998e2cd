"""History that rules would have recorded, had they been loaded before: which rules, where it is missing, who writes it.

All windows of an SLO are sums of its increments (`compile.slo.recording`), so these are all that has to be filled in. Rules do
not see each other's results of the same pass of promtool; so what the increments read of other rules is put in its place.
"""

import subprocess
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from binnacle.api.values import Duration
from binnacle.check.backtest.inline import inlined, recordings
from binnacle.compile.slo.subject import identity
from binnacle.errors import BinnacleError
from binnacle.intent import series
from binnacle.intent.refs import Key
from binnacle.intent.rules import Recording, RuleGroup, RuleSet
from binnacle.promql import build as q
from binnacle.promql.nodes import Node, Selector

_BLOCK: Final = "54h"
"""Length of a block at most: one of the lengths that Prometheus itself compacts to."""
_TIMEOUT: Final = 3600.0
_SHOWN: Final = 1000
Run = Callable[[Sequence[str]], "subprocess.CompletedProcess[str]"]
"""Runs a program."""


@dataclass(frozen=True, order=True, slots=True)
class Missing:
    """A time in which nothing was recorded, in Unix seconds."""

    begin: int
    end: int


def increments(sets: Iterable[RuleSet], step: Duration) -> RuleSet:
    """Return the rules that record the increments of an SLO, reading nothing but what was scraped."""
    sets = tuple(sets)
    recorded = recordings(sets)
    names = (series.events_increase(step), series.errors_increase(step))
    rules = tuple(
        replace(rule, expr=inlined(rule.expr, recorded))
        for one in sets
        for group in one.groups
        for rule in group.rules
        if isinstance(rule, Recording) and rule.record in names
    )
    return RuleSet((RuleGroup("increments", rules, step.ms),))


def stamps(key: Key, step: Duration) -> Node:
    """Return an expression for the moment at which increments of an SLO were recorded last, in Unix seconds."""
    name = series.events_increase(step)
    return q.aggregate("max", (), q.call("timestamp", Selector(name, identity(key.namespace, key.name))))


def missing(recorded: Iterable[float], begin: int, end: int, step: int) -> Iterator[Missing]:
    """Yield the times for which increments can be filled in without counting anything twice.

    An increment is about the step before it. promtool's first evaluation lies up to a step before the time it is given; so
    up to two steps stay empty where history goes on, and one where it begins.

    Args:
        recorded: the moments of increments that there are, in Unix seconds.
        begin: of what is wanted, in Unix seconds.
        end: its end.
        step: seconds.
    """
    first = begin
    for at in sorted(recorded):
        last = min(int(at) - step, end)
        if first <= last:
            yield Missing(first, last)
        first = max(first, int(at) + 2 * step + 1)
    if first <= end:
        yield Missing(first, end)


def write_blocks(program: str, rules: Path, wanted: Missing, url: str, folder: Path, run: Run | None = None) -> int:
    """Let promtool write blocks into a folder; return how many.

    Args:
        program: promtool.
        rules: the rule file.
        wanted: the time.
        url: of the Prometheus with the raw series.
        folder: for the blocks; it is made where it is not there.
        run: how the program is run.

    Raises:
        BinnacleError: promtool failed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    before = _blocks(folder)
    command = [
        program,
        "tsdb",
        "create-blocks-from",
        f"--max-block-duration={_BLOCK}",
        "rules",
        f"--start={wanted.begin}",
        f"--end={wanted.end}",
        f"--url={url}",
        f"--output-dir={folder}",
        str(rules),
    ]
    try:
        ended = (run or _run)(command)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BinnacleError(f"promtool did not run: {error}") from error
    # It ends with 0 where a rule could not be evaluated, and says so on standard error alone.
    said = [
        line for line in ended.stderr.splitlines() if "level=error" in line or "level=ERROR" in line or "err=" in line
    ]
    if ended.returncode != 0 or said:
        words = " ".join((said or (ended.stderr or ended.stdout).splitlines()) or ["it said nothing"])
        raise BinnacleError(f"promtool failed: {words[:_SHOWN]}")
    return len(_blocks(folder) - before)


def _blocks(folder: Path) -> set[str]:
    return {one.parent.name for one in folder.glob("*/meta.json")}


def _run(command: Sequence[str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT, check=False)  # noqa: S603 - a program that the caller found
