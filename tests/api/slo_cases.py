"""SLOs that must be taken and SLOs that must be refused: by the models, and by a real API server from the CRD.

A bad one is a change of a good one, with the path that a person is told and words of the message.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Spec = dict[str, Any]


def good_slo(name: str = "checkout-availability", namespace: str = "shop") -> dict[str, Any]:
    """The SLO of the documentation, with the fields that exist."""
    return {
        "apiVersion": "binnacle.dev/v1alpha1",
        "kind": "SLO",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "service": "checkout",
            "description": "Customers can pay",
            "owner": "team-payments",
            "objective": "99.9%",
            "window": {"rolling": "30d"},
            "indicator": {
                "ratio": {
                    "errors": 'http_requests_total{service="checkout", code=~"5.."}',
                    "total": 'http_requests_total{service="checkout"}',
                }
            },
            "groupBy": ["region"],
            "alerting": {
                "burnRates": [{"name": "fast", "severity": "critical", "budget": "2%", "long": "1h", "short": "5m"}],
                "runbook": {"url": "https://runbooks.example/checkout"},
            },
        },
    }


def put(path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    """A change that sets the value at a dotted path (numbers are list indices); `...` removes it."""

    def change(obj: dict[str, Any]) -> None:
        node: Any = obj
        *before, last = [int(step) if step.isdigit() else step for step in path.split(".")]
        for step in before:
            node = node[step] if isinstance(node, list) else node.setdefault(step, {})
        if value is ...:
            del node[last]
        else:
            # Of its own: another change of the same case may reach into it.
            node[last] = copy.deepcopy(value)

    return change


@dataclass(frozen=True)
class Case:
    name: str
    changes: tuple[Callable[[dict[str, Any]], None], ...]
    path: str = ""
    """Path of the finding, as `binnacle.api.registry.parse` gives it."""
    fix: str = ""
    """Words of the finding's fix."""
    server: str = ""
    """Words of the API server's refusal."""
    field: str = ""
    """Path in the API server's refusal, where it differs."""

    def object(self) -> dict[str, Any]:
        obj = copy.deepcopy(good_slo(self.name))
        for change in self.changes:
            change(obj)
        return obj


def case(name: str, *changes: Callable[[dict[str, Any]], None], **said: str) -> Case:
    return Case(name, changes, **said)


LATENCY = put("spec.indicator", {"latency": {"histogram": "http_request_duration_seconds", "below": "300ms"}})
NIGHT = {
    "name": "night",
    "timeZone": "Europe/Berlin",
    "weekdays": ["saturday"],
    "times": [{"startTime": "22:00", "endTime": "24:00"}],
}


def MAINTAINED(obj: dict[str, Any]) -> None:  # noqa: N802 - a change, as those that put() makes
    obj["spec"].update(maintenance=[{"schedule": "night"}], schedules=[copy.deepcopy(NIGHT)])


BURN = "spec.alerting.burnRates[fast]"
AT_BURN = "spec.alerting.burnRates[0]"

GOOD = [
    case("as-documented"),
    case("latency", LATENCY),
    case("native-latency", LATENCY, put("spec.indicator.latency.histogramType", "native")),
    case("good-instead-of-errors", put("spec.indicator.ratio", {"good": "a_total", "total": "b_total"})),
    case("availability", put("spec.indicator", {"availability": {"gauge": "up"}})),
    case("threshold-below", put("spec.indicator", {"threshold": {"gauge": "queue_oldest_seconds", "below": "60s"}})),
    case("threshold-above", put("spec.indicator", {"threshold": {"gauge": "free_ratio", "above": "20%"}})),
    case("threshold-of-a-number", put("spec.indicator", {"threshold": {"gauge": "queue", "below": 3}})),
    case("freshness", put("spec.indicator", {"freshness": {"timestamp": "last_seconds", "maxAge": "26h"}})),
    case("windowed", put("spec.indicator", {"windowed": {"errors": "a", "total": "b", "every": "1d"}})),
    case("expression", put("spec.indicator", {"expression": {"errorRatio": "rate(a[$window]) / rate(b[$window])"}})),
    case("no-alerting", put("spec.alerting", ...)),
    case("shortest-window", put("spec.window.rolling", "1d")),
    case("calendar", put("spec.window", {"calendar": "Month", "timeZone": "Europe/Berlin"})),
    case("longest-window", put("spec.window.rolling", "1y1d")),
    case("mixed-units", put("spec.window.rolling", "4w2d12h")),
    case("hours", put("spec.window.rolling", "36h")),
    case("milliseconds-add-up", put("spec.window.rolling", "23h59m59s1000ms")),
    case("many-nines", put("spec.objective", "99.99999999%")),
    case("low-objective", put("spec.objective", "0.1%")),
    case("whole-budget", put("spec.alerting.burnRates.0.budget", "100%")),
    case("labels", put("spec.labels", {"tier": "1"}), put("spec.annotations", {"note": "{{ $labels.region }}"})),
    case("environment", put("spec.environment", "production"), put("spec.suspend", True), put("spec.mode", "DryRun")),
    case("no-groups", put("spec.groupBy", [])),
    case(
        "alerting", put("spec.alerting.minFailures", 10), put("spec.alerting.budgetSpent", ["50%", "90%", "100%"]),
        put("spec.alerting.noData", {"action": "Alert", "for": "10m", "severity": "warning"}),
    ),
    case("silent-without-data", put("spec.alerting.noData", {"action": "Ok"})),
    case("maintenance", MAINTAINED),
    case("maintained-once", put("spec.maintenance", [{"schedule": "move"}]), put("spec.schedules", [{"name": "move", "start": "2026-12-24T22:00:00Z", "end": "2026-12-25T04:00:00Z"}])),
    case("dependencies", put("spec.dependsOn", [{"name": "payments-db-availability", "inhibit": True}, {"name": "mail"}])),
    case("no-burn-alerts", put("spec.alerting.burnRates", [])),
]  # fmt: skip

