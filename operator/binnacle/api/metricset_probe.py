"""Probes in a MetricSet: a URL that is asked from several places, and what its answer must be."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from binnacle.api.metricset_scrape import Basic
from binnacle.api.model import Items, Model, OneOf
from binnacle.api.scalar import ScalarText
from binnacle.api.values import DnsLabel, Duration, HttpUrl, Shape, duration_between


class Method(StrEnum):
    """Methods of HTTP that do not change what they are asked for, and POST for what is asked that way."""

    GET = "GET"
    HEAD = "HEAD"
    OPTIONS = "OPTIONS"
    POST = "POST"


JSON_PATH_PATTERN = r"^\$((\.[A-Za-z_][A-Za-z0-9_-]*)|(\[[0-9]{1,2}\]))+$"


class JsonItem(Model):
    """A value in a JSON answer; it has a series of its own."""

    name: Annotated[DnsLabel, Field(description="Name of this item; the label item of its series.")]
    path: Annotated[
        Annotated[str, Shape(JSON_PATH_PATTERN, "a path of names and indices, such as $.components.db[0].status", 256)],
        Field(description="Where the value is, as JSONPath (RFC 9535) of names and indices: $.components.db.status."),
    ]
    equals: Annotated[
        ScalarText,
        Field(
            description='What it must be: the content of a text, or the spelling of a number, true, false, null: "true".'
        ),
    ]


class Expect(Model):
    """What an answer must be; a probe that gets another one has failed."""

    status: Annotated[
        tuple[Annotated[int, Field(strict=True, ge=100, le=599)], ...],
        Items("set", 32),
        Field(description="Status codes that are good. Absent means 200 to 299."),
    ] = ()
    body_matches: Annotated[
        Annotated[str, Shape(r"^[^\x00-\x1F\x7F]+$", "a regular expression in one line", 1024)] | None,
        Field(description="Regular expression (RE2) that the body must match somewhere."),
    ] = None
    json_items: Annotated[
        tuple[JsonItem, ...],
        Items("map", 16),
        Field(alias="json", description="Values in a JSON body; each is probed by itself and has its own series."),
    ] = ()


class ProbeAuth(OneOf):
    """How a probe proves who it is; exactly one member."""

    one_of = ("basic",)

    basic: Annotated[Basic | None, Field(description="A user name and a password.")] = None


class Probe(Model):
    """A URL that is asked at intervals; the series probe_success is 1 while its answers are as expected."""

    name: Annotated[DnsLabel, Field(description="Name of this probe; the label probe of its series.")]
    url: Annotated[
        HttpUrl,
        Field(
            description="What is asked, http or https. Redirects are not followed. Addresses of the prober's own machine and of "
            "links are refused, private ones unless the administrator allows them."
        ),
    ]
    method: Annotated[Method, Field(description="GET, HEAD, OPTIONS or POST. Absent means GET.")] = Method.GET
    interval: Annotated[
        Annotated[Duration, duration_between("5s", "1h")] | None,
        Field(description="Time between two probes, from 5s to 1h. Absent means the administrator's scrapeInterval."),
    ] = None
    timeout: Annotated[
        Annotated[Duration, duration_between("100ms", "2m")] | None,
        Field(
            description="Time that an answer may take, at most the interval. Absent means 5s, or a shorter interval."
        ),
    ] = None
    regions: Annotated[
        tuple[DnsLabel, ...],
        Items("set", 16),
        Field(description="Places to ask from, by the names of the administrator's probers. Absent means all of them."),
    ] = ()
    expect: Annotated[Expect, Field(description="What the answer must be.", default_factory=Expect)]
    auth: Annotated[ProbeAuth | None, Field(description="How the probe proves who it is.")] = None
