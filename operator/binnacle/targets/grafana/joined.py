"""Tables that join the results of several queries: Grafana's transformations, and what it is told of single columns."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from binnacle.intent.dashboard import Column, Link, Table, Threshold
from binnacle.targets.grafana import sdk

d = sdk.dashboard

_ALWAYS_HIDDEN: Final = ("Time", "__name__")
_COLORED: Final = {"type": "color-text"}


def transformations(table: Table) -> list[sdk.dashboard.DataTransformerConfig]:
    """Return what joins the queries by the labels that they have in common, and names and orders the columns."""
    return [
        d.DataTransformerConfig(id_val="merge", options={}),
        d.DataTransformerConfig(
            id_val="organize",
            options={
                "excludeByName": dict.fromkeys((*_ALWAYS_HIDDEN, *table.hidden), True),
                "indexByName": {_field(column): place for place, column in enumerate(table.columns)},
                "renameByName": {_field(column): column.title for column in table.columns},
            },
        ),
    ]


def order(table: Table) -> list[sdk.common.TableSortByFieldState] | None:
    """Return by which column rows are sorted."""
    return [sdk.common.TableSortByFieldState(display_name=table.worst, desc=False)] if table.worst else None


def overrides(table: Table) -> list[sdk.dashboard.DashboardFieldConfigSourceOverrides]:
    """Return what is particular to each column."""
    return [
        d.DashboardFieldConfigSourceOverrides(
            matcher=d.MatcherConfig(id_val="byName", options=column.title), properties=properties
        )
        for column in table.columns
        if (properties := list(_properties(column)))
    ]


def thresholds(steps: tuple[Threshold, ...]) -> sdk.dashboard.ThresholdsConfig | None:
    """Return thresholds as Grafana has them."""
    if not steps:
        return None
    return d.ThresholdsConfig(
        mode=d.ThresholdsMode.ABSOLUTE,
        steps=[d.Threshold(None if one.value is None else number(one.value), one.color) for one in steps],
    )


def number(value: Decimal) -> float:
    """Return a number as JSON has it, whole where it is."""
    return int(value) if value == int(value) else float(value)


def _field(column: Column) -> str:
    """Return what Grafana calls a column before it is renamed."""
    return f"Value #{column.field}" if column.of_query else column.field


def _properties(column: Column) -> Iterator[sdk.dashboard.DynamicConfigValue]:
    if column.unit:
        yield d.DynamicConfigValue("unit", column.unit)
    if column.decimals is not None:
        yield d.DynamicConfigValue("decimals", column.decimals)
    if column.thresholds:
        yield d.DynamicConfigValue("thresholds", thresholds(column.thresholds))
        yield d.DynamicConfigValue("color", {"mode": "thresholds"})
        yield d.DynamicConfigValue("custom.cellOptions", _COLORED)
    if column.link is not None:
        yield d.DynamicConfigValue("links", [_link(column.link)])


def _link(link: Link) -> dict[str, object]:
    return {"title": link.title, "url": link.url, "targetBlank": not link.inside}
