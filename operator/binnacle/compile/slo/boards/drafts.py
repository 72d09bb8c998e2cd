"""What the dashboards of SLOs are put together from: queries, panels, and what both take for granted.

All queries are over what is recorded for SLOs, so that a dashboard costs as little as the rules do.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

from binnacle.api.config import DatasourceType, GrafanaConfig
from binnacle.api.dashboard_panels import PanelType
from binnacle.api.dashboard_variables import VariableType
from binnacle.compile.dashboard.datasources import METRICS, first_choice
from binnacle.compile.dashboard.identity import PANEL, ROW
from binnacle.compile.dashboard.layout import Wish
from binnacle.compile.dashboard.placing import NOWHERE, Draft
from binnacle.intent import series
from binnacle.intent.dashboard import Datasource, Panel, Query, Row, Shown, Threshold, Variable
from binnacle.promql import build as q
from binnacle.promql import to_text
from binnacle.promql.nodes import Aggregate, Grouping, Node, Selector

TAG: Final = "slo"
REFRESH: Final = "1m"
LATELY: Final = "from=now-1d&to=now"
"""The time that an alert leads to."""
_PROMETHEUS: Final = Datasource(DatasourceType.PROMETHEUS, f"${{{METRICS}}}")
IDENTITY: Final = (series.SLO_NAMESPACE, series.SLO)

ALERTS: Final = "ALERTS"
FIRING: Final = q.eq("alertstate", "firing")
"""Of the alerts, those that fire."""

RATIO_PLACES: Final = 3
"""Places of a share in percent: 99.95% must not look like 100%."""

BUDGET_STEPS: Final = (Threshold(None, "red"), Threshold(Decimal(0), "orange"), Threshold(Decimal("0.25"), "green"))
"""What is left of a budget: overspent, nearly gone, enough."""
BURN_STEPS: Final = (Threshold(None, "green"), Threshold(Decimal(1), "orange"), Threshold(Decimal(6), "red"))
"""Burn rates: as allowed, too fast to last the window, gone within a fraction of it."""
COUNT_STEPS: Final = (Threshold(None, "green"), Threshold(Decimal(1), "red"))
"""How many of what there should be none of."""


Drafted = tuple[str, Wish, Panel]
"""A panel without an id and a place: what its id follows from, what it asks of its place, and the panel."""


def newest(name: str, expr: Node) -> Query:
    """Return a query for the newest values."""
    return Query(name, to_text(expr), _PROMETHEUS, Shown.INSTANT)


def course(name: str, expr: Node, legend: str | None = None) -> Query:
    """Return a query for the course of values."""
    return Query(name, to_text(expr), _PROMETHEUS, Shown.RANGE, legend)


def panel(
    name: str,
    type_: PanelType,
    title: str,
    description: str,
    queries: Sequence[Query],
    size: tuple[int, int],
    **more: Any,
) -> Drafted:
    """Return a draft of a panel.

    Args:
        name: its id follows from it.
        type_: of the panel.
        title: of the panel.
        description: of the panel.
        queries: of the panel.
        size: width and height.
        more: further members of the panel.
    """
    shown = Panel(0, type_, title, NOWHERE, description, queries=tuple(queries), **more)
    return f"{PANEL}/{name}", Wish(type_, *size), shown


def row(name: str, title: str, *panels: Drafted) -> Draft:
    """Return a draft of a row."""
    return Draft(f"{ROW}/{name}", Row(0, title, 0, ()), panels)


def datasource(config: GrafanaConfig) -> Variable:
    """Return the variable that stands for the Prometheus that is asked."""
    type_ = DatasourceType.PROMETHEUS
    return Variable(METRICS, VariableType.DATASOURCE, "Metrics", offers=type_, chosen=first_choice(config, type_))


def choice(name: str, label: str, of: Selector, what: str, **more: Any) -> Variable:
    """Return a variable whose values are those of a label.

    Args:
        name: of the variable.
        label: of the variable.
        of: the series that have the label.
        what: the label.
        more: further members of the variable.
    """
    query = f"label_values({to_text(of)}, {what})"
    return Variable(name, VariableType.QUERY, label, query=query, datasource=_PROMETHEUS, **more)


def found(name: str, label: str, by: Node, taken: str, **more: Any) -> Variable:
    """Return a variable whose values are parts of what a query gives.

    Args:
        name: of the variable.
        label: of the variable.
        by: the query.
        taken: what is taken of each element of its result, a regular expression of Grafana.
        more: further members of the variable.
    """
    query = f"query_result({to_text(by)})"
    return Variable(name, VariableType.QUERY, label, query=query, datasource=_PROMETHEUS, taken=taken, **more)


def highest(expr: Node, by: Sequence[str] = ()) -> Aggregate:
    """Return the highest value: the worst of what should be low."""
    return q.aggregate("max", by, expr)


def lowest(expr: Node, by: Sequence[str] = ()) -> Aggregate:
    """Return the lowest value: the worst of what should be high."""
    return q.aggregate("min", by, expr)


def without(labels: Sequence[str], expr: Node) -> Aggregate:
    """Return the values by all labels but these."""
    return Aggregate("min", expr, grouping=Grouping(tuple(labels), without=True))


def good_share(bad: Node) -> Node:
    """Return the share of what is good."""
    return q.sub(q.num(1), bad)
