"""Markdown of generated pages: text that is shown as it is, code, and tables (CommonMark, and tables as GitHub has them)."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

_CODE: Final = re.compile(r"`([^`]+)`")
_ACTIVE: Final = re.compile(r"[\\`*_\[\]{}<>&~|]")
"""What means something else somewhere in a line, or to a program that pages are led through. GitHub shows what stands behind a backslash."""


def escaped(text: str) -> str:
    """Return text of one line that is shown as it is, but for what stands between backticks, which is code."""
    parts = _CODE.split(text)
    return "".join(code(part) if number % 2 else _plain(part) for number, part in enumerate(parts))


def _plain(text: str) -> str:
    return _ACTIVE.sub(lambda found: f"\\{found[0]}", text)


def code(text: str) -> str:
    """Return text of one line as code; it must hold no backtick.

    Raises:
        ValueError: it holds one, or nothing.
    """
    if "`" in text or not text.strip():
        raise ValueError(f"cannot be written as code: {text!r}")
    # A table is cut at its bars before anything else is looked at.
    return f"`{text}`".replace("|", "\\|")


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a table; cells are Markdown."""
    yield _line(heads)
    yield f"|{'---|' * len(heads)}"
    yield from map(_line, rows)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def anchor(heading: str) -> str:
    """Return what GitHub calls the place of a heading: letters, digits, - and _ of its text."""
    return re.sub(r"[^\w-]", "", heading.lower().replace(" ", "-"))
