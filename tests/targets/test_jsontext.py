"""The one spelling of JSON: that of the standard library, and what it does with what is no JSON."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from binnacle.targets.jsontext import spelled

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
# Floats whose shortest spelling has no exponent, which is where the two libraries differ.
FLOATS = st.floats(1e-4, 1e15) | st.floats(-1e15, -1e-4) | st.just(0.0)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | FLOATS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=12,
)


class Word(StrEnum):
    ONE = "one"


@dataclass(frozen=True)
class Record:
    name: str = "a"


def standard(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


@given(VALUES)
def test_it_is_the_spelling_of_the_standard_library(value: object) -> None:
    assert spelled(value) == standard(value)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_is_read_back_as_it_was(value: float) -> None:
    assert json.loads(spelled([value])) == [value]
    assert spelled(json.loads(spelled([value]))) == spelled([value])


def nested(levels: int) -> object:
    value: object = "x"
    for _ in range(levels):
        value = {"a": [value]}
    return value


@pytest.mark.parametrize(
    "value",
    [
        *({"a": 2**bits, "b": -(2**bits), "c": "ü"} for bits in (63, 64, 65, 300)),
        {2: "b", 1: "a"},
        nested(100),
        nested(200),
        {Word.ONE: Word.ONE},
        "".join(map(chr, (*range(0xA0), 0x2028, 0x2029, 0xFEFF, 0xFFFE, 0xFFFF, 0x1F600))),
        {"\uffff": 1, "\U0001f600": 2, "a": 3, "Z": 4},
    ],
)
def test_what_the_faster_library_does_not_take_is_spelled_alike(value: object) -> None:
    assert spelled(value) == standard(value)


@pytest.mark.parametrize(
    "value",
    [Record(), dt.date(2026, 1, 1), dt.datetime(2026, 1, 1, tzinfo=dt.UTC), {"a": b"x"}, {1, 2}, MappingProxyType({})],
)
def test_what_is_no_json_is_a_mistake(value: object) -> None:
    with pytest.raises(TypeError):
        spelled(value)


_KEEPS = """
from binnacle.targets.jsontext import spelled

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096

before, kept = resident(), []
for number in range(8000):
    kept.append(spelled({"name": f"service-{number}", "text": "x" * 700}))
print((resident() - before) / sum(map(len, kept)))
"""


def test_a_text_that_is_kept_takes_the_memory_of_its_bytes_and_not_of_a_buffer() -> None:
    command = [sys.executable, "-c", _KEEPS]
    told = subprocess.run(command, capture_output=True, text=True, check=True, env={"PYTHONPATH": ":".join(sys.path)})
    assert float(told.stdout) < 1.5


def test_half_a_surrogate_pair_is_no_text() -> None:
    with pytest.raises(UnicodeEncodeError):
        spelled({"a": "\ud800"})
