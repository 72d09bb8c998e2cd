"""Patterns that are kept from the parser: what it makes of a text is the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from binnacle.promql import PromQLError, parse
from binnacle.promql.convert import convert
from binnacle.promql.nodes import Matcher, MatchOp, Node, Selector
from binnacle.promql.parser import parsed

LITERALS = [
    *('"5.."', "'a|b'", "`\\d+`", '"\\\\d+"', '"0"', '"1"', '"\\u00e4\\""', '"(?i)x"', '"x#y"'),  # patterns
    *('""', '".*"', '"a*"', '"a|"', '"^"', '"(?:)"'),  # fulfilled by nothing at all
    *('".+"', '"[^a]"', '"$x"'),
    *('"("', '"a{2,1}"', '"\\q"', '"(?=a)"', '"a**"', '"\\u{61}"'),  # none of Prometheus
]
matchers = st.builds(
    lambda op, literal: f"a{op}{literal}", st.sampled_from(["=", "!=", "=~", "!~"]), st.sampled_from(LITERALS)
)
selectors = st.builds(
    lambda name, inside, comment: f"{name}{{{', '.join(inside)}{comment}}}",
    st.sampled_from(["", "x", "zv0z"]),
    st.lists(matchers, min_size=1, max_size=3),
    st.sampled_from(["", ' # a=~"b"\n']),
)


def plainly(text: str) -> Node | None:
    """What promql-parser makes of a text as it is, or None."""
    tree = parsed(text)
    try:
        return None if isinstance(tree, str) else convert(tree)
    except PromQLError:
        return None


def ours(text: str) -> Node | None:
    try:
        return parse(text)
    except PromQLError:
        return None


@given(st.lists(selectors, min_size=1, max_size=2).map(" or ".join))
def test_every_text_is_the_same_tree_or_none(text: str) -> None:
    assert ours(text) == plainly(text)


def test_what_is_read_again_is_read_alike() -> None:
    wanted = Selector(
        "x",
        (Matcher("a", MatchOp.REGEX, "5.."), Matcher("b", MatchOp.NOT_REGEX, "0"), Matcher("c", MatchOp.EQUAL, "1")),
    )
    assert {parse('x{a=~"5..", b!~`0`, c="1"}') for _ in range(2)} == {wanted}


@pytest.mark.parametrize("matcher", ['a=~".*"', 'a!~".+"', 'a=~""', 'a!~"b"'])
def test_a_selector_that_everything_fulfils_is_refused_also_when_its_pattern_is_known(matcher: str) -> None:
    parse(f"x{{{matcher}}}")
    with pytest.raises(PromQLError):
        parse(f"{{{matcher}}}")


def test_what_is_wrong_beside_a_known_pattern_is_told_at_its_place() -> None:
    parse('x{a=~"5.."}')
    with pytest.raises(PromQLError, match="no function `summ`") as caught:
        parse('sum(x{a=~"5.."}) + summ(y)')
    assert caught.value.column == 20
