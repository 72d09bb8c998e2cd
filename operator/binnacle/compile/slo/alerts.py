"""The burn alerts of an SLO: one rule for each severity, firing while any of its pairs does and no higher severity fires.

An incident that several pairs of one severity see is one alert: the rule joins them with `or`, and which windows burn is
told by an annotation. A label for it would make a new alert whenever another pair takes over. A ticket ends where a page
begins, in the rule itself, so that this holds whatever becomes of the alerts behind Prometheus.
"""

from collections.abc import Iterable
from fractions import Fraction
from functools import lru_cache
from itertools import groupby
from typing import Final, NamedTuple

from binnacle.api.slo import SLO
from binnacle.api.values import AlertSeverity, Duration
from binnacle.compile import templates
from binnacle.compile.slo import told
from binnacle.compile.slo.burn import Pair, number, percent
from binnacle.compile.slo.dependencies import standing
from binnacle.compile.slo.subject import Subject
from binnacle.intent import series
from binnacle.intent.rules import Alert, Recording, pairs
from binnacle.promql import build as q
from binnacle.promql.nodes import Node

_ORDER: Final = tuple(AlertSeverity)
_LOOKBACK: Final = Duration.of(minutes=5)
"""How old the last sample of a series may be: long windows are recorded each few minutes."""


class _Limit(NamedTuple):
    """The share of errors above which a pair burns, and what people are told of it."""

    share: float
    words: str


@lru_cache(maxsize=256)  # most SLOs have the limits of others
def _limit(factor: Fraction, budget: Fraction) -> _Limit:
    times = "" if factor == 1 else f"{number(factor)} times "
    share = factor * budget
    return _Limit(float(share), f"limit of both: {percent(share)}, {times}the allowed rate")


def alert_rules(slo: SLO, subject: Subject, burning: Iterable[Pair], board: str | None = None) -> tuple[Alert, ...]:
    """Return the alerting rules of the pairs, most severe first: each looks at those before it.

    Args:
        slo: the SLO.
        subject: the same.
        burning: the pairs.
        board: as for `told.annotations`.
    """
    ordered = sorted(burning, key=lambda pair: _ORDER.index(pair.severity))
    rules: list[Alert] = []
    higher: list[AlertSeverity] = []
    said = {
        "budget_remaining": templates.percentage_of(subject.now(series.PERIOD_BUDGET_REMAINING), subject.groups),
        "time_to_exhaustion": _exhausted_in(subject),
        **standing(slo),
    }
    for severity, same in groupby(ordered, lambda pair: pair.severity):
        rules.append(_alert(slo, subject, tuple(same), tuple(higher), said, board))
        higher.append(severity)
    return tuple(rules)


def limit_rules(subject: Subject, burning: Iterable[Pair]) -> tuple[Recording, ...]:
    """Return what tells the dashboards of all SLOs how fast the budget must burn for each of the pairs."""
    return tuple(
        Recording(
            series.ALERT_BURN_RATE,
            q.num(float(pair.factor)),
            pairs(
                {
                    **dict(subject.labels),
                    series.SEVERITY: pair.severity.value,
                    series.LONG: str(pair.long),
                    series.SHORT: str(pair.short),
                }
            ),
        )
        for pair in burning
    )


def _alert(
    slo: SLO,
    subject: Subject,
    same: tuple[Pair, ...],
    higher: tuple[AlertSeverity, ...],
    said: dict[str, str],
    board: str | None,
) -> Alert:
    """Return the alert of pairs of one severity, which says `said` besides what burns."""
    limited = [(pair, _limit(pair.factor, subject.budget)) for pair in same]
    burning: list[Node] = [_burning(subject, pair, limit, slo.spec.alerting.min_failures) for pair, limit in limited]
    expr = q.or_(*burning)
    if higher:
        page = told.firing(slo, series.ALERT_BUDGET_BURN, higher)
        expr = q.unless(expr, page, matching=q.on(*subject.groups))
    severity = same[0].severity
    return Alert(
        series.ALERT_BUDGET_BURN,
        expr,
        labels=told.labels(slo, subject, severity),
        annotations=told.annotations(
            slo,
            subject,
            "burns its error budget",
            board,
            burning=" or ".join(_in_words(subject, pair, limit) for pair, limit in limited),
            **said,
        ),
    )


def held(pair: Pair) -> Duration:
    """Return how long a pair holds after one of its windows has fallen below the limit."""
    return max(Duration(pair.short.ms // 2), _LOOKBACK)


def _burning(subject: Subject, pair: Pair, limit: _Limit, min_failures: int | None) -> Node:
    """Return the groups that burn by a pair now or did a moment ago.

    Errors that come and go around the limit let the short window fall below it for at most half their period, so an alert
    holds for half the short window: what comes and goes faster than that is one alert, and what does not is several
    incidents. The rule says so itself instead of asking for `keep_firing_for`: a ticket must not be kept beside its page.
    """
    threshold = q.num(limit.share)
    moment = held(pair).ms

    def lately(name: str) -> Node:
        return q.call("max_over_time", q.over(subject.now(name), moment))

    over: list[Node] = [q.gt(lately(series.error_ratio(window)), threshold) for window in (pair.long, pair.short)]
    if min_failures is not None:
        over.append(q.cmp(">=", lately(series.errors_sum(pair.long)), q.num(min_failures)))
    return q.and_(*over)


def _exhausted_in(subject: Subject) -> str:
    """Return a template for the time in which the rest of the budget is gone if it burns on as it does now."""
    left = q.gt(subject.now(series.PERIOD_BUDGET_REMAINING), q.num(0))
    burn = q.gt(subject.now(series.CURRENT_BURN_RATE), q.num(0))
    seconds = q.div(q.mul(left, q.num(subject.window.seconds)), burn)
    return templates.duration_of(seconds, subject.groups, "the budget is spent, or nothing fails at present")


def _in_words(subject: Subject, pair: Pair, limit: _Limit) -> str:
    def failing(window: Duration) -> str:
        return templates.percentage_of(subject.now(series.error_ratio(window)), subject.groups)

    return f"{failing(pair.long)} failing over {pair.long} and {failing(pair.short)} over {pair.short} ({limit.words})"
