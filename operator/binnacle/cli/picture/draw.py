"""The whole picture: what stands above a dashboard, its rows, and the frames of its panels on Grafana's grid."""

from typing import Final

from binnacle.api.dashboard_panels import COLUMNS
from binnacle.cli.picture import theme
from binnacle.cli.picture.board import Board, Panel, read
from binnacle.cli.picture.panels import DRAWN, unknown
from binnacle.cli.picture.svg import Canvas, document, text_of

WIDTH: Final = 1280
_MARGIN: Final = 16
_PITCH: Final = (WIDTH - 2 * _MARGIN + theme.GAP) / COLUMNS
_LINE: Final = theme.UNIT_HEIGHT + theme.GAP
_TOP: Final = 50
_FOOT: Final = 26
_NAMES: Final = {"s": "second", "m": "minute", "h": "hour", "d": "day", "w": "week", "M": "month", "y": "year"}


def draw(text: str) -> str:
    """Draw a dashboard as SVG; the data in it is made up. The same dashboard gives the same bytes.

    Args:
        text: the dashboard's JSON, as Grafana reads it from a file.

    Raises:
        ValueError: the text is not a JSON object.
    """
    board = read(text)
    lines = max((panel.box.y + panel.box.h for panel in board.panels), default=0)
    chosen = bool(board.variables or board.links)
    top = _TOP + (44 if chosen else 8)
    height = top + lines * _LINE + _FOOT
    root, canvas = document(WIDTH, height, f"Dashboard {board.title}")
    canvas.rect(0, 0, WIDTH, height, theme.CANVAS, rx=6)
    _head(canvas, board)
    if chosen:
        _choices(canvas, board)
    for panel in board.panels:
        box = panel.box
        x, y = _MARGIN + box.x * _PITCH, top + box.y * _LINE
        _panel(canvas.group(x, y), board, panel, box.w * _PITCH - theme.GAP, box.h * _LINE - theme.GAP)
    said = "Drawn by Binnacle from the dashboard's JSON. The data is made up."
    canvas.text(WIDTH - _MARGIN, height - 10, said, size=11, fill=theme.FAINT, anchor="end")
    return text_of(root)


def _head(canvas: Canvas, board: Board) -> None:
    count, unit = board.shown
    canvas.text(_MARGIN, 32, board.title, size=18, weight=500, room=WIDTH - 340)
    right = float(WIDTH - _MARGIN)
    if board.refresh:
        right = _field(canvas, right, f"⟳ {board.refresh}") - 8
    _field(canvas, right, f"Last {count} {_NAMES[unit]}s" if count != 1 else f"Last {_NAMES[unit]}")
    canvas.line(0, _TOP - 0.5, WIDTH, _TOP - 0.5, theme.BORDER)


def _field(canvas: Canvas, right: float, text: str) -> float:
    """Draw a field that ends at `right`; returns where it begins."""
    wide = theme.width(text, 13) + 22
    canvas.rect(right - wide, 11, wide, 28, theme.FIELD, rx=3, stroke=theme.BORDER)
    canvas.text(right - wide / 2, 30, text, size=13, anchor="middle")
    return right - wide


def _choices(canvas: Canvas, board: Board) -> None:
    """Draw the variables with what is chosen, and the links at the right."""
    x, end = float(_MARGIN), float(WIDTH - _MARGIN)
    for title in reversed(board.links):
        wide = theme.width(title, 13) + 20
        if end - wide < WIDTH / 2:
            break
        canvas.text(end, _TOP + 28, f"{title} ↗", size=13, fill=theme.LINK, anchor="end")
        end -= wide + 12
    for label, value in board.variables:
        name, shown = theme.fit(label, 12, 160), theme.fit(value, 12, 200)
        first, second = theme.width(name, 12) + 18, theme.width(shown, 12) + 34
        if x + first + second > end:
            return
        canvas.rect(x, _TOP + 9, first + second, 28, theme.CANVAS, rx=3, stroke=theme.BORDER)
        canvas.rect(x, _TOP + 9, first, 28, theme.FIELD, rx=3)
        canvas.text(x + 9, _TOP + 27, name, size=12, weight=500)
        canvas.text(x + first + 10, _TOP + 27, shown, size=12)
        _chevron(canvas, x + first + second - 15, _TOP + 21)
        x += first + second + 10


def _chevron(canvas: Canvas, x: float, y: float) -> None:
    canvas.path([(x, y), (x + 4, y + 4), (x + 8, y)], fill="none", stroke=theme.FAINT, stroke_width=1.5)


def _panel(canvas: Canvas, board: Board, panel: Panel, w: float, h: float) -> None:
    if panel.type == "row":
        _chevron(canvas, 2, h / 2 - 2)
        canvas.text(18, h / 2 + 5, panel.title, size=15, weight=500, room=w - 20)
        return
    canvas.rect(0, 0, w, h, theme.PANEL, rx=3, stroke=theme.BORDER)
    if panel.title:
        marks = 18 * (panel.described + panel.linked)
        end = 12 + canvas.text(12, 23, panel.title, size=14, weight=500, room=w - 24 - marks)
        if panel.described:
            canvas.add("circle", cx=end + 14, cy=18, r=6, fill="none", stroke=theme.FAINT)
            canvas.text(end + 14, 22, "i", size=10, fill=theme.FAINT, anchor="middle", weight=600)
            end += 18
        if panel.linked:
            canvas.text(end + 8, 23, "↗", size=14, fill=theme.FAINT)
    head = 36 if panel.title else 10
    DRAWN.get(panel.type, unknown)(canvas.group(10, head), board, panel, w - 20, h - head - 8)
