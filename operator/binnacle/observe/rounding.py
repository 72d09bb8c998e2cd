"""Figures as status shows them: rounded, and steady, so that an SLO whose state does not change causes no writes.

The one scale behind `sli` and `budgetRemaining` is the share of the budget that is spent, in percents: 0 is an SLO
without a single error, 100 one that has spent exactly its budget, 101 and more an SLO over it. Its quantum is 1, and
from 1,000 on (ten budgets spent) so much that three significant digits remain. Three laws hold, in this order:

1. The edges are exact. No errors, and only that, is 0; a budget exactly spent, and only that, is 100; a budget that is
   overspent is above 100, one that is not is below.
2. What is shown stays as long as the true value is within 0.75 quanta of it. A new value is the nearest one, so the true
   value has to move by a quarter of a quantum before it can change back: noise at a boundary never shows.
3. What is shown is within one quantum of the truth. There is one exception, at the one place where law 1 leaves no room
   for law 2: an SLO that was over its budget is shown as 101 until a quarter of a percent of the budget is left. It errs
   on the safe side.

Numbers of series are about a size and not about a number: two significant digits, and what is shown stays while the truth is
within a fifth of it. A pod more or less, a rollout that goes by, a label value that comes and goes are no news; twice as
many series are. That there are none at all is exact.

Burn rates have steps of half a decade (1, 3, 10, 30, …), their quantum, and laws 2 and 3 on the logarithm. Everything
below 1 is `<1`: the budget is not being overspent, and how far it is from that is noise. It is never shown for a rate of
1 or more.
"""

import math
import re
from decimal import Decimal

HOLD = 0.75
"""Quanta by which the truth may differ from what is shown before that changes."""
_PERCENTAGE = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,12})?%", re.ASCII)
_SPENT = 100
_EXACT = 1e-7
"""What float64 arithmetic may do to a budget that is exactly spent, in percents of it."""
_FINE = 1000
_SLOW = "<1"
_NEAR = 0.2
_TENS = 100
_FASTEST = 18
"""Last step of the scale of burn rates: 10^9, which only an objective of nine nines can reach."""


def sli(error_ratio: float, objective: Decimal, shown: str | None = None) -> str:
    """Return the SLI as a percentage, `99.953%`.

    Args:
        error_ratio: errors / events over the window, 0 to 1.
        objective: the target as a ratio, `Decimal("0.999")`; a quantum is 1/100 of `1 - objective`.
        shown: the text that status shows now; one that is not of this objective's scale is disregarded.
    """
    quantum = 1 - objective
    everything = float(100 / quantum)
    spent = min(_SPENT * error_ratio / float(quantum), everything)
    before = _number(shown)
    # 0% is the end of the scale, and seldom a whole number of quanta away from 100%.
    if everything - spent <= (HOLD if before == 0 else 0.5) * quantum_at(spent):
        return _percentage(Decimal(0))
    kept = None if before is None else (100 - before) / quantum
    return _percentage(max(100 - steady(spent, kept) * quantum, Decimal(0)))


def budget_remaining(remaining: float, shown: str | None = None) -> str:
    """Return the share of the budget that is left in whole percents, `87%`, `-35%`; `remaining` is 1 when nothing is spent."""
    before = _number(shown)
    return _percentage(100 - steady(_SPENT * (1 - remaining), None if before is None else 100 - before))


def burn_rate(rate: float, shown: str | None = None) -> str:
    """Return the burn rate on its coarse scale: `<1`, `1`, `3`, `10`, `30` and so on."""
    place = 2 * math.log10(rate) if rate > 0 else -math.inf
    before = _place(shown)
    if before is not None and abs(place - before) <= HOLD:
        return _rate(before)
    if rate < 1:
        return _SLOW
    return _rate(min(round(place), _FASTEST))


def series(number: int, shown: object = None) -> int:
    """Return the number of series to show for `number` of them, given what is shown now."""
    if type(shown) is int and shown > 0 and number > 0 and abs(number - shown) <= max(_NEAR * shown, 1):
        return shown
    if number < _TENS:
        return number
    quantum: int = 10 ** (len(str(number)) - 2)
    return (number + quantum // 2) // quantum * quantum


def quantum_at(spent: float) -> int:
    """Return the quantum of the scale of spent percents at a place of it."""
    return 1 if spent < _FINE else int(10 ** (math.floor(math.log10(spent)) - 2))


def steady(spent: float, shown: Decimal | None = None) -> Decimal:
    """Return the value to show for `spent` percents of a budget, given what is shown now.

    Args:
        spent: the truth; below 0 counts as 0.
        shown: what is shown; disregarded when it is not a value of the scale.
    """
    if shown is not None and _on_scale(shown) and _holds(spent, shown):
        return shown
    return Decimal(nearest(spent))


def nearest(spent: float) -> int:
    """Return the value of the scale that is nearest to `spent`, by law 1 when that is nearer to the truth."""
    if spent <= 0:
        return 0
    if abs(spent - _SPENT) <= _EXACT:
        return _SPENT
    if spent < _SPENT:
        return min(max(round(spent), 1), _SPENT - 1)
    quantum = quantum_at(spent)
    return max(round(spent / quantum) * quantum, _SPENT + 1)


def _holds(spent: float, shown: Decimal) -> bool:
    value = float(shown)
    if value == 0 or spent <= 0:
        return value == 0 and spent <= 0
    if value == _SPENT:
        return abs(spent - _SPENT) <= _EXACT
    if value < _SPENT:
        return spent < _SPENT - _EXACT and abs(spent - value) <= HOLD
    if value == _SPENT + 1 and spent <= value:
        return spent >= _SPENT - (1 - HOLD)
    return abs(spent - value) <= HOLD * quantum_at(min(spent, value))


def _on_scale(shown: Decimal) -> bool:
    return shown >= 0 and shown % quantum_at(float(shown)) == 0


def _number(text: str | None) -> Decimal | None:
    """Read a percentage that was shown; None for none, and for what is not one."""
    return Decimal(text.removesuffix("%")) if text and _PERCENTAGE.fullmatch(text) else None


def _percentage(value: Decimal) -> str:
    digits = f"{value:f}"
    if "." in digits:
        digits = digits.rstrip("0").rstrip(".")
    return f"{digits}%"


def _rate(place: int) -> str:
    return ("3" if place % 2 else "1") + "0" * (place // 2)


def _place(shown: str | None) -> int | None:
    """Return the step of a burn rate that was shown; None for none and for `<1`, which has no lower end."""
    if not shown or not shown.isascii() or not shown.isdigit() or len(shown) > _FASTEST:
        return None
    place = 2 * (len(shown) - 1) + (shown[0] == "3")
    return place if place <= _FASTEST and _rate(place) == shown else None
