"""Plain scalars: YAML 1.2's core schema, and where kubectl differs from it."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from binnacle.folder.scalars import kubectl_differs, resolve


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("~", None),
        ("null", None),
        ("NULL", None),
        ("nULL", "nULL"),
        ("true", True),
        ("True", True),
        ("TRUE", True),
        ("tRue", "tRue"),
        ("false", False),
        ("on", "on"),
        ("Yes", "Yes"),
        ("y", "y"),
        ("0", 0),
        ("-12", -12),
        ("+12", 12),
        ("007", 7),
        ("0777", 777),
        ("0o17", 15),
        ("0x1F", 31),
        ("-0x1F", "-0x1F"),
        ("0b11", "0b11"),
        ("1_000", "1_000"),
        ("1.5", 1.5),
        (".5", 0.5),
        ("5.", 5.0),
        ("1e3", 1000.0),
        ("-1.5E-3", -0.0015),
        (".inf", math.inf),
        ("-.INF", -math.inf),
        ("+.Inf", math.inf),
        ("inf", "inf"),
        ("nan", "nan"),
        ("1e999", "1e999"),
        ("12:30:45", "12:30:45"),
        ("2026-01-01", "2026-01-01"),
        ("99.9%", "99.9%"),
        ("30d", "30d"),
        (".", "."),
        ("-", "-"),
        ("1e", "1e"),
        ("٣", "٣"),
    ],
)
def test_core_schema(text: str, value: Any) -> None:
    result = resolve(text)
    assert (type(result), result) == (type(value), value)


def test_not_a_number_is_a_float() -> None:
    assert math.isnan(resolve(".nan"))  # type: ignore[arg-type]


def test_a_number_longer_than_any_number_stays_text() -> None:
    assert resolve("9" * 100_000) == "9" * 100_000


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("on", True),
        ("off", False),
        ("Yes", True),
        ("n", False),
        ("0777", 511),
        ("-0777", -511),
        ("0b101", 5),
        ("-0x1F", -31),
        ("0X1F", 31),
        ("1_000", 1000),
        ("1_0.5", 10.5),
        ("0_7_7", 63),
    ],
)
def test_kubectl_reads_more(text: str, other: Any) -> None:
    differs, value = kubectl_differs(text, resolve(text))
    assert differs
    assert (type(value), value) == (type(other), other)


@pytest.mark.parametrize(
    "text", ["", "~", "true", "oN", "0", "007", "08", "0o17", "0x1F", "1.5", "1e3", "a_b", "-", "yesterday", "no-one"]
)
def test_and_otherwise_the_same(text: str) -> None:
    assert not kubectl_differs(text, resolve(text))[0]


@given(st.text("0123456789abcdefxob_+-.eE", max_size=12))
def test_neither_fails_on_anything_like_a_number(text: str) -> None:
    kubectl_differs(text, resolve(text))


@given(st.integers())
def test_integers_are_read_as_they_are_written(number: int) -> None:
    assert resolve(str(number)) == (number if len(str(number)) <= 64 else str(number))