BAD = [
    case("objective-of-100", put("spec.objective", "100%"), path="spec.objective", fix="below 100%", server="below 100%"),
    case("objective-above-100", put("spec.objective", "101%"), path="spec.objective", fix="below 100%", server="below 100%"),
    case("objective-of-0", put("spec.objective", "0%"), path="spec.objective", fix="above 0%", server="above 0%"),
    case("objective-without-sign", put("spec.objective", "99.9"), path="spec.objective", fix="Write 99.9%.", server="with its sign: 99.9%"),
    case("objective-as-number", put("spec.objective", 99.9), path="spec.objective", fix="Write 99.9%", server="must be of type string"),
    case("objective-too-fine", put("spec.objective", "99.999999999%"), path="spec.objective", fix="eight after", server="with its sign"),
    case("no-objective", put("spec.objective", ...), path="spec.objective", fix="Add objective", server="Required value"),
    case("no-service", put("spec.service", ...), path="spec.service", fix="Add service", server="Required value"),
    case("service-with-space", put("spec.service", "check out"), path="spec.service", fix="letters, digits", server="letters, digits"),
    case("window-of-hours", put("spec.window.rolling", "23h"), path="spec.window.rolling", fix="from 1d to 366d", server="from 1d to 366d"),
    case("window-too-long", put("spec.window.rolling", "2y"), path="spec.window.rolling", fix="from 1d to 366d", server="from 1d to 366d"),
    case("window-not-whole", put("spec.window.rolling", "30d1m"), path="spec.window.rolling", fix="multiple of 1h", server="multiple of 1h"),
    case("window-without-unit", put("spec.window.rolling", "30"), path="spec.window.rolling", fix="Add a unit: 30s, 30m", server="largest unit first"),
    case("window-units-swapped", put("spec.window.rolling", "1h30d"), path="spec.window.rolling", fix="largest unit first", server="largest unit first"),
    case("window-as-number", put("spec.window.rolling", 30), path="spec.window.rolling", fix="a unit", server="must be of type string"),
    case("window-as-text", put("spec.window", "30d"), path="spec.window", fix="fields indented", server="must be of type object"),
    case("calendar-without-zone", put("spec.window", {"calendar": "Month"}), path="spec.window.timeZone", fix="Add timeZone", server="Add timeZone"),
    case("rolling-with-zone", put("spec.window.timeZone", "UTC"), path="spec.window.timeZone", fix="Leave timeZone out", server="Leave timeZone out"),
    case("two-windows", put("spec.window", {"rolling": "30d", "calendar": "Month", "timeZone": "UTC"}), path="spec.window", fix="exactly one of rolling, calendar", server="exactly one of rolling, calendar"),
    case("no-window", put("spec.window", {}), path="spec.window", fix="exactly one", server="exactly one of rolling, calendar"),
    case("calendar-day", put("spec.window", {"calendar": "Day", "timeZone": "UTC"}), path="spec.window.calendar", fix="Week", server='supported values: "Week", "Month"'),
    case("calendar-nowhere", put("spec.window", {"calendar": "Month", "timeZone": "Berlin time"}), path="spec.window.timeZone", fix="IANA", server="IANA name"),
    case("no-indicator", put("spec.indicator", {}), path="spec.indicator", fix="Give exactly one", server="exactly one of ratio, latency"),
    case(
        "two-indicators", put("spec.indicator.latency", {"histogram": "h", "below": "1s"}),
        path="spec.indicator", fix="exactly one of ratio, latency", server="exactly one of ratio, latency",
    ),
    case(
        "both-sides", put("spec.indicator", {"threshold": {"gauge": "a", "below": 1, "above": 2}}),
        path="spec.indicator.threshold", fix="exactly one", server="exactly one of below, above",
    ),
    case(
        "no-side", put("spec.indicator", {"threshold": {"gauge": "a"}}),
        path="spec.indicator.threshold", fix="exactly one", server="exactly one of below, above",
    ),
    case(
        "limit-in-words", put("spec.indicator", {"threshold": {"gauge": "a", "below": "a minute"}}),
        path="spec.indicator.threshold.below", fix="a duration", server="should match",
    ),
    case(
        "age-of-seconds", put("spec.indicator", {"freshness": {"timestamp": "a", "maxAge": "59s"}}),
        path="spec.indicator.freshness.maxAge", fix="from 1m to 366d", server="from 1m to 366d",
    ),
    case(
        "every-of-two-months", put("spec.indicator", {"windowed": {"errors": "a", "total": "b", "every": "60d"}}),
        path="spec.indicator.windowed.every", fix="from 1m to 31d", server="from 1m to 31d",
    ),
    case(
        "no-expression", put("spec.indicator", {"expression": {"errorRatio": ""}}),
        path="spec.indicator.expression.errorRatio", fix="Write something", server="at least 1 chars",
    ),
    case("errors-and-good", put("spec.indicator.ratio.good", "x"), path="spec.indicator.ratio", fix="exactly one", server="exactly one of errors, good"),
    case("neither-errors-nor-good", put("spec.indicator.ratio.errors", ...), path="spec.indicator.ratio", fix="exactly one", server="exactly one of errors, good"),
    case("no-total", put("spec.indicator.ratio.total", ...), path="spec.indicator.ratio.total", fix="Add total", server="Required value"),
    case("empty-selector", put("spec.indicator.ratio.total", ""), path="spec.indicator.ratio.total", fix="Write something", server="at least 1 chars"),
    case("endless-selector", put("spec.indicator.ratio.total", "x" * 4097), path="spec.indicator.ratio.total", fix="Shorten", server="may not be more than 4096"),
    case(
        "histogram-type", LATENCY, put("spec.indicator.latency.histogramType", "natve"),
        path="spec.indicator.latency.histogramType", fix="Write native.", server='supported values: "classic", "native"',
    ),
    case("severity", put("spec.alerting.burnRates.0.severity", "Critical"), path=f"{BURN}.severity", fix="Write critical.", server='supported values: "critical"', field=f"{AT_BURN}.severity"),
    case("budget-of-0", put("spec.alerting.burnRates.0.budget", "0%"), path=f"{BURN}.budget", fix="above 0%", server="above 0%", field=f"{AT_BURN}.budget"),
    case("budget-above-100", put("spec.alerting.burnRates.0.budget", "100.5%"), path=f"{BURN}.budget", fix="at most 100%", server="at most 100%", field=f"{AT_BURN}.budget"),
    case("short-not-shorter", put("spec.alerting.burnRates.0.short", "60m"), path=f"{BURN}.short", fix="shorter", server="shorter than the long", field=f"{AT_BURN}.short"),
    case("long-of-seconds", put("spec.alerting.burnRates.0.long", "90s"), path=f"{BURN}.long", fix="multiple of 1m", server="multiple of 1m", field=f"{AT_BURN}.long"),
    case("no-long", put("spec.alerting.burnRates.0.long", ...), path=f"{BURN}.long", fix="Add long", server="Required value", field=f"{AT_BURN}.long"),
    case(
        "same-name-twice",
        put("spec.alerting.burnRates", [{"name": "a", "severity": "info", "budget": f"{n}%", "long": "1h", "short": "5m"} for n in (1, 2)]),
        path="spec.alerting.burnRates[a]", fix="its own name", server="Duplicate value", field="spec.alerting.burnRates[1]",
    ),
    case("runbook-without-scheme", put("spec.alerting.runbook.url", "runbooks.example/x"), path="spec.alerting.runbook.url", fix="begins with http", server="begins with http"),
    case("runbook-with-script", put("spec.alerting.runbook.url", "javascript:alert(1)"), path="spec.alerting.runbook.url", fix="begins with http", server="begins with http"),
    case("runbook-with-template", put("spec.alerting.runbook.url", "https://x.example/{{ $value }}"), path="spec.alerting.runbook.url", fix="begins with http", server="begins with http"),
    case("reserved-label", put("spec.labels", {"slo": "x"}), path="spec.labels.slo", fix="other than", server="other than alertname", field="spec.labels"),
    case("our-prefix", put("spec.labels", {"binnacle_kind": "x"}), path="spec.labels.binnacle_kind", fix="binnacle_", server="binnacle_", field="spec.labels"),
    case("label-name", put("spec.labels", {"a.b": "x"}), path="spec.labels[a.b]", fix="label name", server="names of letters", field="spec.labels"),
    case("label-template", put("spec.labels", {"a": "{{ $value }}"}), path="spec.labels.a", fix="without {{", server="without {{", field="spec.labels"),
    case("label-as-number", put("spec.labels", {"tier": 1}), path="spec.labels.tier", fix="in quotes", server="must be of type string"),
    case("annotation-name", put("spec.annotations", {"a-b": "x"}), path="spec.annotations.a-b", fix="label name", server="names of letters", field="spec.annotations"),
    case("group-by-le", put("spec.groupBy", ["le"]), path="spec.groupBy[0]", fix="other than", server="other than"),
    case("group-twice", put("spec.groupBy", ["a", "a"]), path="spec.groupBy[1]", fix="Leave one out", server="Duplicate value"),
    case("too-many-groups", put("spec.groupBy", list("abcdefghi")), path="spec.groupBy", fix="at most 8", server="at most 8 items"),
    case("group-and-label", put("spec.labels", {"region": "eu"}), path="spec.labels.region", fix="Leave it out", server="merge the groups", field="spec.labels"),
    case(
        "environment-twice", put("spec.environment", "production"), put("spec.labels", {"environment": "x"}),
        path="spec.environment", fix="Leave environment out", server="Leave environment out",
    ),
    case("no-failures", put("spec.alerting.minFailures", 0), path="spec.alerting.minFailures", fix="at least 1", server="greater than or equal to 1"),
    case("failures-as-share", put("spec.alerting.minFailures", "5%"), path="spec.alerting.minFailures", fix="whole number", server="must be of type integer"),
    case("no-data-action", put("spec.alerting.noData", {"action": "Keep"}), path="spec.alerting.noData.action", fix="Ok or Alert", server='supported values: "Ok", "Alert"'),
    case(
        "no-data-severity-of-nothing", put("spec.alerting.noData", {"action": "Ok", "severity": "info"}),
        path="spec.alerting.noData.action", fix="action: Alert", server="unless action is Alert",
    ),
    case("no-data-for-ever", put("spec.alerting.noData", {"action": "Alert", "for": "60d"}), path="spec.alerting.noData.for", fix="from 0s to 30d", server="from 0s to 30d"),
    case("nothing-spent", put("spec.alerting.budgetSpent", ["0%"]), path="spec.alerting.budgetSpent[0]", fix="above 0%", server="above 0%"),
    case("spent-without-sign", put("spec.alerting.budgetSpent", ["50"]), path="spec.alerting.budgetSpent[0]", fix="Write 50%.", server="with its sign"),
    case("spent-twice", put("spec.alerting.budgetSpent", ["50%", "50%"]), path="spec.alerting.budgetSpent", fix="Leave one out", server="Leave out what is there twice"),
    case("dependency-without-name", put("spec.dependsOn", [{"inhibit": True}]), path="spec.dependsOn[0].name", fix="Add name", server="Required value"),
    case("dependency-twice", put("spec.dependsOn", [{"name": "a"}, {"name": "a"}]), path="spec.dependsOn[a]", fix="its own name", server="Duplicate value", field="spec.dependsOn[1]"),
    case("maintenance-twice", MAINTAINED, put("spec.maintenance", [{"schedule": "a"}, {"schedule": "a"}]), path="spec.maintenance[1]", fix="its own name", server="Duplicate value"),
    case("maintenance-as-name", put("spec.maintenance", ["night"]), path="spec.maintenance[0]", fix="fields indented", server="must be of type object"),
    case("schedule-without-zone", MAINTAINED, put("spec.schedules.0.timeZone", ...), path="spec.schedules[night]", fix="timeZone", server="Give either timeZone", field="spec.schedules[0]"),
    case("schedule-of-nowhere", MAINTAINED, put("spec.schedules.0.timeZone", "../etc"), path="spec.schedules[night].timeZone", fix="IANA", server="IANA name", field="spec.schedules[0].timeZone"),
    case("suspend-as-text", put("spec.suspend", "yes"), path="spec.suspend", fix="true or false", server="must be of type boolean"),
    case("mode", put("spec.mode", "Dry"), path="spec.mode", fix="Write", server='supported values: "Apply", "DryRun"'),
    case("owner-with-template", put("spec.owner", "{{ x }}"), path="spec.owner", fix="without braces", server="without braces"),
    case("no-spec", put("spec", ...), path="spec", fix="Add spec", server="Required value"),
    case("name-with-dot", put("metadata.name", "a.b"), path="metadata.name", fix="lower-case", server="without dots"),
    case("name-too-long", put("metadata.name", "x" * 64), path="metadata.name", fix="1 to 63", server="at most 63"),
]  # fmt: skip
