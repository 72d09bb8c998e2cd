"""Names of the series and alert labels that Binnacle makes in Prometheus (contracts.md §2).

Compilers write them, the observer and dashboards read them back, and nobody else spells one.
"""

from typing import Final

from binnacle.api.values import Duration

SLO: Final = "slo"
SLO_NAMESPACE: Final = "slo_namespace"
SLO_SERVICE: Final = "slo_service"
BINNACLE_PERIOD: Final = "binnacle_period"
"""The second of the epoch in which the period of the calendar began that an increment belongs to."""
BINNACLE_COUNTED: Final = "binnacle_counted"
"""The second of the epoch up to which the sums of a long window reach; in expressions only."""
BINNACLE_GROUPS: Final = "binnacle_groups"
"""The labels by which the sums of a long window are grouped."""
BINNACLE_GROWTH: Final = "binnacle_growth"
"""Tells two ways to measure the growth of one counter apart; in expressions only."""
BINNACLE_KIND: Final = "binnacle_kind"
BINNACLE_NAMESPACE: Final = "binnacle_namespace"
BINNACLE_NAME: Final = "binnacle_name"
BINNACLE_ROUTE: Final = "binnacle_route"
"""Name of the AlertPolicy whose routes carry the alert."""
BINNACLE_NO_DATA: Final = "binnacle_no_data"
"""`true` on an alert that says that there is no data to judge by."""
BINNACLE_BUDGET_SPENT: Final = "binnacle_budget_spent"
"""Share of the budget that an alert says is spent."""
SEVERITY: Final = "severity"
ENVIRONMENT: Final = "environment"

PROBE_SUCCESS: Final = "probe_success"
"""1 while the answers to a probe are as expected, 0 while they are not."""
REGION: Final = "region"
"""Place that a probe asks from."""
PROBE: Final = "probe"
"""Name of a probe."""
ITEM: Final = "item"
"""Name of the part of a probe's answer that a series is about; absent for the answer as a whole."""
SOURCE_LABELS: Final = ("container", "instance", "item", "job", "namespace", "pod", "probe", "region")
"""Labels that say where a scraped series comes from; set by scraping alone."""

PERIOD_ERROR: Final = "slo:period_error:ratio"
"""Share of bad events over the SLO's window."""
PERIOD_BUDGET_REMAINING: Final = "slo:period_error_budget_remaining:ratio"
"""Share of the window's budget that is left; negative when overspent."""
CURRENT_BURN_RATE: Final = "slo:current_burn_rate:ratio"
"""How many times faster than allowed the budget burns, over the shortest recorded window."""
ALERT_BURN_RATE: Final = "slo:alert_burn_rate:ratio"
"""How many times faster than allowed the budget must burn for an alert, with its severity and windows as labels; recorded
where there are dashboards of all SLOs, for them to show it."""
LONG: Final = "long"
SHORT: Final = "short"
OBJECTIVE: Final = "slo:objective:ratio"
"""The objective; carries the user's labels."""
TIME_PERIOD: Final = "slo:time_period:days"
"""Length of the SLO's window in days; carries the user's labels."""
PERIOD_CURRENT: Final = "slo:period:current"
"""1, with the current period of the calendar as a label."""
PERIOD_OF_STEP: Final = "slo:period:step"
"""1, with the period of the calendar in which the last step began as a label."""
PERIOD_COUNTED: Final = "slo:period:counted"
"""The second of the epoch up to which the sums of a long window reach."""
PERIOD_ERRORS: Final = "slo:period:errors"
"""Bad events in a window that is too long to be summed up at each evaluation."""
PERIOD_EVENTS: Final = "slo:period:events"
"""All events in such a window."""
MAINTENANCE: Final = "slo:maintenance:active"
"""1 while what is measured now overlaps maintenance, absent otherwise."""

ALERT_BUDGET_BURN: Final = "SLOErrorBudgetBurn"
"""Name of the burn alerts; `severity` tells them apart."""
ALERT_NO_DATA: Final = "SLONoData"
"""Name of the alerts about missing data."""
ALERT_BUDGET_SPENT: Final = "SLOErrorBudgetSpent"
"""Name of the alerts about a spent share of the budget; `binnacle_budget_spent` tells them apart."""

ALERT_POLICY_INFO: Final = "binnacle:alert_policy:info"
"""1 for each AlertPolicy whose rules are loaded; carries its labels."""


def errors_increase(step: Duration) -> str:
    """Return the name of the bad events in one step of `step`."""
    return f"slo:errors:increase{step}"


def events_increase(step: Duration) -> str:
    """Return the name of all events in one step of `step`."""
    return f"slo:events:increase{step}"


def errors_rate(window: Duration) -> str:
    """Return the name of the bad events per second over `window`."""
    return f"slo:errors:rate{window}"


def events_rate(window: Duration) -> str:
    """Return the name of all events per second over `window`."""
    return f"slo:events:rate{window}"


def errors_sum(window: Duration) -> str:
    """Return the name of the number of bad events over `window`."""
    return f"slo:errors:sum{window}"


def error_ratio_of(window: str) -> str:
    """Return the name of the share of bad events over a window as it is written; of an empty one, how all such names begin."""
    return f"slo:sli_error:ratio_rate{window}"


def error_ratio(window: Duration) -> str:
    """Return the name of the share of bad events over `window`."""
    return error_ratio_of(str(window))


def job(namespace: str, name: str, item: str) -> str:
    """Return the label `job` of what an item of a MetricSet scrapes or probes."""
    return f"{namespace}/{name}/{item}"
