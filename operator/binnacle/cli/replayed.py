"""What `binnacle backtest` prints: SLOs and alert rules replayed, as tables for people and as JSON for programs."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from binnacle.api.findings import printable
from binnacle.api.slo import SLO
from binnacle.check.backtest import rules as policies
from binnacle.check.backtest import slo as budgets
from binnacle.check.explain.words import counted, lasting
from binnacle.cli.history import Span, moment
from binnacle.cli.output import nothing_to
from binnacle.intent import series
from binnacle.intent.refs import Key

_MOST_SHOWN: Final = 20


_WIDE: Final = 200
"""Characters of a line where there is no terminal that says how many it has."""


@dataclass(slots=True)
class BudgetReplay:
    """An SLO replayed."""

    key: Key
    slo: SLO
    step: int
    groups: list[budgets.Replay] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(slots=True)
class PolicyReplay:
    """The alert rules of an AlertPolicy replayed."""

    key: Key
    step: int
    rules: int = 0
    fired: list[policies.Fired] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def print_replays(found: Sequence[BudgetReplay | PolicyReplay], span: Span) -> None:
    """Print tables on standard output."""
    console = Console(highlight=False, soft_wrap=True)
    if not console.is_terminal:
        # A file has no edge; names of groups would be cut in pieces at one.
        console.width = _WIDE
    console.print(Text(f"From {moment(span.begin)} to {moment(span.end)}.", style="bold"))
    if not found:
        console.print(nothing_to("replay", "SLO and no AlertPolicy"))
    for one in found:
        console.print()
        console.print(Text(printable(f"{one.key.kind} {one.key.namespace}/{one.key.name}"), style="bold cyan"))
        if isinstance(one, BudgetReplay):
            _print_budget(console, one)
        else:
            _print_policy(console, one)
        for note in one.notes:
            console.print(Text(printable(f"  note: {note}")))


def _print_budget(console: Console, one: BudgetReplay) -> None:
    spec = one.slo.spec
    console.print(f"  {spec.objective} over {spec.window.words}, counted in steps of {lasting(one.step * 1000)}.")
    if not one.groups:
        console.print("  There is no data: nothing matches its selectors in that time.")
        return
    table = _table(*(["Group"] if spec.group_by else []), "SLI", "Bad", "All", "Left", "Least left")
    for group in one.groups:
        lowest = group.lowest
        cells = [
            _percent(None if group.error_ratio is None else 1 - group.error_ratio, 6),
            f"{group.errors:,.0f}",
            f"{group.events:,.0f}",
            _percent(group.remaining, 4),
            "no data" if lowest is None else f"{_percent(lowest[0], 4)} at {moment(lowest[1])}",
        ]
        table.add_row(*([printable(_named(group.labels))] if spec.group_by else []), *cells)
    console.print(table)
    for said, groups in _about_data(one.groups).items():
        # What is true of all of them is said once.
        named = (
            "" if len(groups) == len(one.groups) else f"{'; '.join(printable(_named(labels)) for labels in groups)}: "
        )
        console.print(f"  {named}{said}")
    rows = [(group, alert) for group in one.groups for alert in group.alerts]
    if not rows:
        console.print("  No alert would have fired.")
        return
    alerts = _table("From", "Lasts", "Severity", *(["Group"] if spec.group_by else []), "Why")
    for group, alert in rows[:_MOST_SHOWN]:
        alerts.add_row(
            moment(alert.interval.begin),
            lasting(alert.interval.seconds * 1000),
            alert.severity.value,
            *([printable(_named(group.labels))] if spec.group_by else []),
            _why(alert),
        )
    console.print(alerts)
    if len(rows) > _MOST_SHOWN:
        console.print(f"  {len(rows) - _MOST_SHOWN} more; --output json lists them all.")


def _about_data(groups: Sequence[budgets.Replay]) -> dict[str, list[budgets.Labels]]:
    """Return what there is to say of the history that there is, with the groups of which it is true."""
    found: dict[str, list[budgets.Labels]] = {}
    for group in groups:
        if group.since is not None:
            short = "windows that begin earlier are shorter than they say"
            found.setdefault(f"There is data since {moment(group.since)} only; {short}.", []).append(group.labels)
        if group.gaps:
            missing = lasting(sum(gap.seconds for gap in group.gaps) * 1000)
            gaps = f"{counted(len(group.gaps), 'gap')} without data, {missing} in all."
            found.setdefault(gaps, []).append(group.labels)
    return found


def _print_policy(console: Console, one: PolicyReplay) -> None:
    if not one.fired:
        console.print(f"  None of its {one.rules} alert rules would have fired.")
        return
    table = _table("From", "Lasts", "Alert", "Labels")
    for fired in one.fired[:_MOST_SHOWN]:
        table.add_row(
            moment(fired.interval.begin),
            lasting(fired.interval.seconds * 1000),
            printable(fired.alert),
            printable(_named(tuple(pair for pair in fired.labels if not pair[0].startswith("binnacle_")))),
        )
    console.print(table)
    if len(one.fired) > _MOST_SHOWN:
        console.print(f"  {len(one.fired) - _MOST_SHOWN} more; --output json lists them all.")


def _table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 2, 0, 0), pad_edge=False, show_edge=False, header_style="bold")
    for column in columns:
        table.add_column(Text(column), overflow="fold", no_wrap=column in ("From", "Lasts", "SLI", "Least left"))
    return table


def _why(alert: budgets.Firing) -> str:
    """Return in words why an alert of an SLO would have fired."""
    match alert.alert:
        case series.ALERT_BUDGET_BURN:
            return f"burns: {', '.join(alert.why)}"
        case series.ALERT_BUDGET_SPENT:
            return f"{', '.join(alert.why)} of the budget is spent"
        case _:
            return "no data"


def _named(labels: budgets.Labels) -> str:
    return ", ".join(f"{name}={value}" for name, value in labels)


def _percent(share: float | None, digits: int) -> str:
    return "no data" if share is None else f"{100 * share:.{digits}g}%"


def _stamp(at: int | None) -> str | None:
    return None if at is None else dt.datetime.fromtimestamp(at, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def as_json(found: Sequence[BudgetReplay | PolicyReplay], span: Span) -> dict[str, Any]:
    """Return everything as JSON values; times are RFC 3339."""
    return {
        "from": _stamp(span.begin),
        "to": _stamp(span.end),
        "slos": [_budget_json(one) for one in found if isinstance(one, BudgetReplay)],
        "alertPolicies": [_policy_json(one) for one in found if isinstance(one, PolicyReplay)],
    }


def _head(key: Key, step: int, notes: Sequence[str]) -> dict[str, Any]:
    return {"namespace": key.namespace, "name": key.name, "stepSeconds": step, "notes": list(notes)}


def _budget_json(one: BudgetReplay) -> dict[str, Any]:
    return {
        **_head(one.key, one.step, one.notes),
        "objective": str(one.slo.spec.objective),
        "window": one.slo.spec.window.words,
        "groups": [_group_json(group) for group in one.groups],
    }


def _group_json(group: budgets.Replay) -> dict[str, Any]:
    lowest = group.lowest
    return {
        "labels": dict(group.labels),
        "sli": None if group.error_ratio is None else 1 - group.error_ratio,
        "errors": group.errors,
        "events": group.events,
        "budgetRemaining": group.remaining,
        "lowestBudget": None if lowest is None else {"value": lowest[0], "at": _stamp(lowest[1])},
        "since": _stamp(group.since),
        "gaps": [_interval_json(gap) for gap in group.gaps],
        "alerts": [
            {
                "alert": alert.alert,
                "severity": alert.severity.value,
                **_interval_json(alert.interval),
                "why": list(alert.why),
            }
            for alert in group.alerts
        ],
    }


def _policy_json(one: PolicyReplay) -> dict[str, Any]:
    return {
        **_head(one.key, one.step, one.notes),
        "rules": one.rules,
        "alerts": [
            {"alert": fired.alert, "labels": dict(fired.labels), **_interval_json(fired.interval)}
            for fired in one.fired
        ],
    }


def _interval_json(interval: budgets.Interval) -> Mapping[str, Any]:
    return {"from": _stamp(interval.begin), "to": _stamp(interval.end)}
