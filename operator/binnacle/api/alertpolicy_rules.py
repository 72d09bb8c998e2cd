"""Rules of an alert policy: what is measured, from which value on somebody is told, and what a person finds in the alert."""

from enum import StrEnum
from typing import Annotated, ClassVar, Final, Self

from pydantic import Field, model_validator

from binnacle.api.alertpolicy_values import Percentile
from binnacle.api.cel import Cel
from binnacle.api.labels import Annotations, FreeLabelName, Labels
from binnacle.api.limits import Limit
from binnacle.api.model import Items, Model, OneOf, refusal
from binnacle.api.nodata import MissingData
from binnacle.api.reasons import Reason
from binnacle.api.slo_indicators import HistogramType, Ratio, Selector
from binnacle.api.values import (
    AlertSeverity,
    DnsLabel,
    Duration,
    HttpUrl,
    Rate,
    Shape,
    duration_between,
)

AlertName = Annotated[
    str, Shape("^[A-Za-z][A-Za-z0-9_-]*$", "letters, digits, _ and -, beginning with a letter: HighErrorRate", 128)
]
Template = Annotated[str, Field(min_length=1, max_length=4096)]
"""A text with Prometheus' templates: {{ $labels.service }}, {{ $value | humanize }}."""

GroupBy = Annotated[tuple[FreeLabelName, ...], Items("set", 8)]
Window = Annotated[Duration, duration_between("10s", "30d")]

_GROUP_BY: Final = "Labels that tell alerts apart: one for each combination of their values. Without them there is one."
_WINDOW: Final = "The time over which events are counted. Absent means 5m."
_MIN_RATE: Final = "Traffic below which the rule is silent, such as {limit: 6, per: 1m}."


class RatioRule(Ratio):
    """Share of bad events, from two counters; limits are percentages."""

    group_by: Annotated[GroupBy, Field(description=_GROUP_BY)] = ()
    window: Annotated[Window | None, Field(description=_WINDOW)] = None
    min_rate: Annotated[Rate | None, Field(description=_MIN_RATE)] = None


class QuantileRule(Model):
    """A percentile of a histogram; limits are durations or numbers in the histogram's unit."""

    histogram: Annotated[
        Selector,
        Field(description="The histogram as a bare vector selector, its name without _bucket, _count and _sum."),
    ]
    percentile: Annotated[
        Percentile, Field(description="Which percentile: 95% is the value that one in twenty exceeds.")
    ]
    histogram_type: Annotated[
        HistogramType | None, Field(description="How the histogram is stored: classic or native. Absent means classic.")
    ] = None
    group_by: Annotated[GroupBy, Field(description=_GROUP_BY)] = ()
    window: Annotated[Window | None, Field(description=_WINDOW)] = None
    min_rate: Annotated[Rate | None, Field(description=_MIN_RATE)] = None


class ThresholdRule(Model):
    """A gauge, or a quotient of two: the largest of a group against `above`, the smallest against `below`."""

    gauge: Annotated[Selector, Field(description="What is measured, a bare vector selector.")]
    divided_by: Annotated[
        Selector | None,
        Field(description="A gauge to divide by, a bare vector selector; both are summed by groupBy first."),
    ] = None
    group_by: Annotated[GroupBy, Field(description=_GROUP_BY)] = ()


class DownRule(Model):
    """Targets that cannot be scraped, and targets that are not there at all."""

    up: Annotated[Selector, Field(description='The series `up` of the targets, a bare vector selector: up{job="api"}.')]


class ExpressionRule(Model):
    """Any PromQL; it fires for every element of the result, or for those beyond the limit where there is one."""

    promql: Annotated[Selector, Field(description="The expression.")]


class NoDataAction(StrEnum):
    """What missing data means."""

    OK = "Ok"
    ALERT = "Alert"
    KEEP = "Keep"


class NoData(MissingData):
    """What happens while there is no data."""

    action: Annotated[
        NoDataAction,
        Field(description="Ok: silent. Alert: an alert of its own. Keep: what was firing goes on firing."),
    ]


