"""Burn alerts as pairs of windows and a factor: derived from objective and window, or as the user gave them.

After the SRE workbook, chapter 5 ("multiwindow, multi-burn-rate alerts"): an alert fires while both a long and a short
window burn the budget faster than `factor`, where factor = share of the budget * SLO window ÷ long window. All
arithmetic is exact.
"""

from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from typing import Final

from binnacle.api.findings import Finding, Severity
from binnacle.api.reasons import Reason
from binnacle.api.slo_alerting import BurnRate
from binnacle.api.values import AlertSeverity, Duration
from binnacle.compile.slo.timing import Timing

PATH: Final = "spec.alerting.burnRates"

MOST_ERRORS: Final = Fraction(9, 10)
"""The largest share of errors that an alert may wait for. Above 100% it could never fire; close to it, it would need
the outage to last as long as the whole long window."""

_APART: Final = 2
"""How many times the burn rate of any lower severity an alert waits for whose long window had to be lifted to what the
indicator counts over. With the budget of a short window it would fire with a lower severity, or before it."""
_ORDER: Final = tuple(AlertSeverity)


@dataclass(frozen=True, slots=True)
class Pair:
    """One burn alert.

    Attributes:
        name: as in `status.alerts[]`.
        factor: how many times faster than allowed the budget burns.
        long, short: both windows must burn that fast.
    """

    name: str
    severity: AlertSeverity
    factor: Fraction
    long: Duration
    short: Duration

    def budget(self, window: Duration) -> Fraction:
        """Return the share of the budget of `window` that is spent within the long window when the alert fires."""
        return self.factor * self.long.ms / window.ms


@dataclass(frozen=True, slots=True)
class _Tier:
    """A row of the workbook's table for 30 days.

    `floor` keeps the row useful for short SLO windows, where its share of the budget would be less than what an even
    spending uses up within the long window: the factor never falls below it.
    """

    name: str
    severity: AlertSeverity
    budget: Fraction
    long: Duration
    short: Duration
    floor: Fraction


_TIERS: Final = (
    _Tier("fast", AlertSeverity.CRITICAL, Fraction(2, 100), Duration.of(hours=1), Duration.of(minutes=5), Fraction(6)),
    _Tier(
        "medium", AlertSeverity.CRITICAL, Fraction(5, 100), Duration.of(hours=6), Duration.of(minutes=30), Fraction(3)
    ),
    _Tier("slow", AlertSeverity.WARNING, Fraction(10, 100), Duration.of(days=1), Duration.of(hours=2), Fraction(3, 2)),
    _Tier("trend", AlertSeverity.WARNING, Fraction(10, 100), Duration.of(days=3), Duration.of(hours=6), Fraction(1)),
)


def pairs_of(
    rates: tuple[BurnRate, ...] | None,
    objective: Fraction,
    window: Duration,
    timing: Timing,
    least: Duration | None = None,
) -> tuple[tuple[Pair, ...], list[Finding]]:
    """Return the burn alerts of an SLO: those that it gives, or else the derived ones.

    `least` is the time that each value of the indicator counts over already: long windows are not shorter than that.
    """
    if rates is None:
        return derive(objective, window, timing, least)
    return given(rates, objective, window, timing, least)


def derive(
    objective: Fraction, window: Duration, timing: Timing, least: Duration | None = None
) -> tuple[tuple[Pair, ...], list[Finding]]:
    """Return the burn alerts of an SLO that names none, and what had to be replaced.

    Args:
        objective: share of good events, 0 < objective < 1.
        window: the SLO's window, at least a day.
        timing: the clocks of Prometheus.
        least: the shortest long window.
    """
    pairs, findings = _derived(objective, window, timing, least)
    return pairs, list(findings)


