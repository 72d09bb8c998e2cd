"""Probes as values: a URL that is asked from several places, and what its answers must be."""

from dataclasses import dataclass

from binnacle.intent.base import Intent
from binnacle.intent.rules import Pairs
from binnacle.intent.scrape import BasicAuth


@dataclass(frozen=True, slots=True)
class Region:
    """A place to ask from: its name, and the `host:port` of the prober there."""

    name: str
    address: str


@dataclass(frozen=True, slots=True)
class Part:
    """A part of an answer that is looked at by itself and has its own series.

    Attributes:
        item: name of the part; empty for the probe as a whole.
        body: regular expressions (RE2), all of which the body must match.
    """

    item: str = ""
    body: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Probing:
    """One probe.

    Attributes:
        item: its name; the job is `<namespace>/<resource>/<item>`.
        url, method: of the request.
        interval_ms, timeout_ms: between probes, and of one answer.
        regions: places to ask from, by name.
        parts: what is looked at; the whole first.
        status: codes that are good; empty for 200 to 299.
        auth: how the probe proves who it is.
        labels: put on every series.
    """

    item: str
    url: str
    method: str
    interval_ms: int
    timeout_ms: int
    regions: tuple[Region, ...]
    parts: tuple[Part, ...]
    status: tuple[int, ...] = ()
    auth: BasicAuth | None = None
    labels: Pairs = ()


@dataclass(frozen=True, slots=True)
class Probes(Intent):
    """The probes of one resource."""

    probes: tuple[Probing, ...]
