"""How each type of panel looks; every function draws into the inside of a panel's frame, below its title."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from binnacle.cli.picture import theme
from binnacle.cli.picture.board import Board, Panel
from binnacle.cli.picture.madeup import POINTS, Series, joined_rows, log_lines, series, table_rows
from binnacle.cli.picture.markdown import blocks
from binnacle.cli.picture.svg import Canvas
from binnacle.cli.picture.units import ticks, written

NOW: Final = datetime(2026, 1, 15, 14, 0)  # noqa: DTZ001 - the time of day on made-up axes, of no zone
"""When all pictures were taken."""

_TICK_MINUTES: Final = (1, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 10080, 43200)
_LEGEND_LINE: Final = 18
_SMALL: Final = 11
_LEAST: Final = 1e-100
"""Extent below which steps between its ends cannot be counted any more."""


def timeseries(canvas: Canvas, board: Board, panel: Panel, w: float, h: float) -> None:
    """Draw lines over time, with axes, thresholds and a legend."""
    found = series(board, panel)
    colors = [_drawn(panel, number, one) for number, one in enumerate(found)]
    legend = panel.options.get("legend")
    shown = not (isinstance(legend, dict) and legend.get("showLegend") is False)
    lines = _legend_lines(found, w) if shown else []
    lines = lines[: max(1, int(h // 4 // _LEGEND_LINE))]
    bottom = h - 20 - _LEGEND_LINE * len(lines) - (4 if lines else 0)
    low, high = _range(panel, found)
    marks, step = ticks(low, high, max(2, int(bottom // 42)), panel.unit)
    labels = [written(mark, panel.unit, step) for mark in marks]
    left = max(theme.width(label, _SMALL) for label in labels) + 10
    right = w - 6

    def place(at: int, value: float) -> tuple[float, float]:
        share = (value - marks[0]) / (marks[-1] - marks[0])
        return left + (right - left) * at / (POINTS - 1), bottom - (bottom - 4) * min(1.0, max(0.0, share))

    for mark, label in zip(marks, labels, strict=True):
        _, y = place(0, mark)
        canvas.line(left, y, right, y, theme.GRID)
        canvas.text(left - 6, y + 4, label, size=_SMALL, fill=theme.FAINT, anchor="end")
    for x, label in _time_marks(board.span, left, right):
        canvas.line(x, 4, x, bottom, theme.GRID)
        canvas.text(x, bottom + 15, label, size=_SMALL, fill=theme.FAINT, anchor="middle")
    _threshold_lines(canvas, panel, lambda value: place(0, value)[1], (marks[0], marks[-1]), (left, right))
    opacity, thick = _custom(panel, "fillOpacity", 0) / 100, _custom(panel, "lineWidth", 1)
    # The largest first, so that the small ones are not hidden under its area.
    for number, one in sorted(enumerate(found), key=lambda pair: -max(pair[1].points)):
        color, points = colors[number], [place(at, value) for at, value in enumerate(one.points)]
        if one.ref in panel.dashed:
            canvas.path(points, fill="none", stroke=color, stroke_width=thick + 0.4, stroke_dasharray="8 6")
            continue
        if opacity > 0:
            area = [*points, (right, bottom), (left, bottom)]
            canvas.path(area, close=True, fill=color, fill_opacity=f"{min(1.0, opacity):.2f}")
        canvas.path(points, fill="none", stroke=color, stroke_width=thick + 0.4, stroke_linejoin="round")
    for number, line in enumerate(lines):
        _legend(canvas, line, h - _LEGEND_LINE * (len(lines) - number) + 13, w, colors)


def _drawn(panel: Panel, number: int, one: Series) -> str:
    if one.ref in panel.dashed:
        return theme.color(panel.dashed[one.ref])
    return theme.SERIES[number % len(theme.SERIES)]


def _custom(panel: Panel, name: str, default: float) -> float:
    value = panel.custom.get(name)
    return float(value) if isinstance(value, int | float) else default


def _range(panel: Panel, found: Sequence[Series]) -> tuple[float, float]:
    values = [value for one in found for value in one.points] or [0.0, 1.0]
    low, high = min(values), max(values)
    if 0 < low < 0.6 * high:
        low = 0.0
    low = panel.minimum if panel.minimum is not None else low
    high = panel.maximum if panel.maximum is not None else high
    return _apart(low, high)


def _apart(low: float, high: float) -> tuple[float, float]:
    """Return a range with an extent, whatever a panel or its series say of the ends: a `min` above all that is shown, say."""
    if high - low > _LEAST:
        return low, high
    return low, low + (abs(low) if abs(low) > _LEAST else 1.0)


def _threshold_lines(
    canvas: Canvas, panel: Panel, y: Callable[[float], float], shown: tuple[float, float], sides: tuple[float, float]
) -> None:
    style = panel.custom.get("thresholdsStyle")
    mode = style.get("mode") if isinstance(style, dict) else None
    if mode not in ("line", "dashed", "area", "line+area", "dashed+area"):
        return
    left, right = sides
    for step, above in zip(panel.steps, [*panel.steps[1:], None], strict=True):
        color = theme.color(step.color)
        if "area" in mode:
            top = min(shown[1], above.value) if above is not None and above.value is not None else shown[1]
            floor = max(shown[0], step.value) if step.value is not None else shown[0]
            if top > floor:
                canvas.rect(left, y(top), right - left, y(floor) - y(top), color, fill_opacity="0.10")
        if mode != "area" and step.value is not None and shown[0] <= step.value <= shown[1]:
            dash = {"stroke_dasharray": "8 6"} if "dashed" in mode else {}
            canvas.line(left, y(step.value), right, y(step.value), color, **dash)


def _time_marks(span: timedelta, left: float, right: float) -> list[tuple[float, str]]:
    minutes = span.total_seconds() / 60
    most = max(2, int((right - left) // 70))
    step = next((one for one in _TICK_MINUTES if minutes / one <= most), _TICK_MINUTES[-1])
    while minutes / step > most:
        step *= 2
    form = "%H:%M" if minutes <= 2 * 1440 else "%m/%d"
    marks, ago = [], 0.0
    while ago <= minutes:
        x = right - (right - left) * ago / minutes
        if left + 10 <= x <= right - 14:
            marks.append((x, (NOW - timedelta(minutes=ago)).strftime(form)))
        ago += step
    return marks


def _legend_lines(found: Sequence[Series], w: float) -> list[list[tuple[int, str, float]]]:
    """Return lines of (number of the series, name, width)."""
    lines: list[list[tuple[int, str, float]]] = []
    left = 0.0
    for number, one in enumerate(found):
        name = theme.fit(one.name, 12, min(w - 40, 420))
        size = theme.width(name, 12) + 34
        if not lines or left + size > w:
            lines.append([])
            left = 0.0
        lines[-1].append((number, name, size))
        left += size
    return lines


def _legend(canvas: Canvas, line: Sequence[tuple[int, str, float]], y: float, w: float, colors: Sequence[str]) -> None:
    x = 4.0
    for number, name, size in line:
        canvas.rect(x, y - 6, 14, 4, colors[number], rx=2)
        canvas.text(x + 20, y, name, size=12, room=w - x - 20)
        x += size


def stat(canvas: Canvas, board: Board, panel: Panel, w: float, h: float) -> None:
    """Draw the newest values, large, in the colours of the thresholds."""
    found = series(board, panel, most=6) or ()
    if not found:
        return
    wide = w / len(found)
    filled = panel.options.get("colorMode") in ("background", "background_solid")
    sparkline = panel.options.get("graphMode") == "area"
    for number, one in enumerate(found):
        x, text, color = wide * number, written(one.newest, panel.unit), _color(panel, one.newest)
        if filled:
            canvas.rect(x - (8 if not number else -2), -2, wide + (16 if len(found) == 1 else -4), h + 10, color)
        names = len(found) > 1
        size = min(h * (0.3 if names else 0.42), (wide - 28) / (theme.width(text, 1) or 1), 64.0)
        middle = h * (0.4 if sparkline else 0.5) + size * 0.34 + (10 if names else 0)
        if names:
            canvas.text(x + wide / 2, middle - size - 6, one.name, size=13, anchor="middle", room=wide - 8)
        canvas.text(
            *(x + wide / 2, middle, text),
            size=round(size),
            fill="#ffffff" if filled else color,
            anchor="middle",
            weight=500,
            room=wide - 4,
        )
        if sparkline:
            _sparkline(canvas, one, (x, h * 0.66, wide, h * 0.34), "#ffffff" if filled else color)


def _sparkline(canvas: Canvas, one: Series, box: tuple[float, float, float, float], color: str) -> None:
    x, y, w, h = box
    low, high = min(one.points), max(one.points)
    span = (high - low) or 1.0
    points = [
        (x + w * at / (POINTS - 1), y + h - (h - 4) * (value - low) / span)
        for at, value in enumerate(one.points)
        if at % 3 == 0
    ]
    canvas.path([*points, (points[-1][0], y + h), (x, y + h)], close=True, fill=color, fill_opacity="0.15")
    canvas.path(points, fill="none", stroke=color, stroke_width=1.4)


def _color(panel: Panel, value: float) -> str:
    """Return the colour of a value by the thresholds; without any, what Grafana takes: green."""
    chosen = "green"
    for step in panel.steps:
        if step.value is None or value >= step.value:
            chosen = step.color
    return theme.color(chosen)


def gauge(canvas: Canvas, board: Board, panel: Panel, w: float, h: float) -> None:
    """Draw the newest values on three quarters of a circle, the thresholds around it."""
    found = series(board, panel, most=4)
    wide = w / max(1, len(found))
    low = panel.minimum or 0.0
    for number, one in enumerate(found):
        _, high = _apart(low, panel.maximum if panel.maximum is not None else _full(panel, one))
        names = len(found) > 1
        room = h - (22 if names else 0)
        radius = max(10.0, min(wide * 0.44, room * 0.54))
        x, y = wide * (number + 0.5), room * 0.5 + radius * 0.18
        value = min(high, max(low, one.newest))
        color = _color(panel, one.newest)
        inner = (radius * 0.66, radius * 0.9)
        _arc(canvas, (x, y), inner, (0.0, 1.0), theme.FIELD)
        _arc(canvas, (x, y), inner, (0.0, (value - low) / (high - low)), color)
        bounds = [low, *(step.value for step in panel.steps if step.value is not None), high]
        for step, upto in zip(panel.steps, bounds[1:], strict=False):
            begin = max(low, step.value if step.value is not None else low)
            if low <= begin < min(high, upto):
                shares = ((begin - low) / (high - low), (min(high, upto) - low) / (high - low))
                _arc(canvas, (x, y), (radius * 0.93, radius), shares, theme.color(step.color))
        text = written(one.newest, panel.unit)
        size = min(radius * 0.42, radius / (theme.width(text, 1) or 1))
        canvas.text(x, y + size * 0.5, text, size=round(size), fill=color, anchor="middle", weight=500)
        if names:
            canvas.text(x, h - 4, one.name, size=13, anchor="middle", room=wide - 8)


def _full(panel: Panel, one: Series) -> float:
    if panel.unit == "percentunit":
        return 1.0
    if panel.unit == "percent" or one.newest <= 100:
        return 100.0
    return ticks(0.0, max(one.points), 4)[0][-1]


def _arc(
    canvas: Canvas,
    center: tuple[float, float],
    radii: tuple[float, float],
    shares: tuple[float, float],
    color: str,
) -> None:
    """Fill a part of the ring that is open at the bottom."""
    begin, end = (math.radians(150 + 240 * share) for share in shares)
    if end - begin < 0.01:
        return
    count = max(2, int((end - begin) * 14))
    angles = [begin + (end - begin) * number / count for number in range(count + 1)]
    outer = [(center[0] + radii[1] * math.cos(one), center[1] + radii[1] * math.sin(one)) for one in angles]
    inner = [(center[0] + radii[0] * math.cos(one), center[1] + radii[0] * math.sin(one)) for one in reversed(angles)]
    canvas.path([*outer, *inner], close=True, fill=color)


def table(canvas: Canvas, board: Board, panel: Panel, w: float, h: float) -> None:
    """Draw the newest values as rows."""
    if panel.columns:
        _joined(canvas, board, panel, w, h)
        return
    columns, rows = table_rows(series(board, panel))
    heads = (*columns, "Value")
    wide = w / len(heads)
    for number, head in enumerate(heads):
        canvas.text(wide * number + 8, 18, head, size=12, fill=theme.LINK, weight=500, room=wide - 14)
    canvas.line(0, 28, w, 28, theme.BORDER)
    for line, (cells, value) in enumerate(rows[: max(1, int((h - 30) // 30))]):
        y = 28 + 30 * line
        for number, cell in enumerate(cells):
            canvas.text(wide * number + 8, y + 20, cell, size=13, room=wide - 14)
        color = _color(panel, value) if panel.steps else theme.TEXT
        canvas.text(wide * len(cells) + 8, y + 20, written(value, panel.unit), size=13, fill=color, room=wide - 14)
        canvas.line(0, y + 30, w, y + 30, theme.GRID)


def _joined(canvas: Canvas, board: Board, panel: Panel, w: float, h: float) -> None:
    """Draw a table that joins its queries, each column in its own unit and colours."""
    wide = w / len(panel.columns)
    for number, column in enumerate(panel.columns):
        canvas.text(wide * number + 8, 18, column.title, size=12, fill=theme.LINK, weight=500, room=wide - 14)
    canvas.line(0, 28, w, 28, theme.BORDER)
    for line, row in enumerate(joined_rows(board, panel)[: max(1, int((h - 30) // 30))]):
        y = 28 + 30 * line
        for number, column in enumerate(panel.columns):
            value = row.get(column.title, "")
            said = written(value, column.unit) if isinstance(value, float) else value
            colored = isinstance(value, float) and column.steps
            fill = _color(replace(panel, steps=column.steps), float(value)) if colored else theme.TEXT
            canvas.text(wide * number + 8, y + 20, said, size=13, fill=fill, room=wide - 14)
        canvas.line(0, y + 30, w, y + 30, theme.GRID)


def logs(canvas: Canvas, board: Board, panel: Panel, w: float, h: float) -> None:
    """Draw lines of a log, newest first, each with the colour of its level."""
    for number, (ago, level, text) in enumerate(log_lines(board, panel, max(1, int(h // 22)))):
        y = 22 * number
        when = (NOW - timedelta(seconds=float(ago))).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
        canvas.rect(2, y + 2, 3, 17, theme.LEVELS[level])
        canvas.text(14, y + 15, when, size=12, fill=theme.FAINT, mono=True)
        canvas.text(196, y + 15, text, size=12, room=w - 200, mono=True)


def text(canvas: Canvas, board: Board, panel: Panel, w: float, h: float) -> None:  # noqa: ARG001 - the shape of all
    """Draw the text of a panel: headings, lists and paragraphs of its Markdown."""
    content = panel.options.get("content")
    y = 0.0
    for block in blocks(content if isinstance(content, str) else ""):
        size, weight, indent, gap = block.look
        for number, line in enumerate(_wrapped(block.text, size, w - 12 - indent)):
            y += size * 1.45 + (gap if not number else 0)
            if y > h - 2:
                return
            if indent and not number:
                canvas.text(8, y, "•", size=size)
            canvas.text(6 + indent, y, line, size=size, weight=weight, room=w - 8 - indent)


def _wrapped(said: str, size: float, room: float) -> list[str]:
    lines: list[str] = []
    for word in said.split():
        if lines and theme.width(f"{lines[-1]} {word}", size) <= room:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def unknown(canvas: Canvas, board: Board, panel: Panel, w: float, h: float) -> None:  # noqa: ARG001 - the shape of all
    """Say what kind of panel it is, where there is no drawing of it."""
    canvas.text(w / 2, h / 2, panel.type, size=13, fill=theme.FAINT, anchor="middle", room=w)


Draw = Callable[[Canvas, Board, Panel, float, float], None]

DRAWN: Final[Mapping[str, Draw]] = {
    "timeseries": timeseries,
    "stat": stat,
    "gauge": gauge,
    "table": table,
    "logs": logs,
    "text": text,
}
