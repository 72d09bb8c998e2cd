"""Grafana's dark theme: colours by name, sizes of its grid, and how wide text is."""

import re
import unicodedata
from typing import Final

CANVAS: Final = "#111217"
PANEL: Final = "#181b1f"
FIELD: Final = "#22252b"
BORDER: Final = "#2e3138"
GRID: Final = "#24272e"
TEXT: Final = "#ccccdc"
FAINT: Final = "#8e8f9c"
LINK: Final = "#6e9fff"

UNIT_HEIGHT: Final = 30
GAP: Final = 8

SERIES: Final = (
    *("#73bf69", "#f2cc0c", "#8ab8ff", "#ff780a", "#f2495c", "#5794f2", "#b877d9"),
    *("#37872d", "#e0b400", "#c0d8ff", "#ffb357", "#ff7383", "#3274d9", "#ca95e5"),
)
"""Grafana's classic palette, in its order."""

LEVELS: Final = {"critical": "#705da0", "error": "#e02f44", "warn": "#eab839", "info": "#7eb26d", "debug": "#1f78c1"}

_NAMED: Final = {
    "green": ("#96d98d", "#73bf69", "#37872d"),
    "yellow": ("#ffee52", "#fade2a", "#e0b400"),
    "orange": ("#ffb357", "#ff9830", "#fa6400"),
    "red": ("#ff7383", "#f2495c", "#c4162a"),
    "blue": ("#8ab8ff", "#5794f2", "#1f60c4"),
    "purple": ("#ca95e5", "#b877d9", "#8f3bb8"),
}
_PLAIN: Final = {"text": TEXT, "white": "#ffffff", "black": "#000000", "gray": FAINT, "grey": FAINT}
_HEX: Final = re.compile("#[0-9a-fA-F]{6}")
_SHADE: Final = re.compile("(?:(light|super-light|semi-dark|dark)-)?([a-z]+)")


def color(name: str) -> str:
    """Return a colour of the dark theme as #rrggbb; one that is not known is that of text."""
    if _HEX.fullmatch(name):
        return name.lower()
    found = _SHADE.fullmatch(name)
    if found is None or found[2] not in _NAMED:
        return _PLAIN.get(name, TEXT)
    light, usual, dark = _NAMED[found[2]]
    return {None: usual, "light": light, "super-light": light}.get(found[1], dark)


_EMS: Final = {
    **dict.fromkeys("ijl|!.,:;'`I ", 0.27),
    **dict.fromkeys("rtf()[]{}-/", 0.37),
    **dict.fromkeys("csvxyzkJ", 0.53),
    **dict.fromkeys("mwMW@%", 0.88),
}


def width(text: str, size: float) -> float:
    """Return about how wide a text is in pixels, in the sans-serif fonts that browsers have."""
    return size * sum(map(_em, text))


def _em(char: str) -> float:
    if char in _EMS:
        return _EMS[char]
    if unicodedata.east_asian_width(char) in "WF":
        return 1.0
    if unicodedata.combining(char):
        return 0.0
    return 0.68 if char.isupper() else 0.57


def fit(text: str, size: float, room: float) -> str:
    """Return a text, cut so that it is not wider than `room` pixels."""
    if width(text, size) <= room:
        return text
    left = room - width("…", size)
    for count, char in enumerate(text):
        left -= size * _em(char)
        if left < 0:
            return text[:count].rstrip() + "…"
    return text
