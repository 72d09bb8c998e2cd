"""The shape of an explanation: sections of sentences and small tables, which the command line prints."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from binnacle.compile.world import Compiled, World


@dataclass(frozen=True, slots=True)
class Table:
    """A small table: headings, and rows of as many cells."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Section:
    """A part of an explanation.

    Texts are plain and hold what users wrote as it is: whoever prints them makes them harmless for where they are printed.

    Attributes:
        title: a few words.
        said: paragraphs before the table.
        table: what is best compared side by side.
        notes: paragraphs behind the table.
    """

    title: str
    said: tuple[str, ...] = ()
    table: Table | None = None
    notes: tuple[str, ...] = ()


Explain = Callable[[Any, Compiled, Mapping[str, Any], World], tuple[Section, ...]]
"""Explains a resource of one kind: its model, what it compiled to, its status fields (`Desired.facts`), its surroundings."""


def effective(facts: Mapping[str, Any]) -> tuple[Section, ...]:
    """Return the section about what the administrator's configuration decided, if it decided anything."""
    values = tuple((one["name"], one["value"]) for one in facts.get("effective", ()))
    if not values:
        return ()
    said = ("These values come from the administrator's configuration, or are Binnacle's own defaults.",)
    return (Section("Settings that are not in the resource", said, Table(("Setting", "Value"), values)),)
