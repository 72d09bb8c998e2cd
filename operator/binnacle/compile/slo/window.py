"""An SLO's window as its rules need it: how long it is taken to be, how far it reaches back, what people call it."""

from dataclasses import dataclass

from binnacle.api.slo_window import Window
from binnacle.api.values import Duration
from binnacle.compile import calendar
from binnacle.compile.calendar import Periods
from binnacle.compile.horizon import Horizon


@dataclass(frozen=True, slots=True)
class Reach:
    """What an objective is about.

    Attributes:
        length: what shares of the budget are shares of: the window, or what a period of the calendar usually is.
        back: how far back its history is read.
        words: completes "over ...".
        periods: of the calendar; None for a rolling window.
    """

    length: Duration
    back: Duration
    words: str
    periods: Periods | None = None

    @classmethod
    def of(cls, window: Window, horizon: Horizon) -> "Reach":
        """Return the reach of a window as it was written."""
        if window.calendar is None or window.time_zone is None:
            return cls(window.usual, window.usual, window.words)
        periods = Periods.of(window.calendar, window.time_zone, horizon)
        return cls(window.usual, calendar.longest(window.calendar), window.words, periods)
