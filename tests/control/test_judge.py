"""What status says of the backend: the words before, an observation, and how long there was to take what was applied."""

from __future__ import annotations

from typing import Any

import pytest

from binnacle.api.conditions import ConditionStatus
from binnacle.api.reasons import Reason
from binnacle.control.ports import Liveness, Observed
from binnacle.control.status import Live, judge

FIGURES = {"sli": "99.95%"}


def live(status: str, reason: str, **figures: str) -> dict[str, Any]:
    return {"conditions": [{"type": "Live", "status": status, "reason": reason, "message": "said"}], **figures}


NEW: dict[str, Any] = {}
WAITING = live("Unknown", "NotLoadedYet")
LOADED = live("True", "RulesLoaded", **FIGURES)
AWAY = live("Unknown", "BackendUnreachable", **FIGURES)
REFUSED = live("False", "BackendRefused", **FIGURES)


def said(observed: Observed | None, before: dict[str, Any], *, grace_over: bool, new_version: bool = False) -> Live:
    return judge(observed, before, grace_over=grace_over, new_version=new_version, carried=("sli",))


@pytest.mark.parametrize("grace_over", [False, True])
@pytest.mark.parametrize("before", [NEW, WAITING])
def test_a_new_resource_waits_for_its_first_figures(before: dict[str, Any], grace_over: bool) -> None:
    """So that they and Live are one write: rules that are evaluated each five minutes outlast any reload."""
    found = said(Observed(Liveness.LOADED, settled=False), before, grace_over=grace_over)
    assert (found.status, found.reason) == (ConditionStatus.UNKNOWN, Reason.NOT_LOADED_YET)
    found = said(Observed(Liveness.LOADED), before, grace_over=grace_over)
    assert (found.status, found.reason, found.facts) == (ConditionStatus.TRUE, Reason.RULES_LOADED, {})


@pytest.mark.parametrize("before", [LOADED, AWAY, REFUSED])
def test_loaded_rules_are_live_again_after_the_grace_though_figures_are_still_to_come(before: dict[str, Any]) -> None:
    observed = Observed(Liveness.LOADED, settled=False)
    assert said(observed, before, grace_over=False).status == before["conditions"][0]["status"]
    found = said(observed, before, grace_over=True)
    assert (found.status, found.facts) == (ConditionStatus.TRUE, FIGURES)


@pytest.mark.parametrize(
    ("liveness", "status", "reason"),
    [
        (Liveness.UNREACHABLE, ConditionStatus.UNKNOWN, Reason.BACKEND_UNREACHABLE),
        (Liveness.MISSING, ConditionStatus.FALSE, Reason.BACKEND_REFUSED),
        (Liveness.UNHEALTHY, ConditionStatus.FALSE, Reason.BACKEND_REFUSED),
    ],
)
def test_trouble_is_told_after_the_grace_and_keeps_the_figures(
    liveness: Liveness, status: ConditionStatus, reason: Reason
) -> None:
    observed = Observed(liveness, "trouble")
    assert said(observed, LOADED, grace_over=False) == Live(ConditionStatus.TRUE, Reason.RULES_LOADED, "said", FIGURES)
    assert said(observed, LOADED, grace_over=True) == Live(status, reason, "trouble", FIGURES)


def test_the_refusal_of_an_older_version_does_not_stand_against_a_new_one() -> None:
    observed = Observed(Liveness.MISSING, "not yet")
    assert said(observed, REFUSED, grace_over=False).status is ConditionStatus.FALSE
    found = said(observed, REFUSED, grace_over=False, new_version=True)
    assert (found.status, found.reason, found.facts) == (ConditionStatus.UNKNOWN, Reason.NOT_LOADED_YET, FIGURES)


def test_before_anything_was_observed_what_was_said_stays() -> None:
    assert said(None, LOADED, grace_over=True) == Live(ConditionStatus.TRUE, Reason.RULES_LOADED, "said", FIGURES)