class RunbookLink(OneOf):
    """Something to look at: an address, or a query for logs."""

    one_of: ClassVar[tuple[str, ...]] = ("url", "logql")

    name: Annotated[DnsLabel, Field(description="Name of the link; the annotation is called link_ and this name.")]
    url: Annotated[HttpUrl | None, Field(description="Address, http or https.")] = None
    logql: Annotated[
        Annotated[str, Field(min_length=1, max_length=2048)] | None, Field(description="Query for Loki, in LogQL.")
    ] = None


class AlertRunbook(Model):
    """What to do when the alert fires; written into annotations."""

    url: Annotated[HttpUrl, Field(description="Address of the runbook, http or https; the annotation runbook_url.")]
    steps: Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=512)], ...],
        Items("atomic", 16),
        Field(description="First steps, in order; the annotation runbook_steps."),
    ] = ()
    links: Annotated[tuple[RunbookLink, ...], Items("map", 4), Field(description="Where to look.")] = ()


class Level(Model):
    """A value from which on somebody is told, and how urgently."""

    name: Annotated[DnsLabel, Field(description="Name of the level within the rule.")]
    severity: Annotated[
        AlertSeverity, Field(description="critical, warning or info; a higher one inhibits lower ones.")
    ]
    above: Annotated[Limit | None, Field(description="It fires above this value. Either this or below.")] = None
    below: Annotated[Limit | None, Field(description="It fires below this value. Either this or above.")] = None
    for_: Annotated[
        Duration | None,
        duration_between("0s", "30d"),
        Field(alias="for", description="How long it must last before the alert. Absent means at once."),
    ] = None


TYPES: Final = ("ratio", "quantile", "threshold", "down", "expression")


