"""Notification routing as values: who is told about which alerts, and when not.

The shapes are those of every router of Prometheus alerts: a tree of routes, receivers, spans of time, inhibitions. Names are
those of the resource's own items; the target makes them unique among all resources.
"""

from dataclasses import dataclass
from typing import TypeAlias

from binnacle.api.matchers import Matcher
from binnacle.intent.base import Intent


@dataclass(frozen=True, slots=True)
class SecretFile:
    """A value that the backend reads from the file of a key of a Secret in the resource's namespace."""

    secret: str
    key: str


@dataclass(frozen=True, slots=True)
class Settings:
    """Named settings, in order; the names are the backend's own in lower case with _ between words."""

    items: "tuple[tuple[str, Setting], ...]" = ()


Setting: TypeAlias = str | int | bool | SecretFile | Settings | tuple["Setting", ...]


@dataclass(frozen=True, slots=True)
class Integration:
    """One way of notifying: `type` as in `slack`, and its settings."""

    type: str
    settings: Settings


@dataclass(frozen=True, slots=True)
class Receiver:
    """A receiver.

    Attributes:
        name: of the item.
        integrations: what it does; nothing, for the one that swallows notifications.
        stands_for: names of the policy's receivers that it joins; empty when it is one of them itself.
    """

    name: str
    integrations: tuple[Integration, ...] = ()
    stands_for: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Span:
    """Minutes of days in a time zone: all conditions must hold, an absent one always does.

    Attributes:
        zone: IANA name.
        start, end: minutes after midnight, 0 to 1440, the end not included.
        weekdays: as `date.weekday()` counts them; empty for all.
        days: first and last day of the month.
        month, year: of the day.
    """

    zone: str
    start: int = 0
    end: int = 1440
    weekdays: tuple[int, ...] = ()
    days: tuple[int, int] | None = None
    month: int | None = None
    year: int | None = None


@dataclass(frozen=True, slots=True)
class TimeInterval:
    """A named set of spans: it holds while any of them does."""

    name: str
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Grouping:
    """Which alerts come in one message, and how often; None is inherited. Times in milliseconds."""

    by: tuple[str, ...] | None = None
    wait_ms: int | None = None
    interval_ms: int | None = None
    repeat_ms: int | None = None


@dataclass(frozen=True, slots=True)
class RouteNode:
    """A node of the tree of routes: an alert that matches it and none of `routes` is told to `receiver`.

    Attributes:
        matchers: all must match.
        receiver: name of a receiver; None is inherited.
        continues: whether siblings behind it are looked at too when it matches.
        mute: names of time intervals in which it notifies nobody.
    """

    matchers: tuple[Matcher, ...] = ()
    receiver: str | None = None
    continues: bool = False
    grouping: Grouping | None = None
    mute: tuple[str, ...] = ()
    routes: "tuple[RouteNode, ...]" = ()


@dataclass(frozen=True, slots=True)
class InhibitRule:
    """Alerts that match `source` hush those that match `target` and agree with them in `equal`."""

    name: str
    source: tuple[Matcher, ...]
    target: tuple[Matcher, ...]
    equal: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Routing(Intent):
    """What one resource adds to the routing of alerts."""

    routes: tuple[RouteNode, ...] = ()
    receivers: tuple[Receiver, ...] = ()
    intervals: tuple[TimeInterval, ...] = ()
    inhibits: tuple[InhibitRule, ...] = ()
