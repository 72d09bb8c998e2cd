"""The picture of a dashboard: it shows what the JSON says, holds whatever people write, and is the same each time."""

import json
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from binnacle.cli.picture import draw, theme
from binnacle.cli.picture.board import Step, read
from binnacle.cli.picture.madeup import POINTS, Series, series
from binnacle.cli.picture.panels import DRAWN
from binnacle.cli.picture.units import ticks, written
from binnacle.cli.pictures import pictures_in

QUICKSTART = Path(__file__).resolve().parents[2] / "examples" / "quickstart"
TAGS = {"svg", "title", "g", "rect", "line", "path", "text", "circle"}


def panel(type_: str = "timeseries", **more: Any) -> dict[str, Any]:
    defaults = {name: more.pop(name) for name in ("unit", "thresholds", "custom", "min", "max") if name in more}
    targets = [{"expr": expr, "refId": "A", **query} for expr, query in more.pop("asks", [("up", {})])]
    place = dict(zip("xywh", more.pop("at", (0, 0, 12, 8)), strict=True))
    return {
        "id": 1,
        "type": type_,
        "title": "Panel",
        "gridPos": place,
        "targets": targets,
        "fieldConfig": {"defaults": defaults},
        **more,
    }


def board(*panels: dict[str, Any], **more: Any) -> str:
    return json.dumps({"uid": "b", "title": "Board", "panels": list(panels), **more})


def found(one: dict[str, Any]) -> tuple[Series, ...]:
    whole = read(board(one))
    return series(whole, whole.panels[0])


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]


def elements(svg: str) -> Iterator[tuple[str, dict[str, str]]]:
    for element in ET.fromstring(svg).iter():
        yield element.tag.rpartition("}")[2], dict(element.attrib)


# -- what it shows -------------------------------------------------------------------------------------------------


def test_the_quickstart_shows_all_that_its_dashboard_has() -> None:
    (picture,) = pictures_in(QUICKSTART).values()
    shown = texts(picture)
    wanted = ["Checkout", "Last 6 hours", "Status", "Runbook ↗", "Requests by status", "p50", "p99", "200", "500"]
    assert [one for one in wanted if one not in shown] == []
    assert any(re.fullmatch(r"\d+ req/s", one) for one in shown)
    assert any("level=error" in one for one in shown)
    assert picture == next(iter(pictures_in(QUICKSTART).values()))


def test_every_panel_stands_on_the_grid_as_its_json_says() -> None:
    places = [(0, 0, 8, 4), (8, 0, 16, 4), (0, 4, 24, 8)]
    svg = draw(board(*(panel(at=place, title=str(number)) for number, place in enumerate(places))))
    frames = [
        (float(shape["width"]), float(shape["height"]))
        for tag, shape in elements(svg)
        if tag == "rect" and shape.get("fill") == theme.PANEL
    ]
    unit = (1280 - 32 + 8) / 24
    assert frames == [
        (pytest.approx(w * unit - 8, abs=0.06), pytest.approx(h * 38 - 8, abs=0.06)) for _, _, w, h in places
    ]


@pytest.mark.parametrize(
    ("asks", "names"),
    [
        (("sum by (code) (rate(x[5m]))", {"legendFormat": "{{code}}"}), ["200", "404", "500"]),
        (('sum by (code) (rate(x{code=~"5.."}[5m]))', {"legendFormat": "{{ code }} lost"}), ["500 lost", "503 lost"]),
        (("sum by (zone) (x)", {"legendFormat": "__auto"}), ["zone-a", "zone-b", "zone-c"]),
        (('x{region="eu"}', {"legendFormat": "{{region}}"}), ["eu"]),
        (("sum(x)", {"legendFormat": "all"}), ["all"]),
        (("sum(x)", {}), ["sum(x)"]),
    ],
)
def test_series_are_named_as_grafana_would(asks: tuple[str, dict[str, str]], names: list[str]) -> None:
    assert [one.name for one in found(panel(asks=[asks]))][: len(names)] == names


