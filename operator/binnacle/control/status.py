"""Status as a pure function: what is known of a resource in, one full status body out.

The body is always whole, because a partial server-side apply by the same manager removes the rest. Two bodies that say
the same are equal, so writing only what differs is a comparison; messages therefore hold no times and no counters that
move by themselves. Figures that were observed earlier (`Live`, the kind's own figures) are carried over from the live
status until they are observed again, also across a restart.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from binnacle.api.conditions import Condition, ConditionStatus, ConditionType, set_conditions
from binnacle.api.findings import Finding, Severity
from binnacle.api.reasons import Reason
from binnacle.api.status import CommonStatus, findings_for_status
from binnacle.control.ports import RULES_LOADED, Liveness, Observed

MAX_MESSAGE = 1024

TRUE, FALSE, UNKNOWN = ConditionStatus.TRUE, ConditionStatus.FALSE, ConditionStatus.UNKNOWN


@dataclass(frozen=True, slots=True)
class ChildStatus:
    """One entry of `status.children[]`."""

    kind: str
    namespace: str
    name: str
    purpose: str


@dataclass(frozen=True, slots=True)
class Problem:
    """Why the work on a resource could not be finished.

    `terminal` problems wait for a person and make the resource Stalled; the others are being retried.
    """

    reason: Reason
    message: str
    terminal: bool


@dataclass(frozen=True, slots=True)
class Said:
    """Status, reason and message of a condition; a message is cut to what a condition holds, so that both compare."""

    status: ConditionStatus
    reason: Reason
    message: str

    def __post_init__(self) -> None:
        """Cut the message."""
        object.__setattr__(self, "message", _cut(self.message))

    def as_condition(self, kind: ConditionType) -> Condition:
        """Return it as a condition of that type."""
        return _condition(kind, self.status, self.reason, self.message)


@dataclass(frozen=True, slots=True)
class Live:
    """What to say of the backend: the status and reason of the `Live` condition, and the figures shown with it.

    `status` is None where the backend has nothing to have, and nothing is said of it.
    """

    status: ConditionStatus | None
    reason: Reason
    message: str
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def refused(self) -> bool:
        """Whether the backend refuses or lacks what we applied, for longer than it needs to load it."""
        return self.status is FALSE

    @property
    def waiting(self) -> bool:
        """Whether the first word about it is still to come."""
        return self.reason is Reason.NOT_LOADED_YET

    def said(self) -> Said | None:
        """Return the condition, if there is one."""
        return None if self.status is None else Said(self.status, self.reason, self.message)


@dataclass(frozen=True, slots=True)
class Situation:
    """All that a status is made of.

    Attributes:
        generation: of the spec that was worked on.
        valid: whether the spec compiled to something.
        findings: sorted.
        facts: the kind's own fields that follow from the spec; None keeps those of the live status (the spec does not
            compile, so what is live is the last good version).
        children: what is applied; None keeps those of the live status.
        problem: why the work is not finished.
        under_way: words for the work that has lasted for some time, or empty.
        live: what the backend says; None where nothing was ever applied, so that there is nothing to say.
        data: what is said of the metrics; None where there are none.
        suspended, dry_run: the modes. `changes` is what a dry run found.
    """

    generation: int
    valid: bool
    findings: Sequence[Finding]
    facts: Mapping[str, Any] | None
    children: Sequence[ChildStatus] | None
    problem: Problem | None = None
    under_way: str = ""
    live: Live | None = None
    data: Said | None = None
    suspended: bool = False
    dry_run: bool = False
    changes: Sequence[Mapping[str, str]] = ()


def build(situation: Situation, before: Mapping[str, Any], carried: Iterable[str], now: datetime) -> dict[str, Any]:
    """Return the full status body.

    Args:
        situation: what is known.
        before: the live status; carried-over fields and transition times are taken from it.
        carried: names of the status fields that an observer fills.
        now: for conditions that change.
    """
    status: dict[str, Any] = {"observedGeneration": situation.generation}
    previous = [Condition.model_validate(one) for one in before.get("conditions", ())]
    wanted = [one.model_copy(update={"observed_generation": situation.generation}) for one in _conditions(situation)]
    status["conditions"] = [one.to_status() for one in set_conditions(previous, wanted, now)]
    if situation.children is not None:
        children = [
            {"kind": one.kind, "namespace": one.namespace, "name": one.name, "purpose": one.purpose}
            for one in sorted(situation.children, key=lambda one: (one.kind, one.namespace, one.name))
        ]
    else:
        children = before.get("children", [])
    if children:
        status["children"] = children
    if situation.findings:
        listed = CommonStatus(**findings_for_status(tuple(situation.findings))).to_status()
        status["findings"], status["findingsTotal"] = listed["findings"], listed["findingsTotal"]
    if situation.dry_run:
        status["changes"] = [dict(change) for change in situation.changes]
    observed = tuple(carried)
    own = before if situation.facts is None else situation.facts
    fixed = _OWN_FIELDS | set(observed)
    status.update({name: value for name, value in own.items() if name not in fixed})
    if situation.live is not None:
        status.update({name: value for name, value in situation.live.facts.items() if name in observed})
    return status


_OWN_FIELDS = frozenset({"observedGeneration", "conditions", "children", "findings", "findingsTotal", "changes"})


def _conditions(situation: Situation) -> list[Condition]:
    conditions = [_accepted(situation)]
    live = situation.live.said() if situation.live is not None else None
    if live is not None:
        conditions.append(live.as_condition(ConditionType.LIVE))
    if situation.data is not None:
        conditions.append(situation.data.as_condition(ConditionType.DATA_PRESENT))
    stalled = _stalled(situation)
    if stalled is not None:
        reason, message = stalled
        conditions.append(_condition(ConditionType.STALLED, TRUE, reason, message))
        conditions.append(_condition(ConditionType.READY, FALSE, reason, message))
        return conditions
    if situation.problem is not None or situation.under_way:
        reason = situation.problem.reason if situation.problem else Reason.PROGRESSING
        message = situation.problem.message if situation.problem else situation.under_way
        conditions.append(_condition(ConditionType.READY, UNKNOWN, reason, message))
        if situation.under_way:
            conditions.append(_condition(ConditionType.RECONCILING, TRUE, reason, message))
        return conditions
    conditions.append(_ready(situation))
    return conditions


def _accepted(situation: Situation) -> Condition:
    errors = [one for one in situation.findings if one.severity is Severity.ERROR]
    if not errors:
        return _condition(ConditionType.ACCEPTED, TRUE, Reason.COMPILED, "The whole spec compiled.")
    if situation.valid:
        return _condition(
            ConditionType.ACCEPTED,
            FALSE,
            Reason.ITEMS_QUARANTINED,
            f"{_count(len(errors), 'item')} left out: {_first(errors)}",
        )
    return _condition(ConditionType.ACCEPTED, FALSE, errors[0].reason, _first(errors))


def _stalled(situation: Situation) -> tuple[Reason, str] | None:
    """Return why a person must act, or None. What is wrong with the spec counts before what is wrong with the world."""
    errors = [one for one in situation.findings if one.severity is Severity.ERROR]
    if not situation.valid and errors:
        kept = " The last good version stays in place." if situation.children is None else ""
        return errors[0].reason, f"{_first(errors)}{kept}"
    if situation.problem is not None and situation.problem.terminal:
        return situation.problem.reason, situation.problem.message
    if situation.live is not None and situation.live.refused and not situation.suspended:
        return Reason.BACKEND_REFUSED, situation.live.message
    return None


def _ready(situation: Situation) -> Condition:
    if situation.suspended:
        return _condition(
            ConditionType.READY, TRUE, Reason.SUSPENDED, "Suspended: what is applied stays as it is, edits wait."
        )
    if situation.dry_run:
        return _condition(
            ConditionType.READY,
            TRUE,
            Reason.DRY_RUN,
            f"Dry run: compiled and checked; applying would make {_count(len(situation.changes), 'change')}.",
        )
    left_out = sum(one.severity is Severity.ERROR for one in situation.findings)
    message = f"{_count(len(situation.children or ()), 'object')} applied."
    if left_out:
        message += f" {_count(left_out, 'item')} left out, see findings."
    return _condition(ConditionType.READY, TRUE, Reason.APPLIED, message)


def judge(
    observed: Observed | None, before: Mapping[str, Any], *, grace_over: bool, new_version: bool, carried: Iterable[str]
) -> Live:
    """Return what to say of the backend.

    Args:
        observed: the last observation, None before the first.
        before: the live status.
        grace_over: whether the backend has had two reload periods to take (or answer for) what was applied.
        new_version: whether something was applied since the last thing that was said.
        carried: names of the status fields that an observer fills.

    Until the grace is over a backend that lacks, refuses or does not answer changes nothing that was said before: it may
    be reloading, or restarting. Only a refusal of an older version does not stand against the new one. A new resource's
    first figures are waited for, however long the observer says, so that they and `Live` are one write.
    """
    shown = {name: before[name] for name in carried if name in before}
    if observed is not None and observed.liveness is Liveness.UNCONFIGURED:
        return Live(UNKNOWN, Reason.BACKEND_NOT_CONFIGURED, observed.message, shown)
    if observed is not None and observed.liveness is Liveness.UNASKED:
        return Live(UNKNOWN, Reason.NOT_READ_BACK, observed.message, shown)
    if observed is not None and observed.liveness is Liveness.NOTHING:
        return Live(None, Reason.LOADED, "", observed.facts or shown)
    said = _said(before, new_version, shown)
    if observed is None:
        return said
    if observed.liveness is Liveness.LOADED:
        if observed.settled:
            return _loaded(observed, observed.facts)
        if said.reason is Reason.NOT_LOADED_YET or not grace_over:
            return said
        return _loaded(observed, observed.facts or shown)
    if not grace_over:
        return said
    if observed.liveness is Liveness.UNREACHABLE:
        if said.reason is Reason.BACKEND_UNREACHABLE:
            return said  # how exactly it fails may change from look to look; that is no news
        return Live(UNKNOWN, Reason.BACKEND_UNREACHABLE, observed.message, shown)
    return Live(FALSE, Reason.BACKEND_REFUSED, observed.message, observed.facts or shown)


def judge_metrics(observed: Observed | None, before: Mapping[str, Any], live: Live, *, grace_over: bool) -> Said:
    """Return what to say of the metrics that a resource declares or refers to.

    Args:
        observed: the last observation, None before the first.
        before: the live status.
        live: what is said of the backend. The first word of the metrics waits for that one's, so that both are one write.
        grace_over: as for `judge`.
    """
    said = condition_said(before, ConditionType.DATA_PRESENT)
    if said is None or said.reason is Reason.NOT_OBSERVED:
        said = Said(UNKNOWN, Reason.NOT_CHECKED_YET, UNCHECKED)
    seen = observed.metrics if observed is not None else None
    if observed is None or seen is None:
        return said
    if seen.present is None:
        if not grace_over or said.reason is Reason.BACKEND_UNREACHABLE:
            return said
        return Said(UNKNOWN, Reason.BACKEND_UNREACHABLE, seen.message)
    if said.reason is Reason.NOT_CHECKED_YET and (live.waiting or not observed.settled):
        return said
    if seen.present:
        return Said(TRUE, Reason.METRICS_FOUND, seen.message)
    return Said(FALSE, Reason.METRICS_MISSING, seen.message)


def unobserved(before: Mapping[str, Any]) -> tuple[Live, Said | None]:
    """Return what to say of the backend, and of the metrics there, when nobody can look for what is applied.

    What was said before, and its figures, would stand there for ever. Where it was that nobody is asked, that stays.
    """
    live = condition_said(before, ConditionType.LIVE)
    metrics = condition_said(before, ConditionType.DATA_PRESENT)
    unknown = Said(UNKNOWN, Reason.NOT_OBSERVED, UNOBSERVED)
    live = live if live is not None and live.reason in _UNASKED else unknown
    if metrics is not None and metrics.reason not in _UNASKED:
        metrics = unknown
    return Live(live.status, live.reason, live.message), metrics


_UNASKED = frozenset({Reason.BACKEND_NOT_CONFIGURED, Reason.NOT_READ_BACK})


def condition_said(status: Mapping[str, Any], kind: ConditionType) -> Said | None:
    """Return what a status says in a condition; None when it does not have it."""
    for one in status.get("conditions", ()):
        if one["type"] == kind:
            return Said(ConditionStatus(one["status"]), Reason(one["reason"]), one.get("message", ""))
    return None


LOADED = RULES_LOADED
UNCHECKED = "Metrics have not been looked for yet."
UNOBSERVED = (
    "What is applied stays, but the operator has started anew since it was applied and does not know from this spec what to look "
    "for in the backend."
)
WAITING = "Waiting until the backend has loaded it and the first figures are there."


def _said(before: Mapping[str, Any], new_version: bool, shown: Mapping[str, Any]) -> Live:
    """Return what the live status says of the backend, or that it is not known yet."""
    said = condition_said(before, ConditionType.LIVE)
    if said is not None and said.reason is not Reason.NOT_OBSERVED and not (new_version and said.status is FALSE):
        return Live(said.status, said.reason, said.message, shown)
    return Live(UNKNOWN, Reason.NOT_LOADED_YET, WAITING, shown)


def _loaded(observed: Observed, facts: Mapping[str, Any]) -> Live:
    """Say that it is loaded: in the observer's words where it is about more than rules."""
    if observed.message:
        return Live(TRUE, Reason.LOADED, observed.message, facts)
    return Live(TRUE, Reason.RULES_LOADED, LOADED, facts)


def _condition(kind: ConditionType, status: ConditionStatus, reason: Reason, message: str) -> Condition:
    return Condition(type=kind, status=status, reason=reason.value, message=_cut(message))


def _first(errors: Sequence[Finding]) -> str:
    first = errors[0]
    place = f"{first.path}: " if first.path else ""
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    fix = f" {first.fix}" if first.fix else ""
    return f"{place}{first.message}{fix}{more}"


def _cut(text: str) -> str:
    return text if len(text) <= MAX_MESSAGE else text[: MAX_MESSAGE - 1] + "…"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
