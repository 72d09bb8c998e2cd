"""What an SLO may say, and what a person is told who says something else."""

from decimal import Decimal

import pytest
from pydantic import ValidationError

from api.slo_cases import BAD, GOOD, Case, good_slo, put
from binnacle.api.findings import Severity
from binnacle.api.meta import Mode
from binnacle.api.reasons import Reason
from binnacle.api.registry import parse
from binnacle.api.slo import SLO
from binnacle.api.values import AlertSeverity, Duration


@pytest.mark.parametrize("good", GOOD, ids=lambda one: one.name)
def test_a_good_slo_is_read(good: Case) -> None:
    model, findings = parse(good.object())
    assert findings == []
    assert isinstance(model, SLO)


@pytest.mark.parametrize("bad", BAD, ids=lambda one: one.name)
def test_a_bad_slo_is_refused_at_its_field_with_a_fix(bad: Case) -> None:
    model, findings = parse(bad.object())
    assert model is None
    assert [one.path for one in findings] == [bad.path]
    assert bad.fix in findings[0].fix
    assert findings[0].severity is Severity.ERROR
    assert findings[0].message.endswith(".")


@pytest.mark.parametrize("bad", BAD, ids=lambda one: one.name)
def test_no_word_of_the_validator_leaks(bad: Case) -> None:
    _, findings = parse(bad.object())
    said = " ".join(f"{one.message} {one.fix}" for one in findings).lower()
    for word in (
        "pydantic",
        "input should",
        "value_error",
        "type=",
        "for further information",
        "dict",
        "tuple",
        "instance",
    ):
        assert word not in said


def test_the_values_are_exact() -> None:
    model, _ = parse(good_slo())
    assert isinstance(model, SLO)
    spec = model.spec
    assert spec.objective.ratio == Decimal("0.999")
    assert spec.window.rolling == Duration.of(days=30)
    assert spec.mode is Mode.APPLY
    assert spec.alerting.burn_rates is not None
    (fast,) = spec.alerting.burn_rates
    assert (fast.severity, fast.budget.ratio, fast.long) == (
        AlertSeverity.CRITICAL,
        Decimal("0.02"),
        Duration.of(hours=1),
    )
    assert spec.group_by == ("region",)


def test_a_model_is_frozen() -> None:
    model, _ = parse(good_slo())
    assert isinstance(model, SLO)
    with pytest.raises(ValidationError):
        model.spec.service = "other"


@pytest.mark.parametrize(
    ("field", "meant"),
    [
        ("burnrates", "burnRates"),
        ("burn_rates", "burnRates"),
        ("run-book", "runbook"),
        ("zzz", "Known here: burnRates, minFailures, noData, budgetSpent, route, runbook"),
    ],
)
def test_an_unknown_field_is_refused_with_the_name_that_was_meant(field: str, meant: str) -> None:
    obj = good_slo()
    put(f"spec.alerting.{field}", {})(obj)
    model, (finding,) = parse(obj)
    assert model is None
    assert finding.reason is Reason.UNKNOWN_FIELD
    assert finding.path == f"spec.alerting.{field}"
    assert meant in finding.fix


@pytest.mark.parametrize(
    ("path", "value", "fields"),
    [
        ("spec.window", "30d", "rolling, calendar"),
        ("spec.alerting.runbook", "https://runbooks.example", "url"),
        ("spec.alerting.burnRates", ["fast"], "name, severity"),
    ],
)
def test_a_value_where_fields_are_wanted_is_told_which(path: str, value: object, fields: str) -> None:
    obj = good_slo()
    put(path, value)(obj)
    model, (finding,) = parse(obj)
    assert model is None
    assert finding.message.startswith("This must be a map of fields, and is text.")
    assert finding.fix.startswith(f"Write the fields indented below it; known here: {fields}")


def test_a_field_that_is_not_built_is_refused_and_not_ignored() -> None:
    obj = good_slo()
    put("spec.window", {"rolling": "30d", "startTime": "2026-01-01"})(obj)
    _, findings = parse(obj)
    assert {one.path for one in findings} == {"spec.window.startTime"}


def test_every_mistake_is_told_at_once_in_a_stable_order() -> None:
    obj = good_slo()
    put("spec.objective", "99")(obj)
    put("spec.service", "")(obj)
    put("spec.groupBy", ["slo", "__x"])(obj)
    _, findings = parse(obj)
    assert [one.path for one in findings] == ["spec.groupBy[0]", "spec.groupBy[1]", "spec.objective", "spec.service"]


def test_text_of_a_user_is_no_template_of_a_message() -> None:
    obj = good_slo()
    put("spec.service", "{message} {0} %s")(obj)
    _, (finding,) = parse(obj)
    assert finding.message == "'{message} {0} %s' does not fit here."
