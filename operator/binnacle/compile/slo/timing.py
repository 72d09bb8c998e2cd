"""The times that an SLO's rules are built on: the step of the increments, ranges, and how often what is evaluated.

Three clocks meet in the rules: targets are scraped each `scrape`, short windows and alerts are evaluated each
`evaluation`, and increments are taken each `step`.
"""

from dataclasses import dataclass
from typing import Final

from binnacle.api.config import PrometheusConfig
from binnacle.api.values import Duration

_STEP: Final = Duration.of(minutes=5)
FRESH_LIMIT: Final = Duration.of(hours=1)
"""Windows up to this length are evaluated each evaluation interval, longer ones each `LONG_EVERY`."""
LONG_EVERY: Final = Duration.of(minutes=4)
"""Evaluation interval of long windows.

They move slowly and are read from increments, so a minute gains nothing; but Prometheus looks back five minutes for a
sample, and a series that is written each five minutes has a hole whenever an evaluation is late.
"""
LONG_LIMIT: Final = Duration.of(days=35)
"""The longest window that is summed up each `LONG_EVERY`."""


@dataclass(frozen=True, slots=True)
class Timing:
    """The clocks of one Prometheus.

    Attributes:
        scrape: time between two scrapes of a target.
        evaluation: evaluation interval of groups that name none.
        step: length of an increment. Five minutes, or the next multiple of that which is not shorter than `scrape`, so that
            every range holds two scrapes.
    """

    scrape: Duration
    evaluation: Duration
    step: Duration

    @classmethod
    def of(cls, config: PrometheusConfig) -> "Timing":
        """Take the clocks from the administrator's configuration."""
        steps = max(1, -(-config.scrape_interval.ms // _STEP.ms))
        return cls(config.scrape_interval, config.evaluation_interval, Duration(steps * _STEP.ms))

    def covering(self, window: Duration) -> int:
        """Return the range in milliseconds whose `rate` covers every scrape interval of `window` exactly once.

        `rate(x[window])` sees the growth between the first and the last sample in the window and misses the interval that
        leads into it: consecutive windows lose one scrape interval at every seam, which `rate` hides by extrapolation. A
        range that is longer by one scrape interval reaches one sample further back. It holds `window / scrape + 1` samples,
        and because `rate` extrapolates their growth to the whole range and divides by it, `rate * window` is their growth
        itself: consecutive increments add up to the counter's.
        """
        return window.ms + self.scrape.ms

    def is_recordable(self, window: Duration) -> bool:
        """Say whether a window can be put together from increments, or, below a step, be read from the scrapes."""
        return window.ms % self.step.ms == 0 or self.scrape <= window < self.step

    def is_fresh(self, window: Duration) -> bool:
        """Say whether a window is evaluated each evaluation interval."""
        return window <= max(FRESH_LIMIT, self.step)


def summed_every(window: Duration) -> Duration:
    """Return how often an SLO's own window is summed up: so rarely that no more is read per minute than of `LONG_LIMIT`."""
    return Duration(LONG_EVERY.ms * -(-window.ms // LONG_LIMIT.ms))
