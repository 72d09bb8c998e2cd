"""One generation of a resource, told in two ways: who is believed, and how often anything is done about it.

While an API server takes the new schema of a kind in, some of its answers and watches leave out fields that it has stored
already, and so does one API server of several that is behind the others. The same generation then comes with and without
them, and each status that we write is told with the other spec again: believed each time, that is a write without end.

So what differs within a generation is not believed but remembered, and the API server is asked for the resource itself,
after a pause that doubles each time. What it answers is compiled. It is asked until the watch says the same, until there is
another generation, or until it has answered the same for so long that what the watch said is old. However long it lasts,
there is at most one compilation and one status for each time of asking.
"""

from dataclasses import dataclass
from typing import Final

from binnacle.control.backoff import doubled

FIRST_PAUSE: Final = 1.0
LAST_PAUSE: Final = 60.0
"""Seconds within which the truth is compiled once all say the same."""
ENOUGH: Final = 30
"""Equal answers in a row, which take some 25 minutes, after which nothing is asked until a watch says otherwise once more."""


@dataclass(slots=True)
class Dispute:
    """What was told otherwise of the generation that is known.

    Attributes:
        other: the spec, as text, that was told last and is not the known one; None while all say the same.
        asked: how often the API server was asked about this generation.
        confirmed: how often in a row it has answered the same.
        due: monotonic seconds at which it is asked; None where that has not been settled yet.
    """

    other: bytes | None
    asked: int = 0
    confirmed: int = 0
    due: float | None = None

    def pause(self, now: float) -> float | None:
        """Return the seconds until the API server is to be asked, at most 0 when it is time; None when all say the same."""
        if self.other is None:
            return None
        if self.due is None:
            self.due = now + doubled(self.asked, FIRST_PAUSE, LAST_PAUSE)
        return self.due - now

    def heard(self, known: bytes, told: bytes) -> None:
        """Take note of what a watch told: that answers say what is known does not end it, it takes the watch too."""
        self.other, self.confirmed = None if told == known else told, 0

    def answered(self, known: bytes, told: bytes) -> None:
        """Take note of what the API server answered; who said something else has not been heard again yet."""
        self.asked, self.due = self.asked + 1, None
        if told != known:
            self.other, self.confirmed = known, 0
        elif self.confirmed < ENOUGH:
            self.confirmed += 1
        else:
            self.other = None
