"""A document: one resource as it was read, which can say where each of its fields stands.

Positions cost as much as reading, and most resources are good: a document keeps its text and looks for positions only
when somebody asks.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from binnacle.folder.compose import Path, Place, Unreadable, compose
from binnacle.intent.refs import Key

Names = dict[int, tuple[Sequence[Any], dict[str, int]]]
"""Lists that were searched for an item's name, by their `id`, with name -> index: a list of thousands is searched once."""


class Position(NamedTuple):
    """A place in a file, as editors count: line and column from 1, the column in characters."""

    line: int
    column: int


class Piece:
    """The part of a file that is parsed at once: one YAML document as a rule, with all the resources in it.

    Attributes:
        file: the file as it was named on the command line, or found below a folder that was; `-` for standard input.
        text: what was parsed.
        first_line: line of the file on which `text` begins, from 1.
    """

    def __init__(self, file: str, text: str, first_line: int):
        self.file = file
        self.text = text
        self.first_line = first_line

        self.names: Names = {}

    @cached_property
    def lines(self) -> list[str]:
        """The text line by line."""
        return self.text.split("\n")

    @cached_property
    def places(self) -> list[dict[Path, Place]]:
        """Where every value of each document stands; shorter than it should be when the text ends in an error."""
        places: list[dict[Path, Place]] = []
        # JSON that YAML cannot say (surrogate pairs) has no places: the start of the text has to do.
        with suppress(Unreadable):
            places.extend(composed.places for composed in compose(self.text, places=True))
        return places


@dataclass(frozen=True, slots=True)
class Document:
    """One resource of ours.

    Attributes:
        obj: the object, as JSON would say it: dicts, lists, str, int, float, bool, None.
        piece: the text that it was read from.
        index: which document of `piece` this is, from 0.
        prefix: where the resource is inside that document: `("items", 3)` in a List.
    """

    obj: dict[str, Any]
    piece: Piece
    index: int = 0
    prefix: Path = ()

    @property
    def file(self) -> str:
        """The file, as findings name it."""
        return self.piece.file

    @property
    def key(self) -> Key:
        """Identity. Of what the reader returns every part is there."""
        return key_of(self.obj)

    def position(self, path: str = "", column: int | None = None) -> Position:
        """Find a field.

        Args:
            path: dotted, as in a finding: `spec.alerting.burnRates[fast].long`. What is in brackets may be an index,
                the `name` of a list's item, or a key with dots in it. Where the field does not exist, its nearest
                ancestor that does is meant; where nothing of it exists, the start of the resource.
            column: 1-based offset into the field's text (a PromQL expression); points into the value as far as the
                way it is written allows, else at the start of the value.
        """
        places = self.piece.places[self.index] if self.index < len(self.piece.places) else {}
        found = self.prefix
        for step in resolve_path(self.obj, path, self.piece.names):
            if (*found, step) not in places:
                break
            found = (*found, step)
        place = places.get(found)
        if place is None:
            return Position(self.piece.first_line, 1)
        if column is None or found == self.prefix:
            line, at = (place.line, place.column) if found == self.prefix else place.key
        else:
            line, at = self._inside(place, self._value(found), column - 1)
        return Position(self.piece.first_line + line, at + 1)

    def _value(self, found: Path) -> Any:
        value: Any = self.obj
        for step in found[len(self.prefix) :]:
            value = value[step]
        return value

    def _inside(self, place: Place, value: object, offset: int) -> tuple[int, int]:
        start = (place.line, place.column)
        if not isinstance(value, str) or not 0 <= offset <= len(value) or place.style is None:
            return start
        lines = self.piece.lines
        if place.style == "|":
            # After its indentation a line of a literal block is the line of the value.
            before = value[:offset]
            row = before.count("\n")
            inside = value.split("\n")[row]
            if place.line + 1 + row < len(lines):
                source = lines[place.line + 1 + row].rstrip("\r")
                if source.endswith(inside):
                    return place.line + 1 + row, len(source) - len(inside) + offset - (before.rfind("\n") + 1)
            return start
        quote = 1 if place.style in ("'", '"') else 0
        begin = place.column + quote
        if place.line == place.end_line and lines[place.line][begin:].startswith(value[:offset]):
            return place.line, begin + offset
        return start


def key_of(obj: Mapping[str, Any]) -> Key:
    """Identity of an object from a file, whatever it lacks."""
    metadata = obj.get("metadata")
    if not isinstance(metadata, Mapping):
        metadata = {}
    kind, namespace, name = obj.get("kind"), metadata.get("namespace"), metadata.get("name")
    return Key(*(part if isinstance(part, str) else "" for part in (kind, namespace, name)))


def resolve_path(obj: object, path: str, names: Names | None = None) -> Path:
    """Turn a finding's path into the keys and indices that lead there in `obj`, as far as it leads.

    A step that does not exist is kept as it is written and ends the search.

    Args:
        obj: a plain value.
        path: dotted.
        names: what earlier calls have learnt about lists of `obj`, which must not have changed since.
    """
    known: Names = names if names is not None else {}
    steps: list[str | int] = []
    value: Any = obj
    rest = path
    while rest:
        step, rest = _next_step(value, rest, known)
        steps.append(step)
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            break
    return tuple(steps)


def _next_step(value: object, rest: str, names: Names) -> tuple[str | int, str]:
    if rest.startswith("["):
        inside, _, rest = rest[1:].partition("]")
        return _bracket(value, inside, names), rest.removeprefix(".")
    if isinstance(value, Mapping):
        # Keys may have dots in them (labels, annotations): the longest key that fits is meant.
        fitting = [key for key in value if rest == key or rest.startswith((f"{key}.", f"{key}["))]
        if fitting:
            key = max(fitting, key=len)
            return key, rest[len(key) :].removeprefix(".")
    end = min((at for at in (rest.find("."), rest.find("[")) if at >= 0), default=len(rest))
    return rest[:end], rest[end:].removeprefix(".")


def _bracket(value: object, inside: str, names: Names) -> str | int:
    if isinstance(value, Sequence) and not isinstance(value, str):
        if id(value) not in names:
            # Of items with one name the first is meant.
            named = ((item.get("name"), index) for index, item in enumerate(value) if isinstance(item, Mapping))
            places = {name: index for name, index in reversed(list(named)) if isinstance(name, str)}
            names[id(value)] = (value, places)
        found = names[id(value)][1].get(inside)
        if found is not None:
            return found
        if inside.isascii() and inside.isdigit():
            return int(inside)
    return inside


def dotted(path: Path) -> str:
    """Write a path as findings do: `spec.alerting.burnRates[0].long`."""
    text = ""
    for step in path:
        if isinstance(step, int) or "." in step or "[" in step:
            text += f"[{step}]"
        else:
            text += f".{step}" if text else step
    return text
