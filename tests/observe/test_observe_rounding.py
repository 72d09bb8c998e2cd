"""The laws of the figures that status shows (binnacle.observe.rounding)."""

import math
from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from binnacle.observe import rounding

OBJECTIVES = st.sampled_from(
    [Decimal(text) for text in ("0.5", "0.9", "0.95", "0.99", "0.993", "0.999", "0.9995", "0.99999")]
)
SPENT = st.one_of(
    st.floats(0, 210),
    st.floats(0, 1e7),
    st.floats(98, 103),
    st.floats(0, 2),
    st.floats(990, 1010),
    st.sampled_from([0.0, 1e-12, 0.5, 99.5, 99.75, 100.0, 100.25, 100.5, 999.5, 1000.0, 1e5]),
)
SCALE = SPENT.map(rounding.nearest)


def shown_budget(spent: float, before: str | None = None) -> str:
    return rounding.budget_remaining(1 - spent / 100, before)


def percent(text: str) -> Decimal:
    assert text.endswith("%")
    return Decimal(text[:-1])


@given(SCALE, st.lists(st.floats(-0.7, 0.7), min_size=1, max_size=20))
def test_what_is_shown_stays_while_the_truth_is_within_seven_tenths_of_a_quantum(
    value: int, offsets: list[float]
) -> None:
    assume(value not in (0, 100))  # exact edges, below
    shown = Decimal(value)
    for offset in offsets:
        # A quantum below a decade's start is the finer one.
        spent = value + offset * rounding.quantum_at(value - 1 if offset < 0 else value)
        shown = rounding.steady(spent, shown)
        assert shown == value


@given(SPENT, st.one_of(st.none(), SCALE.map(Decimal), st.decimals(-10, 10**7, allow_nan=False, places=2)))
def test_what_is_shown_is_within_a_quantum_of_the_truth(spent: float, before: Decimal | None) -> None:
    shown = rounding.steady(spent, before)
    if shown == 101 and spent < 100:
        assert before == 101
        assert spent >= 99.75
        return
    assert abs(float(shown) - spent) <= rounding.quantum_at(max(spent, float(shown)))


@given(SPENT, st.one_of(st.none(), SCALE.map(Decimal)))
def test_the_edges_are_exact(spent: float, before: Decimal | None) -> None:
    shown = rounding.steady(spent, before)
    assert (shown == 0) == (spent <= 0)
    if spent > 100 + 1e-6:
        assert shown > 100
    if spent < 99.75:
        assert shown < 100
    if shown == 100:
        assert spent == pytest.approx(100, abs=1e-6)


@given(st.lists(SPENT, min_size=2, max_size=30))
def test_repeating_the_same_truth_changes_nothing(sequence: list[float]) -> None:
    shown = None
    for spent in sequence:
        shown = rounding.steady(spent, shown)
        assert rounding.steady(spent, shown) == shown


@given(st.floats(0, 1), OBJECTIVES, st.one_of(st.none(), st.floats(0, 1)))
def test_sli_tells_no_lies(error: float, objective: Decimal, before: float | None) -> None:
    shown = None if before is None else rounding.sli(before, objective)
    value = percent(rounding.sli(error, objective, shown))
    assert 0 <= value <= 100
    assert (value == 100) == (error == 0)
    spent = 100 * error / float(1 - objective)
    if spent > 100.001:
        assert value < 100 * objective
    if spent < 99.7:
        assert value > 100 * objective
    quantum = float(1 - objective) * rounding.quantum_at(spent * 1.01)
    assert abs(float(value) - 100 * (1 - error)) <= 1.01 * quantum


@given(st.floats(0, 1), OBJECTIVES)
def test_sli_recognises_what_it_has_shown(error: float, objective: Decimal) -> None:
    first = rounding.sli(error, objective)
    spent = 100 * error / float(1 - objective)
    assume(spent > 0)
    step = 0.1 * rounding.quantum_at(0.99 * spent)  # below a decade the quantum is finer
    for moved in (spent - step, spent + step):
        share = moved * float(1 - objective) / 100
        # The edges are exact: no errors, nothing but errors, and a budget that is just spent.
        assume(0 < share < 1 and (moved < 100) == (spent < 100))
        assert rounding.sli(share, objective, first) == first


