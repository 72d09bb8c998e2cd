"""The AlertPolicy kind: what is alerted on, and who is told where and when."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from binnacle.api.alertpolicy_routing import Grouping, Inhibit, Mute, Route, RoutingTest
from binnacle.api.alertpolicy_rules import AlertRule
from binnacle.api.alertpolicy_tests import RuleTest
from binnacle.api.meta import AGE_COLUMN, READY_COLUMNS, Column, CommonSpec, Resource, condition_column
from binnacle.api.model import Items, StatusModel
from binnacle.api.receivers import Receiver
from binnacle.api.schedules import Schedule
from binnacle.api.status import CommonStatus, ProofStatus
from binnacle.api.values import DnsLabel, Duration, duration_between


class AlertPolicySpec(CommonSpec):
    """Rules, and the routes by which their alerts reach people."""

    interval: Annotated[
        Duration | None,
        # Prometheus looks back five minutes for a sample: what is evaluated more rarely has holes.
        duration_between("1s", "4m"),
        Field(description="How often the rules are evaluated; the backend's own interval when absent."),
    ] = None
    alerts: Annotated[
        tuple[AlertRule, ...], Items("map", 100), Field(alias="rules", description="What is alerted on.")
    ] = ()
    tests: Annotated[
        tuple[RuleTest, ...], Items("map", 64), Field(description="Series, and which alerts must fire on them.")
    ] = ()
    receivers: Annotated[tuple[Receiver, ...], Items("map", 32), Field(description="Where notifications can go.")] = ()
    default_receivers: Annotated[
        tuple[DnsLabel, ...],
        Items("set", 16),
        Field(description="Receivers of alerts of this policy that no route takes."),
    ] = ()
    grouping: Annotated[
        Grouping | None, Field(description="Which alerts come in one message; as the administrator set when absent.")
    ] = None
    routes: Annotated[
        tuple[Route, ...],
        Items("map", 32),
        Field(description="Which alerts go where. Every route that matches notifies."),
    ] = ()
    schedules: Annotated[
        tuple[Schedule, ...],
        Items("map", 16),
        Field(description="Spans of time by name, for mute and for activeDuring of rules."),
    ] = ()
    mute: Annotated[tuple[Mute, ...], Items("map", 4), Field(description="When matching alerts notify nobody.")] = ()
    inhibit: Annotated[
        tuple[Inhibit, ...], Items("map", 16), Field(description="Which alerts hush which others while they fire.")
    ] = ()
    routing_tests: Annotated[
        tuple[RoutingTest, ...],
        Items("map", 64),
        Field(description="Alerts, and who must be told; checked with every change."),
    ] = ()


class RuleStatus(StatusModel):
    """One rule as it was compiled."""

    name: Annotated[str, Field(max_length=128, description="Name of the rule.")]
    type: Annotated[str, Field(max_length=32, description="Its type.")]
    worst_case_detection: Annotated[
        str | None,
        Field(max_length=32, description="Time from the beginning of a total failure to the first alert, at most."),
    ] = None


class AlertPolicyStatus(CommonStatus):
    """What is known of an alert policy."""

    rule_count: Annotated[int | None, Field(ge=0, description="How many rules are in place.")] = None
    rules: Annotated[tuple[RuleStatus, ...], Items("map", 100), Field(description="The rules as compiled.")] = ()
    tests: Annotated[ProofStatus | None, Field(description="The tests that the policy carries.")] = None
    tests_summary: Annotated[
        str | None, Field(max_length=32, description="The tests in one word: how many hold, of how many.")
    ] = None
    horizon: Annotated[
        str | None,
        Field(
            max_length=10,
            description="The day until which the rules know when clocks change; they are renewed more than a year before. "
            "Only where rules are active during schedules.",
        ),
    ] = None
    receivers: Annotated[
        tuple[Annotated[str, Field(max_length=63)], ...], Items("atomic", 32), Field(description="Receivers in place.")
    ] = ()


class AlertPolicy(Resource):
    """Alerts and who is told: rules for Prometheus, and receivers, routes and times for Alertmanager."""

    plural: ClassVar[str] = "alertpolicies"
    short: ClassVar[str] = "ap"
    columns: ClassVar[tuple[Column, ...]] = (
        Column("Rules", ".status.ruleCount", "How many rules are in place.", "integer"),
        Column("Tests", ".status.testsSummary", "How many tests hold, of how many."),
        *READY_COLUMNS,
        condition_column("Live", of="Live", field="status", description="Whether the backends have it.", wide=True),
        AGE_COLUMN,
    )

    kind: Annotated[Literal["AlertPolicy"], Field(description="Kind of this resource.")]
    spec: Annotated[AlertPolicySpec, Field(description="What is alerted on, and who is told.")]
    status: Annotated[AlertPolicyStatus | None, Field(description="What is known of it; written by the operator.")] = (
        None
    )
