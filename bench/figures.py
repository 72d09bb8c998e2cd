"""What a benchmark found: figures with their goals, as a table for people and as JSON for machines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.table import Table


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number.

    Attributes:
        benchmark: which benchmark.
        what: what was measured, in words.
        value, unit: the number.
        at_least, at_most: the goal, where there is one.
        floor: what must hold already while the goal is being worked on (for ``at_least``).
        detail: how the number came about, for example the single runs.
    """

    benchmark: str
    what: str
    value: float
    unit: str = ""
    at_least: float | None = None
    at_most: float | None = None
    floor: float | None = None
    detail: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None where there is none."""
        if self.at_least is not None:
            return self.value >= self.at_least
        if self.at_most is not None:
            return self.value <= self.at_most
        return None

    @property
    def failed(self) -> bool:
        """Whether the figure is on the wrong side of what must hold already."""
        return self.floor is not None and self.value < self.floor

    @property
    def goal(self) -> str:
        """The goal in words."""
        if self.at_least is not None:
            floor = f" (floor {number(self.floor)})" if self.floor is not None else ""
            return f"≥ {number(self.at_least)}{floor}"
        return f"≤ {number(self.at_most)}" if self.at_most is not None else ""

    @property
    def verdict(self) -> str:
        """One word on the goal."""
        if self.failed:
            return "below the floor"
        return {True: "met", False: "missed", None: ""}[self.met]


def number(value: float) -> str:
    """Return a number with three figures that mean something."""
    if (value == int(value) and abs(value) < 1e6) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def table(figures: Iterable[Figure]) -> Table:
    """Return the figures as a table for the terminal."""
    shown = Table(title=None, show_lines=False, pad_edge=False)
    for name in ("benchmark", "what", "figure", "goal", "", "how"):
        shown.add_column(name, justify="right" if name == "figure" else "left", overflow="fold")
    for one in figures:
        style = {True: "green", False: "red", None: "dim"}[one.met]
        figure = f"{number(one.value)} {one.unit}".rstrip()
        shown.add_row(one.benchmark, one.what, figure, one.goal, f"[{style}]{one.verdict}[/]", one.detail)
    return shown


def markdown(figures: Iterable[Figure]) -> str:
    """Return the figures as a Markdown table."""
    lines = ["| benchmark | what | figure | goal | | how |", "|---|---|---:|---|---|---|"]
    for one in figures:
        cells = (
            one.benchmark,
            one.what,
            f"{number(one.value)} {one.unit}".rstrip(),
            one.goal,
            one.verdict,
            one.detail,
        )
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def as_json(figures: Sequence[Figure]) -> list[dict[str, Any]]:
    """Return the figures as JSON values."""
    return [{**asdict(one), "met": one.met} for one in figures]
