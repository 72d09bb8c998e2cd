"""Who is told about an alert: Alertmanager's routing, evaluated on our own tree of routes.

A port of what Alertmanager does with a loaded configuration: the walk through routes (dispatch/route.go), matchers
(pkg/labels/matcher.go) and time intervals (timeinterval/timeinterval.go).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import re2

from binnacle.api.matchers import Matcher, MatchOp
from binnacle.intent.routing import RouteNode, Routing, Span, TimeInterval

Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Delivery:
    """One notification: to which receiver, through which node, and whether a time interval swallows it."""

    receiver: str
    node: RouteNode
    muted: bool = False


def matches(matchers: Iterable[Matcher], labels: Labels) -> bool:
    """Say whether all matchers match; a label that is not there is empty.

    Raises:
        ValueError: a regular expression is none.
    """
    return all(_matches(matcher, labels.get(matcher.name, "")) for matcher in matchers)


def leaves(node: RouteNode, labels: Labels, receiver: str | None = None) -> list[tuple[RouteNode, str | None]]:
    """Return the nodes that take an alert below `node`, each with its receiver, in the order of the tree.

    Empty when the node does not match. A node takes an alert that it matches and none of its children does.
    """
    if not matches(node.matchers, labels):
        return []
    receiver = node.receiver if node.receiver is not None else receiver
    taken: list[tuple[RouteNode, str | None]] = []
    for child in node.routes:
        below = leaves(child, labels, receiver)
        taken += below
        if below and not child.continues:
            break
    return taken or [(node, receiver)]


def deliveries(routing: Routing, labels: Labels, at: datetime | None = None) -> list[Delivery]:
    """Return the notifications that one resource's routing sends for an alert, in the order of the tree.

    A receiver that stands for several gives one for each of them. Without `at` no time interval holds.
    """
    intervals = {interval.name: interval for interval in routing.intervals}
    members = {receiver.name: receiver.stands_for or (receiver.name,) for receiver in routing.receivers}
    found = []
    for node in routing.routes:
        below = leaves(node, labels)
        for leaf, receiver in below:
            muted = at is not None and any(holds(intervals[name], at) for name in leaf.mute)
            found += [Delivery(name, leaf, muted) for name in members.get(receiver or "", ())]
        if below and not node.continues:
            break
    return found


def holds(interval: TimeInterval, at: datetime) -> bool:
    """Say whether a moment lies in a time interval."""
    return any(_in_span(span, at) for span in interval.spans)


def _in_span(span: Span, at: datetime) -> bool:
    local = at.astimezone(ZoneInfo(span.zone))
    minute = local.hour * 60 + local.minute
    return (
        span.start <= minute < span.end
        and (not span.weekdays or local.weekday() in span.weekdays)
        and (span.days is None or span.days[0] <= local.day <= span.days[1])
        and (span.month is None or span.month == local.month)
        and (span.year is None or span.year == local.year)
    )


def _matches(matcher: Matcher, value: str) -> bool:
    match matcher.op:
        case MatchOp.EQUAL:
            return value == matcher.value
        case MatchOp.NOT_EQUAL:
            return value != matcher.value
        case MatchOp.MATCHES:
            return _pattern(matcher.value).fullmatch(value) is not None
        case MatchOp.NOT_MATCHES:
            return _pattern(matcher.value).fullmatch(value) is None


@lru_cache(maxsize=256)
def _pattern(text: str) -> Any:
    try:
        return re2.compile(f"(?:{text})")
    except re2.error as error:
        raise ValueError(f"{text!r} is no regular expression: {error}") from error
