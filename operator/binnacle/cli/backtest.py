"""`binnacle backtest`: SLOs and alert rules replayed over the history of a Prometheus."""

import asyncio
import datetime as dt
import json
import math
import sys
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Annotated, Final

import typer

from binnacle.api.alertpolicy import AlertPolicy
from binnacle.api.config import Config
from binnacle.api.slo import SLO
from binnacle.api.values import Duration
from binnacle.check.backtest import rules as policies
from binnacle.check.backtest import slo as budgets
from binnacle.check.backtest.inline import inlined, recordings, still_recorded
from binnacle.cli.compiling import compile_paths, offline
from binnacle.cli.history import (
    LIMITS,
    PrometheusAddress,
    Span,
    Until,
    is_compiled,
    length_of,
    progress,
    read,
    rule_sets,
    seconds_of,
)
from binnacle.cli.options import ContextFile, Paths
from binnacle.cli.output import Format, exit_status, write_findings
from binnacle.cli.replayed import BudgetReplay, PolicyReplay, as_json, print_replays
from binnacle.compile.slo.timing import Timing
from binnacle.folder.compilation import Compilation
from binnacle.folder.context import read_config
from binnacle.intent import series
from binnacle.intent.refs import Key
from binnacle.intent.rules import Alert, RuleSet
from binnacle.observe.backend import open_session
from binnacle.observe.history import pieces
from binnacle.observe.prometheus import Prometheus, Row

app = typer.Typer(add_completion=False, rich_markup_mode="rich")

_MOST_GROUPS: Final = 1000
_FINEST: Final = 60
"""Seconds between two evaluations of an alert rule, at least: a month of anything finer is too much to ask for."""


class BacktestFormat(StrEnum):
    """Ways of printing what came of it."""

    TEXT = "text"
    JSON = "json"


