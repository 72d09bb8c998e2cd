"""What an alert policy may say, and what a person is told who says something else."""

import copy
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.alertpolicy_cases import BAD, FILES_ONLY, good_policy
from api.slo_cases import Case
from binnacle.api.alertpolicy import AlertPolicy
from binnacle.api.limits import Limit, Unit
from binnacle.api.registry import parse
from binnacle.errors import SpecError


def bad_object(case: Case) -> dict[str, Any]:
    obj = copy.deepcopy(good_policy(case.name))
    for change in case.changes:
        change(obj)
    return obj


def test_the_policy_of_the_documentation_is_read() -> None:
    model, findings = parse(good_policy())
    assert findings == []
    assert isinstance(model, AlertPolicy)
    rule = model.spec.alerts[0]
    assert (rule.type, [level.severity for level in rule.all_levels]) == ("ratio", ["critical", "warning"])
    assert model.spec.alerts[1].all_levels[0].for_ is not None


@pytest.mark.parametrize("bad", [*BAD, *FILES_ONLY], ids=lambda one: one.name)
def test_a_bad_policy_is_refused_at_its_field_with_a_fix(bad: Case) -> None:
    model, findings = parse(bad_object(bad))
    assert model is None
    assert [one.path for one in findings] == [bad.path]
    assert bad.fix in findings[0].fix
    assert findings[0].message.endswith(".")


@pytest.mark.parametrize(
    ("given_", "value", "unit"),
    [
        (3, "3", Unit.NUMBER),
        ("-0.5", "-0.5", Unit.NUMBER),
        ("5%", "0.05", Unit.PERCENTAGE),
        ("300ms", "0.3", Unit.DURATION),
        ("5m", "300", Unit.DURATION),
        ("1h30m", "5400", Unit.DURATION),
        ("512Mi", str(512 * 2**20), Unit.SIZE),
        ("5M", "5000000", Unit.SIZE),
    ],
)
def test_a_limit_is_exact_and_knows_its_unit(given_: object, value: str, unit: Unit) -> None:
    limit = Limit.parse(given_)
    assert (limit.value, limit.unit, str(limit)) == (Decimal(value), unit, str(given_))


@given(st.text(max_size=12))
def test_any_text_is_a_finite_limit_or_is_refused_with_a_fix(text: str) -> None:
    limit, fix = _parsed(text)
    assert fix if limit is None else limit.value.is_finite()


def _parsed(text: str) -> tuple[Limit | None, str]:
    try:
        return Limit.parse(text), ""
    except SpecError as error:
        return None, error.fix


@pytest.mark.parametrize("value", [0.5, True, None, "", "5 %", "1e3", "5x", "m", "\u0661"])
def test_what_is_no_limit(value: object) -> None:
    with pytest.raises(SpecError):
        Limit.parse(value)
