"""The MetricSet kind: which metrics a system has, where they are scraped, probed and recorded."""

from enum import StrEnum
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from binnacle.api.cel import Cel, matches, text
from binnacle.api.labels import RESERVED_SERIES, RESERVED_SERIES_PREFIXES
from binnacle.api.meta import AGE_COLUMN, READY_COLUMNS, Column, CommonSpec, Resource, condition_column
from binnacle.api.metricset_probe import Probe
from binnacle.api.metricset_scrape import Port, Scrape
from binnacle.api.model import Items, Law, Model, StatusModel, refusal
from binnacle.api.slo_indicators import HistogramType
from binnacle.api.status import CommonStatus
from binnacle.api.values import DnsLabel, LabelName, Number, Shape

METRIC_NAME_PATTERN = "^[a-zA-Z_:][a-zA-Z0-9_:]*$"

MetricName = Annotated[
    str,
    Shape(METRIC_NAME_PATTERN, "a metric's name: letters, digits, _ and :, not beginning with a digit", 256),
]
_OURS_FIX = f"Choose a name that does not begin with {' or '.join(RESERVED_SERIES_PREFIXES)}: those are Binnacle's own."


def _not_ours(name: str) -> None:
    if name.startswith(RESERVED_SERIES_PREFIXES) or name in RESERVED_SERIES:
        raise refusal(f"The name {name} is reserved.", fix=_OURS_FIX)


RecordName = Annotated[
    MetricName,
    Law(
        _not_ours,
        (
            Cel(
                "".join(f"!self.startsWith({text(prefix)}) && " for prefix in RESERVED_SERIES_PREFIXES)
                + f"!(self in [{', '.join(map(text, RESERVED_SERIES))}])",
                _OURS_FIX,
            ),
        ),
    ),
]
"""Name of a series that a user records."""


