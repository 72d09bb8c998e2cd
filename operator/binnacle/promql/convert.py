"""From the parser's nodes to ours: one tree for everything that means the same.

Dropped on the way: parentheses, a plus sign in front, `by ()`, an offset of zero, and the difference between a metric's
name before the braces and inside them.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import promql_parser as rust

from binnacle.promql import regex
from binnacle.promql.errors import TOO_LARGE, PromQLError
from binnacle.promql.nodes import (
    METRIC_NAME,
    Aggregate,
    At,
    Binary,
    Call,
    Duration,
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
from binnacle.promql.sentinels import NO_SENTINELS, Sentinels

MAX_DEPTH = 128
"""Deepest tree that is accepted; what walks a tree (equality, printing, facts) is recursive and Python allows 1,000 frames."""

MAX_DURATION = 100 * 365 * 86_400_000
"""100 years in milliseconds: Prometheus counts nanoseconds in 64 bits and breaks at 292 years."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def convert(expr: Any, sentinels: Sentinels = NO_SENTINELS, depth: int = 0) -> Node:
    """Our tree of a promql-parser expression.

    Raises:
        PromQLError: something that promql-parser accepts and Prometheus or Binnacle does not, without a column.
    """
    if depth > MAX_DEPTH:
        raise PromQLError(
            f"The expression is nested more than {MAX_DEPTH} levels deep.",
            reason=TOO_LARGE,
            fix="Split it with recording rules.",
        )
    below = depth + 1
    match expr:
        case rust.VectorSelector():
            return _selector(expr, sentinels)
        case rust.MatrixSelector():
            return Range(_selector(expr.vector_selector, sentinels), _positive(expr.range, sentinels))
        case rust.Call():
            args = tuple([convert(arg, sentinels, below) for arg in expr.args])
            return sentinels.scalar(Call(expr.func.name, args))
        case rust.AggregateExpr():
            param = expr.param
            return Aggregate(
                str(expr.op),
                convert(expr.expr, sentinels, below),
                None if param is None else convert(param, sentinels, below),
                _grouping(expr.modifier, sentinels),
            )
        case rust.BinaryExpr():
            left, right = convert(expr.lhs, sentinels, below), convert(expr.rhs, sentinels, below)
            return _binary(str(expr.op), left, right, expr.modifier, sentinels)
        case rust.ParenExpr():
            return convert(expr.expr, sentinels, below)
        case rust.NumberLiteral():
            return Number.of(expr.val)
        case rust.StringLiteral():
            return String(expr.val)
        case rust.UnaryExpr():
            return negate(convert(expr.expr, sentinels, below))
        case rust.SubqueryExpr():
            return _subquery(expr, convert(expr.expr, sentinels, below), sentinels)
        case _:
            raise PromQLError(f"{type(expr).__name__} is not supported.")


def _selector(expr: Any, sentinels: Sentinels) -> Selector:
    # Whatever is asked of a node of the parser is copied.
    found = expr.matchers
    if found.or_matchers:
        raise PromQLError(
            "`or` between label matchers is not PromQL.",
            fix='Use a regular expression (a=~"b|c") or `or` between two selectors.',
        )
    matchers, filled = sentinels.filled([_matcher(matcher, sentinels) for matcher in found.matchers])
    name = expr.name
    if name is None:
        names = [m for m in matchers if m.name == METRIC_NAME]
        if len(names) == 1 and names[0].op is MatchOp.EQUAL and names[0].value:
            name = names[0].value
            matchers = tuple([m for m in matchers if m.name != METRIC_NAME])
    return Selector(
        None if name is None else sentinels.name(name),
        matchers,
        _duration(expr.offset, sentinels),
        _at(expr.at),
        filled,
    )


def _subquery(expr: Any, inner: Node, sentinels: Sentinels) -> Subquery:
    step = expr.step
    return Subquery(
        inner,
        _positive(expr.range, sentinels),
        None if step is None else _positive(step, sentinels),
        _duration(expr.offset, sentinels),
        _at(expr.at),
    )


def _binary(op: str, left: Node, right: Node, modifier: Any, sentinels: Sentinels) -> Binary:
    if modifier is None:
        return Binary(op, left, right)
    matching = modifier.matching
    return Binary(
        op,
        left,
        right,
        modifier.return_bool,
        matching and Matching(matching.type == rust.LabelModifierType.Include, sentinels.names(matching.labels)),
        _group(modifier, sentinels),
        _fill(modifier.fill_values),
    )


def _matcher(matcher: Any, sentinels: Sentinels) -> Matcher:
    op, value = _op(matcher.op), matcher.value
    if op is MatchOp.REGEX or op is MatchOp.NOT_REGEX:
        value = sentinels.pattern(value)
        if (problem := regex.problem(value)) is not None:
            raise PromQLError(
                f"`{value}` is not a regular expression of Prometheus: {problem}.", fix="Write it in RE2's syntax."
            )
    return Matcher(sentinels.name(matcher.name), op, value)


def _op(op: Any) -> MatchOp:
    """Our operator; the parser's have no hash, so there can be no table."""
    if op == rust.MatchOp.Equal:
        return MatchOp.EQUAL
    if op == rust.MatchOp.NotEqual:
        return MatchOp.NOT_EQUAL
    return MatchOp.REGEX if op == rust.MatchOp.Re else MatchOp.NOT_REGEX


def _duration(value: timedelta | None, sentinels: Sentinels) -> Duration:
    if value is None:
        return 0
    milliseconds, rest = divmod(value, _MILLISECOND)
    if rest:
        raise PromQLError("A duration is finer than a millisecond.", fix="Use whole milliseconds, for example 1500ms.")
    variable = sentinels.durations.get(abs(milliseconds))
    if variable is not None:
        if milliseconds < 0:
            raise PromQLError(
                f"A minus before {variable.text} is not supported.", fix="Write the offset as a duration."
            )
        return variable
    if abs(milliseconds) > MAX_DURATION:
        raise PromQLError("A duration is longer than 100 years.", fix="Shorten it.")
    return milliseconds


def _positive(value: timedelta, sentinels: Sentinels) -> Duration:
    # The parser lets `x[0]` pass and refuses `x[0s]`; Prometheus refuses both.
    if not value:
        raise PromQLError("A range or step is zero.", fix="Write a longer duration.")
    return _duration(value, sentinels)


def _at(value: Any) -> At | None:
    if value is None:
        return None
    if value.type == rust.AtModifierType.Start:
        return "start"
    if value.type == rust.AtModifierType.End:
        return "end"
    try:
        return round((value.at - _EPOCH) / _MILLISECOND)
    except (OverflowError, ValueError):
        raise PromQLError("The time after `@` is out of range.", fix="Write seconds since 1970.") from None


def _grouping(modifier: Any, sentinels: Sentinels) -> Grouping | None:
    if modifier is None:
        return None
    without = modifier.type == rust.AggModifierType.Without
    labels = sentinels.names(modifier.labels)
    return Grouping(labels, without) if labels or without else None


def _group(modifier: Any, sentinels: Sentinels) -> Group | None:
    if modifier.card == rust.VectorMatchCardinality.ManyToOne:
        return Group("left", sentinels.names(modifier.group_labels or ()))
    if modifier.card == rust.VectorMatchCardinality.OneToMany:
        return Group("right", sentinels.names(modifier.group_labels or ()))
    return None


def _fill(values: Any) -> Fill | None:
    left, right = values.lhs, values.rhs
    if left is None and right is None:
        return None
    return Fill(*(None if value is None else Number.of(value) for value in (left, right)))
