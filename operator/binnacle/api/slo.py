"""The SLO kind: an objective, what is counted, and how the budget's burning raises alerts."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from binnacle.api.cel import Cel
from binnacle.api.grafana_names import Folder
from binnacle.api.labels import FreeLabelName
from binnacle.api.meta import AGE_COLUMN, READY_COLUMNS, Column, CommonSpec, Resource, condition_column
from binnacle.api.model import Items, Model, StatusModel, refusal
from binnacle.api.schedules import Schedule
from binnacle.api.slo_alerting import Alerting, Dependency
from binnacle.api.slo_indicators import Indicator
from binnacle.api.slo_window import Window
from binnacle.api.status import CommonStatus
from binnacle.api.values import (
    AlertSeverity,
    DnsLabel,
    Percentage,
    PlainText,
    Shape,
    Token,
    percentage_between,
)


class Maintenance(Model):
    """Time that counts neither good nor bad."""

    schedule: Annotated[DnsLabel, Field(description="Name of one of the schedules.")]


class OwnDashboard(Model):
    """A dashboard of this SLO alone."""

    enabled: Annotated[
        bool, Field(strict=True, description="Whether the SLO has a dashboard of its own. Absent means true.")
    ] = True
    folder: Annotated[
        Folder | None,
        Field(
            description="Folder in Grafana: the namespace's name, alone or followed by a space or _ and more. Absent means the "
            "namespace's name."
        ),
    ] = None


class SLOSpec(CommonSpec):
    """What an SLO promises, how it is measured, and when somebody is told."""

    rules: ClassVar[tuple[Cel, ...]] = (
        Cel(
            "!has(self.labels) || !has(self.groupBy) || !self.groupBy.exists(name, name in self.labels)",
            "Leave out of labels what groupBy names: one constant value would merge the groups.",
            ".labels",
        ),
        Cel(
            "!has(self.environment) || (!(has(self.labels) && 'environment' in self.labels) "
            "&& !(has(self.groupBy) && 'environment' in self.groupBy))",
            "Leave environment out of labels and groupBy: the field environment sets this label.",
            ".environment",
        ),
    )

    service: Annotated[
        Token, Field(description="Service that the SLO is about; the label slo_service of all it produces.")
    ]
    description: Annotated[PlainText | None, Field(description="What the objective means to the service's users.")] = (
        None
    )
    owner: Annotated[
        Annotated[str, Shape(r"^[^\x00-\x1F\x7F{}]+$", "text in one line, without braces", 128)] | None,
        Field(description="Who answers for the SLO: a team or a person."),
    ] = None
    objective: Annotated[
        Percentage,
        percentage_between("0%", "100%"),
        Field(description="Share of events that must be good over the window: above 0% and below 100%, such as 99.9%."),
    ]
    window: Annotated[Window, Field(description="The time that the objective is about.")]
    indicator: Annotated[Indicator, Field(description="What is counted; exactly one member.")]
    group_by: Annotated[
        tuple[FreeLabelName, ...],
        Items("set", 8),
        Field(
            description="Labels of the indicator's series; each combination of their values has a budget of its own.",
        ),
    ] = ()
    alerting: Annotated[
        Alerting,
        Field(
            description="How the burning of the budget raises alerts. Derived when absent.", default_factory=Alerting
        ),
    ]
    maintenance: Annotated[
        tuple[Maintenance, ...],
        Items("map", 16, keys=("schedule",)),
        Field(description="When the service is maintained: that time is counted neither good nor bad, and is silent."),
    ] = ()
    schedules: Annotated[
        tuple[Schedule, ...],
        Items("map", 16),
        Field(description="Spans of local time that come again each week, or once, by name."),
    ] = ()
    dashboard: Annotated[
        OwnDashboard | None,
        Field(
            description="A dashboard of this SLO alone, which knows its groups and limits, beside the one that shows any SLO. Absent "
            "means that it has none."
        ),
    ] = None
    depends_on: Annotated[
        tuple[Dependency, ...],
        Items("map", 16),
        Field(description="SLOs of the same namespace that this one cannot be kept without."),
    ] = ()

    @model_validator(mode="after")
    def _labels_are_told_apart(self) -> Self:
        for name in self.group_by:
            if name in self.labels:
                raise refusal(
                    f"The label {name} is in groupBy too.",
                    fix="Leave it out of labels: one constant value would merge the groups.",
                    at=("labels", name),
                )
        if self.environment is not None and "environment" in (*self.labels, *self.group_by):
            raise refusal(
                "The label environment is set twice.",
                fix="Leave environment out of labels and groupBy: the field environment sets this label.",
                at=("environment",),
            )
        return self


class AlertStatus(StatusModel):
    """One burn alert as it was compiled."""

    name: Annotated[str, Field(max_length=63, description="Name of the alert within the SLO.")]
    severity: Annotated[AlertSeverity, Field(description="Severity of the alert.")]
    factor: Annotated[
        str, Field(max_length=32, description="How many times faster than allowed the budget burns when it fires.")
    ]
    budget: Annotated[
        str, Field(max_length=32, description="Share of the budget spent within the long window when it fires.")
    ]
    long: Annotated[str, Field(max_length=32, description="The long window.")]
    short: Annotated[str, Field(max_length=32, description="The short window.")]
    worst_case_detection: Annotated[
        str | None,
        Field(max_length=32, description="Time from the beginning of a total outage to the alert, at most."),
    ] = None
    detection_at_factor: Annotated[
        str | None,
        Field(
            max_length=32, description="Time from the beginning of a burn of just this factor to the alert, at most."
        ),
    ] = None


class GroupsStatus(StatusModel):
    """The groups that groupBy makes, as Prometheus last showed them."""

    count: Annotated[int, Field(ge=0, description="How many groups have data.")]
    worst: Annotated[str | None, Field(max_length=1024, description="The group with the least budget left.")] = None


class CostStatus(StatusModel):
    """What the SLO costs Prometheus."""

    rules: Annotated[int, Field(ge=0, description="Rules produced.")]
    samples_per_minute: Annotated[
        int | None, Field(ge=0, description="Samples read per minute by these rules, estimated.")
    ] = None


class SLOStatus(CommonStatus):
    """What is known of an SLO."""

    sli: Annotated[
        str | None, Field(max_length=32, description="Share of good events over the window, of the worst group.")
    ] = None
    budget_remaining: Annotated[
        str | None,
        Field(
            max_length=32, description="Share of the budget that is left, of the worst group; negative when overspent."
        ),
    ] = None
    burn_rate: Annotated[
        str | None,
        Field(
            max_length=32, description="How many times faster than allowed the budget burns now, of the worst group."
        ),
    ] = None
    since: Annotated[
        str | None,
        Field(
            max_length=17,
            description="Since when there is history, while the window reaches further back; the figures are about that time then.",
        ),
    ] = None
    alerts: Annotated[tuple[AlertStatus, ...], Items("map", 16), Field(description="The burn alerts as compiled.")] = ()
    horizon: Annotated[
        str | None,
        Field(
            max_length=10,
            description="The day until which the rules know when clocks change; they are renewed more than a year before. "
            "Only where schedules or calendar windows need it.",
        ),
    ] = None
    groups: Annotated[GroupsStatus | None, Field(description="The groups that groupBy makes.")] = None
    dashboard: Annotated[
        str | None,
        Field(
            max_length=2048,
            description="Address of the dashboard that shows it, where the administrator's configuration says Grafana's.",
        ),
    ] = None
    cost: Annotated[CostStatus | None, Field(description="What the SLO costs Prometheus.")] = None


class SLO(Resource):
    """A service level objective: what share of events must be good over a window, and who is told when it is at risk."""

    plural: ClassVar[str] = "slos"
    short: ClassVar[str] = "slo"
    columns: ClassVar[tuple[Column, ...]] = (
        Column("Service", ".spec.service", "Service that the SLO is about."),
        Column("Objective", ".spec.objective", "Share of events that must be good."),
        Column("Window", ".spec.window['rolling','calendar']", "The time that the objective is about."),
        Column("SLI", ".status.sli", "Share of good events over the window."),
        Column("Budget", ".status.budgetRemaining", "Share of the budget that is left."),
        Column("Burn", ".status.burnRate", "How many times faster than allowed the budget burns now.", wide=True),
        *READY_COLUMNS,
        condition_column("Live", of="Live", field="status", description="Whether Prometheus has the rules.", wide=True),
        Column("Owner", ".spec.owner", "Who answers for the SLO.", wide=True),
        AGE_COLUMN,
    )

    kind: Annotated[Literal["SLO"], Field(description="Kind of this resource.")]
    spec: Annotated[SLOSpec, Field(description="What is promised, how it is measured, and when somebody is told.")]
    status: Annotated[SLOStatus | None, Field(description="What is known of it; written by the operator.")] = None
