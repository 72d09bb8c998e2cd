"""Tests of rules that people write: series, a moment, and which alerts must fire or be silent then."""

from typing import Annotated

from pydantic import Field

from binnacle.api.alertpolicy_rules import AlertName
from binnacle.api.alertpolicy_values import SeriesValues
from binnacle.api.cel import Cel, matches
from binnacle.api.model import Items, Law, Model
from binnacle.api.values import LABEL_NAME_PATTERN, AlertSeverity, DnsLabel, Duration, LabelName, duration_between


class InputSeries(Model):
    """One series with its samples."""

    selector: Annotated[
        str,
        Field(min_length=1, max_length=1024, description='Name and labels of the series: requests_total{code="500"}.'),
    ]
    values: Annotated[SeriesValues, Field(description="Samples, one each interval: 0+10x20, 1 1 _ stale.")]


def _nothing_more(_labels: dict[str, str]) -> None:
    """Labels of an expectation have no law beyond their names, which the key type checks."""


class FiringAlert(Model):
    """An alert that must fire."""

    rule: Annotated[AlertName, Field(description="Name of the rule.")]
    severity: Annotated[AlertSeverity | None, Field(description="Severity of the alert; any when absent.")] = None
    labels: Annotated[
        dict[LabelName, Annotated[str, Field(max_length=1024)]],
        Field(max_length=16, description="Labels that the alert must have; it may have others."),
        Law(
            _nothing_more,
            (
                Cel(
                    f"self.all(name, {matches('name', LABEL_NAME_PATTERN)})",
                    "Write names of letters, digits and _, not beginning with a digit.",
                ),
            ),
        ),
    ] = Field(default_factory=dict)


class RuleTest(Model):
    """Series, and what the rules must make of them; run by promtool."""

    name: Annotated[DnsLabel, Field(description="Name of the test.")]
    interval: Annotated[
        Duration | None,
        duration_between("1s", "1h"),
        Field(description="Time between two samples. Absent means 1m."),
    ] = None
    series: Annotated[
        tuple[InputSeries, ...],
        Items("atomic", 64),
        Field(description="What Prometheus has scraped; nothing when empty."),
    ] = ()
    after: Annotated[
        Duration, duration_between("0s", "30d"), Field(description="Time from the first sample at which is looked.")
    ]
    fires: Annotated[
        tuple[FiringAlert, ...], Items("atomic", 32), Field(description="Alerts that must fire then.")
    ] = ()
    silent: Annotated[
        tuple[AlertName, ...], Items("set", 32), Field(description="Rules none of whose alerts may fire then.")
    ] = ()