@app.command()
def backtest(
    paths: Paths,
    prometheus: PrometheusAddress,
    since: Annotated[
        str, typer.Option("--since", metavar="DURATION", help="How far back it is told what would have been.")
    ] = "30d",
    until: Until = None,
    output: Annotated[
        BacktestFormat, typer.Option("--output", help="How it is printed.", case_sensitive=False)
    ] = BacktestFormat.TEXT,
    context: ContextFile = None,
) -> None:
    """Replay SLOs and alert rules over history: SLI, budget, and when alerts would have fired.

    \b
    [bold]Examples[/bold]
      binnacle backtest slo.yaml --prometheus http://localhost:9090
      binnacle backtest . --prometheus http://mimir/prometheus --since 90d

    It says what the rules would have said, had they been loaded for as long
    as Prometheus has data, to a step of 5 minutes. Nothing is written.
    Exit status: 0 good, 1 findings of severity error, 2 wrong usage, or the
    server gives no answer.
    """  # noqa: D301 - \b keeps the lines of a paragraph apart
    length = length_of(since)
    done = compile_paths(paths, context, until)
    config = offline(read_config(context))
    wanted = [
        key for key in done.documents if key.kind in (SLO.__name__, AlertPolicy.__name__) and is_compiled(done, key)
    ]
    end = seconds_of(until, dt.datetime.now(dt.UTC))
    span = Span(end - length.ms // 1000, end)
    found = asyncio.run(_replay_all(prometheus, done, wanted, config, span))
    if output is BacktestFormat.JSON:
        typer.echo(json.dumps(as_json(found, span), indent=2))
    else:
        print_replays(found, span)
    errors = [item for item in done.findings if exit_status([item])]
    write_findings(errors, Format.TEXT, sys.stderr, texts=done.texts)
    raise typer.Exit(exit_status(errors))


# -- asking -------------------------------------------------------------------------------------------------------


async def _replay_all(
    url: str, done: Compilation, wanted: Sequence[Key], config: Config, span: Span
) -> list[BudgetReplay | PolicyReplay]:
    timing = Timing.of(config.prometheus)
    async with open_session() as session:
        api = Prometheus(url, session, LIMITS, "--prometheus")
        with progress("Reading history", len(wanted)) as advance:
            found: list[BudgetReplay | PolicyReplay] = []
            for key in wanted:
                model, sets = done.outcome.desired[key].model, rule_sets(done, key)
                if isinstance(model, SLO):
                    found.append(await _replay_slo(api, key, model, sets, timing, span, advance))
                elif isinstance(model, AlertPolicy):
                    interval = model.spec.interval or config.prometheus.evaluation_interval
                    found.append(await _replay_policy(api, key, interval, sets, span, advance))
            return found


async def _replay_slo(
    api: Prometheus,
    key: Key,
    slo: SLO,
    sets: Sequence[RuleSet],
    timing: Timing,
    span: Span,
    advance: Callable[[float], None],
) -> BudgetReplay:
    plan = budgets.Plan.of(slo, timing)
    step = timing.step.ms // 1000
    # Steps end at multiples of their length, as evaluations of one group do.
    end = span.end // step * step
    first = -(-(span.begin - plan.reach.ms // 1000) // step) * step
    length = (end - first) // step + 1
    recorded = recordings(sets)
    names = tuple(sorted(slo.spec.group_by))
    groups: dict[budgets.Labels, budgets.Increments] = {}
    found = BudgetReplay(key, slo, step)
    left_out = 0

    def counting(which: str) -> Callable[[Row], None]:
        def take(row: Row) -> None:
            nonlocal left_out
            labels = tuple((name, row.labels.get(name, "")) for name in names)
            group = groups.get(labels)
            if group is None:
                if len(groups) >= _MOST_GROUPS:
                    left_out += 1
                    return
                empty = [math.nan] * length
                group = groups[labels] = budgets.Increments(first, step)
                group.events.extend(empty)
                group.errors.extend(empty)
            values = group.events if which == "events" else group.errors
            for at, value in row.points:
                values[round((at - first) / step)] = value

        return take

    count = 2 * len(tuple(pieces(first, end, step)))
    sources = {"events": series.events_increase(timing.step), "errors": series.errors_increase(timing.step)}
    for which, name in sources.items():
        node = inlined(recorded[name], recorded)
        whole = Span(first, end)
        warned = await read(api, node, whole, step, counting(which), lambda: advance(1 / count))
        found.notes += [one for one in warned if one not in found.notes]
    if left_out:
        found.notes.append(f"There are more than {_MOST_GROUPS} groups; the others are left out.")
    for labels in sorted(groups):
        found.groups.append(budgets.replay(plan, labels, groups[labels], span.begin))
    return found


async def _replay_policy(
    api: Prometheus,
    key: Key,
    interval: Duration,
    sets: Sequence[RuleSet],
    span: Span,
    advance: Callable[[float], None],
) -> PolicyReplay:
    step = max(interval.ms // 1000, _FINEST)
    whole = Span(span.begin // step * step, span.end // step * step)
    recorded = recordings(sets)
    alerts = [rule for one in sets for group in one.groups for rule in group.rules if isinstance(rule, Alert)]
    found = PolicyReplay(key, step, len(alerts))
    if step > interval.ms // 1000:
        found.notes.append(f"Rules are evaluated each {step} s here, and each {interval} in Prometheus.")
    count = max(1, len(alerts)) * max(1, len(tuple(pieces(whole.begin, whole.end, step))))
    for rule in alerts:
        node = inlined(rule.expr, recorded)
        if names := still_recorded(node, recorded):
            said = f"{rule.alert} reads what is recorded ({', '.join(names)}), so only where Prometheus has it already."
            found.notes += [said] if said not in found.notes else []
        moments: dict[budgets.Labels, list[int]] = {}

        def take(row: Row, into: dict[budgets.Labels, list[int]] = moments) -> None:
            labels = tuple(sorted((name, value) for name, value in row.labels.items() if name != "__name__"))
            into.setdefault(labels, []).extend(round(at) for at, _value in row.points)

        warned = await read(api, node, whole, step, take, lambda: advance(1 / count))
        found.notes += [one for one in warned if one not in found.notes]
        for labels, times in sorted(moments.items()):
            found.fired += policies.fired(rule, labels, times, step, whole.end)
    found.fired.sort(key=lambda one: (one.interval.begin, one.alert, one.labels))
    return found
