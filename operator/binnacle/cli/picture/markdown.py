"""As much of Markdown as a picture shows: headings, items of lists and paragraphs, without their marks."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_HEADING: Final = re.compile(r"(#{1,6})\s+(.*)")
_ITEM: Final = re.compile(r"(?:[-*+]|\d+[.)])\s+(.*)")
_LINK: Final = re.compile(r"!?\[([^\]\[]*)\]\([^()\s]*\)")
_MARKS: Final = re.compile(r"\*\*|__|`")


@dataclass(frozen=True, slots=True)
class Block:
    """One heading (level 1 to 6), item (level 0) or paragraph (None)."""

    text: str
    level: int | None = None

    @property
    def look(self) -> tuple[float, int, float, float]:
        """Size, weight, indent and gap above, in pixels."""
        if self.level is None:
            return 13, 400, 0, 6
        if self.level == 0:
            return 13, 400, 16, 2
        return (20, 16, 14)[min(self.level, 3) - 1], 600, 0, 8


def blocks(text: str) -> Iterator[Block]:
    """Yield the blocks of a text; lines of a paragraph come as one."""
    paragraph: list[str] = []
    for raw in (*text.splitlines(), ""):
        line = _MARKS.sub("", _LINK.sub(r"\1", raw.strip()))
        heading, item = _HEADING.fullmatch(line), _ITEM.fullmatch(line)
        if line and heading is None and item is None:
            paragraph.append(line)
            continue
        if paragraph:
            yield Block(" ".join(paragraph))
            paragraph = []
        if heading is not None:
            yield Block(heading[2], len(heading[1]))
        elif item is not None:
            yield Block(item[1], 0)
