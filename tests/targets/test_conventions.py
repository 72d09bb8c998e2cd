"""The canonical spelling of values and objects: the same whether a part of it was spelled before or not."""

import json

from hypothesis import given
from hypothesis import strategies as st

from binnacle.targets import conventions

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(TEXTS, VALUES, max_size=4), st.data())
def test_what_was_spelled_before_changes_no_byte(value: dict[str, object], data: st.DataObject) -> None:
    known = data.draw(st.sets(st.sampled_from(sorted(value)))) if value else set()
    spelled = {key: conventions.canonical(value[key]) for key in known}
    assert conventions.canonical_map(value, spelled) == conventions.canonical(value)
    assert json.loads(conventions.canonical(value)) == value


@given(st.lists(VALUES, max_size=4))
def test_a_list_of_spelled_items_is_the_spelled_list(items: list[object]) -> None:
    assert conventions.canonical_list(map(conventions.canonical, items)) == conventions.canonical(items)


@given(VALUES)
def test_hash_and_size_do_not_depend_on_what_was_spelled_before(spec: object) -> None:
    body = {"kind": "X", "metadata": {"name": "a"}, "spec": spec}
    stamped, size = conventions.with_hash_and_size(body, {"spec": conventions.canonical(spec)})
    assert (stamped, size) == conventions.with_hash_and_size(body)
    assert size == len(conventions.canonical(stamped))
    assert stamped["metadata"]["annotations"] == {conventions.ANNOTATION_HASH: conventions.digest(unhashed(body))}


def unhashed(body: dict[str, object]) -> dict[str, object]:
    return {**body, "metadata": {"name": "a", "annotations": {}}}
