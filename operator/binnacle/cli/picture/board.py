"""What a picture needs of a dashboard's JSON, as values.

Read with tolerance: a member that is missing, or of another type than Grafana writes, counts as absent, because a
dashboard can be made by others too.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from binnacle.api.dashboard_panels import COLUMNS
from binnacle.intent.dashboard import Box

_RELATIVE: Final = re.compile(r"now-(\d{1,5})([smhdwMy])")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "M": 2592000, "y": 31536000}
_OF_QUERY: Final = "Value #"
"""What Grafana calls the values of a query in a table, before its name."""
_LOWEST: Final = 5000
"""Lines of the grid; what is below is not drawn."""
_VARIABLE: Final = re.compile(r"\$\{(\w+)(?::\w+)?\}|\[\[(\w+)\]\]|\$(\w+)")


@dataclass(frozen=True, slots=True)
class Step:
    """A colour by Grafana's name or as #rrggbb, from a value on; None is below all values."""

    value: float | None
    color: str


@dataclass(frozen=True, slots=True)
class Target:
    """One query: its text, the name of its series (`{{label}}` inside, `__auto`, or empty), its reference name."""

    text: str
    legend: str
    ref: str


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table that joins its queries: the label or the query that it shows, its heading, unit and colours."""

    label: str
    ref: str
    title: str
    unit: str = ""
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel, or the heading of a row (type `row`).

    Attributes:
        dashed: queries whose series are drawn as broken lines: reference name -> colour.
    """

    id: int
    type: str
    title: str
    box: Box
    described: bool = False
    linked: bool = False
    unit: str = ""
    minimum: float | None = None
    maximum: float | None = None
    steps: tuple[Step, ...] = ()
    targets: tuple[Target, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    custom: Mapping[str, Any] = field(default_factory=dict)
    columns: tuple[Column, ...] = ()
    dashed: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Board:
    """One dashboard; `variables` are labels and what is chosen, `links` titles."""

    uid: str
    title: str
    panels: tuple[Panel, ...]
    time_from: str = "now-6h"
    refresh: str = ""
    variables: tuple[tuple[str, str], ...] = ()
    links: tuple[str, ...] = ()

    @property
    def shown(self) -> tuple[int, str]:
        """How many of which unit of time are shown; six hours where that is not told as a distance from now."""
        found = _RELATIVE.fullmatch(self.time_from)
        return (max(1, int(found[1])), found[2]) if found else (6, "h")

    @property
    def span(self) -> timedelta:
        """How much time is shown."""
        count, unit = self.shown
        return timedelta(seconds=min(count * _SECONDS[unit], 20 * _SECONDS["y"]))


def read(text: str) -> Board:
    """Read a dashboard.

    Raises:
        ValueError: the text is not a JSON object.
    """
    whole = json.loads(text)
    if not isinstance(whole, dict):
        raise ValueError("a dashboard is a JSON object")  # noqa: TRY004 - as for text that is no JSON at all
    variables = [one for one in _maps(_map(whole, "templating"), "list") if _text(one, "name")]
    chosen = {_text(one, "name"): _chosen(one) for one in variables}
    return Board(
        uid=_text(whole, "uid"),
        title=_text(whole, "title") or "Untitled",
        panels=tuple(_panels(whole, chosen)),
        time_from=_text(_map(whole, "time"), "from") or "now-6h",
        refresh=_text(whole, "refresh"),
        variables=tuple(
            (_text(one, "label") or _text(one, "name"), chosen[_text(one, "name")])
            for one in variables
            if not one.get("hide")
        ),
        links=tuple(filter(None, (_text(one, "title") for one in _maps(whole, "links")))),
    )


def _panels(whole: Mapping[str, Any], chosen: Mapping[str, str]) -> Iterator[Panel]:
    for one in _maps(whole, "panels"):
        place = _map(one, "gridPos")
        x, y, w, h = (_number(place, name) for name in "xywh")
        if x is None or y is None or w is None or h is None or not _sane(x, y, w, h):
            continue
        defaults = _map(_map(one, "fieldConfig"), "defaults")
        yield Panel(
            id=int(_number(one, "id") or 0),
            type=_text(one, "type"),
            title=_filled(_text(one, "title"), chosen),
            box=Box(int(x), int(y), int(w), int(h)),
            described=bool(_text(one, "description")),
            linked=bool(_maps(one, "links")),
            unit=_text(defaults, "unit"),
            minimum=_number(defaults, "min"),
            maximum=_number(defaults, "max"),
            steps=_steps(_map(defaults, "thresholds")),
            targets=tuple(
                Target(_filled(_text(target, "expr"), chosen), _text(target, "legendFormat"), _text(target, "refId"))
                for target in _maps(one, "targets")
            ),
            options=_map(one, "options"),
            custom=_map(defaults, "custom"),
            columns=tuple(_columns(one)),
            dashed=dict(_dashed(one)),
        )


def _steps(thresholds: Mapping[str, Any]) -> tuple[Step, ...]:
    return tuple(Step(_number(step, "value"), _text(step, "color")) for step in _maps(thresholds, "steps"))


def _dashed(panel: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the queries whose series are drawn as broken lines of one colour."""
    for one in _maps(_map(panel, "fieldConfig"), "overrides"):
        said = {_text(member, "id"): _map(member, "value") for member in _maps(one, "properties")}
        if _text(said.get("custom.lineStyle", {}), "fill") == "dash":
            yield _text(_map(one, "matcher"), "options"), _text(said.get("color", {}), "fixedColor")


def _columns(panel: Mapping[str, Any]) -> Iterator[Column]:
    """Yield the columns that a table names when it joins its queries, in their order."""
    organized = (_map(one, "options") for one in _maps(panel, "transformations") if _text(one, "id") == "organize")
    options = next(organized, {})
    titles, order = _map(options, "renameByName"), _map(options, "indexByName")
    own = {
        _text(_map(one, "matcher"), "options"): {_text(said, "id"): said for said in _maps(one, "properties")}
        for one in _maps(_map(panel, "fieldConfig"), "overrides")
    }
    for name in sorted(titles, key=lambda name: _number(order, name) or 0):
        title = _text(titles, name)
        said = own.get(title, {})
        ref = name.removeprefix(_OF_QUERY) if name.startswith(_OF_QUERY) else ""
        steps = _steps(_map(said.get("thresholds", {}), "value"))
        yield Column("" if ref else name, ref, title, _text(said.get("unit", {}), "value"), steps)


def _sane(x: float, y: float, w: float, h: float) -> bool:
    return x >= 0 and w >= 1 and x + w <= COLUMNS and 0 <= y <= _LOWEST and 1 <= h <= _LOWEST


def _chosen(variable: Mapping[str, Any]) -> str:
    """Return what stands in a variable's field at first."""
    text = _map(variable, "current").get("text")
    if isinstance(text, list):
        text = " + ".join(one for one in text if isinstance(one, str))
    if isinstance(text, str) and text:
        return text
    # Grafana takes the first datasource of the type.
    return _text(variable, "query") if variable.get("type") == "datasource" else "All"


def _filled(text: str, chosen: Mapping[str, str]) -> str:
    """Put what is chosen in the place of variables; names of Grafana's own stay."""

    def value(found: re.Match[str]) -> str:
        return chosen.get(found[1] or found[2] or found[3], found[0])

    return _VARIABLE.sub(value, text)


def _map(holder: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = holder.get(name)
    return value if isinstance(value, dict) else {}


def _maps(holder: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    value = holder.get(name)
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _text(holder: Mapping[str, Any], name: str) -> str:
    value = holder.get(name)
    return value if isinstance(value, str) else ""


def _number(holder: Mapping[str, Any], name: str) -> float | None:
    value = holder.get(name)
    if not isinstance(value, int | float) or isinstance(value, bool) or not abs(value) < 1e15:
        return None
    return float(value)
