"""Conditions: what a status says in the words of Kubernetes, and the laws that tools such as kstatus and Argo CD rely on.

The contract: `Ready` is True when applied and all that was checked is good, Unknown while working, False only
together with `Stalled=True`. `Stalled` and `Reconciling` are there only when True, and never both. `Accepted=False` counts
quarantined items and leaves `Ready` alone; so does `DataPresent`.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field, WithJsonSchema

from binnacle.api.model import StatusModel


class ConditionType(StrEnum):
    """The conditions a resource may carry, in the order they are written."""

    READY = "Ready"
    RECONCILING = "Reconciling"
    STALLED = "Stalled"
    ACCEPTED = "Accepted"
    LIVE = "Live"
    DATA_PRESENT = "DataPresent"


class ConditionStatus(StrEnum):
    """Three-valued truth, spelled as Kubernetes spells it."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


_ORDER: Final = {name: index for index, name in enumerate(ConditionType)}


class Condition(StatusModel):
    """One condition (metav1.Condition)."""

    # The server is told the shape, not the list: an operator may know a condition that an older CRD does not.
    type: Annotated[
        ConditionType,
        WithJsonSchema({"type": "string", "maxLength": 63, "pattern": "^[A-Z][A-Za-z0-9]*$"}),
        Field(description="Which condition."),
    ]
    status: Annotated[ConditionStatus, Field(description="Whether it holds.")]
    reason: Annotated[
        str,
        Field(
            min_length=1,
            max_length=128,
            pattern="^[A-Z][A-Za-z0-9]*$",
            description="Why, in one CamelCase word; docs/reasons.md explains each.",
        ),
    ]
    message: Annotated[str, Field(max_length=4096, description="Why, for a person.")] = ""
    observed_generation: Annotated[
        int, Field(ge=0, description="Generation of the spec that this condition was found for.")
    ] = 0
    last_transition_time: Annotated[
        str | None,
        Field(
            max_length=32,
            json_schema_extra={"format": "date-time"},
            description="When the status last changed from another.",
        ),
    ] = None


def set_conditions(previous: Iterable[Condition], wanted: Iterable[Condition], now: datetime) -> tuple[Condition, ...]:
    """Return the conditions to write: those wanted, in fixed order, each with the time its status last changed.

    Args:
        previous: what is in the live status.
        wanted: what holds now; their `last_transition_time` is ignored. A type that is not wanted goes away.
        now: an aware time; written in UTC to the second, as Kubernetes does.
    """
    since = {one.type: one for one in previous}
    stamp = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    result = []
    for condition in sorted(wanted, key=lambda one: _ORDER[one.type]):
        before = since.get(condition.type)
        kept = before.last_transition_time if before is not None and before.status == condition.status else None
        result.append(condition.model_copy(update={"last_transition_time": kept or stamp}))
    return tuple(result)


def broken_laws(conditions: Sequence[Condition]) -> tuple[str, ...]:
    """Say what in a set of conditions breaks the contract, one sentence each; empty when it is kept."""
    status = {one.type: one.status for one in conditions}
    ready, stalled = status.get(ConditionType.READY), status.get(ConditionType.STALLED)
    reconciling = status.get(ConditionType.RECONCILING)
    true, false = ConditionStatus.TRUE, ConditionStatus.FALSE
    laws = (
        (len(status) == len(conditions), "a type occurs twice"),
        (ready is not None, "Ready is missing"),
        (stalled in (None, true), "Stalled is written although it is not True"),
        (reconciling in (None, true), "Reconciling is written although it is not True"),
        (not (stalled and reconciling), "Stalled and Reconciling exclude each other"),
        ((ready == false) == (stalled == true), "Ready is False exactly when Stalled is True"),
        (not (ready == true and reconciling), "Ready is Unknown while Reconciling"),
        (status.get(ConditionType.ACCEPTED) != ConditionStatus.UNKNOWN, "Accepted knows no Unknown"),
        (all(one.last_transition_time for one in conditions), "a condition has no transition time"),
    )
    return tuple(text for holds, text in laws if not holds)


def conditions_are_lawful(conditions: Sequence[Condition]) -> bool:
    """Tell whether a set of conditions keeps the contract of this module."""
    return not broken_laws(conditions)
