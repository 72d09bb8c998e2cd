"""An SLO in words: the promise, what is recorded for it, when an alert fires, who is told, and what it costs."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from binnacle.api.alertpolicy import AlertPolicy
from binnacle.api.schedules import Schedule
from binnacle.api.slo import SLO
from binnacle.api.slo_alerting import NoDataAction
from binnacle.api.values import AlertSeverity, Duration
from binnacle.check.explain.base import Section, Table, effective
from binnacle.check.explain.told import (
    ELSEWHERE,
    NOBODY,
    about_unknown,
    alerts_of,
    in_force,
    labels_of,
    policies,
    receivers,
    unknown_labels,
)
from binnacle.check.explain.words import counted, lasting, listed, one_line, spaced
from binnacle.compile.slo import maintenance, nodata
from binnacle.compile.slo.burn import number, percent
from binnacle.compile.slo.cost import ASSUMED_SERIES
from binnacle.compile.slo.timing import Timing
from binnacle.compile.world import Compiled, World
from binnacle.intent import series
from binnacle.intent.dashboard import Board
from binnacle.intent.refs import Key
from binnacle.intent.rules import Recording, RuleSet

_DAY = Duration.of(days=1)


def explain_slo(slo: SLO, compiled: Compiled, facts: Mapping[str, Any], world: World) -> tuple[Section, ...]:
    """Explain an SLO that compiled."""
    return (
        _promise(slo, facts),
        _alerts(slo, facts),
        *_maintenance(slo, facts),
        _told(slo, compiled, world),
        _shown(compiled, facts, world),
        _recorded(slo, compiled, facts, world),
        _cost(facts),
        *effective(facts),
    )


def _promise(slo: SLO, facts: Mapping[str, Any]) -> Section:
    spec = slo.spec
    window = spec.window.usual
    over = f"any {spaced(window)}" if spec.window.calendar is None else spec.window.words
    taken = "" if spec.window.calendar is None else f" (of {spaced(window)}, which is what it is taken for)"
    budget = 1 - Fraction(spec.objective.ratio)
    timed = spec.indicator.weighs_time
    what = "time" if timed else "events"
    said = [
        f"{spec.objective} of {what} must be good over {over}, so at most {percent(budget)} may be bad"
        + (". " if timed else f": 1 in {number(1 / budget)}. ")
        + "This share is the error budget. "
        f"A total outage of {_outage(budget, window)} uses it up{taken}; spent evenly, it allows {_outage(budget, _DAY)} a day.",
        _indicator(slo),
    ]
    if spec.window.calendar is not None:
        said.append(
            f"The budget is full at the beginning of each {spec.window.calendar.value.lower()}, at midnight in {spec.window.time_zone}. "
            f"The rules know the calendar until {facts['horizon']}; they are renewed more than a year before."
        )
    if spec.group_by:
        said.append(f"Each combination of values of {listed(sorted(spec.group_by))} has a budget of its own.")
    if spec.description:
        said.insert(0, one_line(spec.description))
    if spec.owner:
        said.append(f"{spec.owner} answers for it.")
    return Section(f"What {spec.service} promises", tuple(said))


def _over(slo: SLO) -> str:
    """Return what people call the window."""
    window = slo.spec.window
    return spaced(window.usual) if window.calendar is None else window.words


def _outage(budget: Fraction, window: Duration) -> str:
    """Return how long everything may fail, in whole seconds where that is precise enough."""
    allowed = int(budget * window.ms)
    return lasting(allowed // 1000 * 1000 if allowed >= 60_000 else allowed)


def _indicator(slo: SLO) -> str:
    indicator = slo.spec.indicator
    if (ratio := indicator.ratio) is not None:
        bad = ratio.errors is not None
        part = one_line((ratio.errors if bad else ratio.good) or "")
        return f"{'Bad' if bad else 'Good'} events are counted by {part}, all events by {one_line(ratio.total)}."
    if (latency := indicator.latency) is not None:
        return f"An event of {one_line(latency.histogram)} is bad when it takes longer than {spaced(latency.below)}."
    if (threshold := indicator.threshold) is not None:
        side, limit = ("below", threshold.below) if threshold.below is not None else ("above", threshold.above)
        return f"Time is bad while {one_line(threshold.gauge)} is not {side} {limit}; each series counts for itself."
    if (freshness := indicator.freshness) is not None:
        return f"Time is bad while {one_line(freshness.timestamp)} is more than {spaced(freshness.max_age)} ago."
    if (windowed := indicator.windowed) is not None:
        return (
            f"Bad events of the last {spaced(windowed.every)} are counted by {one_line(windowed.errors)}, all by "
            f"{one_line(windowed.total)}. What happens shows up over {spaced(windowed.every)}, so nothing is seen sharper than that."
        )
    if (expression := indicator.expression) is not None:
        return (
            f"The share of what is bad is {one_line(expression.error_ratio)}. It is averaged over time and not weighted by "
            "requests: a quiet night counts as much as a busy day."
        )
    availability = indicator.availability
    if availability is not None and (probe := availability.probe) is not None:
        return f"Time is bad while the probe {probe.name} of the MetricSet {probe.metric_set} fails."
    return f"Time is bad while {one_line((availability.gauge if availability else None) or '')} is not 1."


def _alerts(slo: SLO, facts: Mapping[str, Any]) -> Section:
    budget = 1 - Fraction(slo.spec.objective.ratio)
    rows = tuple(
        (
            one["name"],
            one["severity"],
            f"{one['long']}, {one['short']}",
            percent(Fraction(one["factor"]) * budget),
            f"{one['factor']}x",
            one["budget"],
            f"{spaced(Duration.parse(one['worstCaseDetection']))}, {spaced(Duration.parse(one['detectionAtFactor']))}",
        )
        for one in facts["alerts"]
    )
    if not rows:
        none = slo.spec.alerting.burn_rates == ()
        why = "spec.alerting.burnRates is empty" if none else "no burn alert could be built"
        return Section("When an alert fires", (f"Never: {why}.",))
    given = slo.spec.alerting.burn_rates is not None
    columns = ("Alert", "Severity", "Windows", "Bad above", "Burn rate", "Budget spent", "Found within")
    origin = "The resource gives them." if given else "They are derived from the objective and the window."
    return Section(
        "When an alert fires",
        (
            (
                f"{series.ALERT_BUDGET_BURN} fires while the share of what is bad is above a limit over both windows of a pair: "
                "the long one shows that it matters, the short one that it still goes on. "
                f"Pairs of one severity are one alert, and while it fires no lower severity does. {origin}"
            ),
            *_further_alerts(slo),
        ),
        Table(columns, rows),
        (
            (
                "Burn rate: how many times faster than allowed the budget is spent. Budget spent: how much of the budget of "
                f"{_over(slo)} is gone when the long window reaches its limit. Found within: the longest time from the "
                "beginning of a total outage to the alert, and from the beginning of a burn of just this rate."
            ),
        ),
    )


def _further_alerts(slo: SLO) -> tuple[str, ...]:
    """Return what is to be said about the alerts besides the burning, and about what holds alerts back."""
    alerting, said = slo.spec.alerting, []
    if alerting.min_failures is not None:
        said.append(
            f"A pair is silent while fewer than {counted(alerting.min_failures, 'bad event')} came in its long window."
        )
    if alerting.no_data is not None and alerting.no_data.action is NoDataAction.ALERT:
        severity = alerting.no_data.severity or AlertSeverity.WARNING
        said.append(
            f"{series.ALERT_NO_DATA} ({severity}) fires when the series of all events have been missing for "
            f"{spaced(alerting.no_data.for_ or nodata.FOR)}. A service without traffic has them, so it does not fire for one."
        )
    else:
        said.append("Missing data raises no alert (spec.alerting.noData).")
    if alerting.budget_spent:
        shares = [str(share) for share in sorted(alerting.budget_spent, key=lambda share: share.ratio)]
        said.append(f"{series.ALERT_BUDGET_SPENT} (warning) fires when {listed(shares, 'or')} of the budget is spent.")
    hushed_by = sorted(one.name for one in slo.spec.depends_on if one.inhibit)
    if hushed_by:
        said.append(
            f"While {series.ALERT_BUDGET_BURN} of {listed(hushed_by, 'or')} fires, those of the same and of lower severity "
            "are not notified."
        )
    return tuple(said)


def _maintenance(slo: SLO, facts: Mapping[str, Any]) -> tuple[Section, ...]:
    """Return when the service is maintained, and what that means; nothing without maintenance."""
    chosen, _ = maintenance.schedules(slo)
    if not chosen:
        return ()
    said = [
        (
            "Time of these schedules counts neither good nor bad, the budget stays as it is, and no alert of the SLO fires. "
            "What is measured at their edges is left out whole: up to a step and a scrape before and after."
        )
    ]
    if "horizon" in facts:
        said.append(
            f"The rules know when clocks change until {facts['horizon']}; they are renewed more than a year before."
        )
    rows = tuple((one.name, *_in_words(one)) for one in chosen)
    return (Section("When it is maintained", tuple(said), Table(("Schedule", "Days", "Times", "Zone"), rows)),)


def _in_words(schedule: Schedule) -> tuple[str, str, str]:
    """Return days, times and zone of a schedule."""
    if schedule.start is not None:
        return "once", f"{schedule.start} to {schedule.end}", ""
    days = listed([str(days) for days in schedule.weekdays or ()]) or "every day"
    times = listed([f"{one.start_time} to {one.end_time}" for one in schedule.times or ()]) or "the whole day"
    return days, times, schedule.time_zone or ""


def _told(slo: SLO, compiled: Compiled, world: World) -> Section:
    namespace = slo.metadata.namespace
    rows, unknown = [], set[str]()
    route = slo.spec.alerting.route
    looked = policies(namespace, route.alert_policy if route is not None else None, world)
    alerts = alerts_of(compiled.intents)
    for alert in alerts:
        labels = labels_of(alert)
        found = [(policy, receivers(policy.routing, labels)) for policy in looked]
        unknown.update(name for policy in looked for name in unknown_labels(policy.routing, labels))
        told = [(policy, names) for policy, names in found if names != NOBODY]
        rows += [(labels[series.SEVERITY], names, f"{one.key.namespace}/{one.key.name}") for one, names in told]
        if not told:
            rows.append((labels[series.SEVERITY], NOBODY, ""))
    nobody = any(names == NOBODY for _, names, _ in rows)
    notes = (*((ELSEWHERE,) if nobody else ()), *about_unknown(unknown))
    if not rows:
        return Section("Who is told", ("There is no alert to tell anybody about.",))
    return Section(
        "Who is told",
        (_carried(slo, world),),
        # Several alerts of one severity have one way.
        Table(("Severity", "Receivers", "By the AlertPolicy"), tuple(dict.fromkeys(rows))),
        notes,
    )


def _carried(slo: SLO, world: World) -> str:
    """Return whose routes carry the alerts."""
    route = slo.spec.alerting.route
    if route is None:
        return (
            "It names no AlertPolicy (spec.alerting.route), so only routes that apply to the whole namespace can carry "
            "its alerts."
        )
    policy = world.get(Key(AlertPolicy.__name__, slo.metadata.namespace, route.alert_policy))
    said = f"The routes of the AlertPolicy {route.alert_policy} carry its alerts, and those that apply to the whole namespace."
    if policy is None:
        return f"{said} {route.alert_policy} is not among the resources that were given."
    return said if in_force(policy) else f"{said} {route.alert_policy} is suspended or only tried and counts as absent."


def _shown(compiled: Compiled, facts: Mapping[str, Any], world: World) -> Section:
    """Return which dashboard shows the SLO, and where."""
    title = "Where it is shown"
    own = next((intent for intent in compiled.intents if isinstance(intent, Board)), None)
    shared = world.config.grafana.slo_boards
    if own is not None:
        name, folder = own.title, own.folder
        address = facts.get("dashboard") or f"/d/{own.uid} of Grafana"
    elif world.config.grafana.has_slo_boards:
        name, folder = shared.detail_title, shared.folder
        address = facts.get("dashboard") or "where the administrator's Grafana is"
    else:
        none = (
            "On no dashboard. spec.dashboard gives it one of its own; those of all SLOs are there where the "
            "administrator's configuration has grafana.url."
        )
        return Section(title, (none,))
    said = f"On the dashboard {name} in the folder {folder}; its address is {address}"
    listed_too = (
        (f"{shared.overview_title} in the folder {shared.folder} lists it with all others.",)
        if world.config.grafana.has_slo_boards
        else ()
    )
    return Section(title, (said, *listed_too))


def _recorded(slo: SLO, compiled: Compiled, facts: Mapping[str, Any], world: World) -> Section:
    timing = Timing.of(world.config.prometheus)
    meanings = _meanings(slo, facts, timing)
    rows = tuple(
        (rule.record, meanings.get(rule.record, ""), lasting(group.interval_ms or timing.evaluation.ms))
        for intent in compiled.intents
        if isinstance(intent, RuleSet)
        for group in intent.groups
        for rule in group.rules
        if isinstance(rule, Recording)
    )
    labels = f'{series.SLO}="{slo.metadata.name}" and {series.SLO_NAMESPACE}="{slo.metadata.namespace}"'
    return Section(
        "What is recorded",
        (f"Prometheus computes these series. All of them have the labels {labels}.",),
        # One with a series for each alert is told once.
        Table(("Series", "What it is", "Every"), tuple(dict.fromkeys(rows))),
    )


def _meanings(slo: SLO, facts: Mapping[str, Any], timing: Timing) -> dict[str, str]:
    step = timing.step
    pairs = {Duration.parse(one[side]) for one in facts["alerts"] for side in ("long", "short")}
    shares = {series.error_ratio(one): f"share of what is bad over {spaced(one)}" for one in (step, *pairs)}
    shares |= {series.errors_sum(one): f"number of what is bad over {spaced(one)}" for one in pairs}
    return shares | {
        series.errors_rate(step): f"bad per second over {step}",
        series.events_rate(step): f"all per second over {step}",
        series.errors_increase(step): f"bad in {step}; the long windows are sums of it",
        series.events_increase(step): f"all in {step}; the long windows are sums of it",
        series.MAINTENANCE: "1 in maintenance, absent otherwise",
        series.CURRENT_BURN_RATE: "burn rate now",
        series.PERIOD_ERROR: f"share of what is bad over {_over(slo)}",
        series.PERIOD_COUNTED: "the second up to which the next two count; what came since is added",
        series.PERIOD_EVENTS: f"all over {_over(slo)}, as summed up last",
        series.PERIOD_ERRORS: f"bad over {_over(slo)}, as summed up last",
        series.PERIOD_CURRENT: "1, with the current period as a label",
        series.PERIOD_OF_STEP: "1, with the period in which the last step began as a label",
        series.PERIOD_COUNTED: f"up to when the sums over {_over(slo)} reach",
        series.PERIOD_ERRORS: f"bad over {_over(slo)}, summed up now and then",
        series.PERIOD_EVENTS: f"all over {_over(slo)}, summed up now and then",
        series.PERIOD_BUDGET_REMAINING: "share of the budget that is left",
        series.OBJECTIVE: "the objective",
        series.ALERT_BURN_RATE: "the burn rates from which alerts fire, for dashboards",
        series.TIME_PERIOD: "length of the window in days",
    }


def _cost(facts: Mapping[str, Any]) -> Section:
    cost = facts["cost"]
    return Section(
        "What it costs",
        (
            (
                f"{counted(cost['rules'], 'rule')}, which read about {counted(cost['samplesPerMinute'], 'sample')} a minute in Prometheus, "
                f"if the indicator's selectors match {ASSUMED_SERIES} series."
            ),
        ),
    )
