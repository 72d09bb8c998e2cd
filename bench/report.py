"""The figures in `docs/performance.md`: each part between its own markers is written anew, the words around it stay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.figures import Figure, markdown
from bench.ground import REPOSITORY

PAGE = REPOSITORY / "docs" / "performance.md"


def write(page: Path, machine: Mapping[str, Any], figures: Sequence[Figure]) -> None:
    """Replace the part of the page that holds the figures of one benchmark.

    Raises:
        ValueError: the page has no place for them.
    """
    page.write_text(replace(page.read_text(), figures[0].benchmark, f"{markdown(figures)}\n*{line(machine)}*\n"))


def replace(text: str, name: str, part: str) -> str:
    """Return the page with the part between the markers of ``name`` replaced."""
    begin, end = f"<!-- bench:{name} -->\n", f"<!-- /bench:{name} -->"
    before, found, rest = text.partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise ValueError(f"{name} has no place in the page: put {begin.strip()} and {end} into it")
    return f"{before}{begin}\n{part}\n{end}{after}"


def line(machine: Mapping[str, Any]) -> str:
    """Return the machine in one line."""
    return ", ".join(f"{name} {value}" for name, value in machine.items())
