"""Conditions: when their times move, and that kstatus and the contract agree."""

import itertools
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.kstatus import kstatus
from binnacle.api.conditions import (
    Condition,
    ConditionStatus,
    ConditionType,
    broken_laws,
    conditions_are_lawful,
    set_conditions,
)

NOW = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)


def condition(kind: ConditionType, status: str, reason: str = "Applied", generation: int = 1) -> Condition:
    return Condition(
        type=kind, status=ConditionStatus(status), reason=reason, message="m", observed_generation=generation
    )


sets = st.dictionaries(st.sampled_from(ConditionType), st.sampled_from(["True", "False", "Unknown"])).map(
    lambda chosen: [condition(kind, status) for kind, status in chosen.items()]
)


@given(sets, sets)
def test_a_time_moves_only_with_its_status(before: list[Condition], wanted: list[Condition]) -> None:
    first = set_conditions((), before, NOW)
    second = set_conditions(first, wanted, LATER)
    old = {one.type: one for one in first}
    assert {one.type: one.status for one in second} == {one.type: one.status for one in wanted}
    for one in second:
        same = one.type in old and old[one.type].status == one.status
        assert one.last_transition_time == ("2026-11-20T12:00:00Z" if same else "2026-11-20T12:05:00Z")


@given(sets)
def test_setting_the_same_again_changes_nothing(wanted: list[Condition]) -> None:
    first = set_conditions((), wanted, NOW)
    assert set_conditions(first, reversed(wanted), LATER) == first


def test_reason_message_and_generation_are_those_wanted() -> None:
    first = set_conditions((), [condition(ConditionType.READY, "True")], NOW)
    (second,) = set_conditions(first, [condition(ConditionType.READY, "True", "RulesLoaded", 2)], LATER)
    assert (second.reason, second.observed_generation) == ("RulesLoaded", 2)
    assert second.last_transition_time == "2026-11-20T12:00:00Z"


def test_times_are_written_in_utc() -> None:
    there = NOW.astimezone(timezone(timedelta(hours=9)))
    (one,) = set_conditions((), [condition(ConditionType.READY, "True")], there)
    assert one.last_transition_time == "2026-11-20T12:00:00Z"


def test_a_condition_is_written_as_kubernetes_writes_it() -> None:
    (one,) = set_conditions((), [condition(ConditionType.DATA_PRESENT, "Unknown")], NOW)
    body = one.to_status()
    assert body == {
        "type": "DataPresent",
        "status": "Unknown",
        "reason": "Applied",
        "message": "m",
        "observedGeneration": 1,
        "lastTransitionTime": "2026-11-20T12:00:00Z",
    }
    assert Condition.model_validate(body) == one


@pytest.mark.parametrize(
    ("statuses", "law"),
    [
        ({}, "Ready is missing"),
        ({"Ready": "False"}, "exactly when Stalled"),
        ({"Ready": "True", "Stalled": "True"}, "exactly when Stalled"),
        ({"Ready": "True", "Stalled": "False"}, "not True"),
        ({"Ready": "True", "Reconciling": "False"}, "not True"),
        ({"Ready": "True", "Reconciling": "True"}, "Unknown while Reconciling"),
        ({"Ready": "False", "Stalled": "True", "Reconciling": "True"}, "exclude each other"),
        ({"Ready": "True", "Accepted": "Unknown"}, "no Unknown"),
    ],
)
def test_what_breaks_the_contract_is_named(statuses: dict[str, str], law: str) -> None:
    written = set_conditions((), [condition(ConditionType(kind), status) for kind, status in statuses.items()], NOW)
    assert any(law in one for one in broken_laws(written))


def test_a_condition_without_time_is_unlawful() -> None:
    assert broken_laws([condition(ConditionType.READY, "True")]) == ("a condition has no transition time",)


def test_kstatus_reads_every_lawful_set_as_it_is_meant() -> None:
    lawful = 0
    # Every condition absent or with each status: few enough to try them all.
    for statuses in itertools.product((None, *ConditionStatus), repeat=len(ConditionType)):
        chosen = {kind: status for kind, status in zip(ConditionType, statuses, strict=True) if status is not None}
        written = set_conditions((), [condition(kind, status) for kind, status in chosen.items()], NOW)
        if not conditions_are_lawful(written):
            continue
        lawful += 1
        status = {"observedGeneration": 1, "conditions": [one.to_status() for one in written]}
        meant = {"True": "Current", "False": "Failed", "Unknown": "InProgress"}[chosen[ConditionType.READY]]
        assert kstatus({"metadata": {"generation": 1}, "status": status}) == meant, chosen
    # Ready True; False and Stalled; Unknown, Reconciling or not: each with 3 of Accepted and 4 of Live and of DataPresent.
    assert lawful == 4 * 3 * 4 * 4


@pytest.mark.parametrize(
    ("obj", "expected"),
    [
        ({"metadata": {"generation": 1}}, "Current"),
        ({"metadata": {"generation": 1}, "status": {"observedGeneration": -1}}, "InProgress"),
        ({"metadata": {"generation": 1, "deletionTimestamp": "2026-01-01T00:00:00Z"}, "status": {"observedGeneration": 1}}, "Terminating"),
        ({"metadata": {"generation": 2}, "status": {"observedGeneration": 1, "conditions": [{"type": "Ready", "status": "True"}]}}, "InProgress"),
    ],
)  # fmt: skip
def test_kstatus_of_other_states(obj: dict[str, object], expected: str) -> None:
    assert kstatus(obj) == expected