@given(st.floats(-1e6, 1), st.one_of(st.none(), st.floats(-1e6, 1)))
def test_budget_is_whole_percents_and_signed_right(remaining: float, before: float | None) -> None:
    shown = None if before is None else rounding.budget_remaining(before)
    text = rounding.budget_remaining(remaining, shown)
    assert text != "-0%"
    assert percent(text) == int(percent(text))
    assert (text == "100%") == (remaining == 1)
    if remaining < -1e-8:
        assert percent(text) < 0
    if remaining > 0.0026:
        assert percent(text) > 0


@pytest.mark.parametrize(
    ("error", "objective", "text"),
    [
        (0.0, "0.999", "100%"),
        (1e-9, "0.999", "99.999%"),
        (0.00047, "0.999", "99.953%"),
        (0.0005, "0.999", "99.95%"),
        (0.0009999, "0.999", "99.901%"),
        (0.001, "0.999", "99.9%"),
        (0.0010001, "0.999", "99.899%"),
        (0.02, "0.999", "98%"),
        (1.0, "0.999", "0%"),
        (1.2, "0.999", "0%"),
        (0.07, "0.93", "93%"),
        (0.0351, "0.93", "96.5%"),
    ],
)
def test_sli_texts(error: float, objective: str, text: str) -> None:
    assert rounding.sli(error, Decimal(objective)) == text


@pytest.mark.parametrize(
    ("remaining", "text"),
    [
        (1.0, "100%"),
        (0.99999, "99%"),
        (0.874, "87%"),
        (0.001, "1%"),
        (0.0, "0%"),
        (8.9e-16, "0%"),
        (-0.001, "-1%"),
        (-0.354, "-35%"),
    ],
)
def test_budget_texts(remaining: float, text: str) -> None:
    assert rounding.budget_remaining(remaining) == text


def test_a_total_outage_stays_at_zero_while_it_wavers() -> None:
    objective = Decimal("0.997")
    shown = rounding.sli(1.0, objective)
    assert shown == "0%"
    assert {rounding.sli(error, objective, shown) for error in (1.0, 0.9995, 0.9991, 1.0)} == {"0%"}


def test_a_budget_that_is_just_spent_does_not_flap() -> None:
    shown, texts = None, []
    for number in range(100):
        shown = shown_budget(100 + (0.2 if number % 2 else -0.2), shown)
        texts.append(shown)
    assert texts == ["1%"] + ["-1%"] * 99
    assert shown_budget(99.7, shown) == "1%"


RATES = st.one_of(st.floats(0, 100), st.floats(0, 1e6), st.floats(0.3, 4))


@given(st.integers(0, 18), st.lists(st.floats(-0.7, 0.7), min_size=1, max_size=20))
def test_burn_rate_stays_while_the_truth_is_near(place: int, offsets: list[float]) -> None:
    shown = text = rounding.burn_rate(10 ** (place / 2))
    for offset in offsets:
        shown = rounding.burn_rate(10 ** ((place + offset) / 2), shown)
        assert shown == text


@given(RATES, st.one_of(st.none(), RATES))
def test_burn_rate_is_within_a_step_and_never_hides_overspending(rate: float, before: float | None) -> None:
    shown = None if before is None else rounding.burn_rate(before)
    text = rounding.burn_rate(rate, shown)
    if text == "<1":
        assert rate < 1
    elif rate < 1:
        assert text == "1" == shown
        assert rate > 0.4
    else:
        assert abs(2 * math.log10(rate) - 2 * math.log10(float(text))) <= 1.1


@pytest.mark.parametrize(
    ("rate", "text"),
    [
        (0, "<1"),
        (0.999, "<1"),
        (1, "1"),
        (1.6, "1"),
        (2, "3"),
        (14.4, "10"),
        (20, "30"),
        (100, "100"),
        (1e12, "1000000000"),
    ],
)
def test_burn_rate_texts(rate: float, text: str) -> None:
    assert rounding.burn_rate(rate) == text


@pytest.mark.parametrize(
    "rubbish", ["", "%", "abc", "NaN%", "Infinity%", "1e999999%", "-0%", "99.9531%", "³", "7", "0", "31", "9" * 40]
)
def test_what_somebody_else_wrote_into_status_is_disregarded(rubbish: str) -> None:
    assert rounding.sli(0.0005, Decimal("0.999"), rubbish) == "99.95%"
    assert rounding.budget_remaining(0.5, rubbish) == "50%"
    assert rounding.burn_rate(2.0, rubbish) == "3"