@lru_cache(maxsize=256)  # most SLOs have one of a handful of objectives and windows
def _derived(
    objective: Fraction, window: Duration, timing: Timing, least: Duration | None
) -> tuple[tuple[Pair, ...], tuple[Finding, ...]]:
    pairs: list[Pair] = []
    findings: list[Finding] = []
    shortest = _lifted(least, timing)
    for tier in _TIERS:
        long, short = max(tier.long, shortest), max(tier.short, timing.step)
        half = Duration(window.ms // 2 // timing.step.ms * timing.step.ms)
        if long > half:
            findings.append(
                _finding(
                    Reason.WINDOW_TOO_LONG,
                    Severity.INFO,
                    f"The usual {tier.severity} alert over {long} does not fit a window of {window}; it looks at {half}.",
                )
            )
            long, short = half, max(Duration(half.ms // 12 // timing.step.ms * timing.step.ms), timing.step)
        factor = max(tier.budget * window.ms / long.ms, tier.floor)
        if tier.long < shortest:
            factor = max(factor, _APART * _highest_below(tier.severity, window, shortest))
        pair, finding = _reachable(Pair(tier.name, tier.severity, factor, long, short), objective, Severity.INFO)
        findings.extend(finding)
        if not any(_makes_needless(other, pair) for other in pairs):
            pairs = [other for other in pairs if not _makes_needless(pair, other)]
            pairs.append(pair)
    return tuple(pairs), tuple(findings)


def given(
    rates: tuple[BurnRate, ...],
    objective: Fraction,
    window: Duration,
    timing: Timing,
    least: Duration | None = None,
) -> tuple[tuple[Pair, ...], list[Finding]]:
    """Return the burn alerts that the user gave, without those that cannot be recorded, and the findings about them."""
    pairs: list[Pair] = []
    findings: list[Finding] = []
    shortest = _lifted(least, timing)
    for rate in rates:
        path = f"{PATH}[{rate.name}]"
        unusable = _unusable(rate, path, timing)
        if unusable:
            findings.extend(unusable)
            continue
        factor = _factor(rate, rates, window, shortest)
        pair = Pair(rate.name, rate.severity, factor, max(rate.long, shortest), rate.short)
        if rate.long < shortest:
            findings.append(_lifted_to(pair, rate.long, f"{path}.long"))
        if rate.long > window:
            pair, finding = _within(pair, window, timing, f"{path}.long")
            findings.append(finding)
        pair, unreachable = _reachable(pair, objective, Severity.WARNING, path)
        findings.extend(unreachable)
        twin = next((one for one in pairs if _alike(one, pair)), None)
        if twin is None:
            pairs.append(pair)
            continue
        # Of two that differ in the factor only, the lower one fires whenever the other does.
        pairs[pairs.index(twin)] = replace(twin, factor=min(twin.factor, pair.factor))
        findings.append(
            _finding(
                Reason.DUPLICATE_BURN_RATE,
                Severity.WARNING,
                f"{rate.name} has severity and windows of {twin.name}; the two are one alert with the lower factor.",
                path,
                "Remove one of the two, or change its windows or its severity.",
            )
        )
    return tuple(pairs), findings


def _unusable(rate: BurnRate, path: str, timing: Timing) -> list[Finding]:
    findings = []
    for field, window in (("long", rate.long), ("short", rate.short)):
        if timing.is_recordable(window):
            continue
        if window < timing.scrape:
            reason, message = Reason.WINDOW_TOO_SHORT, f"{window} is shorter than the scrape interval {timing.scrape}."
        else:
            reason, message = Reason.INVALID_VALUE, f"{window} is not a multiple of {timing.step}."
        nearest = Duration(max(1, round(window.ms / timing.step.ms)) * timing.step.ms)
        findings.append(_finding(reason, Severity.ERROR, message, f"{path}.{field}", f"Write {nearest}."))
    return findings


def _lifted(least: Duration | None, timing: Timing) -> Duration:
    """Return the shortest long window as one that can be put together from increments."""
    return Duration(0 if least is None else -(-least.ms // timing.step.ms) * timing.step.ms)


def _highest_below(severity: AlertSeverity, window: Duration, shortest: Duration) -> Fraction:
    """Return the highest burn rate of the tiers of lower severities; 0 when there are none."""
    lower = (tier for tier in _TIERS if _ORDER.index(tier.severity) > _ORDER.index(severity))
    rates = (max(tier.budget * window.ms / max(tier.long, shortest).ms, tier.floor) for tier in lower)
    return max(rates, default=Fraction(0))


def _factor(rate: BurnRate, rates: tuple[BurnRate, ...], window: Duration, shortest: Duration) -> Fraction:
    """Return the burn rate that a share of the budget means.

    Where the long window is lifted to what the indicator counts over, what is allowed must not fire, nor what the lower
    severities are for.
    """
    factor = Fraction(rate.budget.ratio) * window.ms / max(rate.long, shortest).ms
    if rate.long >= shortest:
        return factor
    lower = (one for one in rates if _ORDER.index(one.severity) > _ORDER.index(rate.severity))
    below = max((_factor(one, rates, window, shortest) for one in lower), default=Fraction(0))
    return max(factor, Fraction(1), _APART * below)


def _lifted_to(pair: Pair, asked: Duration, path: str) -> Finding:
    """Return what is said of a pair whose long window was shorter than what the indicator sees."""
    message = (
        f"Each value of the indicator counts over {pair.long}, so the alert looks at that and not at {asked}; it fires at a "
        f"burn rate of {number(pair.factor)}."
    )
    fix = f"Choose a long window of at least {pair.long}."
    return _finding(Reason.WINDOW_TOO_SHORT, Severity.WARNING, message, path, fix)


def _within(pair: Pair, window: Duration, timing: Timing, path: str) -> tuple[Pair, Finding]:
    """Return the pair with a long window that fits the SLO's, its share of the budget unchanged."""
    long = Duration(window.ms // timing.step.ms * timing.step.ms)
    scaled = Duration(max(1, pair.short.ms * long.ms // pair.long.ms // timing.step.ms) * timing.step.ms)
    fitted = replace(pair, long=long, short=min(pair.short, scaled), factor=pair.budget(window) * window.ms / long.ms)
    message = f"{pair.long} is longer than the SLO's window of {window}; the alert looks at {long} and {fitted.short}."
    return fitted, _finding(
        Reason.WINDOW_TOO_LONG, Severity.WARNING, message, path, f"Choose a long window of at most {window}."
    )


def _reachable(pair: Pair, objective: Fraction, severity: Severity, path: str = PATH) -> tuple[Pair, list[Finding]]:
    """Return the pair, with the highest useful factor in place of one that the objective cannot reach."""
    budget = 1 - objective
    if pair.factor * budget <= MOST_ERRORS:
        return pair, []
    reached = replace(pair, factor=MOST_ERRORS / budget)
    message = (
        f"At {percent(objective)} the alert {pair.name} cannot wait for a burn rate of {number(pair.factor)}: that is "
        f"{percent(pair.factor * budget)} errors. It fires at {number(reached.factor)}, {percent(MOST_ERRORS)} errors."
    )
    fix = "Choose a smaller budget or a longer long window." if severity is Severity.WARNING else ""
    return reached, [_finding(Reason.UNREACHABLE_BURN_RATE, severity, message, path, fix)]


def _alike(one: Pair, other: Pair) -> bool:
    return (one.severity, one.long, one.short) == (other.severity, other.long, other.short)


def _makes_needless(one: Pair, other: Pair) -> bool:
    """Say whether `one` fires before `other` in whatever makes `other` fire, at the same severity."""
    return one.severity == other.severity and one.long <= other.long and one.factor <= other.factor


def _finding(reason: Reason, severity: Severity, message: str, path: str = PATH, fix: str = "") -> Finding:
    return Finding(severity, reason, path, message, fix)


def number(value: Fraction) -> str:
    """Return a number as people read it, in at most six digits: `14.4`, `0.933333`."""
    return f"{float(value):.6g}"


def percent(value: Fraction) -> str:
    """Return a share as people read it, in at most six digits: `2%`, `1.38889%`."""
    return f"{number(value * 100)}%"
