"""How an SLO raises alerts: burn rates, missing data, a spent budget, and the SLOs that it depends on."""

from enum import StrEnum
from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from binnacle.api.cel import Cel, duration_ms, matches
from binnacle.api.model import Items, Law, Model, refusal
from binnacle.api.nodata import MissingData
from binnacle.api.values import (
    DURATION_PATTERN,
    AlertSeverity,
    DnsLabel,
    Duration,
    HttpUrl,
    Percentage,
    duration_between,
    percentage_between,
)


class BurnRate(Model):
    """One burn alert: it fires while the budget is spent this fast over both windows."""

    rules: ClassVar[tuple[Cel, ...]] = (
        Cel(
            f"[self.short, self.long].exists(text, !{matches('text', DURATION_PATTERN)}) || "
            f"{duration_ms('self.short')} < {duration_ms('self.long')}",
            "Choose a short window that is shorter than the long one.",
            ".short",
        ),
    )

    name: Annotated[DnsLabel, Field(description="Name of this alert within the SLO.")]
    severity: Annotated[
        AlertSeverity, Field(description="critical, warning or info; a higher one inhibits lower ones.")
    ]
    budget: Annotated[
        Percentage,
        percentage_between("0%", "100%", high_included=True),
        Field(description="Share of the whole budget that is spent within the long window when the alert fires: 2%."),
    ]
    long: Annotated[
        Duration,
        duration_between("5m", "90d", whole="1m"),
        Field(description="The window that decides: whole minutes, from 5m to 90d."),
    ]
    short: Annotated[
        Duration,
        duration_between("1m", "90d", whole="1m"),
        Field(
            description="The window that ends the alert soon after the burning ends: whole minutes, shorter than long."
        ),
    ]

    @model_validator(mode="after")
    def _short_is_shorter(self) -> Self:
        if self.short >= self.long:
            raise refusal(
                f"The short window {self.short} is not shorter than the long one, {self.long}.",
                fix="Choose a shorter one; a twelfth of the long window is usual.",
                at=("short",),
            )
        return self


class Runbook(Model):
    """What to do when an alert fires."""

    url: Annotated[
        HttpUrl, Field(description="Address of the runbook, http or https; the annotation runbook_url of the alerts.")
    ]


class AlertRoute(Model):
    """Whose routes carry the alerts."""

    alert_policy: Annotated[DnsLabel, Field(description="Name of an AlertPolicy in the same namespace.")]


class NoDataAction(StrEnum):
    """What missing data means."""

    OK = "Ok"
    ALERT = "Alert"


class NoData(MissingData):
    """What happens while the series of all events are missing. A service without traffic has them, so it is not meant."""

    action: Annotated[NoDataAction, Field(description="Ok: silent. Alert: an alert of its own.")]


def _no_share_twice(shares: tuple[Percentage, ...]) -> None:
    if len(set(shares)) < len(shares):
        raise refusal("A share is in the list twice.", fix="Leave one out.")


BudgetShares = Annotated[
    tuple[Annotated[Percentage, percentage_between("0%", "100%", high_included=True)], ...],
    Items("atomic", 8),
    Law(
        _no_share_twice, (Cel("self.all(one, self.exists_one(other, other == one))", "Leave out what is there twice."),)
    ),
]
"""Shares of the budget, each once."""


class Dependency(Model):
    """Another SLO that this one cannot be kept without."""

    name: Annotated[DnsLabel, Field(description="Name of the SLO, in the same namespace.")]
    inhibit: Annotated[
        bool,
        Field(
            description="While that SLO's burn alert fires, this one's burn alerts of the same and of lower severity are not notified."
        ),
    ] = False


class Alerting(Model):
    """How the burning of the budget raises alerts."""

    burn_rates: Annotated[
        Annotated[tuple[BurnRate, ...], Items("map", 8)] | None,
        Field(
            description="The burn alerts; none when the list is empty. Derived from objective and window when absent."
        ),
    ] = None
    min_failures: Annotated[
        int | None,
        Field(
            ge=1,
            le=1_000_000_000,
            description="A burn alert fires only when at least so many events of its long window were bad: one failure of few "
            "events is no incident. Of what is measured in time each bad sample is an event, of an expression each bad second.",
        ),
    ] = None
    no_data: Annotated[
        NoData | None,
        Field(description="What happens while the series of all events are missing. Absent means action Ok."),
    ] = None
    budget_spent: Annotated[
        BudgetShares,
        Field(
            description="Shares of the budget: a warning says that so much of it is spent, the highest share that is reached: 50%, 100%."
        ),
    ] = ()
    route: Annotated[
        AlertRoute | None,
        Field(description="Whose routes carry the alerts; the administrator's own when absent."),
    ] = None
    runbook: Annotated[Runbook | None, Field(description="What to do when an alert fires.")] = None
