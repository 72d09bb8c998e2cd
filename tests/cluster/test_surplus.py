"""What is taken away from an applied object, and that nothing else is."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from binnacle.cluster.surplus import surplus

leaves = st.one_of(st.text(max_size=3), st.integers(0, 3), st.booleans())
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcd"), inner, max_size=4)
)
trees = st.dictionaries(st.sampled_from(["spec", "data", "binaryData", "immutable"]), values, max_size=4)


def merge_patch(target: Any, patch: Any) -> Any:
    """RFC 7396."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge_patch(merged.get(key), value)
    return merged


def add(wanted: Any, extra: Any) -> Any:
    """What server-side apply leaves: every wanted leaf, and besides it what somebody else has put there."""
    if isinstance(wanted, dict) and isinstance(extra, dict):
        return {key: add(wanted[key], extra.get(key)) if key in wanted else extra[key] for key in {*wanted, *extra}}
    return wanted


@given(trees, trees)
def test_the_patch_makes_the_live_object_equal_to_the_wanted_one(wanted: Any, extra: Any) -> None:
    live = add(wanted, extra)
    patch = surplus(wanted, live)
    assert merge_patch(live, patch) == wanted
    assert bool(patch) == (live != wanted)


@given(trees)
def test_an_object_as_wanted_needs_nothing(wanted: Any) -> None:
    assert surplus(wanted, wanted) == {}


def test_metadata_and_status_are_not_ours_whole() -> None:
    live = {"apiVersion": "v1", "kind": "K", "metadata": {"labels": {"a": "b"}}, "status": {"x": 1}, "spec": {}}
    assert surplus({"apiVersion": "v1", "kind": "K", "metadata": {}, "spec": {}}, live) == {}


@pytest.mark.parametrize(
    ("wanted", "live", "patch"),
    [
        ({"data": {"a": "1"}}, {"data": {"a": "1", "b": "2"}}, {"data": {"b": None}}),
        ({"data": {}}, {"data": {}, "immutable": True}, {"immutable": None}),
        ({"spec": {"l": [1]}}, {"spec": {"l": [1, 2]}}, {"spec": {"l": [1]}}),
    ],
)
def test_examples(wanted: Any, live: Any, patch: Any) -> None:
    assert surplus(wanted, live) == patch


def test_owner_labels_that_are_not_wanted_go_and_those_of_others_stay() -> None:
    wanted = {"metadata": {"labels": {"binnacle.dev/name": "a"}}}
    live = {"metadata": {"labels": {"binnacle.dev/name": "a", "binnacle.dev/aggregate": "rules", "team": "them"}}}
    assert surplus(wanted, live) == {"metadata": {"labels": {"binnacle.dev/aggregate": None}}}
