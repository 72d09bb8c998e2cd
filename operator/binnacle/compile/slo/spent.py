"""Warnings that a share of the budget is spent: at any time at most one for each budget, about the highest share reached."""

from fractions import Fraction
from typing import Final

from binnacle.api.slo import SLO
from binnacle.api.values import AlertSeverity, Duration
from binnacle.compile import templates
from binnacle.compile.slo import told
from binnacle.compile.slo.burn import percent
from binnacle.compile.slo.subject import Subject
from binnacle.intent import series
from binnacle.intent.rules import Alert
from binnacle.promql import build as q
from binnacle.promql.nodes import Node

SETTLED: Final = Duration.of(hours=6)
MARGIN: Final = Fraction(2, 100)
"""A warning ends when the budget has been above the limit for this long, or is this far above it: old errors leave a rolling
window as new ones come, so what is left wavers around a limit for hours."""


def spent_rules(slo: SLO, subject: Subject, board: str | None = None) -> tuple[Alert, ...]:
    """Return one alerting rule for each share, the highest first; `board` as for `told.annotations`."""
    shares = sorted((Fraction(share.ratio) for share in slo.spec.alerting.budget_spent), reverse=True)
    rules = []
    for place, share in enumerate(shares):
        reached = _reached(subject, share)
        expr = reached if place == 0 else q.unless(reached, _reached(subject, shares[place - 1]))
        rules.append(
            Alert(
                series.ALERT_BUDGET_SPENT,
                expr,
                labels=told.labels(
                    slo, subject, AlertSeverity.WARNING, **{series.BINNACLE_BUDGET_SPENT: percent(share)}
                ),
                annotations=told.annotations(
                    slo,
                    subject,
                    f"has spent {percent(share)} of its error budget",
                    board,
                    budget_remaining=templates.percentage_of(
                        subject.now(series.PERIOD_BUDGET_REMAINING), subject.groups
                    ),
                ),
            )
        )
    return tuple(rules)


def _reached(subject: Subject, share: Fraction) -> Node:
    left = subject.now(series.PERIOD_BUDGET_REMAINING)
    lowest = q.call("min_over_time", q.over(left, SETTLED.ms))
    return q.and_(
        q.cmp("<=", lowest, q.num(float(1 - share))),
        q.cmp("<=", left, q.num(float(1 - share + MARGIN))),
    )
