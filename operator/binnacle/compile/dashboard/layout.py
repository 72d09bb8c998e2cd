"""Where panels stand: in lines from the left, on Grafana's grid of 24 columns.

Grafana moves a panel up for as long as nothing is above it. So that everything stays where it is put, all panels of a line
have the same height, and every line but the last is filled to the right edge.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from binnacle.api.dashboard_panels import COLUMNS, PanelType
from binnacle.intent.dashboard import Box


class _Usual(NamedTuple):
    """What suits a type: its width, the least width at which it can be read, its height."""

    width: int
    least: int
    height: int


_USUAL: Final = {
    PanelType.TIMESERIES: _Usual(12, 8, 8),
    PanelType.STAT: _Usual(6, 4, 4),
    PanelType.GAUGE: _Usual(6, 4, 6),
    PanelType.TABLE: _Usual(24, 8, 8),
    PanelType.LOGS: _Usual(24, 12, 10),
    PanelType.TEXT: _Usual(24, 4, 4),
}


@dataclass(frozen=True, slots=True)
class Wish:
    """What a panel asks of its place; None leaves it to the layout."""

    type: PanelType
    width: int | None = None
    height: int | None = None


@dataclass(slots=True)
class _Line:
    """The panels of one line, by their widths so far."""

    wishes: list[Wish]
    widths: list[int]

    @property
    def rest(self) -> int:
        return COLUMNS - sum(self.widths)

    def take(self, wish: Wish) -> bool:
        """Put a panel at the end of the line if there is room; one that gave no width may be narrower than is usual."""
        usual = _USUAL[wish.type]
        width = usual.width if wish.width is None else wish.width
        if width > self.rest:
            if wish.width is not None or usual.least > self.rest:
                return False
            width = self.rest
        self.wishes.append(wish)
        self.widths.append(width)
        return True

    def fill(self, *, last: bool) -> None:
        """Give what is left to those that gave no width; where all did, to the last one, unless nothing comes below."""
        rest = self.rest
        flexible = [place for place, wish in enumerate(self.wishes) if wish.width is None]
        if not flexible:
            if not last:
                self.widths[-1] += rest
            return
        share, more = divmod(rest, len(flexible))
        for number, place in enumerate(flexible):
            self.widths[place] += share + (number < more)

    @property
    def height(self) -> int:
        return max(wish.height or _USUAL[wish.type].height for wish in self.wishes)


def arrange(wishes: Sequence[Wish], top: int) -> tuple[tuple[Box, ...], int]:
    """Return the place of every panel of a row, in the order given, and the first line below them.

    Args:
        wishes: what each asks for; widths are from 1 to 24.
        top: the line at which they begin.
    """
    lines: list[_Line] = []
    for wish in wishes:
        if not lines or not lines[-1].take(wish):
            lines.append(_Line([], []))
            lines[-1].take(wish)
    boxes: list[Box] = []
    for line in lines:
        line.fill(last=line is lines[-1])
        x = 0
        for width in line.widths:
            boxes.append(Box(x, top, width, line.height))
            x += width
        top += line.height
    return tuple(boxes), top
