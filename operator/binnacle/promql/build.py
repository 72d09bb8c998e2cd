"""PromQL trees made by programs: small constructors, so that a compiler reads like the expression it means."""

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from typing import Literal

from binnacle.promql.errors import NOT_A_SELECTOR, PromQLError
from binnacle.promql.nodes import (
    Aggregate,
    Binary,
    Call,
    Duration,
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
    map_nodes,
    negate,
)
from binnacle.promql.parse import parse

Comparison = Literal["==", "!=", ">", "<", ">=", "<="]


def num(value: Decimal | int | float) -> Number:
    """A number."""
    return Number.of(value)


def string(value: str) -> String:
    """A string."""
    return String(value)


def eq(label: str, value: str) -> Matcher:
    """`label="value"`."""
    return Matcher(label, MatchOp.EQUAL, value)


def ne(label: str, value: str) -> Matcher:
    """`label!="value"`."""
    return Matcher(label, MatchOp.NOT_EQUAL, value)


def regex(label: str, pattern: str) -> Matcher:
    """`label=~"pattern"`."""
    return Matcher(label, MatchOp.REGEX, pattern)


def not_regex(label: str, pattern: str) -> Matcher:
    """`label!~"pattern"`."""
    return Matcher(label, MatchOp.NOT_REGEX, pattern)


def sel(name: str, *matchers: Matcher, offset: int = 0) -> Selector:
    """An instant selector; `offset` in milliseconds."""
    return Selector(name, matchers, offset)


def bare_selector(text: str) -> Selector:
    """The selector that a person wrote where the compiler adds ranges, rates and sums itself.

    Raises:
        PromQLError: the text is not PromQL, or (reason `NotASelector`) more than a named metric with matchers.
    """
    node = parse(text)
    if isinstance(node, Selector) and node.name is not None and node.offset == 0 and node.at is None:
        return node
    message, fix = _not_bare(node)
    raise PromQLError(message, reason=NOT_A_SELECTOR, fix=fix, column=1)


def _not_bare(node: Node) -> tuple[str, str]:
    """Why a tree is no bare selector, and what to write instead."""
    match node:
        case Selector(name=None):
            return "The selector does not name its metric.", "Write the metric's name before the braces."
        case Selector():
            return "A selector here must not have `offset` or `@`.", "Remove them: the time windows are chosen for you."
        case Range():
            return (
                "A range in square brackets is not wanted here.",
                "Write only the metric and its matchers; the range is chosen for you.",
            )
        case Call(func=("rate" | "irate" | "increase") as func):
            return f"`{func}` is added for you.", "Write only the metric and its matchers, without function and range."
        case Aggregate(op="sum", expr=Call(func=("rate" | "irate" | "increase") as func)):
            return (
                f"`sum` and `{func}` are added for you.",
                "Write only the metric and its matchers, without functions and range.",
            )
        case Aggregate(op="sum"):
            return "`sum` is added for you.", "Write only the metric and its matchers, without function."
        case _:
            return (
                "Only a metric with matchers may stand here.",
                'Write a plain selector such as http_requests_total{job="web"}.',
            )


def over(selector: Selector, milliseconds: Duration) -> Range:
    """The samples of a selector in the last `milliseconds`."""
    return Range(selector, milliseconds)


def call(func: str, *args: Node) -> Call:
    """A function call."""
    return Call(func, args)


def rate(selector: Selector, milliseconds: Duration) -> Call:
    """`rate(selector[…])`, per second."""
    return Call("rate", (Range(selector, milliseconds),))


def increase(selector: Selector, milliseconds: Duration) -> Call:
    """`increase(selector[…])`."""
    return Call("increase", (Range(selector, milliseconds),))


def sum_over_time(selector: Selector, milliseconds: Duration) -> Call:
    """`sum_over_time(selector[…])`."""
    return Call("sum_over_time", (Range(selector, milliseconds),))


def subquery(expr: Node, milliseconds: Duration, step: Duration | None = None) -> Subquery:
    """`(expr)[…:step]`."""
    return Subquery(expr, milliseconds, step)


def sum_by(labels: Iterable[str], expr: Node) -> Aggregate:
    """`sum by (labels) (expr)`; without labels, one element."""
    return aggregate("sum", labels, expr)


