"""The journal: of each key, what the last work on it wrote and how it ended. For the log, and for who asks why.

It holds names, times and messages, never a spec or the body of an object.
"""

from dataclasses import dataclass, field
from datetime import datetime

from binnacle.control.cache import WorkKey


@dataclass(slots=True)
class Entry:
    """One piece of work on a key.

    Attributes:
        began: when.
        seconds: how long it took; None while it goes on.
        wrote: what was written, in order, in words.
        error: what failed last; empty when nothing did.
        pause: seconds until it is tried again; None when it is not.
    """

    began: datetime
    seconds: float | None = None
    wrote: list[str] = field(default_factory=list)
    error: str = ""
    pause: float | None = None


class Journal:
    """The last entry of every key that exists."""

    def __init__(self) -> None:
        self._entries: dict[WorkKey, Entry] = {}

    def begin(self, key: WorkKey, now: datetime) -> Entry:
        """Begin the entry of a piece of work; the one before is forgotten."""
        entry = self._entries[key] = Entry(now)
        return entry

    def wrote(self, key: WorkKey, what: str) -> None:
        """Note a write of the work that goes on."""
        if key in self._entries:
            self._entries[key].wrote.append(what)

    def failed(self, key: WorkKey, error: Exception) -> None:
        """Note a failure of the work that goes on."""
        if key in self._entries:
            self._entries[key].error = str(error)

    def of(self, key: WorkKey) -> Entry | None:
        """Return the entry of a key, or None when nothing has been done about it yet."""
        return self._entries.get(key)

    def forget(self, key: WorkKey) -> None:
        """Drop the entry of a key that does not exist any more."""
        self._entries.pop(key, None)
