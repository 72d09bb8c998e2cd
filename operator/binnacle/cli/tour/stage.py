"""How a tour looks: numbered steps, commands as one would type them, what they print, and differences."""

import difflib
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from rich.console import Console, Group
from rich.live import Live
from rich.rule import Rule
from rich.syntax import Syntax
from rich.text import Text

from binnacle.api.findings import printable

_WIDEST: Final = 110
_INDENT: Final = "  "


class Stage:
    """Where a tour is shown. In a pipe it is plain text without anything that moves.

    Args:
        console: where.
    """

    def __init__(self, console: Console):
        self.console = console
        self.console.width = min(console.width, _WIDEST) if console.is_terminal else _WIDEST
        self._steps = 0

    def open(self, title: str, what: str) -> None:
        """Say what this is."""
        self.console.print(Text.assemble((title, "bold"), f" {what}"))

    def step(self, title: str) -> None:
        """Begin a step."""
        self._steps += 1
        self.console.print()
        self.console.print(Rule(Text(f" {self._steps}. {title} ", style="bold cyan"), align="left", style="cyan"))

    def say(self, text: str) -> None:
        """Print a paragraph."""
        self.console.print(Text(text))

    def remark(self, text: str) -> None:
        """Print something that may be passed over."""
        self.console.print(Text(text, style="dim"))

    def command(self, text: str) -> None:
        """Print a command that one would type."""
        self.console.print()
        self.console.print(Text.assemble(("$ ", "bold green"), (text, "bold")), soft_wrap=True)

    def lines(self, lines: Sequence[str], style: str = "") -> None:
        """Print lines of output; a terminal cuts those that are too long."""
        for line in lines:
            self._line(Text((_INDENT + printable(line)).rstrip(), style=style))

    def table(self, rows: Sequence[Sequence[str]], *, heads: int = 1) -> None:
        """Print a table as kubectl does: columns three spaces apart, the first line the heads."""
        for line in _drawn(rows, heads):
            self._line(line)

    @contextmanager
    def moving(self) -> Iterator[Callable[[Sequence[Sequence[Sequence[str]]]], None]]:
        """Give a function that shows tables in place of those it showed before; in a pipe only the last ones are shown."""
        shown: list[Text] = []

        def show(tables: Sequence[Sequence[Sequence[str]]]) -> None:
            shown[:] = [line for table in tables for line in (*_drawn(table, 1), Text())][:-1]
            if self.console.is_terminal:
                live.update(_no_wrap(shown), refresh=True)

        live = Live(console=self.console, auto_refresh=False)
        if self.console.is_terminal:
            with live:
                yield show
        else:
            yield show
            for line in shown:
                self._line(line)

    def code(self, text: str, language: str = "yaml") -> None:
        """Print a file."""
        self.console.print(Syntax(text.strip("\n"), language, background_color="default", word_wrap=True))

    def difference(self, before: str, after: str, *, shortened: re.Pattern[str] | None = None) -> None:
        """Print the lines that differ, without those around them.

        Args:
            before: a text.
            after: the same later.
            shortened: what is written as `{…}`.
        """
        lines = list(difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0))[2:]
        for line in lines:
            if line.startswith("@@"):
                continue
            shown = printable(shortened.sub("{…}", line) if shortened is not None else line)
            style = "green" if line.startswith("+") else "red"
            self._line(Text(_INDENT + shown, style=style))

    @contextmanager
    def busy(self, what: str) -> Iterator[None]:
        """Show that something is under way; on a terminal only."""
        with self.console.status(Text(what)):
            yield

    def _line(self, line: Text) -> None:
        if self.console.is_terminal:
            self.console.print(line, no_wrap=True, overflow="ellipsis")
        else:
            self.console.print(line, soft_wrap=True)


def _no_wrap(lines: Sequence[Text]) -> Group:
    for line in lines:
        line.no_wrap, line.overflow = True, "ellipsis"
    return Group(*lines)


def _drawn(rows: Sequence[Sequence[str]], heads: int) -> list[Text]:
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))] if rows else []
    drawn = []
    for number, row in enumerate(rows):
        cells = [printable(cell).ljust(width) for cell, width in zip(row, widths, strict=True)]
        text = Text(_INDENT + "   ".join(cells).rstrip(), style="bold" if number < heads else "")
        text.highlight_regex(r"\bTrue\b", "green")
        text.highlight_regex(r"\bFalse\b|\bfiring\b", "bold red")
        text.highlight_regex(r"\bpending\b", "yellow")
        drawn.append(text)
    return drawn
