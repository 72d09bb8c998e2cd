"""The Dashboard kind: rows of panels, what they ask, what can be chosen, and where the dashboard is found."""

from enum import StrEnum
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from binnacle.api.cel import Cel
from binnacle.api.config import DatasourceType, DatasourceUid
from binnacle.api.dashboard_panels import Link, Row
from binnacle.api.dashboard_variables import Variable
from binnacle.api.grafana_names import Folder, Title
from binnacle.api.meta import (
    AGE_COLUMN,
    READY_COLUMNS,
    Column,
    ControlledSpec,
    Environment,
    Resource,
    condition_column,
)
from binnacle.api.model import Items, Model, refusal
from binnacle.api.reasons import Reason
from binnacle.api.status import CommonStatus
from binnacle.api.values import DnsLabel, Duration, PlainText, Shape, Token, duration_between

TimePoint = Annotated[
    str,
    Shape(
        r"^now(-[0-9]{1,5}[smhdwMQy])?(/[smhdwMQy])?$",
        "a time as Grafana writes it: now, now-6h, now-1d/d",
        32,
    ),
]


class Datasource(Model):
    """A datasource of Grafana that queries may name."""

    name: Annotated[DnsLabel, Field(description="Name by which queries and variables of this dashboard call it.")]
    type: Annotated[DatasourceType, Field(description="Its type: prometheus or loki.")]
    uid: Annotated[DatasourceUid, Field(description="Its uid in Grafana.")]


class TimeRange(Model):
    """The time that is shown when the dashboard is opened."""

    start: Annotated[TimePoint, Field(alias="from", description="The beginning: now-6h.")]
    end: Annotated[TimePoint, Field(alias="to", description="The end. Absent means now.")] = "now"


class TemplateName(StrEnum):
    """Rows that the compiler fills in."""

    RED = "red"


class Template(Model):
    """Rows that the compiler fills in, before the dashboard's own."""

    name: Annotated[
        TemplateName, Field(description="Which: red (requests, errors and duration of a service that answers HTTP).")
    ]
    service: Annotated[Token, Field(description="The service: the value of the label service of its metrics.")]


class DashboardSpec(ControlledSpec):
    """What a dashboard shows."""

    rules: ClassVar[tuple[Cel, ...]] = (
        Cel("has(self.template) || has(self.rows)", "Give a template, or rows, or both.", ".rows"),
    )

    environment: Annotated[
        Environment | None, Field(description="Name of the environment, such as production; becomes a tag.")
    ] = None
    title: Annotated[Title, Field(description="Title; no two dashboards of a folder may have the same.")]
    description: Annotated[PlainText | None, Field(description="What the dashboard is for.")] = None
    folder: Annotated[
        Folder | None,
        Field(
            description="Folder in Grafana: the namespace's name, alone or followed by a space or _ and more. Absent means the "
            "namespace's name."
        ),
    ] = None
    tags: Annotated[
        tuple[Annotated[str, Shape(r"^[^\x00-\x1F\x7F]+$", "text in one line", 50)], ...],
        Items("set", 16),
        Field(description="Tags by which it is found."),
    ] = ()
    refresh: Annotated[
        Duration | None,
        duration_between("5s", "1d", whole="1s"),
        Field(description="How often an open dashboard asks again: from 5s to 1d. Absent means never."),
    ] = None
    time: Annotated[
        TimeRange | None, Field(description="The time that is shown at first. Absent means the last six hours.")
    ] = None
    datasources: Annotated[
        tuple[Datasource, ...],
        Items("map", 16),
        Field(
            description="Datasources that queries may name. Queries that name none use those chosen at the top of the dashboard."
        ),
    ] = ()
    variables: Annotated[
        tuple[Variable, ...], Items("map", 32), Field(description="What people can choose at the top.")
    ] = ()
    template: Annotated[
        Template | None, Field(description="Rows that the compiler fills in; the dashboard's own follow.")
    ] = None
    rows: Annotated[
        Annotated[tuple[Row, ...], Items("map", 24, least=1)] | None, Field(description="The rows, from the top.")
    ] = None
    links: Annotated[
        tuple[Link, ...], Items("map", 16), Field(description="Links at the top: runbooks, other dashboards, SLOs.")
    ] = ()

    @model_validator(mode="after")
    def _shows_something(self) -> Self:
        if self.template is None and self.rows is None:
            raise refusal(
                "The dashboard shows nothing.",
                fix="Give a template, or rows, or both.",
                reason=Reason.MISSING_FIELD,
                at=("rows",),
            )
        return self


class DashboardStatus(CommonStatus):
    """What is known of a dashboard."""

    uid: Annotated[str | None, Field(max_length=40, description="Its uid in Grafana.")] = None
    url: Annotated[
        str | None,
        Field(max_length=2048, description="Its address, where the administrator's configuration says Grafana's."),
    ] = None
    folder: Annotated[str | None, Field(max_length=64, description="Its folder in Grafana.")] = None
    panels: Annotated[int | None, Field(ge=0, description="How many panels it has.")] = None
    size: Annotated[int | None, Field(ge=0, description="Bytes of its JSON.")] = None


class Dashboard(Resource):
    """A dashboard in Grafana: rows of panels over metrics and logs, laid out, linted and kept as it is written here."""

    plural: ClassVar[str] = "dashboards"
    short: ClassVar[str] = "dash"
    columns: ClassVar[tuple[Column, ...]] = (
        Column("Title", ".spec.title", "Title of the dashboard."),
        Column("Folder", ".status.folder", "Folder in Grafana."),
        Column("Panels", ".status.panels", "How many panels it has.", "integer"),
        Column("URL", ".status.url", "Its address."),
        *READY_COLUMNS,
        condition_column("Live", of="Live", field="status", description="Whether Grafana serves it.", wide=True),
        Column("UID", ".status.uid", "Its uid in Grafana.", wide=True),
        AGE_COLUMN,
    )

    kind: Annotated[Literal["Dashboard"], Field(description="Kind of this resource.")]
    spec: Annotated[DashboardSpec, Field(description="What it shows.")]
    status: Annotated[DashboardStatus | None, Field(description="What is known of it; written by the operator.")] = None
