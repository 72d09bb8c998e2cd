"""Events as they run through a simulated pipeline, and how Ruby sees their texts.

A record is a dict of JSON values; a text that is not valid UTF-8 is `bytes`, one that Ruby holds as a binary string is
`Binary` (a tailed line without an encoding), whatever its bytes are.
"""

from dataclasses import dataclass
from typing import Any, Final

Record = dict[str, Any]
NOW: Final = "now"
"""Time of an event that got the wall clock."""
Moment = tuple[int, int] | str


class Binary(bytes):
    """A text without an encoding: valid whatever its bytes, but it meets no pattern that is not ASCII."""

    __slots__ = ()


class RaisedError(Exception):
    """What a plugin raises on a record; Fluentd catches it around the record."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event: tag, time (seconds and nanoseconds, or `NOW`) and record, which filters may change in place."""

    tag: str
    time: Moment
    record: Record


@dataclass(frozen=True, slots=True)
class Arrived:
    """An event at an output.

    Attributes:
        sink: `@id` of the output, or its type when it has none.
        event: as it came; a copy of its own.
        shutdown: whether it came only while the process stopped.
    """

    sink: str
    event: Event
    shutdown: bool = False


def searchable(value: str | bytes, *, ascii_pattern: bool) -> str:
    """Return the text that a pattern is matched against.

    Raises:
        RaisedError: bad bytes in UTF-8 text, or a binary text that is not ASCII against a pattern that is not.
    """
    if isinstance(value, str):
        return value
    if not isinstance(value, Binary):
        raise RaisedError("invalid byte sequence in UTF-8")
    if not ascii_pattern and not value.isascii():
        raise RaisedError("incompatible encoding regexp match")
    return value.decode("latin-1")
