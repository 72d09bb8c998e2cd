"""Showing how far a long build is, on a terminal and in a log."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

LINE_EVERY = 10.0
"""Seconds between two lines of the same task where there is no terminal."""


class Task(Protocol):
    """One countable piece of work."""

    def advance(self) -> None:
        """One more is done."""


@dataclass
class _Line:
    """A task as plain lines: at its start, every few seconds, at its end."""

    title: str
    unit: str
    total: int | None
    write: Callable[[str], None]
    started: float = field(default_factory=time.monotonic)
    done: int = 0
    written: float = 0.0

    def __post_init__(self) -> None:
        self._write()

    def advance(self) -> None:
        self.done += 1
        if time.monotonic() - self.written >= LINE_EVERY:
            self._write()

    def finish(self) -> None:
        self._write()

    def _write(self) -> None:
        self.written = time.monotonic()
        of = f" of {self.total}" if self.total is not None else ""
        self.write(f"{self.title}: {self.done}{of} {self.unit}, {self.written - self.started:.0f} s")


class Progress:
    """Bars on a terminal, lines with the time elsewhere."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)

    def say(self, text: str) -> None:
        """One line of news."""
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    @contextmanager
    def task(self, title: str, *, unit: str, total: int | None = None) -> Iterator[Task]:
        """Count something while the block runs."""
        if not self._console.is_terminal:
            line = _Line(title, unit, total, self.say)
            yield line
            line.finish()
            return
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn(unit),
            TimeElapsedColumn(),
        )
        with Bars(*columns, console=self._console) as bars:
            task = bars.add_task(title, total=total)

            @dataclass
            class Bar:
                def advance(self) -> None:
                    bars.advance(task)

            yield Bar()
