"""What can be known of an expression without evaluating it.

Pure functions over trees. What they say of labels is an upper bound: a label that `labels_kept` excludes is on no
element of the result; one that it includes is there when the series have it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from binnacle.promql.nodes import (
    METRIC_NAME,
    Aggregate,
    Binary,
    Call,
    Duration,
    MatchOp,
    Node,
    Number,
    Range,
    Selector,
    String,
    Subquery,
    Unary,
    Variable,
    children,
)

COMPARISONS = frozenset({"==", "!=", ">", "<", ">=", "<="})
SET_OPERATORS = frozenset({"and", "or", "unless"})
_SCALAR_CALLS = frozenset({"scalar", "time", "pi"})
_NAME_KEEPING = frozenset(
    {"first_over_time", "last_over_time", "sort", "sort_by_label", "sort_by_label_desc", "sort_desc", "label_join"}
    | {"label_replace"}
)
"""Functions after which the metric's name is still there (promql/functions.go, promql/engine.go)."""
_BUCKETED = frozenset({"histogram_quantile", "histogram_fraction"})
_CHOOSING = frozenset({"topk", "bottomk", "limitk", "limit_ratio"})
"""Aggregations that choose among elements and leave their labels alone."""


class ValueType(StrEnum):
    """What an expression evaluates to."""

    SCALAR = "scalar"
    VECTOR = "vector"
    MATRIX = "matrix"
    STRING = "string"


@dataclass(frozen=True, slots=True)
class LabelSet:
    """A set of label names, or all label names except some.

    Attributes:
        names: the names meant, or left out.
        all_but: whether `names` are the ones left out.
    """

    names: frozenset[str] = frozenset()
    all_but: bool = False

    @classmethod
    def only(cls, *names: str) -> "LabelSet":
        """Exactly these."""
        return cls(frozenset(names))

    @classmethod
    def everything(cls, *, but: Iterable[str] = ()) -> "LabelSet":
        """All labels there may be, except some."""
        return cls(frozenset(but), all_but=True)

    def __contains__(self, name: str) -> bool:
        return (name in self.names) != self.all_but

    def __and__(self, other: "LabelSet") -> "LabelSet":
        match self.all_but, other.all_but:
            case False, False:
                return LabelSet(self.names & other.names)
            case False, True:
                return LabelSet(self.names - other.names)
            case True, False:
                return LabelSet(other.names - self.names)
            case _:
                return LabelSet(self.names | other.names, all_but=True)

    def __or__(self, other: "LabelSet") -> "LabelSet":
        return ~(~self & ~other)

    def __sub__(self, other: "LabelSet") -> "LabelSet":
        return self & ~other

    def __invert__(self) -> "LabelSet":
        return LabelSet(self.names, not self.all_but)


NOTHING = LabelSet()
EVERYTHING = LabelSet(all_but=True)
_NAME = LabelSet.only(METRIC_NAME)


class Ranges(NamedTuple):
    """Shortest and longest range in an expression, milliseconds."""

    shortest: int
    longest: int


def walk(node: Node) -> Iterator[Node]:
    """All nodes of a tree, each before what is below it, in the order of the text."""
    stack = [node]
    while stack:
        current = stack.pop()
        yield current
        stack.extend(reversed(children(current)))


def selectors(node: Node) -> tuple[Selector, ...]:
    """All selectors, in the order of the text, repetitions included."""
    return tuple(inner for inner in walk(node) if isinstance(inner, Selector))


def metrics(node: Node) -> frozenset[str]:
    """Names of the metrics read. A selector that does not fix the name (`{job="x"}`) adds none: see `reads_unnamed`."""
    return frozenset(selector.name for selector in selectors(node) if selector.name is not None)


def reads_unnamed(node: Node) -> bool:
    """Whether some selector does not fix its metric's name, so that `metrics` is not the whole truth."""
    return any(selector.name is None for selector in selectors(node))


def functions(node: Node) -> frozenset[str]:
    """Names of the functions called, aggregations not included."""
    return frozenset(inner.func for inner in walk(node) if isinstance(inner, Call))


def aggregations(node: Node) -> frozenset[str]:
    """Names of the aggregations used."""
    return frozenset(inner.op for inner in walk(node) if isinstance(inner, Aggregate))


def ranges(node: Node) -> Ranges | None:
    """Shortest and longest range of range selectors and subqueries; None without any. Variables do not count."""
    found = [
        inner.range for inner in walk(node) if isinstance(inner, Range | Subquery) and isinstance(inner.range, int)
    ]
    return Ranges(min(found), max(found)) if found else None


