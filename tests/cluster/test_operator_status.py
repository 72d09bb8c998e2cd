"""Status over every version that a watcher sees: kstatus, Argo CD and our own conditions say the same of each."""

import uuid
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest

from api.kstatus import kstatus
from binnacle.api.conditions import Condition, broken_laws
from cluster.operator_world import (
    BAD,
    Object,
    Recording,
    World,
    Worlds,
    condition,
    ready,
    rights_without,
    slo,
    slo_path,
    stalled,
)
from servers.pace import paced
from servers.waiting import eventually


@pytest.fixture(scope="module")
def shown(worlds: Worlds) -> Iterator[World]:
    with worlds("operator") as made:
        yield made


@pytest.fixture
def place(shown: World) -> str:
    return shown.namespace(f"test-{uuid.uuid4().hex[:8]}")


def argo(obj: Mapping[str, Any]) -> str:
    """Argo CD's house pattern for a health check (cert-manager.io/Certificate/health.lua): Ready=False is Degraded."""
    status = obj.get("status") or {}
    if status.get("observedGeneration") != obj["metadata"]["generation"]:
        return "Progressing"
    found = condition(obj, "Ready").get("status")
    return {"True": "Healthy", "False": "Degraded"}.get(found, "Progressing")


def check(obj: Object) -> str:
    """Assert that all three readers agree on one version; returns what they say."""
    status = obj["status"]
    current = status["observedGeneration"] == obj["metadata"]["generation"]
    said = kstatus(obj)
    assert (said == "Current") == (current and condition(obj, "Ready").get("status") == "True"), obj
    assert (said == "Failed") == (current and condition(obj, "Stalled").get("status") == "True"), obj
    assert said in ("Current", "Failed", "InProgress"), obj
    assert (argo(obj) == "Degraded") == (said == "Failed"), obj
    assert (argo(obj) == "Healthy") == (said == "Current"), obj
    if "conditions" in status:
        assert broken_laws([Condition.model_validate(one) for one in status["conditions"]]) == (), obj
        assert {one["observedGeneration"] for one in status["conditions"]} == {status["observedGeneration"]}, obj
    return said


def told(recording: Recording) -> list[str]:
    """What every recorded version says, repetitions left out."""
    said = [check(one.body) for one in recording.versions() if one.kind != "DELETED"]
    return [one for number, one in enumerate(said) if number == 0 or said[number - 1] != one]


def tells(recording: Recording, expected: list[str], last: int = 0) -> None:
    """The recording ends up saying `expected`; its watch may be a moment behind a read of the object."""
    with suppress(TimeoutError):
        eventually(lambda: told(recording)[-last:] == expected)
    assert told(recording)[-last:] == expected


def test_every_version_from_birth_to_second_birth_reads_the_same_to_all(shown: World, place: str) -> None:
    def apply(**spec: Any) -> None:
        shown.apply(slo(place, "life", **spec))

    with shown.api.record(slo_path(place)) as recording:
        apply()
        shown.ready(place, "life")
        apply(objective="99.5%")
        shown.ready(place, "life")
        tells(recording, ["InProgress", "Current", "InProgress", "Current"])

        apply(**BAD)
        bad = shown.stalled(place, "life", "PromQLSyntax")
        assert condition(bad, "Ready")["status"] == "False"
        assert bad["status"]["findings"][0]["path"] == "spec.indicator.ratio.errors"
        assert bad["status"]["children"], "the last good version is still applied"
        apply(objective="99.5%")
        shown.ready(place, "life")
        tells(recording, ["InProgress", "Failed", "InProgress", "Current"], last=4)

        apply(objective="99%", suspend=True)
        held = shown.ready(place, "life")
        assert condition(held, "Ready")["reason"] == "Suspended"
        apply(objective="99%", mode="DryRun")
        tried = shown.ready(place, "life")
        assert condition(tried, "Ready")["reason"] == "DryRun"
        assert [one["action"] for one in tried["status"]["changes"]] == ["Update"]
        apply(objective="99%")
        done = shown.ready(place, "life")
        assert condition(done, "Ready")["reason"] == "Applied"
        assert "changes" not in done["status"]

        shown.plane.kubectl("delete", "slo", "life", "-n", place)
        apply(**BAD)
        shown.stalled(place, "life", "PromQLSyntax")
        apply()
        shown.ready(place, "life")
        tells(recording, ["InProgress", "Failed", "InProgress", "Current"], last=4)


def test_a_permission_taken_away_and_given_back_reads_the_same_to_all(shown: World, place: str) -> None:
    shown.made(place, "allowed")
    with shown.api.record(slo_path(place)) as recording:
        with rights_without(shown.plane, "prometheusrules", "patch", "create"):
            shown.apply(slo(place, "allowed", objective="99%"))
            refused = shown.stalled(place, "allowed", "PermissionDenied", limit=paced(5))
            assert "prometheusrules" in condition(refused, "Stalled")["message"]
        shown.ready(place, "allowed")
        tells(recording, ["InProgress", "Failed", "Current"])


def test_work_that_lasts_is_in_progress_and_not_failed(shown: World, place: str) -> None:
    """The API server is away while a spec changes hands: nothing is Stalled for it."""
    shown.made(place, "patient")
    shown.plane.restart_apiserver()
    shown.recovered()
    with shown.api.record(slo_path(place)) as recording:
        shown.apply(slo(place, "patient", objective="99%"))
        shown.ready(place, "patient")
        tells(recording, ["InProgress", "Current"])


def test_transition_times_change_with_the_status_only(shown: World, place: str) -> None:
    first = condition(shown.made(place, "steady"), "Ready")
    eventually(lambda: _clock_moved(first))
    second = condition(shown.made(place, "steady", objective="99%"), "Ready")
    assert second["observedGeneration"] == first["observedGeneration"] + 1
    assert second["lastTransitionTime"] == first["lastTransitionTime"]


def test_the_columns_say_what_matters(shown: World, place: str) -> None:
    shown.made(place, "good", service="checkout")
    shown.apply(slo(place, "bad", **BAD))
    shown.stalled(place, "bad", "PromQLSyntax")
    lines = shown.plane.kubectl("get", "slo", "-n", place).stdout.splitlines()
    header, *rows = (line.split() for line in lines)
    assert header == ["NAME", "SERVICE", "OBJECTIVE", "WINDOW", "SLI", "BUDGET", "READY", "AGE"]
    cells = {row[0]: row for row in rows}
    assert cells["good"][1:4] == ["checkout", "99.9%", "30d"]
    assert cells["good"][-2] == "True"
    assert cells["bad"][-2] == "False"
    wide = shown.plane.kubectl("get", "slo", "bad", "-n", place, "-o", "wide").stdout
    assert "PromQLSyntax" in wide


def _clock_moved(then: Mapping[str, Any]) -> bool:
    """Whether the wall clock shows another second than a condition's transition time."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") > then["lastTransitionTime"]


def test_ready_and_stalled_helpers_of_these_tests_ask_for_the_present_generation() -> None:
    old = {
        "metadata": {"generation": 2},
        "status": {"observedGeneration": 1, "conditions": [{"type": "Ready", "status": "True"}]},
    }
    assert not ready(old)
    assert not stalled(old, "x")
