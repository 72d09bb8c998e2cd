"""All SLOs at a glance: how many are in trouble, and a table with the worst ones on top."""

from decimal import Decimal
from typing import Final

from binnacle.api.dashboard_panels import PanelType
from binnacle.compile.dashboard.placing import Draft
from binnacle.compile.slo.boards import drafts
from binnacle.compile.slo.boards.drafts import course, newest, panel, row
from binnacle.intent import series
from binnacle.intent.dashboard import Column, Link, Table, Threshold
from binnacle.promql import build as q
from binnacle.promql.nodes import Matcher, Node

_EACH: Final = (*drafts.IDENTITY, series.SLO_SERVICE)
_MOST: Final = 10
"""How many SLOs the chart shows."""
_SLO: Final = "SLO"
_NAMESPACE: Final = "Namespace"
_LEFT: Final = "Budget left"


def overview_rows(chosen: Matcher, detail: str) -> tuple[Draft, ...]:
    """Return the rows about all SLOs.

    Args:
        chosen: selects the namespaces that are looked at.
        detail: uid of the dashboard that shows one SLO, by variables named as the labels are.
    """

    def of(name: str, by: tuple[str, ...] = _EACH, *, low: bool = False) -> Node:
        return (drafts.lowest if low else drafts.highest)(q.sel(name, chosen), by)

    def number(expr: Node) -> Node:
        return q.or_(q.aggregate("count", (), expr), q.call("vector", q.num(0)))

    left = of(series.PERIOD_BUDGET_REMAINING, drafts.IDENTITY, low=True)
    burn = of(series.CURRENT_BURN_RATE, drafts.IDENTITY)
    alerts = q.sel(drafts.ALERTS, drafts.FIRING, chosen, q.ne(series.SLO, ""))
    size = (6, 4)
    stat = PanelType.STAT
    counts = (
        panel(
            "slos",
            stat,
            "SLOs",
            "SLOs that are evaluated.",
            [newest("A", number(of(series.OBJECTIVE, drafts.IDENTITY)))],
            size,
        ),
        panel(
            "missed",
            stat,
            "Budget overspent",
            "SLOs that miss their objective, at least in one group.",
            [newest("A", number(q.cmp("<", left, q.num(0))))],
            size,
            thresholds=drafts.COUNT_STEPS,
        ),
        panel(
            "burning",
            stat,
            "Burning too fast",
            "SLOs whose budget would not last the window if it burned on as it does now.",
            [newest("A", number(q.gt(burn, q.num(1))))],
            size,
            thresholds=(Threshold(None, "green"), Threshold(Decimal(1), "orange")),
        ),
        panel(
            "firing",
            stat,
            "Alerts firing",
            "Alerts of SLOs that fire now.",
            [newest("A", number(alerts))],
            size,
            thresholds=drafts.COUNT_STEPS,
        ),
    )
    table = panel(
        "all",
        PanelType.TABLE,
        "Each SLO",
        "Each SLO by its worst group, those with the least budget first.",
        [
            newest("A", of(series.OBJECTIVE)),
            newest("B", drafts.good_share(of(series.PERIOD_ERROR))),
            newest("C", of(series.PERIOD_BUDGET_REMAINING, low=True)),
            newest("D", of(series.CURRENT_BURN_RATE)),
            newest("E", q.aggregate("count", _EACH, alerts)),
        ],
        (24, 16),
        table=Table(_columns(detail), worst=_LEFT),
    )
    worst = panel(
        "worst",
        PanelType.TIMESERIES,
        "Least budget left",
        f"At each moment the {_MOST} SLOs with the least budget left, by their worst group.",
        [
            course(
                "A",
                q.aggregate("bottomk", (), left, q.num(_MOST)),
                f"{{{{{series.SLO_NAMESPACE}}}}}/{{{{{series.SLO}}}}}",
            )
        ],
        (24, 8),
        unit="percentunit",
        most=Decimal(1),
        thresholds=(Threshold(None, "green"), Threshold(Decimal(0), "red")),
    )
    return (row("now", "Now", *counts, table), row("course", "Budgets over time", worst))


def _columns(detail: str) -> tuple[Column, ...]:
    variables = (
        f'var-{series.SLO_NAMESPACE}=${{__data.fields["{_NAMESPACE}"]}}&var-{series.SLO}=${{__data.fields["{_SLO}"]}}'
    )
    link = Link("Show it", f"/d/{detail}?{variables}&${{datasource:queryparam}}&${{__url_time_range}}", inside=True)
    share = "percentunit"
    return (
        Column(series.SLO_NAMESPACE, _NAMESPACE),
        Column(series.SLO, _SLO, link=link),
        Column(series.SLO_SERVICE, "Service"),
        Column("A", "Objective", of_query=True, unit=share, decimals=drafts.RATIO_PLACES),
        Column("B", "Service level", of_query=True, unit=share, decimals=drafts.RATIO_PLACES),
        Column("C", _LEFT, of_query=True, unit=share, decimals=1, thresholds=drafts.BUDGET_STEPS),
        Column("D", "Burn rate", of_query=True, unit="suffix:x", decimals=2, thresholds=drafts.BURN_STEPS),
        Column("E", "Alerts", of_query=True, decimals=0, thresholds=drafts.COUNT_STEPS),
    )
