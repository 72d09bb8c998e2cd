"""Queries of other tools: templated PromQL, read as what it counts.

Other tools take any PromQL that gives errors, totals or a share of errors, with a template such as `{{.window}}` where the
range goes. Binnacle takes what is counted (selectors, groups) and writes the PromQL itself, so the forms that people use
for that are recognised in the tree. What is no such form is not guessed at.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final

from binnacle.api.limits import Limit, Unit
from binnacle.api.values import Duration
from binnacle.compile import expressions, units
from binnacle.compile.units import Measure
from binnacle.errors import SpecError
from binnacle.promql import build as q
from binnacle.promql import facts, parse, to_text
from binnacle.promql.nodes import (
    Aggregate,
    Binary,
    Call,
    Matcher,
    MatchOp,
    Node,
    Number,
    Range,
    Selector,
    Subquery,
    Variable,
)
from binnacle.promql.sentinels import WINDOW

GROWTH: Final = "It has no range: the metric is taken to be a counter, and its growth is counted."
"""Warning about a query that is a metric as it is."""

_TEMPLATE: Final = re.compile(r"\{\{-?\s*\.[wW]indow\s*-?\}\}")
_LE: Final = "le"
_BUCKET: Final = "_bucket"
_COUNT: Final = "_count"
_MOST_MS: Final = 86_400_000
_SECOND: Final = Limit(Decimal(1), Unit.DURATION, "1s")
_PLAIN_REGEX: Final = re.compile(r"[A-Za-z0-9_ -]*")
_LE_VALUE: Final = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,12})?)(?:\(\\\.0\)\?|\(\?:\\\.0\)\?)?")
"""A bound as it is written, or as pyrra rewrites it for Prometheus 3: `1(\\.0)?`."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a query, or two, count.

    Attributes:
        indicator: as `spec.indicator` says it.
        groups: labels that keep budgets apart.
        warnings: where figures may differ from what the query gives, and why.
        notes: how the form has changed while the figures stay.
    """

    indicator: dict[str, Any]
    groups: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Sum:
    """A sum over a counter's growth (`func` is `rate`), or over a gauge's samples (`sum_over_time`, `count_over_time`)."""

    func: str
    selector: Selector
    groups: tuple[str, ...]
    warnings: frozenset[str] = frozenset()
    notes: frozenset[str] = frozenset()

    @property
    def counted(self) -> tuple[str, Selector, tuple[str, ...]]:
        """What two queries must agree in to be the same."""
        return self.func, _sorted(self.selector), self.groups


class NotRecognised(Exception):  # noqa: N818 - ends one query, and becomes an entry of the report
    """A query is not of a form that an indicator can say; carries why, in one sentence."""


def read(text: str) -> Node:
    """Return the tree of a query, its template as `$window`.

    Raises:
        SpecError: it is not PromQL, or has another template in it.
    """
    plain = _TEMPLATE.sub("$window", text)
    if "{{" in plain:
        raise SpecError("It has a template other than {{.window}} in it.", fix="Render the template first.")
    return parse(plain.strip(), variables=True)


def of_events(bad: Node, total: Node) -> Meaning:
    """Return what a query for bad events and one for all events count.

    Raises:
        NotRecognised: the two are not of a known form.
    """
    everything = _sum(total)
    if isinstance(tree := _unwrapped(bad), Binary) and tree.op == "-" and tree.matching is None:
        minuend, subtrahend = _sum(tree.lhs), _sum(tree.rhs)
        if minuend.counted != everything.counted:
            raise NotRecognised("what good events are taken from is not the total.")
        if minuend.func == "count_over_time":
            return _available(subtrahend, everything)
        return _good(subtrahend, everything)
    return _pair("errors", _sum(bad), everything)


def of_good(good: Node, total: Node) -> Meaning:
    """Return what a query for good events and one for all events count.

    Raises:
        NotRecognised: the two are not of a known form.
    """
    counted, everything = _sum(good), _sum(total)
    if counted.func == "sum_over_time" and everything.func == "count_over_time":
        return _available(counted, everything)
    return _good(counted, everything)


def of_error_ratio(node: Node) -> Meaning:
    """Return what a share of errors counts.

    Raises:
        NotRecognised: it is not of a known form.
    """
    match _unwrapped(node):
        case Binary("/", bad, total, matching=matching, group=None) if matching is None or not matching.labels:
            return of_events(bad, total)
        case Binary("-", Number("1"), rest, matching=None):
            return of_good_ratio(rest)
        case _:
            raise NotRecognised("it is no division of bad events by all events.")


def of_good_ratio(node: Node) -> Meaning:
    """Return what a share of good events counts.

    Raises:
        NotRecognised: it is not of a known form.
    """
    match _unwrapped(node):
        case Binary("/", good, total, matching=matching, group=None) if matching is None or not matching.labels:
            return of_good(good, total)
        case Binary("-", Number("1"), rest, matching=None):
            return of_error_ratio(rest)
        case tree:
            return _average(tree)


def as_expression(node: Node, why: NotRecognised) -> Meaning:
    """Return a share of errors as it is written, for want of an indicator that knows what it counts.

    Args:
        node: the share.
        why: no other indicator says it.

    Raises:
        NotRecognised: `why`, where it cannot stand as an expression either: it does not leave its range open, or its series
            have labels that cannot be known.
    """
    text = to_text(node)
    read_again, _ = expressions.read_windowed(text, "")
    if read_again is None or WINDOW not in facts.variables(node) or len(text) > _LONGEST:
        raise why
    kept = facts.labels_kept(node)
    warnings = [
        f"It is an expression, because {str(why).removesuffix('.')}. Moments weigh alike in it, however many events they have."
    ]
    if kept.all_but:
        warnings.append(_UNGROUPED)
    groups = () if kept.all_but else tuple(sorted(kept.names))
    return Meaning({"expression": {"errorRatio": text}}, groups, tuple(warnings))


def of_selector(text: str) -> tuple[Selector, tuple[str, ...]]:
    """Return a selector that stands alone in the source, and notes about what was taken off it.

    Raises:
        SpecError: it is not PromQL.
        NotRecognised: it is no selector of a named metric.
    """
    return gauge(parse(text.strip(), variables=True))


def gauge(node: Node) -> tuple[Selector, tuple[str, ...]]:
    """Return a query that is a selector and nothing else, and notes about what was taken off it.

    Raises:
        NotRecognised: it is no selector of a named metric.
    """
    if not isinstance(node, Selector):
        raise NotRecognised("it is more than a metric with matchers.")
    plain, notes = _bare(node)
    return plain, tuple(notes)


def good_events(good: Selector, total: Selector) -> dict[str, Any]:
    """Return the indicator of good events: a latency where they are a bucket of the histogram of all events."""
    latency = _latency(good, total)
    return latency or {"ratio": {"good": text_of(good), "total": text_of(total)}}


def bad_events(bad: Selector, total: Selector) -> dict[str, Any]:
    """Return the indicator of bad events."""
    return {"ratio": {"errors": text_of(bad), "total": text_of(total)}}


def _pair(name: str, part: _Sum, total: _Sum) -> Meaning:
    for one in (part, total):
        if one.func != "rate":
            raise NotRecognised("it counts samples of a gauge in a way that no indicator has.")
    _same_groups(part, total)
    if part.counted == total.counted:
        raise NotRecognised("it counts the same as the total.")
    make = bad_events if name == "errors" else good_events
    return Meaning(make(part.selector, total.selector), total.groups, *_said(part, total))


def _good(part: _Sum, total: _Sum) -> Meaning:
    return _pair("good", part, total)


def _available(up: _Sum, total: _Sum) -> Meaning:
    if up.func != "sum_over_time" or total.func != "count_over_time" or up.counted[1:] != total.counted[1:]:
        raise NotRecognised("it does not compare a gauge's sum with the number of its own samples.")
    return Meaning({"availability": {"gauge": text_of(up.selector)}}, up.groups, *_said(up, total))


def _average(node: Node) -> Meaning:
    """Read `avg_over_time(up[w])` and averages of it: the share of time in which a gauge is 1."""
    groups: tuple[str, ...] = ()
    warnings: list[str] = []
    if isinstance(node, Aggregate) and node.op == "avg" and node.param is None:
        groups, node = _groups(node), _unwrapped(node.expr)
    else:
        warnings.append(_UNSUMMED)
    match node:
        case Call("avg_over_time", (Range(selector, _) as samples,)):
            plain, notes = _bare(selector)
            said = (*warnings, *_range_warnings(samples))
            return Meaning({"availability": {"gauge": text_of(plain)}}, groups, tuple(sorted(said)), tuple(notes))
        case _:
            raise NotRecognised("it is neither a division of events nor the average of a gauge over time.")


def _same_groups(part: _Sum, total: _Sum) -> None:
    if set(part.groups) != set(total.groups):
        raise NotRecognised("the two are summed by different labels, so they do not meet.")


def _said(*sums: _Sum) -> tuple[tuple[str, ...], tuple[str, ...]]:
    warnings = frozenset[str]().union(*(one.warnings for one in sums))
    notes = frozenset[str]().union(*(one.notes for one in sums))
    return tuple(sorted(warnings)), tuple(sorted(notes))


_LONGEST: Final = 4096
_UNGROUPED: Final = "Its series are averaged; name labels in groupBy to keep them apart."
_UNSUMMED: Final = (
    "It is not summed, so it gives a share for each series; here all series count together. Name labels in groupBy to keep "
    "them apart."
)
_FIXED: Final = "Its range is fixed; here every window has its own."
_OFFSET: Final = "Its offset is left out: the figures are those of now."
_FILLER: Final = (
    "What guards it against missing or empty series (such as `or vector(0)`) is left out: that is done for you."
)
_JOINED: Final = "Counters of one metric that were added are one selector now."


def _sum(node: Node) -> _Sum:
    """Read a sum over the growth of a counter, or over the samples of a gauge."""
    tree = _unwrapped(node)
    notes = frozenset({_FILLER}) if tree is not node else frozenset[str]()
    match tree:
        case Binary("+", lhs, rhs, matching=None):
            return _joined(_sum(lhs), _sum(rhs))
        case Aggregate("sum", expr, None):
            inner = _over_time(_unwrapped(expr))
            return replace(inner, groups=_groups(tree), notes=inner.notes | notes)
        case _:
            inner = _over_time(tree)
            return replace(inner, warnings=inner.warnings | {_UNSUMMED}, notes=inner.notes | notes)


def _over_time(node: Node) -> _Sum:
    match node:
        case Call("rate" | "increase" as func, (Range(selector, _) as samples,)):
            func = "rate"
        case Call("sum_over_time" | "count_over_time" as func, (Range(selector, _) as samples,)):
            pass
        case Selector() as selector:
            plain, notes = _bare(selector)
            return _Sum("rate", plain, (), frozenset({GROWTH}), frozenset(notes))
        case Call("rate" | "increase" | "sum_over_time" | "count_over_time", (Subquery(),)):
            raise NotRecognised("it has a subquery in it.")
        case _:
            raise NotRecognised("it is no sum over the rate or increase of one counter.")
    plain, notes = _bare(selector)
    return _Sum(func, plain, (), frozenset(_range_warnings(samples)), frozenset(notes))


def _range_warnings(samples: Range) -> tuple[str, ...]:
    return () if isinstance(samples.range, Variable) else (_FIXED,)


def _groups(node: Aggregate) -> tuple[str, ...]:
    if node.grouping is None:
        return ()
    if node.grouping.without:
        raise NotRecognised("it keeps all labels but some (`without`), and groupBy names the ones to keep.")
    return tuple(sorted(set(node.grouping.labels)))


def _unwrapped(node: Node) -> Node:
    """Take off what only keeps a query from giving nothing, or less than nothing."""
    match node:
        case Binary("or", inner, filler) if _is_zero(filler):
            return _unwrapped(inner)
        case Binary(">", inner, Number("0"), return_bool=False):
            return _unwrapped(inner)
        case Call("clamp_min", (inner, Number("0"))) | Call("clamp_max", (inner, Number("1"))):
            return _unwrapped(inner)
        case _:
            return node


def _is_zero(node: Node) -> bool:
    match node:
        case Call("vector", (Number("0"),)) | Binary("*", _, Number("0")) | Binary("*", Number("0"), _):
            return True
        case _:
            return False


def _bare(selector: Selector) -> tuple[Selector, list[str]]:
    """Return a selector as our fields take it."""
    notes = [_OFFSET] if selector.offset != 0 else []
    if selector.at is not None:
        raise NotRecognised("it reads a fixed instant (`@`).")
    if selector.filled:
        raise NotRecognised("a variable stands for matchers in it.")
    plain = Selector(selector.name, selector.matchers)
    try:
        return q.bare_selector(to_text(plain)), notes
    except SpecError as error:
        raise NotRecognised(f"its selector cannot stand here: {error.message}") from error


def _joined(one: _Sum, other: _Sum) -> _Sum:
    """Return the sum of two sums over one metric that differ in the value of one label."""
    if (one.func, one.selector.name, one.groups) != (other.func, other.selector.name, other.groups):
        raise NotRecognised("it adds counters of different names, which no indicator has.")
    mine, theirs = list(one.selector.matchers), list(other.selector.matchers)
    for matcher in [each for each in mine if each in theirs]:
        mine.remove(matcher)
        theirs.remove(matcher)
    if len(mine) != 1 or len(theirs) != 1 or mine[0].name != theirs[0].name:
        raise NotRecognised("it adds counters that differ in more than the value of one label.")
    values = [*_values(mine[0]), *_values(theirs[0])]
    if len(set(values)) != len(values):
        raise NotRecognised("it adds a counter to itself.")
    either = Matcher(mine[0].name, MatchOp.REGEX, "|".join(values))
    matchers = tuple(either if matcher == mine[0] else matcher for matcher in one.selector.matchers)
    joined = Selector(one.selector.name, matchers)
    return _Sum(
        one.func, joined, one.groups, one.warnings | other.warnings, one.notes | other.notes | frozenset({_JOINED})
    )


def _values(matcher: Matcher) -> Iterator[str]:
    """Yield the values that a matcher lets pass, where they are plain ones."""
    if matcher.op is MatchOp.EQUAL and matcher.value and _PLAIN_REGEX.fullmatch(matcher.value):
        yield matcher.value
    elif matcher.op is MatchOp.REGEX and all(_PLAIN_REGEX.fullmatch(one) and one for one in matcher.value.split("|")):
        yield from matcher.value.split("|")
    else:
        raise NotRecognised("it adds counters whose matchers may overlap.")


def _latency(good: Selector, total: Selector) -> dict[str, Any] | None:
    """Return the latency that a bucket and the count of one histogram say, or None when they say something else."""
    name = (good.name or "").removesuffix(_BUCKET)
    if good.name != f"{name}{_BUCKET}":
        return None
    bounds = [matcher for matcher in good.matchers if matcher.name == _LE]
    others = [matcher for matcher in good.matchers if matcher.name != _LE]
    if total.name == good.name:
        everything = [matcher for matcher in total.matchers if matcher != Matcher(_LE, MatchOp.EQUAL, "+Inf")]
        is_count = len(everything) == len(total.matchers) - 1
    else:
        everything, is_count = list(total.matchers), total.name == f"{name}{_COUNT}"
    if not is_count or len(bounds) != 1 or sorted(map(str, everything)) != sorted(map(str, others)):
        return None
    below = _bound(name, bounds[0])
    if below is None:
        return None
    return {"latency": {"histogram": text_of(Selector(name, tuple(others))), "below": str(below)}}


def _bound(name: str, matcher: Matcher) -> Duration | None:
    """Return the duration that a bucket of the histogram `name` ends at, where a duration can say it."""
    found = _LE_VALUE.fullmatch(matcher.value)
    measure = units.of_name(name)
    per_second, _ = units.number(_SECOND, measure, "")
    # Without a unit in the name a duration would only be a guess at what its numbers are.
    if found is None or measure is Measure.UNKNOWN or per_second is None:
        return None
    if matcher.op not in (MatchOp.EQUAL, MatchOp.REGEX):
        return None
    ms = Decimal(found[1]) * 1000 / per_second
    return Duration(int(ms)) if ms == ms.to_integral_value() and 1 <= ms <= _MOST_MS else None


def _sorted(selector: Selector) -> Selector:
    return Selector(selector.name, tuple(sorted(selector.matchers, key=str)))


def text_of(selector: Selector) -> str:
    """Return a selector as a field of ours takes it."""
    return to_text(selector)
