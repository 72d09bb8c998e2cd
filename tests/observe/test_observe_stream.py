"""The law of the element-wise decoder: any division into chunks gives what decoding the whole gives."""

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from binnacle.observe.jsonstream import ArrayStream

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**6), 10**6)
    | st.text(max_size=12)
    | st.sampled_from(['"a":[', "]}", "\\", "é😀"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
ELEMENTS = st.dictionaries(st.text(max_size=4), VALUES, max_size=4)
OTHERS = st.dictionaries(st.text(max_size=4).filter(lambda key: key != "a"), st.text(max_size=8), max_size=3)


def decode(body: bytes, cuts: list[int], **limits: int) -> tuple[list[Any], Any]:
    stream = ArrayStream("a", **limits)
    edges = [0, *sorted(cut % (len(body) + 1) for cut in cuts), len(body)]
    taken = [one for start, end in itertools.pairwise(edges) for one in stream.feed(body[start:end])]
    last, rest = stream.close()
    return taken + last, rest


@given(
    st.lists(ELEMENTS, max_size=8),
    OTHERS,
    OTHERS,
    st.lists(st.integers(0, 10**6), max_size=12),
    st.booleans(),
    st.sampled_from([None, 1]),
)
def test_any_chunks_give_the_elements_and_the_rest(
    elements: list[Any],
    before: dict[str, str],
    after: dict[str, str],
    cuts: list[int],
    ascii_only: bool,
    indent: int | None,
) -> None:
    after = {key: value for key, value in after.items() if key not in before}
    body = json.dumps(
        {"status": "success", **before, "data": {"a": elements, "b": 1}, **after},
        ensure_ascii=ascii_only,
        indent=indent,
    )
    taken, rest = decode(body.encode(), cuts)
    assert taken == elements
    assert rest == {"status": "success", **before, "data": {"a": [], "b": 1}, **after}


@given(st.lists(ELEMENTS, min_size=1, max_size=5), st.data())
def test_a_body_that_is_cut_off_is_refused(elements: list[Any], data: st.DataObject) -> None:
    body = json.dumps({"data": {"a": elements}}).encode()
    with pytest.raises(ValueError):  # noqa: PT011 - the message is json's
        decode(body[: data.draw(st.integers(0, len(body) - 1))], [])


@pytest.mark.parametrize(
    "body", ["", "[]", "<html>", '{"a":[1]}', '{"a":[{}', '{"a":[{"x":}]}', "null", '{"a":[{}]}}', "\ufeff{}"]
)
def test_other_shapes_are_refused(body: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the message is json's
        decode(body.encode(), [])


def test_an_answer_without_the_array_is_decoded_whole() -> None:
    assert decode(b'{"status":"success","data":{"a":null}}', [3]) == ([], {"status": "success", "data": {"a": None}})


def test_one_element_may_not_be_endless() -> None:
    body = b'{"a":[{"x":"' + b"x" * 5000
    with pytest.raises(ValueError, match="too large"):
        decode(body, list(range(0, 5000, 100)), max_element=1000)


def test_nesting_does_not_end_the_process() -> None:
    with pytest.raises((ValueError, RecursionError)):
        decode(b'{"a":[{"x":' + b"[" * 100_000, [])
