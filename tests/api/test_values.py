"""Values as people write them: exact, and canonical when printed."""

import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from binnacle.api.values import (
    DECIMAL_PATTERN,
    DURATION_PATTERN,
    PERCENTAGE_PATTERN,
    Duration,
    Percentage,
    Quantity,
    duration_between,
    parse_decimal,
    percentage_between,
)
from binnacle.errors import SpecError

UNITS = {"y": 31_536_000_000, "w": 604_800_000, "d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1000, "ms": 1}
durations = st.builds(Duration, st.integers(0, 10**12))
percentages = st.decimals(0, 999, places=8).map(lambda number: Percentage(number.scaleb(-2)))


@given(durations)
def test_a_duration_prints_what_reads_back(duration: Duration) -> None:
    assert Duration.parse(str(duration)) == duration
    assert re.search(DURATION_PATTERN, str(duration))


@given(st.lists(st.integers(0, 99_999_999) | st.none(), min_size=7, max_size=7))
def test_a_duration_is_the_sum_of_its_parts(counts: list[int | None]) -> None:
    parts = [(count, unit) for count, unit in zip(counts, UNITS, strict=True) if count is not None]
    text = "".join(f"{count}{unit}" for count, unit in parts)
    if text:
        assert Duration.parse(text).ms == sum(count * UNITS[unit] for count, unit in parts)


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("30d", "30d"),
        ("28d", "28d"),
        ("4w", "28d"),
        ("1y", "365d"),
        ("90m", "1h30m"),
        ("36h", "1d12h"),
        ("300ms", "300ms"),
        ("0", "0s"),
        ("1500ms", "1s500ms"),
    ],
)
def test_a_duration_is_canonical(text: str, printed: str) -> None:
    assert str(Duration.parse(text)) == printed


@pytest.mark.parametrize(
    "text", ["", "5", "m", "5 m", "1.5h", "-5m", "5m1h", "5M", "5m\n", "\uff11h", "999999999d", 5, None, True, "1h1h"]
)
def test_what_is_no_duration_is_refused_with_a_fix(text: object) -> None:
    with pytest.raises(SpecError) as error:
        Duration.parse(text)
    assert error.value.fix


def test_seconds_are_exact() -> None:
    assert Duration.parse("300ms").seconds == Decimal("0.3")


@given(percentages)
def test_a_percentage_prints_what_reads_back(percentage: Percentage) -> None:
    assert Percentage.parse(str(percentage)) == percentage
    assert re.search(PERCENTAGE_PATTERN, str(percentage))


@pytest.mark.parametrize(
    ("text", "ratio", "printed"),
    [
        ("99.9%", "0.999", "99.9%"),
        ("99.90%", "0.999", "99.9%"),
        ("100%", "1", "100%"),
        ("0%", "0", "0%"),
        ("0.00000001%", "1E-10", "0.00000001%"),
        ("010%", "0.1", "10%"),
    ],
)
def test_a_percentage_is_exact_and_canonical(text: str, ratio: str, printed: str) -> None:
    assert Percentage.parse(text).ratio == Decimal(ratio)
    assert str(Percentage.parse(text)) == printed


def test_a_computed_percentage_may_be_negative() -> None:
    assert str(Percentage(Decimal("-0.125"))) == "-12.5%"
    assert str(Percentage(Decimal("-0.000"))) == "0%"


@pytest.mark.parametrize(
    ("value", "fix"),
    [
        ("99.9", "Write 99.9%."),
        (99.9, "Write 99.9% (with the percent sign)."),
        (0.999, "Write 99.9%, or 0.999%"),
        ("0.05", "Write 5%, or 0.05%"),
        ("0.05 %", "Write 0.05%."),
        (1e-300, "such as 99.9%"),
        (float("nan"), "such as 99.9%"),
        (99, "Write 99%"),
        ("99.9 %", "Write 99.9%."),
        ("ninety", "such as 99.9%"),
        ("", "such as 99.9%"),
        (None, "such as 99.9%"),
        (True, "such as 99.9%"),
        ("1000%", "three digits"),
        ("99.9%\n", "Write 99.9%."),
    ],
)
def test_what_is_no_percentage_is_refused_with_a_fix(value: object, fix: str) -> None:
    with pytest.raises(SpecError) as error:
        Percentage.parse(value)
    assert fix in error.value.fix


@given(st.decimals(-(10**14), 10**14, places=12))
def test_a_decimal_reads_back(number: Decimal) -> None:
    assert parse_decimal(f"{number:f}") == number
    assert re.search(DECIMAL_PATTERN, f"{number:f}")


@pytest.mark.parametrize("value", [0.5, True, "1e3", "", "0x1", "NaN", ".5", None, [1]])
def test_what_is_no_decimal_is_refused_with_a_fix(value: object) -> None:
    with pytest.raises(SpecError) as error:
        parse_decimal(value)
    assert error.value.fix


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("512Mi", 512 * 2**20),
        ("2Gi", 2**31),
        ("2G", 2 * 10**9),
        ("100m", Decimal("0.1")),
        ("1.5k", 1500),
        (3, 3),
        ("1Ki", 1024),
        ("7E", 7 * 10**18),
    ],
)
def test_a_quantity_counts_as_kubernetes_counts(text: object, value: object) -> None:
    quantity = Quantity.parse(text)
    assert quantity.value == value
    assert str(quantity) == str(text)


def test_quantities_are_equal_by_value() -> None:
    assert Quantity.parse("1024Mi") == Quantity.parse("1Gi")


@pytest.mark.parametrize("value", ["512mb", "Mi", "-1Gi", 1.5, True, "1 Gi", "1K"])
def test_what_is_no_quantity_is_refused_with_a_fix(value: object) -> None:
    with pytest.raises(SpecError) as error:
        Quantity.parse(value)
    assert "512Mi" in error.value.fix


@given(durations)
def test_bounds_of_durations_are_included(duration: Duration) -> None:
    law = duration_between("1d", "30d", whole="1h")
    inside = Duration.of(days=1) <= duration <= Duration.of(days=30) and duration.ms % 3_600_000 == 0
    if inside:
        law.check(duration)
    else:
        with pytest.raises(SpecError, match=r"outside|multiple"):
            law.check(duration)


@given(percentages)
def test_bounds_of_percentages_are_excluded_unless_said(percentage: Percentage) -> None:
    law = percentage_between("0%", "100%", high_included=True)
    if 0 < percentage.ratio <= 1:
        law.check(percentage)
    else:
        with pytest.raises(SpecError):
            law.check(percentage)