class MetricType(StrEnum):
    """Types of metrics, in Prometheus' own words."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"
    SUMMARY = "summary"


class Metric(Model):
    """A metric that the system has: part of the contract that SLOs, alerts and dashboards are checked against."""

    rules: ClassVar[tuple[Cel, ...]] = (
        Cel(
            "self.type == 'histogram' || (!has(self.histogramType) && !has(self.buckets))",
            "Give histogramType and buckets to histograms only.",
            ".type",
        ),
    )

    name: Annotated[MetricName, Field(description="Name of the metric, without _bucket, _count and _sum.")]
    type: Annotated[MetricType, Field(description="counter, gauge, histogram or summary.")]
    label_names: Annotated[
        Annotated[tuple[LabelName, ...], Items("set", 32)] | None,
        Field(
            description="Labels that the system itself puts on the metric; those of the target, such as pod, need not be named. "
            "Absent means that they are not declared, and are not checked."
        ),
    ] = None
    histogram_type: Annotated[
        HistogramType | None, Field(description="How a histogram is stored: classic or native. Absent means classic.")
    ] = None
    buckets: Annotated[
        tuple[Number, ...],
        Items("set", 64),
        Field(description='Upper bounds of a classic histogram\'s buckets, without +Inf: ["0.1", "0.3", "1"].'),
    ] = ()

    @model_validator(mode="after")
    def _histograms_only(self) -> Self:
        if self.type is not MetricType.HISTOGRAM and (self.histogram_type is not None or self.buckets):
            raise refusal(
                f"{self.name} is a {self.type.value}, which has no buckets.",
                fix="Give histogramType and buckets to histograms only.",
                at=("type",),
            )
        return self


class TargetKind(StrEnum):
    """What is looked for by labels: pods, or the endpoints of services."""

    POD = "Pod"
    SERVICE = "Service"


_OBJECT_LABEL = r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$"
_OBJECT_VALUE = "^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$"
_OBJECT_LABEL_SAYS = "the name of a Kubernetes label, such as app or app.kubernetes.io/name"


def _nothing_more(_labels: dict[str, str]) -> None:
    """Labels have no law beyond their names and values, which their types check."""


class Selector(Model):
    """Labels that an object must have."""

    match_labels: Annotated[
        dict[
            Annotated[str, Shape(_OBJECT_LABEL, _OBJECT_LABEL_SAYS, 317)],
            Annotated[
                str,
                Shape(_OBJECT_VALUE, "the value of a Kubernetes label: letters, digits, and . _ - between them", 63, 0),
            ],
        ],
        Field(min_length=1, max_length=16, description="Names and values, all of which must match."),
        Law(
            _nothing_more,
            (Cel(f"self.all(name, {matches('name', _OBJECT_LABEL)})", f"Write {_OBJECT_LABEL_SAYS}."),),
        ),
    ]


class Target(Model):
    """The pods or services of this namespace that are scraped."""

    kind: Annotated[TargetKind, Field(description="Pod or Service. Absent means Pod.")] = TargetKind.POD
    selector: Annotated[Selector, Field(description="Which of them.")]
    port: Annotated[
        Port | None, Field(description="Name or number of the port, for items of scrape that do not name one.")
    ] = None


class RecordingItem(Model):
    """A series that Prometheus computes from others."""

    name: Annotated[DnsLabel, Field(description="Name of this item.")]
    record: Annotated[RecordName, Field(description="Name of the series: shop:orders:rate5m.")]
    promql: Annotated[str, Field(min_length=1, max_length=4096, description="Its value, a PromQL expression.")]


class MetricSetSpec(CommonSpec):
    """Which metrics a system has, and where they come from."""

    rules: ClassVar[tuple[Cel, ...]] = (
        Cel(
            "!has(self.scrape) || size(self.scrape) == 0 || has(self.target)",
            "Give a target: it says whose endpoints are scraped.",
            ".scrape",
        ),
        Cel(
            "!has(self.scrape) || !has(self.target) || has(self.target.port) || self.scrape.all(item, has(item.port))",
            "Give each item of scrape a port, or the target.",
            ".scrape",
        ),
        Cel(
            "!has(self.scrape) || !has(self.probes) || "
            "self.scrape.all(item, self.probes.all(probe, probe.name != item.name))",
            "Give probes names that no item of scrape has: both become the label job.",
            ".probes",
        ),
        Cel(
            "!has(self.environment) || !has(self.labels) || !('environment' in self.labels)",
            "Leave environment out of labels: the field environment sets this label.",
            ".environment",
        ),
    )

    target: Annotated[Target | None, Field(description="The pods or services of this namespace that are scraped.")] = (
        None
    )
    metrics: Annotated[
        tuple[Metric, ...],
        Items("map", 250),
        Field(description="The contract: metrics that others may refer to. An unknown one is told where it is used."),
    ] = ()
    scrape: Annotated[
        tuple[Scrape, ...], Items("map", 16), Field(description="Endpoints of the target that Prometheus reads.")
    ] = ()
    probes: Annotated[tuple[Probe, ...], Items("map", 32), Field(description="URLs that are asked at intervals.")] = ()
    recording: Annotated[
        tuple[RecordingItem, ...],
        Items("map", 100),
        Field(description="Series that Prometheus computes from others, one after the other."),
    ] = ()

    @model_validator(mode="after")
    def _items_fit_together(self) -> Self:
        if self.scrape and self.target is None:
            raise refusal(
                "There is no target to scrape.",
                fix="Give a target: it says whose endpoints are scraped.",
                at=("scrape",),
            )
        for index, item in enumerate(self.scrape):
            if item.port is None and self.target is not None and self.target.port is None:
                raise refusal(
                    f"Neither {item.name} nor the target names a port.",
                    fix="Give each item of scrape a port, or the target.",
                    at=("scrape", index),
                )
        taken = {item.name for item in self.scrape}
        for index, probe in enumerate(self.probes):
            if probe.name in taken:
                raise refusal(
                    f"An item of scrape is called {probe.name} too.",
                    fix="Give probes names that no item of scrape has: both become the label job.",
                    at=("probes", index, "name"),
                )
        if self.environment is not None and "environment" in self.labels:
            raise refusal(
                "The label environment is set twice.",
                fix="Leave environment out of labels: the field environment sets this label.",
                at=("environment",),
            )
        return self


class MissingLabel(StatusModel):
    """A label that is declared and that no series of its metric has."""

    metric: Annotated[str, Field(max_length=256, description="Name of the metric.")]
    label: Annotated[str, Field(max_length=128, description="Name of the label.")]


class FailingSource(StatusModel):
    """An endpoint or probe of which Prometheus cannot read everything."""

    name: Annotated[str, Field(max_length=63, description="Name of the item of scrape or probes.")]
    error: Annotated[str, Field(max_length=512, description="What is wrong, in Prometheus' words where it has some.")]
    last_scrape: Annotated[
        str | None,
        Field(
            max_length=32,
            json_schema_extra={"format": "date-time"},
            description="When it was read for the last time, to the minute. Not written while it is read: then that is just now.",
        ),
    ] = None


class MetricSetStatus(CommonStatus):
    """What is known of a MetricSet."""

    sources: Annotated[int | None, Field(ge=0, description="Endpoints and probes that metrics come from.")] = None
    declared: Annotated[int | None, Field(ge=0, description="Metrics declared.")] = None
    found: Annotated[int | None, Field(ge=0, description="Declared metrics of which Prometheus has series.")] = None
    missing: Annotated[
        tuple[Annotated[str, Field(max_length=256)], ...],
        Items("atomic", 50),
        Field(
            description="Metrics that are declared, or read by an item of recording, and of which there are no series."
        ),
    ] = ()
    missing_total: Annotated[
        int | None, Field(ge=0, description="How many metrics are missing, with those not listed.")
    ] = None
    missing_labels: Annotated[
        tuple[MissingLabel, ...],
        Items("atomic", 50),
        Field(description="Labels that are declared and that no series of their metric has."),
    ] = ()
    undeclared: Annotated[
        tuple[Annotated[str, Field(max_length=256)], ...],
        Items("atomic", 20),
        Field(description="Series that come of its endpoints and that it does not declare, the first by name."),
    ] = ()
    undeclared_total: Annotated[
        int | None, Field(ge=0, description="How many such series there are by name, with those not listed.")
    ] = None
    series: Annotated[
        int | None,
        Field(
            ge=0,
            description="Series that the last scrapes of its endpoints and probes gave, about: two digits count, and a fifth "
            "more or less is not shown.",
        ),
    ] = None
    failing: Annotated[
        tuple[FailingSource, ...],
        Items("map", 48),
        Field(description="Endpoints and probes that Prometheus has not been able to read for some minutes."),
    ] = ()


class MetricSet(Resource):
    """A set of metrics: what is declared, scraped, probed and recorded."""

    plural: ClassVar[str] = "metricsets"
    short: ClassVar[str] = "mset"
    columns: ClassVar[tuple[Column, ...]] = (
        Column("Sources", ".status.sources", "Endpoints and probes that metrics come from.", "integer"),
        Column("Declared", ".status.declared", "Metrics declared.", "integer"),
        Column("Missing", ".status.missingTotal", "Metrics of which there are no series.", "integer"),
        Column("Series", ".status.series", "Series that come of its sources, about.", "integer"),
        *READY_COLUMNS,
        condition_column(
            "Live", of="Live", field="status", description="Whether Prometheus has rules and scrape jobs.", wide=True
        ),
        AGE_COLUMN,
    )

    kind: Annotated[Literal["MetricSet"], Field(description="Kind of this resource.")]
    spec: Annotated[MetricSetSpec, Field(description="Which metrics there are, and where they come from.")]
    status: Annotated[MetricSetStatus | None, Field(description="What is known of it; written by the operator.")] = None
