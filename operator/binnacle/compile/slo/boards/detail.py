"""The figures of one SLO as rows of panels: how it stands, where its budget went, and group by group."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Final

from binnacle.api.dashboard_panels import PanelType
from binnacle.api.values import AlertSeverity, Duration
from binnacle.compile.dashboard.placing import Draft
from binnacle.compile.slo.boards import drafts
from binnacle.compile.slo.boards.drafts import Drafted, course, newest, panel, row
from binnacle.compile.slo.burn import Pair
from binnacle.compile.slo.timing import Timing
from binnacle.intent import series
from binnacle.intent.dashboard import Column, Dashed, Query, Table, Threshold
from binnacle.promql import build as q
from binnacle.promql.nodes import Matcher, Node, Selector, Variable

_MOST_GROUPS: Final = 20
"""How many groups a chart can show so that one is told from another."""
_DAY: Final = 86_400
_STAT: Final = (4, 4)
_WINDOW: Final = "window"
_COLORS: Final = {AlertSeverity.CRITICAL: "red", AlertSeverity.WARNING: "orange", AlertSeverity.INFO: "blue"}


@dataclass(frozen=True, slots=True)
class Chosen:
    """The SLO that is shown.

    Attributes:
        slo: selects its series.
        group: selects the groups that are chosen, by matchers or by variables that stand for such; only series that have
            groups are asked with it.
        groups: labels that tell its groups apart; None where any SLO may be chosen.
        windows: over which its share of errors is recorded; None alike.
        pairs: its burn alerts.
    """

    slo: tuple[Matcher, ...]
    group: tuple[Matcher | Variable, ...] = ()
    groups: tuple[str, ...] | None = None
    windows: tuple[Duration, ...] | None = None
    pairs: tuple[Pair, ...] = ()

    def of(self, name: str) -> Selector:
        """Select a series of the chosen groups."""
        return self.of_any(name)

    def of_any(self, name: str | None, *matchers: Matcher) -> Selector:
        """Select series of the chosen groups, by name or by matchers alone."""
        known = tuple(one for one in self.group if isinstance(one, Matcher))
        filled = tuple(one for one in self.group if isinstance(one, Variable))
        return Selector(name, (*matchers, *self.slo, *known), filled=filled)

    def each(self, name: str) -> Node:
        """Return a series group by group, by labels that tell them apart alone.

        Where groups are not known, the service stays: a series without any label has no name in a legend.
        """
        if self.groups is None:
            return drafts.without(drafts.IDENTITY, self.of(name))
        return drafts.lowest(self.of(name), self.groups)

    @property
    def legend(self) -> str | None:
        """What groups are called in legends; None lets Grafana say what tells them apart."""
        return " ".join(f"{{{{{label}}}}}" for label in self.groups) if self.groups else None


def detail_rows(chosen: Chosen, timing: Timing) -> tuple[Draft, ...]:
    """Return the rows about the SLO that is chosen."""
    groups = (
        () if chosen.groups == () else (row("groups", "Groups, those with the least budget first", _groups(chosen)),)
    )
    return (
        row("now", "Now", *_now(chosen)),
        row("budget", "Error budget", _budget(chosen), _burn(chosen)),
        row("events", "Events", _events(chosen, timing), _shares(chosen)),
        *groups,
        row("alerts", "Alerts", _alerts(chosen)),
    )


def _now(chosen: Chosen) -> Iterator[Drafted]:
    stat = PanelType.STAT
    left, burn = chosen.of(series.PERIOD_BUDGET_REMAINING), chosen.of(series.CURRENT_BURN_RATE)
    days = drafts.highest(q.sel(series.TIME_PERIOD, *chosen.slo))
    objective = q.sel(series.OBJECTIVE, *chosen.slo)
    lasting = drafts.lowest(q.div(q.call("clamp_min", left, q.num(0)), q.gt(burn, q.num(0))))
    places = drafts.RATIO_PLACES
    yield panel(
        "objective",
        stat,
        "Objective",
        "Share of events that must be good over the window.",
        [newest("A", drafts.highest(objective))],
        _STAT,
        unit="percentunit",
        decimals=places,
    )
    yield panel(
        "sli",
        stat,
        "Service level",
        "Share of events that were good over the window; of groups, the worst.",
        [newest("A", drafts.good_share(drafts.highest(chosen.of(series.PERIOD_ERROR))))],
        _STAT,
        unit="percentunit",
        decimals=places,
    )
    yield panel(
        "left",
        stat,
        "Budget left",
        "Share of the error budget that is left; of groups, the least. Below 0% the objective is missed.",
        [newest("A", drafts.lowest(left))],
        _STAT,
        unit="percentunit",
        decimals=1,
        thresholds=drafts.BUDGET_STEPS,
    )
    yield panel(
        "burn",
        stat,
        "Burn rate",
        "How many times faster than allowed the budget burns now; of groups, the fastest. "
        "At 1 it lasts just as long as the window.",
        [newest("A", drafts.highest(burn))],
        _STAT,
        unit="suffix:x",
        decimals=2,
        thresholds=_burn_steps(chosen),
    )
    yield panel(
        "exhaustion",
        stat,
        "Budget gone in",
        "How long the budget lasts if it burns on as it does now; of groups, the shortest.",
        [newest("A", q.mul(lasting, q.mul(days, q.num(_DAY))))],
        _STAT,
        unit="s",
        decimals=1,
        empty="nothing burns",
    )
    yield panel(
        "firing",
        stat,
        "Alerts firing",
        "Alerts of this SLO that fire now.",
        [newest("A", _counted(_firing(chosen)))],
        _STAT,
        thresholds=drafts.COUNT_STEPS,
    )


def _firing(chosen: Chosen) -> Selector:
    """Select the alerts of the chosen groups that fire."""
    return chosen.of_any(drafts.ALERTS, drafts.FIRING)


def _counted(alerts: Node) -> Node:
    return q.or_(q.aggregate("count", (), alerts), q.call("vector", q.num(0)))


def _worst(expr: Node, chosen: Chosen, *, low: bool) -> Node:
    """Return the worst groups, as many as a chart can show; all of an SLO that has none."""
    if chosen.groups == ():
        return expr
    return q.aggregate("bottomk" if low else "topk", (), expr, q.num(_MOST_GROUPS))


def _budget(chosen: Chosen) -> Drafted:
    each = _worst(chosen.each(series.PERIOD_BUDGET_REMAINING), chosen, low=True)
    return panel(
        "budget",
        PanelType.TIMESERIES,
        "Budget left",
        "Share of the error budget that is left. Below 0% the objective is missed." + _only(chosen),
        [course("A", each, chosen.legend or _named(chosen, "budget left"))],
        (12, 8),
        unit="percentunit",
        most=Decimal(1),
        thresholds=(Threshold(None, "green"), Threshold(Decimal(0), "red")),
    )


def _burn(chosen: Chosen) -> Drafted:
    each = _worst(chosen.each(series.CURRENT_BURN_RATE), chosen, low=False)
    lines = "the lines are 1, at which the budget lasts just as long as the window"
    # What is not known of any SLO is recorded for each.
    limits = () if chosen.groups is not None else tuple(_recorded_limits(chosen))
    known = f", and the limits of the alerts: {_limits(chosen)}." if chosen.pairs else "."
    if limits:
        known = ", and broken ones the limits of the alerts."
    return panel(
        "burning",
        PanelType.TIMESERIES,
        "Burn rate",
        f"How many times faster than allowed the budget burns; {lines}{known}{_only(chosen)}",
        [course("A", each, chosen.legend or _named(chosen, "burn rate")), *limits],
        (12, 8),
        unit="suffix:x",
        least=Decimal(0),
        thresholds=_limit_lines(chosen),
        dashed=tuple(
            Dashed(one.ref_id, _COLORS[severity]) for severity, one in zip(AlertSeverity, limits, strict=False)
        ),
    )


def _recorded_limits(chosen: Chosen) -> Iterator[Query]:
    """Yield what is recorded of the limits of the alerts, severity by severity."""
    labels = (series.LONG, series.SHORT)
    for severity in AlertSeverity:
        limit = q.sel(series.ALERT_BURN_RATE, *chosen.slo, q.eq(series.SEVERITY, severity.value))
        legend = f"{severity} over {{{{{series.LONG}}}}} and {{{{{series.SHORT}}}}}"
        yield course(severity.value.upper(), drafts.lowest(limit, labels), legend)


def _only(chosen: Chosen) -> str:
    return "" if chosen.groups == () else f" At each moment the worst {_MOST_GROUPS} groups are shown."


def _named(chosen: Chosen, name: str) -> str | None:
    return name if chosen.groups == () else None


def _limits(chosen: Chosen) -> str:
    return ", ".join(
        f"{_plain(pair.factor)} over {pair.long} and {pair.short} ({pair.severity})" for pair in chosen.pairs
    )


def _plain(value: Fraction) -> str:
    return f"{float(value):.3g}"


def _decimal(value: Fraction) -> Decimal:
    return Decimal(f"{float(value):.6g}")


def _burn_steps(chosen: Chosen) -> tuple[Threshold, ...]:
    """Return the colours of a burn rate: orange where the budget does not last, red from the lowest limit of a page on."""
    pages = [pair.factor for pair in chosen.pairs if pair.severity is AlertSeverity.CRITICAL and pair.factor > 1]
    if not pages:
        return drafts.BURN_STEPS
    return (*drafts.BURN_STEPS[:2], Threshold(_decimal(min(pages)), "red"))


def _limit_lines(chosen: Chosen) -> tuple[Threshold, ...]:
    steps = {Decimal(1): "yellow"}
    # The more severe one gives the colour where two have one limit.
    for pair in sorted(chosen.pairs, key=lambda pair: tuple(AlertSeverity).index(pair.severity), reverse=True):
        steps[_decimal(pair.factor)] = _COLORS[pair.severity]
    return (Threshold(None, "green"), *(Threshold(value, steps[value]) for value in sorted(steps)))


def _events(chosen: Chosen, timing: Timing) -> Drafted:
    step = timing.step
    return panel(
        "events",
        PanelType.TIMESERIES,
        "Events per second",
        f"All events and bad ones, over {step}; of all groups together.",
        [
            course("A", q.aggregate("sum", (), chosen.of(series.events_rate(step))), "all"),
            course("B", q.aggregate("sum", (), chosen.of(series.errors_rate(step))), "bad"),
        ],
        (12, 8),
        unit="cps",
        least=Decimal(0),
    )


def _shares(chosen: Chosen) -> Drafted:
    return panel(
        "shares",
        PanelType.TIMESERIES,
        "Share of bad events",
        "Over each of the windows that are recorded; of groups, the worst.",
        list(_by_window(chosen)),
        (12, 8),
        unit="percentunit",
        least=Decimal(0),
    )


def _by_window(chosen: Chosen) -> Iterator[Query]:
    if chosen.windows is not None:
        for number, window in enumerate(chosen.windows):
            worst = drafts.highest(chosen.of(series.error_ratio(window)))
            yield course(f"W{number}", worst, str(window))
        return
    # Every SLO has windows of its own, so the series are found by the beginning of their names.
    name = "__name__"
    start = series.error_ratio_of("")
    found = chosen.of_any(None, q.regex(name, f"{start}.+"))
    labelled = q.call(
        "label_replace", found, q.string(_WINDOW), q.string("$1"), q.string(name), q.string(f"{start}(.+)")
    )
    yield course("A", drafts.highest(labelled, (_WINDOW,)), f"{{{{{_WINDOW}}}}}")


def _groups(chosen: Chosen) -> Drafted:
    left = "Budget left"
    columns = (
        *(Column(label, label) for label in chosen.groups or ()),
        Column("A", "Service level", of_query=True, unit="percentunit", decimals=drafts.RATIO_PLACES),
        Column("B", left, of_query=True, unit="percentunit", decimals=1, thresholds=drafts.BUDGET_STEPS),
        Column("C", "Burn rate", of_query=True, unit="suffix:x", decimals=2, thresholds=_burn_steps(chosen)),
    )
    hidden: Sequence[str] = (series.SLO_SERVICE,) if chosen.groups is None else ()
    return panel(
        "groups",
        PanelType.TABLE,
        "Groups",
        "Each group has a budget of its own.",
        [
            newest("A", drafts.good_share(chosen.each(series.PERIOD_ERROR))),
            newest("B", chosen.each(series.PERIOD_BUDGET_REMAINING)),
            newest("C", chosen.each(series.CURRENT_BURN_RATE)),
        ],
        (24, 8),
        table=Table(columns, tuple(hidden), left),
    )


def _alerts(chosen: Chosen) -> Drafted:
    alerts = q.aggregate("count", ("alertname", series.SEVERITY), _firing(chosen))
    return panel(
        "alerts",
        PanelType.TIMESERIES,
        "Alerts",
        "How many alerts of this SLO fired, by name and severity.",
        [course("A", alerts, f"{{{{alertname}}}} {{{{{series.SEVERITY}}}}}")],
        (24, 6),
        least=Decimal(0),
        decimals=0,
    )
