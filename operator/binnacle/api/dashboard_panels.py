"""The parts of a dashboard that show something: rows, panels, queries, thresholds, and the links on them."""

from dataclasses import replace
from enum import StrEnum
from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from binnacle.api.cel import Cel
from binnacle.api.grafana_names import Title
from binnacle.api.model import Items, Model, OneOf, refusal
from binnacle.api.reasons import Reason
from binnacle.api.values import HTTP_URL, DnsLabel, Number, PlainText, Shape

COLUMNS = 24
"""Columns of Grafana's grid."""

VARIABLE_NAME_PATTERN = "^[A-Za-z][A-Za-z0-9_]*$"

VariableName = Annotated[
    str, Shape(VARIABLE_NAME_PATTERN, "letters, digits and _, beginning with a letter, such as region", 50)
]
"""Name of a variable. One that begins with _ could be mistaken for Grafana's own (`$__interval`)."""

LinkUrl = Annotated[str, replace(HTTP_URL, in_words=False)]
"""An absolute http(s) URL, deep within lists."""


class PanelType(StrEnum):
    """How a panel shows its data, in Grafana's own words."""

    TIMESERIES = "timeseries"
    STAT = "stat"
    GAUGE = "gauge"
    TABLE = "table"
    LOGS = "logs"
    TEXT = "text"


class Threshold(Model):
    """A colour, and the value from which on it is shown."""

    value: Annotated[
        Number | None, Field(description="From this value on. Absent for the colour below all others.")
    ] = None
    color: Annotated[
        Annotated[
            str,
            Shape(
                "^([a-z]+(-[a-z]+)*|#[0-9a-fA-F]{6})$",
                "a colour by Grafana's name, such as green or dark-red, or as #rrggbb",
                32,
            ),
        ],
        Field(description="The colour: Grafana's name of it, such as green or dark-red, or #rrggbb."),
    ]


class Query(OneOf):
    """What a panel asks a datasource; exactly one of promql and logql."""

    one_of: ClassVar[tuple[str, ...]] = ("promql", "logql")

    name: Annotated[DnsLabel, Field(description="Name of the query within its panel.")]
    promql: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=4096,
            description="PromQL. Grafana's variables may stand in it, and [$__rate_interval] as the range of a rate.",
        ),
    ] = None
    logql: Annotated[str | None, Field(min_length=1, max_length=4096, description="LogQL, for Loki.")] = None
    legend: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=256,
            description="Name of each series in the legend; labels as {{code}}. Absent means that Grafana chooses.",
        ),
    ] = None
    datasource: Annotated[
        DnsLabel | None,
        Field(
            description="Name of the datasource, one of spec.datasources. Absent means the one chosen at the top of the dashboard."
        ),
    ] = None


class Link(OneOf):
    """A link; exactly one of url, dashboard and slo says where to."""

    one_of: ClassVar[tuple[str, ...]] = ("url", "dashboard", "slo")

    name: Annotated[DnsLabel, Field(description="Name of the link within its list.")]
    title: Annotated[Title, Field(description="What is shown.")]
    url: Annotated[LinkUrl | None, Field(description="An address, http or https.")] = None
    dashboard: Annotated[DnsLabel | None, Field(description="Name of a Dashboard of this namespace.")] = None
    slo: Annotated[
        DnsLabel | None,
        Field(description="Name of an SLO of this namespace; the link shows its error budget in Grafana's Explore."),
    ] = None


class Panel(Model):
    """One panel."""

    rules: ClassVar[tuple[Cel, ...]] = (
        Cel(
            "(self.type == 'text') == has(self.content)",
            "Give content to a panel of type text, and to no other.",
            ".content",
        ),
        Cel(
            "(self.type == 'text') != has(self.queries)",
            "Give queries to every panel except one of type text.",
            ".queries",
        ),
    )

    name: Annotated[
        DnsLabel,
        Field(description="Name of the panel. Its id follows from the name, so that links to it survive a move."),
    ]
    title: Annotated[Title | None, Field(description="Heading; variables as $region. Absent means the name.")] = None
    type: Annotated[PanelType, Field(description="How it shows the data: timeseries, stat, gauge, table, logs, text.")]
    description: Annotated[PlainText | None, Field(description="What it shows, for the person who looks at it.")] = None
    unit: Annotated[
        Annotated[
            str,
            Shape("^[A-Za-z0-9%][A-Za-z0-9%:/._ -]*$", "one of Grafana's units, such as reqps, percentunit or s", 64),
        ]
        | None,
        Field(description="Unit of the values, in Grafana's own words: reqps, percentunit, s, bytes."),
    ] = None
    width: Annotated[
        int | None,
        Field(
            strict=True,
            ge=1,
            le=COLUMNS,
            description="Columns of 24. Absent means what suits the type, and a share of what is left in its line.",
        ),
    ] = None
    height: Annotated[
        int | None,
        Field(
            strict=True,
            ge=1,
            le=64,
            description="Grid units of about 30 pixels. Absent means what suits the type; the highest panel of a line counts.",
        ),
    ] = None
    thresholds: Annotated[
        tuple[Threshold, ...],
        Items("atomic", 8),
        Field(description="Colours by value. Where none is without a value, the colour below all others is green."),
    ] = ()
    content: Annotated[
        str | None, Field(min_length=1, max_length=4096, description="Markdown, for a panel of type text.")
    ] = None
    queries: Annotated[
        Annotated[tuple[Query, ...], Items("map", 8, least=1)] | None,
        Field(description="What it shows; not for a panel of type text."),
    ] = None
    links: Annotated[tuple[Link, ...], Items("map", 4), Field(description="Links in the panel's corner.")] = ()

    @model_validator(mode="after")
    def _text_or_queries(self) -> Self:
        text = self.type is PanelType.TEXT
        for name, wanted in (("content", text), ("queries", not text)):
            given = getattr(self, name) is not None
            if given and not wanted:
                raise refusal(f"A panel of type {self.type.value} has no {name}.", fix="Leave it out.", at=(name,))
            if wanted and not given:
                raise refusal(
                    f"A panel of type {self.type.value} needs {name}.",
                    fix=f"Add {name}.",
                    reason=Reason.MISSING_FIELD,
                    at=(name,),
                )
        return self


class Row(Model):
    """Panels under one heading."""

    name: Annotated[DnsLabel, Field(description="Name of the row.")]
    title: Annotated[Title | None, Field(description="Heading; variables as $region. Absent means the name.")] = None
    repeat: Annotated[
        VariableName | None,
        Field(description="Name of a variable: the row is shown once for each of its chosen values."),
    ] = None
    panels: Annotated[
        tuple[Panel, ...],
        Items("map", 32, least=1),
        Field(description="The panels, from the left; the next line begins where one does not fit any more."),
    ]
