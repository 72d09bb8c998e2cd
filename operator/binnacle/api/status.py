"""The part of a status that every kind has."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import Field, ValidationError

from binnacle.api.conditions import Condition
from binnacle.api.findings import Finding, Severity
from binnacle.api.model import Items, StatusModel

FINDINGS_KEPT = 50
"""Findings written into a status; `findingsTotal` counts all of them."""


class Child(StatusModel):
    """One object that was produced."""

    kind: Annotated[str, Field(max_length=63, description="Kind of the object.")]
    namespace: Annotated[str, Field(max_length=63, description="Namespace of the object.")]
    name: Annotated[str, Field(max_length=253, description="Name of the object.")]
    purpose: Annotated[str, Field(max_length=256, description="What the object is for.")]


class StatusFinding(StatusModel):
    """One finding about the spec."""

    severity: Annotated[Severity, Field(description="An error means that the item at path was left out.")]
    reason: Annotated[str, Field(max_length=128, description="CamelCase reason; docs/reasons.md explains each.")]
    path: Annotated[str, Field(max_length=512, description="Field that it is about, items of lists by name.")] = ""
    message: Annotated[str, Field(max_length=1024, description="What is wrong.")]
    fix: Annotated[str | None, Field(max_length=1024, description="What to change.")] = None

    @classmethod
    def of(cls, finding: Finding) -> "StatusFinding":
        """Write a finding as status shows it, cut to the schema's bounds; the column goes into the message."""
        place = f" (column {finding.column})" if finding.column is not None else ""
        return cls(
            severity=finding.severity,
            reason=finding.reason.value,
            path=finding.path[:512],
            message=f"{finding.message[: 1024 - len(place)]}{place}",
            fix=finding.fix[:1024] or None,
        )


class EffectiveValue(StatusModel):
    """A value that came from the administrator's configuration or from a default."""

    name: Annotated[str, Field(max_length=128, description="Which value.")]
    value: Annotated[str, Field(max_length=1024, description="The value in use.")]


class Action(StrEnum):
    """What applying would do to an object."""

    CREATE = "Create"
    UPDATE = "Update"
    DELETE = "Delete"


class Change(StatusModel):
    """One change that a dry run found."""

    action: Annotated[Action, Field(description="Create, Update or Delete.")]
    kind: Annotated[str, Field(max_length=63, description="Kind of the object.")]
    namespace: Annotated[str, Field(max_length=63, description="Namespace of the object.")]
    name: Annotated[str, Field(max_length=253, description="Name of the object.")]


class ProofStatus(StatusModel):
    """The tests that a resource carries."""

    passed: Annotated[int, Field(ge=0, description="How many hold.")]
    total: Annotated[int, Field(ge=0, description="How many there are.")]
    unproved: Annotated[
        int | None,
        Field(
            ge=0,
            description="How many were not run here: only promtool or `binnacle test` can, or something is left out.",
        ),
    ] = None


class CommonStatus(StatusModel):
    """What every kind's status has."""

    observed_generation: Annotated[
        int, Field(description="Generation of the spec that this status is about; -1 until it was first looked at.")
    ] = -1
    conditions: Annotated[
        tuple[Condition, ...],
        Items("map", 16, keys=("type",)),
        Field(description="Ready sums up; Stalled means that a person must act."),
    ] = ()
    children: Annotated[tuple[Child, ...], Items("atomic", 64), Field(description="Objects that were produced.")] = ()
    findings: Annotated[
        tuple[StatusFinding, ...],
        Items("atomic", FINDINGS_KEPT),
        Field(description="What is wrong with the spec or worth knowing, errors first."),
    ] = ()
    findings_total: Annotated[
        int | None, Field(ge=0, description="How many findings there are, with those not listed.")
    ] = None
    changes: Annotated[
        tuple[Change, ...],
        Items("atomic", 64),
        Field(description="With mode DryRun: what applying would change."),
    ] = ()
    effective: Annotated[
        tuple[EffectiveValue, ...],
        Items("map", 32),
        Field(description="Values in use that the spec does not state."),
    ] = ()

    @classmethod
    def from_live(cls, status: object) -> Self:
        """Read what is in a live object.

        An older operator may meet the status of a newer one: a field, or an item of a list, that it cannot read counts as
        absent.
        """
        given: dict[str, Any] = dict(status) if isinstance(status, Mapping) else {}
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            places = {detail["loc"][:2] for detail in error.errors(include_url=False, include_context=False)}
        for name in {place[0] for place in places}:
            bad = {place[1] for place in places if place[0] == name and len(place) > 1}
            if isinstance(given[str(name)], list) and bad:
                given[str(name)] = [item for index, item in enumerate(given[str(name)]) if index not in bad]
            else:
                del given[str(name)]
        return cls.model_validate(given)


def findings_for_status(findings: tuple[Finding, ...] | list[Finding]) -> dict[str, Any]:
    """Return the fields `findings` and `findings_total` of a status: in stable order, capped, counted."""
    ordered = sorted(findings)
    return {
        "findings": tuple(StatusFinding.of(one) for one in ordered[:FINDINGS_KEPT]),
        "findings_total": len(ordered) or None,
    }