class AlertRule(OneOf):
    """One thing to be told about."""

    one_of: ClassVar[tuple[str, ...]] = TYPES
    rules: ClassVar[tuple[Cel, ...]] = (
        Cel(
            "has(self.levels) ? !has(self.severity) && !has(self.above) && !has(self.below) && !has(self.for) : has(self.severity)",
            "Give either levels, or severity with above or below and for.",
            ".severity",
        ),
        Cel(
            "has(self.levels) || (has(self.ratio) || has(self.quantile) || has(self.threshold) "
            "? has(self.above) != has(self.below) : (has(self.down) ? !has(self.above) && !has(self.below) "
            ": !(has(self.above) && has(self.below))))",
            "Give above or below; down takes neither.",
            ".above",
        ),
        Cel(
            "!has(self.levels) || self.levels.all(level, has(self.ratio) || has(self.quantile) || has(self.threshold) "
            "? has(level.above) != has(level.below) : (has(self.down) ? !has(level.above) && !has(level.below) "
            ": !(has(level.above) && has(level.below))))",
            "Give above or below in every level; down takes neither.",
            ".levels",
        ),
        Cel(
            "!has(self.levels) || self.levels.all(level, self.levels.exists_one(other, other.severity == level.severity))",
            "Give each level a severity of its own.",
            ".levels",
        ),
        Cel(
            "!has(self.down) || !has(self.noData) || self.noData.action != 'Keep'",
            "Choose Ok or Alert: for a target that is down, missing data is what the rule is about.",
            ".noData",
        ),
    )

    name: Annotated[AlertName, Field(description="Name of the alert in Prometheus.")]
    enabled: Annotated[bool, Field(strict=True, description="False leaves the rule out. Absent means true.")] = True
    summary: Annotated[
        Template | None, Field(description="One line about the alert; $labels and $value can be used in templates.")
    ] = None
    description: Annotated[
        Template | None, Field(description="What it means; $labels and $value can be used in templates.")
    ] = None
    labels: Annotated[Labels, Field(description="Labels added to this alert. Constant values, no templates.")] = Field(
        default_factory=dict
    )
    annotations: Annotated[
        Annotations, Field(description="Annotations added to this alert. Values may be Prometheus templates.")
    ] = Field(default_factory=dict)
    runbook: Annotated[
        AlertRunbook | None, Field(description="What to do when it fires; expected of critical alerts.")
    ] = None
    keep_firing_for: Annotated[
        Duration | None,
        duration_between("1s", "30d"),
        Field(description="How long the alert goes on after its condition has ended."),
    ] = None
    active_during: Annotated[
        tuple[DnsLabel, ...],
        Items("set", 8),
        Field(
            description="Names of schedules: the rule can fire while one of them is on. Absent means always, and so do tests of the "
            "policy, which know no date."
        ),
    ] = ()
    no_data: Annotated[
        NoData | None,
        Field(description="What happens while there is no data. Absent means Ok, and Alert for down."),
    ] = None
    ratio: Annotated[RatioRule | None, Field(description="Share of bad events, from two counters.")] = None
    quantile: Annotated[QuantileRule | None, Field(description="A percentile of a histogram.")] = None
    threshold: Annotated[ThresholdRule | None, Field(description="A gauge, or a quotient of two.")] = None
    down: Annotated[DownRule | None, Field(description="Targets that are down or gone.")] = None
    expression: Annotated[ExpressionRule | None, Field(description="Any PromQL.")] = None
    levels: Annotated[
        Annotated[tuple[Level, ...], Items("map", 3, least=1)] | None,
        Field(description="Values from which on somebody is told, each with its severity."),
    ] = None
    severity: Annotated[AlertSeverity | None, Field(description="Severity of a rule with one level.")] = None
    above: Annotated[Limit | None, Field(description="A rule with one level fires above this value.")] = None
    below: Annotated[Limit | None, Field(description="A rule with one level fires below this value.")] = None
    for_: Annotated[
        Duration | None,
        duration_between("0s", "30d"),
        Field(alias="for", description="How long it must last before a rule with one level fires."),
    ] = None

    @property
    def type(self) -> str:
        """Which member says what is measured."""
        return next(name for name in TYPES if getattr(self, name) is not None)

    @property
    def all_levels(self) -> tuple[Level, ...]:
        """The levels, the one of a rule without levels included; its name is that of its severity."""
        if self.levels is not None:
            return self.levels
        severity = self.severity or AlertSeverity.WARNING
        return (
            Level.model_construct(
                name=severity.value, severity=severity, above=self.above, below=self.below, for_=self.for_
            ),
        )

    @model_validator(mode="after")
    def _one_or_several_levels(self) -> Self:
        once = (self.severity, self.above, self.below, self.for_)
        if self.levels is not None and any(given is not None for given in once):
            raise refusal(
                "levels stand instead of severity, above, below and for.", fix="Keep one of the two.", at=("levels",)
            )
        if self.levels is None and self.severity is None:
            raise refusal(
                "Nothing says how urgent the alert is.",
                fix="Add severity, or levels.",
                reason=Reason.MISSING_FIELD,
                at=("severity",),
            )
        for index, level in enumerate(self.levels or ()):
            self._check_limits(level.above, level.below, ("levels", index))
        if self.levels is None:
            self._check_limits(self.above, self.below, ())
        return self

    @model_validator(mode="after")
    def _severities_differ(self) -> Self:
        seen: set[AlertSeverity] = set()
        for index, level in enumerate(self.levels or ()):
            if level.severity in seen:
                raise refusal(
                    f"Two levels are {level.severity}: their alerts would look the same.",
                    fix="Give each level a severity of its own.",
                    at=("levels", index, "severity"),
                )
            seen.add(level.severity)
        return self

    @model_validator(mode="after")
    def _down_is_not_kept(self) -> Self:
        if self.down is not None and self.no_data is not None and self.no_data.action is NoDataAction.KEEP:
            raise refusal(
                "For a target that is down, missing data is what the rule is about.",
                fix="Choose Ok or Alert.",
                at=("noData", "action"),
            )
        return self

    def _check_limits(self, above: Limit | None, below: Limit | None, at: tuple[str | int, ...]) -> None:
        given = (above is not None) + (below is not None)
        if self.down is not None and given:
            raise refusal("A target is down or not; there is no limit.", fix="Leave above and below out.", at=at)
        if given > 1:
            raise refusal("above and below exclude each other.", fix="Keep one of them.", at=(*at, "below"))
        if not given and self.down is None and self.expression is None:
            raise refusal(
                "Nothing says from which value on it fires.",
                fix="Add above or below.",
                reason=Reason.MISSING_FIELD,
                at=(*at, "above"),
            )
