"""Status: what is written, and what is read back from a live object whoever wrote it."""

from typing import Any

import pytest

from binnacle.api.conditions import ConditionType
from binnacle.api.findings import Finding, Severity
from binnacle.api.reasons import Reason
from binnacle.api.slo import SLOStatus
from binnacle.api.status import FINDINGS_KEPT, StatusFinding, findings_for_status

READY = {
    "type": "Ready",
    "status": "True",
    "reason": "Applied",
    "message": "",
    "lastTransitionTime": "2026-01-01T00:00:00Z",
}


def test_nothing_is_known_of_a_fresh_resource() -> None:
    for live in (None, {}, {"observedGeneration": -1}):
        assert SLOStatus.from_live(live) == SLOStatus()
    assert SLOStatus().observed_generation == -1


def test_what_is_written_reads_back() -> None:
    status = SLOStatus.from_live({"observedGeneration": 2, "sli": "99.9%", "conditions": [READY]})
    assert SLOStatus.from_live(status.to_status()) == status


@pytest.mark.parametrize(
    "unreadable",
    [
        {"conditions": [{"type": "FromALaterVersion", "status": "True", "reason": "X"}, READY]},
        {"conditions": [READY, {"type": "Stalled"}]},
        {"conditions": [READY], "alerts": "none"},
        {"conditions": [READY], "groups": {"count": -1}},
        {"conditions": [READY], "fromALaterVersion": {"x": 1}},
        {"conditions": [READY], "children": ["x", {"kind": 5}]},
    ],
)
def test_what_cannot_be_read_counts_as_absent_and_the_rest_stays(unreadable: dict[str, Any]) -> None:
    status = SLOStatus.from_live({"observedGeneration": 4, "sli": "99.9%", **unreadable})
    assert (status.observed_generation, status.sli) == (4, "99.9%")
    assert [one.type for one in status.conditions] == [ConditionType.READY]
    assert (status.alerts, status.groups, status.children) == ((), None, ())


def test_findings_are_ordered_capped_and_counted() -> None:
    warning = Finding(Severity.WARNING, Reason.WINDOW_TOO_LONG, "spec.a", "m")
    error = Finding(Severity.ERROR, Reason.INVALID_VALUE, "spec.b", "m")
    fields = findings_for_status([*[warning] * FINDINGS_KEPT, error])
    assert fields["findings"][0] == StatusFinding.of(error)
    assert (len(fields["findings"]), fields["findings_total"]) == (FINDINGS_KEPT, FINDINGS_KEPT + 1)


def test_no_findings_leave_no_trace() -> None:
    body = SLOStatus(**findings_for_status([])).to_status()
    assert "findingsTotal" not in body


def test_a_long_finding_is_cut_and_keeps_its_column() -> None:
    long = Finding(Severity.ERROR, Reason.PROMQL_SYNTAX, "p" * 600, "m" * 2000, fix="f" * 2000, column=17)
    shown = StatusFinding.of(long)
    assert shown.message.endswith(" (column 17)")
    assert (len(shown.path), len(shown.message), len(shown.fix or "")) == (512, 1024, 1024)
