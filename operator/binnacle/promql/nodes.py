"""The nodes of a PromQL tree: frozen values that compare by meaning of their parts.

There is no node for parentheses: the tree itself says what belongs together and the printer writes the ones that are
needed. Times are integer milliseconds, the resolution of Prometheus. The shapes follow Prometheus' own
`promql/parser/ast.go`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import Literal, TypeAlias

METRIC_NAME = "__name__"


@dataclass(frozen=True, slots=True)
class Variable:
    """Something that is filled in later, spelled as it was written: `$window`, `${job:regex}`, `[[job]]`.

    As a node it stands for a scalar; as a duration it stands for a range, a step or an offset; in braces for matchers.
    """

    text: str


Duration: TypeAlias = int | Variable


@dataclass(frozen=True, slots=True)
class Number:
    """A number, held as its shortest exact spelling, so that equal numbers are equal nodes (NaN too).

    Make it with `Number.of`, which knows the spelling.
    """

    text: str

    @classmethod
    def of(cls, value: Decimal | int | float) -> "Number":
        """The node of a number. Prometheus computes in float64, so the value is rounded to it, once and correctly.

        `Decimal("0.001")` is spelled `0.001`. Infinities and NaN are spelled `Inf`, `-Inf`, `NaN`.
        """
        number = float(value)
        # The two zeros are equal, so they would be one entry of the cache.
        return _number(number) if number else cls(repr(number).removesuffix(".0"))

    @property
    def value(self) -> float:
        """The number as Prometheus sees it."""
        return float(self.text)


@lru_cache(maxsize=1024)  # rules have the same few numbers again and again
def _number(value: float) -> Number:
    if math.isnan(value):
        return Number("NaN")
    if math.isinf(value):
        return Number("Inf" if value > 0 else "-Inf")
    return Number(repr(value).removesuffix(".0"))


@dataclass(frozen=True, slots=True)
class String:
    """A string literal; `value` is without quotes and escapes."""

    value: str


class MatchOp(StrEnum):
    """How a matcher compares a label with its value."""

    EQUAL = "="
    NOT_EQUAL = "!="
    REGEX = "=~"
    NOT_REGEX = "!~"


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition of a selector on a label; a missing label counts as the empty string."""

    name: str
    op: MatchOp
    value: str


At: TypeAlias = int | Literal["start", "end"]
"""The instant of `@`: milliseconds since the epoch, or the start or end of the query's range."""


@dataclass(frozen=True, slots=True)
class Selector:
    """An instant vector selector.

    Attributes:
        name: the metric's name, when the selector fixes it: `x{…}`, `{"x", …}` and `{__name__="x", …}` are one tree.
        matchers: in the order written.
        offset: how far back to look; negative looks ahead.
        at: the instant to evaluate at, instead of now.
        filled: each stands for any number of further matchers: `x{a="b",${more}}`.
    """

    name: str | None
    matchers: tuple[Matcher, ...] = ()
    offset: Duration = 0
    at: At | None = None
    filled: tuple[Variable, ...] = ()


@dataclass(frozen=True, slots=True)
class Range:
    """A range vector selector: the samples of `selector` in the last `range`."""

    selector: Selector
    range: Duration


@dataclass(frozen=True, slots=True)
class Subquery:
    """An instant expression evaluated each `step` over the last `range`; no step means the evaluation interval."""

    expr: "Node"
    range: Duration
    step: Duration | None = None
    offset: Duration = 0
    at: At | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """A function call."""

    func: str
    args: tuple["Node", ...] = ()


@dataclass(frozen=True, slots=True)
class Grouping:
    """What an aggregation keeps: exactly `labels`, or (`without`) everything else."""

    labels: tuple[str, ...]
    without: bool = False


@dataclass(frozen=True, slots=True)
class Aggregate:
    """An aggregation. `grouping` of None aggregates everything into one element, and is how `by ()` is held.

    Attributes:
        param: the first argument of `topk`, `quantile`, `count_values` and their like.
    """

    op: str
    expr: "Node"
    param: "Node | None" = None
    grouping: Grouping | None = None


@dataclass(frozen=True, slots=True)
class Matching:
    """Which labels two elements must share to meet: only `labels` (`on`), or all others (`ignoring`)."""

    on: bool
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """Many elements of `side` may meet one of the other side; `labels` are copied over from the one side."""

    side: Literal["left", "right"]
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Fill:
    """Values that stand in for a side without an element to meet."""

    left: Number | None = None
    right: Number | None = None


@dataclass(frozen=True, slots=True)
class Binary:
    """Two expressions and an operator.

    Attributes:
        op: `+ - * / % ^ atan2 == != > < >= <= and or unless`.
        return_bool: a comparison gives 0 or 1 instead of dropping elements.
    """

    op: str
    lhs: "Node"
    rhs: "Node"
    return_bool: bool = False
    matching: Matching | None = None
    group: Group | None = None
    fill: Fill | None = None


@dataclass(frozen=True, slots=True)
class Unary:
    """A minus before an expression. Of a number there is none: the number itself is negative."""

    expr: "Node"


Node: TypeAlias = Number | String | Variable | Selector | Range | Subquery | Call | Aggregate | Binary | Unary


def children(node: Node) -> tuple[Node, ...]:
    """The expressions directly below a node, in the order of the text."""
    match node:
        case Range():
            return (node.selector,)
        case Subquery() | Unary():
            return (node.expr,)
        case Call():
            return node.args
        case Aggregate():
            return (node.expr,) if node.param is None else (node.param, node.expr)
        case Binary():
            return (node.lhs, node.rhs)
        case Number() | String() | Variable() | Selector():
            return ()


def map_nodes(node: Node, change: Callable[[Node], Node]) -> Node:
    """The tree with `change` applied to every node, leaves first; nodes that do not change are shared, not copied.

    Raises:
        TypeError: `change` put something else than a selector under a range selector.
    """
    match node:
        case Range(selector, range_):
            new = map_nodes(selector, change)
            if not isinstance(new, Selector):
                raise TypeError(f"a range needs a selector, not {type(new).__name__}")
            return change(node if new is selector else Range(new, range_))
        case Subquery(expr):
            new = map_nodes(expr, change)
            return change(node if new is expr else Subquery(new, node.range, node.step, node.offset, node.at))
        case Unary(expr):
            new = map_nodes(expr, change)
            return change(node if new is expr else negate(new))
        case Call(func, args):
            changed = tuple(map_nodes(arg, change) for arg in args)
            return change(node if _same(changed, args) else Call(func, changed))
        case Aggregate(op, expr, param, grouping):
            new = map_nodes(expr, change)
            new_param = None if param is None else map_nodes(param, change)
            same = new is expr and new_param is param
            return change(node if same else Aggregate(op, new, new_param, grouping))
        case Binary(op, lhs, rhs):
            left, right = map_nodes(lhs, change), map_nodes(rhs, change)
            same = left is lhs and right is rhs
            extra = (node.return_bool, node.matching, node.group, node.fill)
            return change(node if same else Binary(op, left, right, *extra))
        case Number() | String() | Variable() | Selector():
            return change(node)


def negate(node: Node) -> Node:
    """Minus `node`, in the one form that the tree has for it."""
    if isinstance(node, Number):
        return Number.of(-node.value)
    return Unary(node)


def _same(new: tuple[Node, ...], old: tuple[Node, ...]) -> bool:
    return all(a is b for a, b in zip(new, old, strict=True))