def variables(node: Node) -> frozenset[Variable]:
    """Variables that stand for a duration, a number or matchers; those within names are part of the name."""
    found: set[Duration | Node | None] = set()
    for inner in walk(node):
        match inner:
            case Variable():
                found.add(inner)
            case Selector(offset=offset, filled=filled):
                found |= {offset, *filled}
            case Range(range=range_):
                found.add(range_)
            case Subquery():
                found |= {inner.range, inner.step, inner.offset}
            case _:
                pass
    return frozenset(item for item in found if isinstance(item, Variable))


def has_at_or_offset(node: Node) -> bool:
    """Whether any part is evaluated at another time than now."""
    return any(
        isinstance(inner, Selector | Subquery) and (inner.at is not None or inner.offset != 0) for inner in walk(node)
    )


def value_type(node: Node) -> ValueType:
    """What the expression evaluates to."""
    match node:
        case Number() | Variable():
            return ValueType.SCALAR
        case String():
            return ValueType.STRING
        case Range() | Subquery():
            return ValueType.MATRIX
        case Call(func):
            return ValueType.SCALAR if func in _SCALAR_CALLS else ValueType.VECTOR
        case Unary(expr):
            return value_type(expr)
        case Binary(_, lhs, rhs):
            scalar = value_type(lhs) is ValueType.SCALAR and value_type(rhs) is ValueType.SCALAR
            return ValueType.SCALAR if scalar else ValueType.VECTOR
        case Selector() | Aggregate():
            return ValueType.VECTOR


def labels_kept(node: Node) -> LabelSet:
    """Which labels the elements of the result can have; the metric's name counts as the label `__name__`.

    Follows `resultMetric` and the functions of Prometheus' promql/engine.go and promql/functions.go.
    """
    match node:
        case Selector(matchers=matchers):
            absent = (m.name for m in matchers if m.op is MatchOp.EQUAL and not m.value)
            return LabelSet.everything(but=absent)
        case Range(selector):
            return labels_kept(selector)
        case Subquery(expr):
            return labels_kept(expr)
        case Unary(expr):
            return labels_kept(expr) - _NAME
        case Aggregate():
            return _of_aggregate(node)
        case Call():
            return _of_call(node)
        case Binary():
            return _of_binary(node)
        case Number() | String() | Variable():
            return NOTHING


def _of_aggregate(node: Aggregate) -> LabelSet:
    inner = labels_kept(node.expr)
    if node.op in _CHOOSING:
        return inner
    kept = NOTHING
    if node.grouping is not None:
        named = LabelSet(frozenset(node.grouping.labels))
        kept = inner - named - _NAME if node.grouping.without else inner & named
    if node.op == "count_values" and isinstance(node.param, String):
        return kept | LabelSet.only(node.param.value)
    return kept


def _of_call(node: Call) -> LabelSet:
    inner = next((arg for arg in node.args if value_type(arg) in {ValueType.VECTOR, ValueType.MATRIX}), None)
    if inner is None or node.func in _SCALAR_CALLS:
        return NOTHING
    kept = labels_kept(inner)
    match node:
        case Call("absent" | "absent_over_time"):
            return _of_absent(inner)
        case Call("label_replace" | "label_join", (_, String(target), *_)):
            return kept | LabelSet.only(target)
        case Call("info"):
            # The labels come from info metrics that the text does not name.
            return EVERYTHING
        case Call(func) if func in _BUCKETED:
            return kept - LabelSet.only("le") - _NAME
        case Call(func) if func in _NAME_KEEPING:
            return kept
        case _:
            return kept - _NAME


def _of_absent(inner: Node) -> LabelSet:
    """Labels that `absent` makes up: those with exactly one matcher, an equality (`createLabelsForAbsentFunction`)."""
    selector = inner.selector if isinstance(inner, Range) else inner
    if not isinstance(selector, Selector):
        return NOTHING
    names = [matcher.name for matcher in selector.matchers]
    return LabelSet(
        frozenset(
            m.name
            for m in selector.matchers
            if m.op is MatchOp.EQUAL and m.value and names.count(m.name) == 1 and m.name != METRIC_NAME
        )
    )


def _of_binary(node: Binary) -> LabelSet:
    left, right = labels_kept(node.lhs), labels_kept(node.rhs)
    if node.op in SET_OPERATORS:
        return left | right if node.op == "or" else left
    dropped = NOTHING if node.op in COMPARISONS and not node.return_bool else _NAME
    left_scalar = value_type(node.lhs) is ValueType.SCALAR
    if left_scalar or value_type(node.rhs) is ValueType.SCALAR:
        return (right if left_scalar else left) - dropped
    if node.group is not None:
        many, one = (left, right) if node.group.side == "left" else (right, left)
        included = LabelSet(frozenset(node.group.labels))
        return ((many - dropped) - included) | (one & included)
    matched = left if node.fill is None else left | right
    if node.matching is None:
        return matched - dropped
    named = LabelSet(frozenset(node.matching.labels))
    return matched & named if node.matching.on else matched - named - dropped
