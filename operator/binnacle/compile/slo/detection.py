"""How long a burn lasts, at worst, until its alert fires: arithmetic on the clocks involved."""

from collections.abc import Iterable
from fractions import Fraction

from binnacle.api.values import Duration
from binnacle.compile.slo.burn import Pair
from binnacle.compile.slo.timing import LONG_EVERY, Timing


def worst_case_detection(pair: Pair, objective: Fraction, timing: Timing, least: Duration | None = None) -> Duration:
    """Return the time from the beginning of a total outage to the alert, at most, in whole seconds rounded up.

    Every event fails from one instant on, traffic is even, and there was no error before. To the time after which the
    share of errors exceeds the threshold over both windows come, each at its worst:

    - two scrapes: the outage begins just after one, and the first sample of an error series that was not there before
      has nothing to be compared with;
    - the wait for an evaluation of the alert;
    - for windows that are put together from increments, the step that is not complete yet, and for those evaluated each
      `LONG_EVERY` also that;
    - where each value of the indicator counts over a time already (`least`), that time.
    """
    budget = 1 - objective
    needed = ((pair.factor * budget * window.ms, window) for window in (pair.long, pair.short))
    return _found_after(needed, timing, least)


def detection_at_factor(pair: Pair, timing: Timing, least: Duration | None = None) -> Duration:
    """Return the time from the beginning of a burn of just the factor of the alert to the alert, at most.

    As for `worst_case_detection`; the long window must be full of it. The slowest burn that the alert finds at all.
    """
    return _found_after(((Fraction(window.ms), window) for window in (pair.long, pair.short)), timing, least)


def _found_after(needed: Iterable[tuple[Fraction, Duration]], timing: Timing, least: Duration | None) -> Duration:
    """Return when all windows have seen what they need, each in milliseconds of burning, in whole seconds rounded up."""
    waits = (_visible_after(milliseconds, window, timing) for milliseconds, window in needed)
    total = max(waits) + 2 * timing.scrape.ms + timing.evaluation.ms + (least.ms if least is not None else 0)
    return Duration(-(-total // 1000) * 1000)


def _visible_after(needed: Fraction, window: Duration, timing: Timing) -> Fraction:
    """Return the milliseconds of outage after which a rule over `window` has seen `needed` milliseconds of it."""
    if not timing.is_fresh(window):
        return needed + timing.step.ms + LONG_EVERY.ms
    # The last step is read from the scrapes; only what is older waits for its increment.
    return needed if needed < timing.step.ms else needed + timing.step.ms