def max_without(labels: Iterable[str], expr: Node) -> Aggregate:
    """`max without (labels) (expr)`."""
    return Aggregate("max", expr, grouping=Grouping(tuple(labels), without=True))


def aggregate(op: str, labels: Iterable[str], expr: Node, param: Node | None = None) -> Aggregate:
    """`op by (labels) (expr)`; without labels, one element."""
    kept = tuple(labels)
    return Aggregate(op, expr, param, Grouping(kept) if kept else None)


def as_label(label: str, expr: Node) -> Aggregate:
    """`count_values("label", expr)`: how many elements have each value, which becomes a label."""
    return Aggregate("count_values", expr, String(label))


def on(*labels: str) -> Matching:
    """Elements meet when they agree in exactly these labels."""
    return Matching(True, labels)


def ignoring(*labels: str) -> Matching:
    """Elements meet when they agree in all but these labels."""
    return Matching(False, labels)


def group_left(*labels: str) -> Group:
    """Many on the left meet one on the right, which gives these labels."""
    return Group("left", labels)


def group_right(*labels: str) -> Group:
    """Many on the right meet one on the left, which gives these labels."""
    return Group("right", labels)


def add(lhs: Node, rhs: Node, matching: Matching | None = None, group: Group | None = None) -> Binary:
    """`lhs + rhs`."""
    return Binary("+", lhs, rhs, matching=matching, group=group)


def sub(lhs: Node, rhs: Node, matching: Matching | None = None, group: Group | None = None) -> Binary:
    """`lhs - rhs`."""
    return Binary("-", lhs, rhs, matching=matching, group=group)


def mul(lhs: Node, rhs: Node, matching: Matching | None = None, group: Group | None = None) -> Binary:
    """`lhs * rhs`."""
    return Binary("*", lhs, rhs, matching=matching, group=group)


def div(lhs: Node, rhs: Node, matching: Matching | None = None, group: Group | None = None) -> Binary:
    """`lhs / rhs`."""
    return Binary("/", lhs, rhs, matching=matching, group=group)


def mod(lhs: Node, rhs: Node) -> Binary:
    """`lhs % rhs`."""
    return Binary("%", lhs, rhs)


def neg(expr: Node) -> Node:
    """`-expr`."""
    return negate(expr)


def cmp(
    op: Comparison,
    lhs: Node,
    rhs: Node,
    *,
    return_bool: bool = False,
    matching: Matching | None = None,
    group: Group | None = None,
) -> Binary:
    """`lhs op rhs`: keeps the elements of `lhs` for which it holds, or with `return_bool` gives 0 or 1 for each."""
    return Binary(op, lhs, rhs, return_bool, matching, group)


def gt(lhs: Node, rhs: Node, matching: Matching | None = None, group: Group | None = None) -> Binary:
    """`lhs > rhs`, keeping the elements of `lhs`."""
    return Binary(">", lhs, rhs, matching=matching, group=group)


def and_(first: Node, *others: Node, matching: Matching | None = None) -> Node:
    """`first and other and …`: the elements of `first` that all others have too."""
    return _chain("and", first, others, matching)


def or_(first: Node, *others: Node, matching: Matching | None = None) -> Node:
    """`first or other or …`: all elements, the earlier expression winning."""
    return _chain("or", first, others, matching)


def unless(first: Node, *others: Node, matching: Matching | None = None) -> Node:
    """`first unless other unless …`: the elements of `first` that no other has."""
    return _chain("unless", first, others, matching)


def _chain(op: str, first: Node, others: Iterable[Node], matching: Matching | None) -> Node:
    result = first
    for other in others:
        result = Binary(op, result, other, matching=matching)
    return result


def add_matchers(node: Node, matchers: Iterable[Matcher]) -> Node:
    """The tree with the matchers added to every selector; one that is there already is not repeated."""
    wanted = tuple(matchers)

    def narrow(inner: Node) -> Node:
        if not isinstance(inner, Selector):
            return inner
        missing = tuple(matcher for matcher in wanted if matcher not in inner.matchers)
        return replace(inner, matchers=inner.matchers + missing) if missing else inner

    return map_nodes(node, narrow)
