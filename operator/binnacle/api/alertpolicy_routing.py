"""Routing of an alert policy: which alerts go to which receivers, when, and which alerts hush others."""

from enum import StrEnum
from typing import Annotated, ClassVar, Final, Self

from pydantic import Field, model_validator

from binnacle.api.cel import Cel, matches
from binnacle.api.matchers import Matcher
from binnacle.api.model import Items, Law, Model, refusal
from binnacle.api.schedules import Moment
from binnacle.api.values import LABEL_NAME_PATTERN, DnsLabel, Duration, LabelName, Shape, duration_between

ALL_LABELS: Final = "..."
GroupingLabel = Annotated[
    str, Shape(r"^([a-zA-Z_][a-zA-Z0-9_]*|\.\.\.)$", "a label name, or ... alone for all labels", 128)
]


class Grouping(Model):
    """Which alerts come in one message, and how often."""

    rules: ClassVar[tuple[Cel, ...]] = (
        Cel(
            "!has(self.groupBy) || !self.groupBy.exists(name, name == '...') || size(self.groupBy) == 1",
            "Write ... alone: it stands for all labels.",
            ".groupBy",
        ),
    )

    group_by: Annotated[
        Annotated[tuple[GroupingLabel, ...], Items("set", 16)] | None,
        Field(description="Alerts that agree in these labels come together; ... alone keeps all apart."),
    ] = None
    group_wait: Annotated[
        Duration | None, duration_between("0s", "1h"), Field(description="How long a first message waits for more.")
    ] = None
    group_interval: Annotated[
        Duration | None,
        duration_between("1s", "1d"),
        Field(description="Least time between messages about new alerts of a group."),
    ] = None
    repeat_interval: Annotated[
        Duration | None,
        duration_between("1m", "30d"),
        Field(description="Time after which a message is sent again while alerts go on."),
    ] = None

    @model_validator(mode="after")
    def _all_alone(self) -> Self:
        if self.group_by is not None and ALL_LABELS in self.group_by and len(self.group_by) > 1:
            raise refusal("... stands for all labels.", fix="Write it alone.", at=("groupBy",))
        return self


class AppliesTo(StrEnum):
    """Whose alerts a route is about."""

    POLICY = "Policy"
    NAMESPACE = "Namespace"


Matchers = Annotated[tuple[Matcher, ...], Items("atomic", 16)]


class Route(Model):
    """Alerts that go to receivers."""

    name: Annotated[DnsLabel, Field(description="Name of the route within the policy.")]
    matchers: Annotated[
        Matchers, Field(description='Alerts that all of these match: severity="critical". Absent means every alert.')
    ] = ()
    receivers: Annotated[
        tuple[DnsLabel, ...],
        Items("set", 16, least=1),
        Field(description="Receivers of the policy; blackhole sends nothing."),
    ]
    grouping: Annotated[Grouping | None, Field(description="Grouping where it differs from the policy's.")] = None
    applies_to: Annotated[
        AppliesTo | None,
        Field(
            description="Policy: alerts of this policy and of the SLOs that name it. Namespace: every alert of the "
            "namespace. Absent means Policy."
        ),
    ] = None


class Mute(Model):
    """Times in which matching alerts of the policy's routes notify nobody."""

    name: Annotated[DnsLabel, Field(description="Name of the mute within the policy.")]
    matchers: Annotated[Matchers, Field(description="Alerts that are muted. Absent means every alert.")] = ()
    during: Annotated[
        tuple[DnsLabel, ...], Items("set", 8, least=1), Field(description="Names of schedules; any of them mutes.")
    ]


class Inhibit(Model):
    """Alerts that hush other alerts of the namespace while they fire."""

    name: Annotated[DnsLabel, Field(description="Name of the rule within the policy.")]
    source: Annotated[tuple[Matcher, ...], Items("atomic", 16, least=1), Field(description="The alerts that hush.")]
    target: Annotated[
        tuple[Matcher, ...], Items("atomic", 16, least=1), Field(description="The alerts that are hushed.")
    ]
    equal: Annotated[
        tuple[LabelName, ...],
        Items("set", 16),
        Field(description="Labels in which both must agree; one that both lack counts as equal."),
    ] = ()


def _nothing_more(_labels: dict[str, str]) -> None:
    """Labels of a test have no law beyond their names, which the key type checks."""


class RoutingTest(Model):
    """An alert, and who must be told about it."""

    name: Annotated[DnsLabel, Field(description="Name of the test.")]
    labels: Annotated[
        dict[LabelName, Annotated[str, Field(max_length=1024)]],
        Field(
            max_length=32,
            description="Labels of the alert; who it belongs to is filled in as for an alert of this policy.",
        ),
        Law(
            _nothing_more,
            (
                Cel(
                    f"self.all(name, {matches('name', LABEL_NAME_PATTERN)})",
                    "Write names of letters, digits and _, not beginning with a digit.",
                ),
            ),
        ),
    ]
    at: Annotated[Moment | None, Field(description="When it fires; without it no schedule mutes.")] = None
    receivers: Annotated[
        tuple[DnsLabel, ...],
        Items("set", 16),
        Field(description="Exactly the receivers that are notified; none means that nobody of this policy is."),
    ] = ()
