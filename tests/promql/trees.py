"""Hypothesis strategies for PromQL trees that Prometheus accepts: typed as its checker wants them."""

from __future__ import annotations

from typing import get_args

from hypothesis import strategies as st

from binnacle.promql import build
from binnacle.promql.nodes import (
    Aggregate,
    At,
    Binary,
    Call,
    Fill,
    Group,
    Grouping,
    Matcher,
    Matching,
    MatchOp,
    Node,
    Number,
    Range,
    Selector,
    String,
    Subquery,
    negate,
)

YEAR = 365 * 86_400_000
KEYWORDS = ("sum", "by", "on", "bool", "offset", "or", "and", "inf", "nan", "start", "group_left", "atan2", "without")
OVER_TIME = (
    "rate",
    "increase",
    "irate",
    "delta",
    "avg_over_time",
    "sum_over_time",
    "last_over_time",
    "absent_over_time",
)
OF_VECTOR = ("abs", "ceil", "sqrt", "timestamp", "absent", "sort", "hour", "sgn", "histogram_count")
ARITHMETIC = ("+", "-", "*", "/", "%", "^", "atan2")
COMPARISON = get_args(build.Comparison)

classic_labels = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_]{0,5}", fullmatch=True) | st.sampled_from(KEYWORDS)
classic_metrics = st.from_regex(r"[a-zA-Z_:][a-zA-Z0-9_:]{0,8}", fullmatch=True) | st.sampled_from(KEYWORDS)
texts = st.text(st.characters(codec="utf-8"), max_size=8)
modern_names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=6)
regexes = st.sampled_from(["a|b", "5..", ".+", "(?i)x", "[^/]+$", "a{2}", "/api/{id}", "v\\d+", "\\.", "é"])
durations = st.integers(1, 10 * YEAR) | st.sampled_from([1000, 60_000, 300_000, 5_400_000, 30 * 86_400_000, YEAR])
offsets = st.just(0) | st.integers(-YEAR, YEAR)
numbers = st.one_of(
    st.floats(), st.integers(-(10**6), 10**6), st.decimals(allow_nan=False, allow_infinity=False, places=3)
)
ats: st.SearchStrategy[At | None] = st.none() | st.sampled_from(["start", "end"]) | st.integers(0, 4_102_444_800_000)


@st.composite
def matchers(draw: st.DrawFn, *, modern: bool = True) -> Matcher:
    name = draw(classic_labels | modern_names if modern else classic_labels)
    # A second matcher on the name is a matter of its own: Prometheus refuses it beside a name before the braces.
    name = "a" if name == "__name__" else name
    op = draw(st.sampled_from(MatchOp))
    return Matcher(name, op, draw(regexes if op in {MatchOp.REGEX, MatchOp.NOT_REGEX} else texts))


@st.composite
def selectors(draw: st.DrawFn, *, modern: bool = True) -> Selector:
    found = tuple(draw(st.lists(matchers(modern=modern), max_size=3)))
    named = draw(st.booleans())
    name = draw(classic_metrics | modern_names if modern else classic_metrics) if named else None
    if name is None:
        found += (Matcher("job", MatchOp.EQUAL, "x"),)
    return Selector(name, found, draw(offsets), draw(ats))


def labels(*, modern: bool) -> st.SearchStrategy[tuple[str, ...]]:
    # Of the classic names these can only be written quoted in a list of labels.
    classic = classic_labels.filter(lambda name: name.lower() not in {"inf", "nan", "without"})
    return st.lists(classic_labels | modern_names if modern else classic, max_size=3, unique=True).map(tuple)


@st.composite
def _binary(draw: st.DrawFn, inner: st.SearchStrategy[Node], *, modern: bool) -> Binary:
    op = draw(st.sampled_from((*ARITHMETIC, *COMPARISON, "and", "or", "unless")))
    plain = op not in {"and", "or", "unless"}
    matching = draw(st.none() | st.builds(Matching, st.booleans(), labels(modern=modern)))
    group = fill = None
    if matching is not None and plain and draw(st.booleans()):
        # A label may not both be matched on and be copied over.
        copied = tuple(name for name in draw(labels(modern=modern)) if not matching.on or name not in matching.labels)
        group = Group(draw(st.sampled_from(["left", "right"])), copied)
    if plain and modern and draw(st.integers(0, 9)) == 0:
        left, right = draw(st.tuples(st.none() | numbers.map(Number.of), st.none() | numbers.map(Number.of)))
        fill = Fill(left, right) if left is not None or right is not None else None
    return Binary(op, draw(inner), draw(inner), op in COMPARISON and draw(st.booleans()), matching, group, fill)


def scalars(vectors: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    base = numbers.map(Number.of) | st.just(Call("time")) | vectors.map(lambda node: Call("scalar", (node,)))
    return base | st.builds(Binary, st.sampled_from(ARITHMETIC), base, base) | base.map(negate)


def vectors(*, modern: bool = True) -> st.SearchStrategy[Node]:
    """Instant vectors of every shape; `modern` adds what only Prometheus 3 reads."""

    def extend(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
        matrix = st.builds(Range, selectors(modern=modern), durations) | st.builds(
            Subquery, inner, durations, st.none() | durations, offsets, ats
        )
        grouping = st.builds(Grouping, labels(modern=modern), st.booleans()).filter(lambda g: g.labels or g.without)
        grouped = st.none() | grouping
        scalar = scalars(inner)
        return st.one_of(
            st.builds(lambda func, arg: Call(func, (arg,)), st.sampled_from(OVER_TIME), matrix),
            st.builds(lambda func, arg: Call(func, (arg,)), st.sampled_from(OF_VECTOR), inner),
            st.builds(lambda q, arg: Call("histogram_quantile", (q, arg)), scalar, inner),
            st.builds(
                lambda arg, text: Call("label_replace", (arg, String("d"), String(text), String("s"), String("(.*)"))),
                inner,
                texts,
            ),
            st.builds(
                Aggregate, st.sampled_from(["sum", "avg", "max", "count", "group", "stddev"]), inner, st.none(), grouped
            ),
            st.builds(Aggregate, st.sampled_from(["topk", "bottomk", "quantile"]), inner, scalar, grouped),
            st.builds(lambda arg, by: Aggregate("count_values", arg, String("v"), by), inner, grouped),
            _binary(inner, modern=modern),
            st.builds(
                lambda op, a, b, flip: Binary(op, b, a) if flip else Binary(op, a, b),
                st.sampled_from((*ARITHMETIC, *COMPARISON)),
                inner,
                scalar,
                st.booleans(),
            ),
            inner.map(negate),
        )

    return st.recursive(selectors(modern=modern), extend, max_leaves=8)


def trees(*, modern: bool = True) -> st.SearchStrategy[Node]:
    """Trees of every type."""
    vector = vectors(modern=modern)
    return st.one_of(
        vector,
        scalars(vector),
        st.builds(Range, selectors(modern=modern), durations),
        st.builds(Subquery, vector, durations, st.none() | durations, offsets, ats),
        texts.map(String),
    )