def test_failures_are_few_and_quantiles_are_in_order() -> None:
    errors = found(panel(unit="percentunit", asks=[('sum(rate(x{code=~"5.."}[5m])) / sum(rate(x[5m]))', {})]))[0]
    assert sorted(errors.points)[POINTS // 2] < 0.01 < max(errors.points) < 0.5
    asks = [(f"histogram_quantile({share}, sum by (le) (rate(x_bucket[5m])))", {}) for share in (0.5, 0.95, 0.99)]
    half, most, nearly_all = found(panel(unit="s", asks=asks))
    assert all(low < high for low, high in zip(half.points, most.points, strict=True))
    assert most.newest < nearly_all.newest


@pytest.mark.parametrize("kind", ["stat", "gauge"])
def test_the_newest_value_is_in_the_green_band_and_painted_so(kind: str) -> None:
    steps = [{"color": "red", "value": None}, {"color": "orange", "value": 0.99}, {"color": "green", "value": 0.999}]
    svg = draw(
        board(
            panel(
                kind, unit="percentunit", thresholds={"steps": steps}, asks=[("1 - errors_total / requests_total", {})]
            )
        )
    )
    (value,) = (
        (element.text or "", element.get("fill"))
        for element in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")
        if (element.text or "").endswith("%")
    )
    assert 0.999 <= float(value[0].rstrip("%")) / 100 <= 1
    assert value[1] == theme.color("green")


def test_a_table_that_joins_its_queries_has_one_row_for_each_set_of_labels_and_the_columns_it_names() -> None:
    organize = {
        "renameByName": {"Value #B": "Left", "region": "Region", "Value #A": "Rate"},
        "indexByName": {"region": 0, "Value #A": 1, "Value #B": 2},
    }
    left = [{"id": "unit", "value": "percentunit"}, {"id": "thresholds", "value": {"steps": [{"color": "red"}]}}]
    one = panel(
        "table",
        asks=[("sum by (region) (a)", {}), ("sum by (region) (budget)", {"refId": "B"})],
        transformations=[{"id": "merge", "options": {}}, {"id": "organize", "options": organize}],
    )
    one["fieldConfig"]["overrides"] = [{"matcher": {"id": "byName", "options": "Left"}, "properties": left}]
    drawn = draw(board(one))
    said = texts(drawn)
    at = said.index("Region")
    assert said[at : at + 3] == ["Region", "Rate", "Left"]
    rows = [said[at + 3 + 3 * number :][:3] for number in range(3)]
    assert [row[0] for row in rows] == ["eu-central-1", "us-east-1", "ap-south-1"]
    assert all(row[2].endswith("%") and not row[1].endswith("%") for row in rows)
    # What is not as Grafana writes it counts as absent.
    for bad in ({"renameByName": 1}, {"renameByName": {"Value #A": 7}, "indexByName": []}):
        one["transformations"][1]["options"] = bad
        one["fieldConfig"]["overrides"] = [{"matcher": 1, "properties": [{"id": 2, "value": {}}, 3]}, 4]
        assert draw(board(one)).startswith("<svg ")


def test_lines_of_thresholds_are_drawn_where_the_panel_asks_for_them() -> None:
    steps = {"steps": [{"color": "green", "value": None}, {"color": "#123456", "value": 0.2}]}
    asks = [("histogram_quantile(0.99, rate(x_bucket[5m]))", {})]

    def lines(mode: str) -> int:
        svg = draw(board(panel(unit="s", thresholds=steps, asks=asks, custom={"thresholdsStyle": {"mode": mode}})))
        return sum(tag == "line" and shape["stroke"] == "#123456" for tag, shape in elements(svg))

    assert (lines("off"), lines("line")) == (0, 1)


# Of Grafana's own value formats.
@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.25, "percentunit", "25%"),
        (99.94, "percent", "99.9%"),
        (0.0003, "s", "300 µs"),
        (0.084, "s", "84 ms"),
        (90, "s", "1.5 mins"),
        (250, "ms", "250 ms"),
        (3 * 1024**2, "bytes", "3 MiB"),
        (3e6, "decbytes", "3 MB"),
        (1234, "reqps", "1.23 K req/s"),
        (1500000, "short", "1.5 Mil"),
        (12.5, "currencyEUR", "€12.5"),
        (0, "s", "0 s"),
        (42, "", "42"),
        (7, "widgets", "7 widgets"),
    ],
)
def test_values_are_written_as_grafana_writes_them(value: float, unit: str, text: str) -> None:
    assert written(value, unit) == text


# -- what it withstands -------------------------------------------------------------------------------------------


