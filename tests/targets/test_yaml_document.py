"""Objects as YAML for people: read back as they were, and multi-line texts line by line."""

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from binnacle.folder.compose import compose
from binnacle.targets.yamltext import document

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.text("ab \n:#-'\"|\t", max_size=12)
VALUES: st.SearchStrategy[Any] = st.recursive(
    TEXT | st.integers() | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(TEXT, VALUES, max_size=4))
def test_what_is_written_is_read_back(value: dict[str, Any]) -> None:
    text = document(value)
    assert yaml.safe_load(text) == value
    assert list(yaml.load(text, yaml.CSafeLoader)) == list(value)
    [composed] = compose(text)
    assert composed.value == value


def test_a_text_of_several_lines_can_be_read_and_compared() -> None:
    assert document({"data": {"a.yaml": "groups:\n- name: x\n\n  rules: []\n", "b": "x\ny"}}) == (
        "data:\n  a.yaml: |\n    groups:\n    - name: x\n\n      rules: []\n  b: |-\n    x\n    y\n"
    )


def test_the_order_is_kept_and_empty_values_are_written() -> None:
    assert document({"b": {}, "a": [], "c": [[1], {"x": None}]}) == "b: {}\na: []\nc:\n- - 1\n- x: null\n"


@pytest.mark.parametrize("value", [1.5, object(), {1, 2}])
def test_other_types_are_refused(value: object) -> None:
    with pytest.raises(TypeError):
        document({"a": value})
