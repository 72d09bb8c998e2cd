"""What a regular expression costs: by table, and against a search that goes back, counted step by step."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from binnacle.compile.onigmo import dialect
from binnacle.compile.onigmo.cost import Growth, growth
from binnacle.compile.onigmo.tree import (
    NOTHING,
    Ahead,
    Chars,
    Choice,
    Node,
    PatternError,
    Repeat,
    Sequence,
    names,
    read,
)

LINEAR, SQUARE, FASTER = Growth


@pytest.mark.parametrize(
    ("source", "cost"),
    [
        (r"error|warn", LINEAR),
        (r"ORD-\d+", LINEAR),
        (r"(?i)took [0-9]+ms", LINEAR),
        (r"\A(?<at>[^ ]+) (?<level>[A-Z]+) (?<rest>.*)$", LINEAR),
        (r"\A\[(?<at>[^\]]*)\] (?<rest>.*)", LINEAR),
        (r"(?:\d{1,3}\.){3}\d{1,3}", LINEAR),
        (r"[A-Z]{2,5}-\d{3,8}", LINEAR),
        (r"\A(?!\s|Caused by:)", LINEAR),
        (r"\A(?=.*a)(?=.*b)x", LINEAR),
        (r"key=(?:[a-z]+,)*end", LINEAR),
        (r"\d+x", SQUARE),
        (r"\A(?<a>.*) (?<b>.*)$", SQUARE),
        (r"(?<k>\w+)=(?<v>\w+)", SQUARE),
        (r"[^\s]+@[^\s]+", FASTER),
        (r"é+x", SQUARE),
        (r"[\x00-\x1f]+\t", SQUARE),
        (r"\A(?:[^\x00-\x1f]+\t)+", LINEAR),
        (r"\p{L}+[0-9]", SQUARE),
        (r"[a-z&&[^b]]+x", SQUARE),
        (r".*a.*b", FASTER),
        (r"(a*)*b", FASTER),
        (r"(a|a)*b", FASTER),
        (r"(a+)+", FASTER),
        (r"a**b", FASTER),
        (r"(?:a{1,20}){1,20}b", FASTER),
        (r"([a-z]+)*=", FASTER),
        (r"(x+x+)+y", FASTER),
        (r"(?:(?:ab)*(?:ab)*)x", FASTER),
        (r"(?i:A|a)*b", FASTER),
        (r"([a-z0-9]|\d)+!", FASTER),
    ],
)
def test_costs(source, cost):
    assert dialect.problem(source) == ""
    assert growth(source) is cost


@pytest.mark.parametrize(
    "source", [r"(.)\1", r"(?<n>a)\g<n>", r"\k<n>", r"(?x) a", r"(?(1)a|b)", r"(?~a)", r"\X", r"\c", "(" * 60 + ")" * 60, "(?:ab?c?){60}" * 12]
)  # fmt: skip
def test_what_cannot_be_told_is_refused(source):
    with pytest.raises(PatternError):
        growth(source)


def test_an_intricate_one_takes_no_longer_to_judge():
    words = "|".join(f"{a}{b}{c}" for a in "abcdef" for b in "abcdef" for c in "abcdef")
    with pytest.raises(PatternError, match=r"large|intricate"):
        growth(f"(?:{words})+(?:{words})+x")


def test_groups_that_only_look_like_groups():
    assert names(r"(?<a>x)\(?<b>y[(?<c>]z(?<a_1>.)(?:(?<d>.))") == ("a", "a_1", "d")


# -- the law -----------------------------------------------------------------------------------------------------------

small = st.recursive(
    st.sampled_from(["a", "b", "[ab]", "."]),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map("".join),
        st.tuples(inner, inner).map(lambda two: f"(?:{two[0]}|{two[1]})"),
        st.tuples(inner, st.sampled_from(["*", "+", "?", "{1,2}", "{2}"])).map(lambda two: f"(?:{two[0]}){two[1]}"),
    ),
    max_leaves=6,
)


class _Search:
    """A search that goes back, as Onigmo's does, and counts its steps."""

    def __init__(self, text: str):
        self.text = text
        self.steps = 0

    def fails(self, tree: Node) -> bool:
        return all(next(self.ends(tree, start), None) is None for start in range(len(self.text) + 1))

    def ends(self, node: Node, at: int) -> Iterator[int]:
        self.steps += 1
        match node:
            case Chars(symbols):
                if at < len(self.text) and symbols >> ord(self.text[at]) & 1:
                    yield at + 1
            case Sequence(()):
                yield at
            case Sequence((first, *others)):
                for end in self.ends(first, at):
                    yield from self.ends(Sequence(tuple(others)), end)
            case Choice(options):
                for option in options:
                    yield from self.ends(option, at)
            case Repeat():
                yield from self.repeated(node, at)

    def repeated(self, node: Repeat, at: int) -> Iterator[int]:
        if node.most is None or node.most > 0:
            fewer = Repeat(node.body, max(node.least - 1, 0), None if node.most is None else node.most - 1)
            for end in self.ends(node.body, at):
                if end > at:
                    yield from self.ends(fewer, end)
        if node.least == 0:
            yield at


@settings(max_examples=150, deadline=None)
@given(small, st.sampled_from(["a", "b", "ab", "aab"]), st.sampled_from(["a", "b", ""]))
def test_a_search_takes_no_more_than_is_said(source, part, last):
    tree = read(f"(?:{source})c")
    cost = growth(f"(?:{source})c")
    assume(cost is not FASTER)
    spent = []
    for size in (24, 48):
        # There is no "c", so every way is tried.
        search = _Search(part * (size // len(part)) + last)
        assert search.fails(tree)
        spent.append(search.steps)
    assert spent[1] <= spent[0] * {LINEAR: 2.5, SQUARE: 5}[cost]


@given(small)
@settings(max_examples=100, deadline=None)
def test_the_tree_takes_what_the_expression_takes(source):
    for text in ("", "a", "b", "ab", "ba", "aab", "abab"):
        if re.fullmatch(source, text):
            assert _takes(read(source), text)


def _takes(node: Node, text: str) -> bool:
    def ends(node: Node, at: int) -> set[int]:
        match node:
            case Chars(symbols):
                return {at + 1} if at < len(text) and symbols >> ord(text[at]) & 1 else set()
            case Sequence(parts):
                found = {at}
                for part in parts:
                    found = {end for one in found for end in ends(part, one)}
                return found
            case Choice(options):
                return {end for option in options for end in ends(option, at)}
            case Repeat(body, least, most):
                found = {at}
                every = {at} if least == 0 else set()
                for number in range(1, (most if most is not None else len(text) + least) + 1):
                    found = {end for one in found for end in ends(body, one)}
                    every |= found if number >= least else set()
                return every
            case Ahead():
                return {at}

    return len(text) in ends(node, 0)


def test_nothing_is_a_sequence_of_nothing():
    assert read("") == NOTHING
