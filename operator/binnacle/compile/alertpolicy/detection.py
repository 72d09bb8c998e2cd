"""How long a total failure lasts, at worst, until the first alert of a rule fires: arithmetic on the clocks involved."""

import math
from decimal import Decimal

from binnacle.api.values import Duration
from binnacle.compile.alertpolicy.rules import Ruled


def worst_case_detection(ruled: Ruled, scrape: Duration, evaluation: Duration) -> Duration | None:
    """Return the time from the beginning of a total failure to the rule's first alert, in whole seconds rounded up.

    Every event is bad, or the value lies beyond every limit, from one instant on; traffic is even. To the share of the window
    that must have been bad come, each at its worst, two scrapes (the failure begins just after one, and the first sample of a
    series that was not there before counts for nothing), an evaluation, and `for`. None for an expression, whose clocks are
    not known, and for a share that must fall.
    """
    if ruled.rule.expression is not None:
        return None
    times = []
    for level in ruled.levels:
        share = Decimal(0)
        if ruled.rule.ratio is not None:
            if level.above is None:
                return None
            share = level.above.value
        elif ruled.rule.quantile is not None:
            if level.above is None:
                return None
            share = 1 - ruled.rule.quantile.percentile.ratio
        window = ruled.measured.window.ms if ruled.measured.window is not None else 0
        # An alert becomes firing at an evaluation, so `for` ends with one.
        held = -(-(level.for_.ms if level.for_ is not None else 0) // evaluation.ms) * evaluation.ms
        times.append(share * window + held + 2 * scrape.ms + evaluation.ms)
    return Duration(math.ceil(min(times) / 1000) * 1000)
