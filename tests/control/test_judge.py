"""What status says of the backend: the words before, an observation, and how long there was to take what was applied."""

from __future__ import annotations

from typing import Any

import pytest

from binnacle.api.conditions import ConditionStatus
from binnacle.api.reasons import Reason
from binnacle.control.ports import Liveness, MetricsSeen, Observed, merged
from binnacle.control.status import Live, judge, judge_metrics

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


CHECKED = {"conditions": [{"type": "DataPresent", "status": "True", "reason": "MetricsFound", "message": "said"}]}
THERE = MetricsSeen(True, "there")
GONE = MetricsSeen(False, "no series of x")
UNSEEN = MetricsSeen(None, "away")
IS_LIVE = Live(ConditionStatus.TRUE, Reason.RULES_LOADED, "said")
IS_WAITING = Live(ConditionStatus.UNKNOWN, Reason.NOT_LOADED_YET, "said")


@pytest.mark.parametrize(
    ("seen", "before", "live", "settled", "grace_over", "reason"),
    [
        (None, NEW, IS_LIVE, True, False, Reason.NOT_CHECKED_YET),
        (None, CHECKED, IS_LIVE, True, True, Reason.METRICS_FOUND),
        (THERE, NEW, IS_LIVE, True, False, Reason.METRICS_FOUND),
        (GONE, NEW, IS_LIVE, True, False, Reason.METRICS_MISSING),
        (GONE, CHECKED, IS_LIVE, False, False, Reason.METRICS_MISSING),
        # The first word waits for that of the backend, and for what may still come.
        (THERE, NEW, IS_WAITING, True, False, Reason.NOT_CHECKED_YET),
        (GONE, NEW, IS_LIVE, False, False, Reason.NOT_CHECKED_YET),
        # Away is told after the grace.
        (UNSEEN, CHECKED, IS_LIVE, True, False, Reason.METRICS_FOUND),
        (UNSEEN, CHECKED, IS_LIVE, True, True, Reason.BACKEND_UNREACHABLE),
    ],
)
def test_what_is_said_of_metrics(
    seen: MetricsSeen | None, before: dict[str, Any], live: Live, settled: bool, grace_over: bool, reason: Reason
) -> None:
    observed = Observed(Liveness.LOADED, settled=settled, metrics=seen)
    found = judge_metrics(observed, before, live, grace_over=grace_over)
    assert found.reason is reason
    expected = {Reason.METRICS_FOUND: "True", Reason.METRICS_MISSING: "False"}.get(reason, "Unknown")
    assert found.status == expected


def test_how_a_backend_fails_to_answer_is_told_once() -> None:
    before = {"conditions": [{**CHECKED["conditions"][0], "status": "Unknown", "reason": "BackendUnreachable"}]}
    observed = Observed(Liveness.UNREACHABLE, metrics=MetricsSeen(None, "away in other words"))
    assert judge_metrics(observed, before, IS_LIVE, grace_over=True).message == "said"


def test_where_there_is_nothing_to_load_nothing_is_said_of_it() -> None:
    found = said(Observed(Liveness.NOTHING, facts=FIGURES), NEW, grace_over=False)
    assert found.said() is None
    assert found.facts == FIGURES


def test_what_several_backends_have_is_told_together() -> None:
    metrics = MetricsSeen(True, "there")
    both = merged([Observed(Liveness.LOADED, metrics=metrics), Observed(Liveness.UNCONFIGURED, "no address")])
    assert (both.liveness, both.message, both.metrics) == (Liveness.LOADED, "", metrics)
