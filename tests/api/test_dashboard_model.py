"""What a Dashboard may say, and what a person is told who says something else."""

from __future__ import annotations

import pytest

from api.cases import Case
from api.dashboard_cases import BAD
from api.slo_cases import put
from binnacle.api.dashboard import Dashboard
from binnacle.api.findings import Severity
from binnacle.api.registry import parse
from compile.dashboards import good_dashboard, panel, plain_dashboard, row


@pytest.mark.parametrize("body", [good_dashboard(), plain_dashboard()], ids=lambda one: one["metadata"]["name"])
def test_a_good_dashboard_is_read(body: dict[str, object]) -> None:
    model, findings = parse(body)
    assert findings == []
    assert isinstance(model, Dashboard)


@pytest.mark.parametrize("bad", BAD, ids=lambda one: one.name)
def test_a_bad_dashboard_is_refused_at_its_field_with_a_fix(bad: Case) -> None:
    model, findings = parse(bad.object())
    assert model is None
    assert bad.path in [one.path for one in findings]
    (found, *_) = [one for one in findings if one.path == bad.path]
    assert bad.fix in found.fix
    assert found.severity is Severity.ERROR
    assert "pydantic" not in f"{found.message}{found.fix}".lower()


def test_names_are_unique_in_their_list() -> None:
    _, findings = parse(plain_dashboard(rows=[row(panel("a"), panel("a"))]))
    assert [one.path for one in findings] == ["spec.rows[traffic].panels[a]"]
    _, findings = parse(plain_dashboard(rows=[row(panel("a")), row(panel("b"))]))
    assert [one.path for one in findings] == ["spec.rows[traffic]"]


@pytest.mark.parametrize("value", ["now", "now-6h", "now/d", "now-1d/d", "now-15m", "now-1M/M"])
def test_times_are_grafanas(value: str) -> None:
    body = good_dashboard()
    put("spec.time.from", value)(body)
    model, _ = parse(body)
    assert isinstance(model, Dashboard)
    assert model.spec.time is not None
    assert (model.spec.time.start, model.spec.time.end) == (value, "now")


def test_integers_are_no_booleans() -> None:
    _, findings = parse(plain_dashboard(rows=[row(panel(width=True))]))
    assert [one.path for one in findings] == ["spec.rows[traffic].panels[requests].width"]