NUMBERS = st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False), st.integers(-5, 5000), st.text())
BOUNDS = st.one_of(st.sampled_from([0, 1, 100, 100.0, -100, 5e-324, 1e-200]), NUMBERS)
"""Ends of axes: often the same one twice, or above all values."""
ANY_TEXT = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        ["<script>alert(1)</script>", "]]>", "&amp;<!--", "\x00\x1b[31m", "\u202egpj.exe", "{{code}}", '"onload="x']
    ),
)
PANELS = st.fixed_dictionaries(
    {},
    optional={
        "id": NUMBERS,
        "type": st.one_of(st.sampled_from([*DRAWN, "row"]), ANY_TEXT),
        "title": ANY_TEXT,
        "description": ANY_TEXT,
        "gridPos": st.fixed_dictionaries(
            {
                "x": st.integers(0, 12),
                "y": st.integers(0, 30),
                "w": st.one_of(st.integers(1, 12), NUMBERS),
                "h": st.integers(1, 9),
            }
        ),
        "targets": st.lists(
            st.fixed_dictionaries({}, optional={"expr": ANY_TEXT, "legendFormat": ANY_TEXT, "refId": ANY_TEXT}),
            max_size=3,
        ),
        "options": st.fixed_dictionaries(
            {}, optional={"content": ANY_TEXT, "legend": st.booleans(), "graphMode": ANY_TEXT}
        ),
        "fieldConfig": st.fixed_dictionaries(
            {
                "defaults": st.fixed_dictionaries(
                    {},
                    optional={
                        "unit": st.one_of(ANY_TEXT, st.sampled_from(["s", "bytes", "percentunit"])),
                        "min": BOUNDS,
                        "max": BOUNDS,
                        "thresholds": st.fixed_dictionaries(
                            {
                                "steps": st.lists(
                                    st.fixed_dictionaries({"value": NUMBERS, "color": ANY_TEXT}), max_size=3
                                )
                            }
                        ),
                        "custom": st.fixed_dictionaries(
                            {"thresholdsStyle": st.fixed_dictionaries({"mode": st.sampled_from(["line", "area", "x"])})}
                        ),
                    },
                )
            }
        ),
    },
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(PANELS, max_size=4), ANY_TEXT, ANY_TEXT)
def test_whatever_a_dashboard_says_is_drawn_and_does_nothing(
    panels: list[dict[str, Any]], title: str, time_from: str
) -> None:
    svg = draw(board(*panels, title=title, time={"from": time_from}, links=[{"title": title}]))
    for tag, shape in elements(svg):
        assert tag in TAGS
        assert not [name for name in shape if name.startswith("on") or "href" in name or name == "style"]
        assert "nan" not in " ".join(shape.values())
    assert "\u202e" not in svg


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["gauge", "timeseries", "stat"]), BOUNDS, BOUNDS, st.sampled_from(["", "percent", "percentunit"])
)
@example("gauge", 100, None, "")
@example("gauge", 100, 100, "percent")
@example("timeseries", 0, 5e-324, "")
def test_axes_have_an_extent_whatever_their_ends_are(kind: str, low: Any, high: Any, unit: str) -> None:
    svg = draw(board(panel(kind, min=low, max=high, unit=unit)))
    assert "nan" not in svg
    assert "inf" not in " ".join(value for _, shape in elements(svg) for value in shape.values())


def test_what_is_no_dashboard_is_refused() -> None:
    for text in ("[]", "{"):
        with pytest.raises(ValueError):  # noqa: PT011 - whatever json says
            draw(text)


@settings(deadline=None)
@given(st.text(max_size=60), st.floats(20, 400))
def test_a_text_is_cut_to_its_room(text: str, room: float) -> None:
    assert theme.width(theme.fit(text, 12, room), 12) <= room


@settings(deadline=None)
@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6), st.integers(1, 10), st.sampled_from(["", "s", "bytes"]))
def test_ticks_enclose_what_is_shown_in_equal_steps(low: float, span: float, most: int, unit: str) -> None:
    marks, step = ticks(low, low + span, most, unit)
    slack = step * 1e-6 + abs(low) * 1e-12  # as exact as numbers of this size are
    assert marks[0] <= low + slack
    assert marks[-1] >= low + span - slack
    assert 2 <= len(marks) <= most + 2
    assert all(b - a == pytest.approx(step, rel=1e-3) for a, b in pairwise(marks))


def test_colours_are_grafanas() -> None:
    assert theme.color("#AbCdEf") == "#abcdef"
    assert theme.color("dark-red") == theme.color("semi-dark-red") != theme.color("red")
    assert theme.color("no such") == theme.TEXT
    assert Step(None, "green").value is None
