"""SVG as a tree: elements are built, and texts escaped when the whole is printed; nothing is pasted together.

What XML cannot hold at all (control characters) is shown as U+FFFD. There is no script, no style sheet and no address in it.
"""

import re
from collections.abc import Iterable
from typing import Final
from xml.etree import ElementTree as ET

from binnacle.cli.picture import theme

_FONT: Final = "Inter, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
_MONO: Final = "'Roboto Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace"
_NOT_IN_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_INVISIBLE: Final = re.compile("[\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
"""What turns the direction of text, or is not seen: it could make a text look like another one."""


def clean(text: str) -> str:
    """Return a text as it can stand in XML, in one line."""
    return " ".join(_INVISIBLE.sub("", _NOT_IN_XML.sub("\ufffd", text)).split())


def _spell(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.1f}".removesuffix(".0")


class Canvas:
    """A group of shapes that grows; coordinates are pixels."""

    def __init__(self, element: ET.Element):
        self.element = element

    def add(self, tag: str, **attributes: float | str) -> ET.Element:
        """Append an element; `_` in the names of attributes stands for `-`."""
        spelled = {name.rstrip("_").replace("_", "-"): _spell(value) for name, value in attributes.items()}
        return ET.SubElement(self.element, tag, spelled)

    def group(self, x: float, y: float) -> "Canvas":
        """Return a group whose origin is at a place."""
        return Canvas(self.add("g", transform=f"translate({_spell(x)} {_spell(y)})"))

    def rect(self, x: float, y: float, w: float, h: float, fill: str, **more: float | str) -> None:
        """Draw a rectangle."""
        self.add("rect", x=x, y=y, width=w, height=h, fill=fill, **more)

    def line(self, x1: float, y1: float, x2: float, y2: float, stroke: str, **more: float | str) -> None:
        """Draw a line."""
        self.add("line", x1=x1, y1=y1, x2=x2, y2=y2, stroke=stroke, **more)

    def path(self, points: Iterable[tuple[float, float]], *, close: bool = False, **more: float | str) -> None:
        """Draw a line through points, or fill what is within."""
        words = " L".join(f"{_spell(x)} {_spell(y)}" for x, y in points)
        self.add("path", d=f"M{words}{'Z' if close else ''}", **more)

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        size: float = 12,
        fill: str = theme.TEXT,
        anchor: str = "start",
        weight: int = 400,
        room: float | None = None,
        mono: bool = False,
    ) -> float:
        """Write a text on its baseline, cut to `room` pixels; returns about how wide it is."""
        # A letter of the typewriter fonts is 0.6 of their size wide.
        shown = clean(text)
        if room is not None:
            shown = _fit_mono(shown, size, room) if mono else theme.fit(shown, size, room)
        extra: dict[str, float | str] = {}
        if anchor != "start":
            extra["text_anchor"] = anchor
        if weight != 400:
            extra["font_weight"] = str(weight)
        if mono:
            extra["font_family"] = _MONO
        self.add("text", x=x, y=y, font_size=size, fill=fill, **extra).text = shown
        return theme.width(shown, size)


def _fit_mono(text: str, size: float, room: float) -> str:
    most = int(room / (size * 0.602))
    return text if len(text) <= most else text[: max(0, most - 1)] + "…"


def document(width: float, height: float, title: str) -> tuple[ET.Element, Canvas]:
    """Return an empty picture of a size in pixels, and where to draw."""
    root = ET.Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "width": _spell(width),
            "height": _spell(height),
            "viewBox": f"0 0 {_spell(width)} {_spell(height)}",
            "font-family": _FONT,
            "role": "img",
        },
    )
    ET.SubElement(root, "title").text = clean(title)
    return root, Canvas(root)


def text_of(root: ET.Element) -> str:
    """Return the picture as a file, one element a line."""
    ET.indent(root, " ")
    return ET.tostring(root, encoding="unicode") + "\n"
