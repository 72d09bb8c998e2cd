"""The alert about missing data: the series of all events are gone. Without traffic they are there and say nought.

Groups are told apart by what was recorded before: a group that was there and is not any more is told of by its
labels, for a day after the alert could fire; then it counts as gone for good. Where nothing at all was recorded in that time, one
alert says so.
"""

from typing import Final

from binnacle.api.slo import SLO
from binnacle.api.slo_alerting import Alerting, NoDataAction
from binnacle.api.values import AlertSeverity, Duration
from binnacle.compile.slo import told
from binnacle.compile.slo.subject import Subject
from binnacle.compile.slo.timing import Timing
from binnacle.intent import series
from binnacle.intent.rules import Alert
from binnacle.promql import build as q
from binnacle.promql.nodes import Node

FOR: Final = Duration.of(minutes=10)
"""How long there must be no data, where the SLO does not say."""
MEMORY: Final = Duration.of(days=1)
"""How long a group is missed, after the time for which there must be no data."""
_LOOKS: Final = 300
"""At how many moments at most it is looked whether a group was there: in 25 hours, at each increment."""


def no_data_rules(slo: SLO, subject: Subject, timing: Timing, board: str | None = None) -> tuple[Alert, ...]:
    """Return the alerting rule about missing data, if the SLO asks for one; `board` as for `told.annotations`."""
    wanted = asked(slo.spec.alerting)
    if wanted is None:
        return ()
    lasting, severity = wanted
    return (
        Alert(
            series.ALERT_NO_DATA,
            _missing(subject, timing, remembered(lasting)),
            for_ms=lasting.ms,
            labels=told.labels(slo, subject, severity, **{series.BINNACLE_NO_DATA: "true"}),
            annotations=told.annotations(
                slo,
                subject,
                "has no data",
                board,
                missing="The series of all events are missing: that is not a service without traffic, but one that is not measured.",
            ),
        ),
    )


def asked(alerting: Alerting) -> tuple[Duration, AlertSeverity] | None:
    """Return how long there must be no data for an alert about that, and its severity; None where there is to be none."""
    wanted = alerting.no_data
    if wanted is None or wanted.action is not NoDataAction.ALERT:
        return None
    return wanted.for_ or FOR, wanted.severity or AlertSeverity.WARNING


def remembered(lasting: Duration) -> Duration:
    """Return how long a group is known after its last data, where it must have had none for `lasting` before the alert."""
    return Duration(lasting.ms + MEMORY.ms)


def looked(timing: Timing, memory: Duration) -> Duration:
    """Return how far apart the moments are at which it is looked whether a group was there: whole steps."""
    step = timing.step.ms
    return Duration(-(-memory.ms // (_LOOKS * step)) * step)


def _missing(subject: Subject, timing: Timing, memory: Duration) -> Node:
    current = subject.now(series.events_rate(timing.step))
    nothing = q.aggregate("group", (), q.call("absent", current))
    if not subject.groups:
        return nothing
    recent = q.sum_by(subject.groups, q.call("count_over_time", _known(subject, timing, memory)))
    gone = q.unless(recent, q.sum_by(subject.groups, current))
    # Where there is nothing at all now, all that were there lately are gone: the one alert is for when there are none of these.
    return q.or_(gone, nothing, matching=q.on())


def _known(subject: Subject, timing: Timing, memory: Duration) -> Node:
    """Return the increments of the time that is remembered; of a long one those at moments that are farther apart.

    All increments of a month would cost more with each evaluation than all other rules of an SLO. A group that was there for less
    time than there is between two looks may be missed by them: then it is forgotten at once.
    """
    increments, apart = subject.history(series.events_increase(timing.step)), looked(timing, memory)
    if apart == timing.step:
        return q.over(increments, memory.ms)
    return q.subquery(q.call("last_over_time", q.over(increments, timing.step.ms)), memory.ms, apart.ms)
