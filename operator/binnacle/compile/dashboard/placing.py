"""From drafts of rows to rows: every panel gets its id and its place."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from binnacle.compile.dashboard.identity import ids_of
from binnacle.compile.dashboard.layout import Wish, arrange
from binnacle.intent.dashboard import Box, Panel, Row

NOWHERE: Final = Box(0, 0, 1, 1)
"""Where a panel stands that has no place yet."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A row whose panels have no ids and places yet: `key` and the keys of the panels are what ids follow from."""

    key: str
    row: Row
    panels: tuple[tuple[str, Wish, Panel], ...]


def place(drafts: Sequence[Draft], more: Iterable[str] = ()) -> tuple[Row, ...]:
    """Return the rows, one below the other.

    Args:
        drafts: rows with their panels.
        more: further keys, whose ids nothing may take.
    """
    ids = ids_of([*more, *(draft.key for draft in drafts), *(key for draft in drafts for key, _, _ in draft.panels)])
    rows = []
    y = 0
    for draft in drafts:
        boxes, below = arrange([wish for _, wish, _ in draft.panels], y + 1)
        placed = tuple(
            replace(panel, id=ids[key], box=box) for (key, _, panel), box in zip(draft.panels, boxes, strict=True)
        )
        rows.append(replace(draft.row, id=ids[draft.key], y=y, panels=placed))
        y = below
    return tuple(rows)
