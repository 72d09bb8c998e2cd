"""An AlertPolicy in words: what each rule looks at, when it fires, who is told, when nobody is, and how its tests stand."""

from collections.abc import Mapping, Sequence
from typing import Any

from binnacle.api.alertpolicy import AlertPolicy
from binnacle.api.alertpolicy_routing import ALL_LABELS, Mute
from binnacle.api.alertpolicy_rules import AlertRule, NoDataAction
from binnacle.api.matchers import Matcher
from binnacle.api.receivers import INTEGRATIONS, Receiver
from binnacle.api.schedules import WEEKDAYS, Schedule
from binnacle.api.values import Duration
from binnacle.check.explain.base import Section, Table, effective
from binnacle.check.explain.told import (
    ELSEWHERE,
    NOBODY,
    about_unknown,
    alerts_of,
    labels_of,
    policies,
    receivers,
    unknown_labels,
)
from binnacle.check.explain.words import counted, lasting, listed, one_line, spaced
from binnacle.compile.alertpolicy.measure import DEFAULT_WINDOW
from binnacle.compile.world import Compiled, World
from binnacle.intent import series
from binnacle.intent.routing import Routing
from binnacle.intent.rules import Alert

_LEFT_OUT = "It is left out: the findings say why."


def explain_alertpolicy(
    policy: AlertPolicy, compiled: Compiled, facts: Mapping[str, Any], world: World
) -> tuple[Section, ...]:
    """Explain a policy that compiled."""
    routing = next((intent for intent in compiled.intents if isinstance(intent, Routing)), Routing())
    # What the namespace's other policies hear of these alerts too.
    own = (policy.metadata.namespace, policy.metadata.name)
    others = [one for one in policies(policy.metadata.namespace, None, world) if one.key[1:] != own]
    alerts = alerts_of(compiled.intents)
    told = {alert: _told(alert, routing, [(one.key.name, one.routing) for one in others]) for alert in alerts}
    unknown = {
        name
        for alert in alerts
        for one in (routing, *(other.routing for other in others))
        for name in unknown_labels(one, labels_of(alert))
    }
    notes = (*((ELSEWHERE,) if NOBODY in told.values() else ()), *about_unknown(unknown))
    every = policy.spec.interval or world.config.prometheus.evaluation_interval
    rules = [_rule(rule, alerts, told, facts) for rule in policy.spec.alerts]
    return (
        Section("What it does", (_summary(policy, facts, every), *notes)),
        *rules,
        *_receivers(policy, facts),
        *_silences(policy),
        *_tests(facts),
        *effective(facts),
    )


def _summary(policy: AlertPolicy, facts: Mapping[str, Any], every: Duration) -> str:
    spec, said = policy.spec, []
    if spec.alerts:
        said.append(f"{counted(facts['ruleCount'], 'rule')} {_be(facts['ruleCount'])} evaluated every {spaced(every)}.")
    if spec.routes:
        said.append(f"{counted(len(spec.routes), 'route')}; an alert notifies through each that matches it.")
    if spec.default_receivers:
        said.append(f"Alerts that no route takes go to {listed(spec.default_receivers)}.")
    grouping = spec.grouping
    if grouping is not None:
        if grouping.group_by is not None:
            said.append(_together(grouping.group_by))
        if grouping.group_wait is not None:
            said.append(f"A first message waits {spaced(grouping.group_wait)} for more.")
        if grouping.repeat_interval is not None:
            said.append(f"It comes again after {spaced(grouping.repeat_interval)} while alerts go on.")
    return " ".join(said) or "It holds receivers, routes or schedules, but no rule."


def _be(number: int) -> str:
    return "is" if number == 1 else "are"


def _together(labels: Sequence[str]) -> str:
    if ALL_LABELS in labels:
        return "Every alert comes in a message of its own."
    if not labels:
        return "All alerts come in one message."
    return f"Alerts with the same {listed(labels)} come in one message."


def _told(alert: Alert, routing: Routing, others: Sequence[tuple[str, Routing]]) -> str:
    labels = labels_of(alert)
    said = [receivers(routing, labels)]
    said += [f"{names} (by {name})" for name, other in others if (names := receivers(other, labels)) != NOBODY]
    return "; ".join(one for one in said if one != NOBODY) or NOBODY


def _rule(rule: AlertRule, alerts: Sequence[Alert], told: Mapping[Alert, str], facts: Mapping[str, Any]) -> Section:
    title, sentence = f"Alert {rule.name}", _sentence(rule)
    if not rule.enabled:
        return Section(title, (sentence, "It is switched off (enabled: false)."))
    mine = [alert for alert in alerts if alert.alert == rule.name]
    if not mine:
        return Section(title, (sentence, _LEFT_OUT))
    rows = tuple(
        (
            dict(alert.labels)[series.SEVERITY],
            _condition(rule, alert),
            lasting(alert.for_ms) if alert.for_ms else "at once",
            told[alert],
        )
        for alert in mine
    )
    fact: Mapping[str, Any] = next((one for one in facts["rules"] if one["name"] == rule.name), {})
    return Section(
        title, (sentence,), Table(("Severity", "Fires when", "Lasting", "Who is told"), rows), _after(rule, fact)
    )


def _sentence(rule: AlertRule) -> str:
    if rule.ratio is not None:
        ratio = rule.ratio
        part = one_line(ratio.errors) if ratio.errors is not None else f"what is not {one_line(ratio.good or '')}"
        quiet = f"; silent below {ratio.min_rate.limit} per {ratio.min_rate.per}" if ratio.min_rate is not None else ""
        over = spaced(ratio.window or DEFAULT_WINDOW)
        return f"It looks at the share of {part} in {one_line(ratio.total)} over {over}{_each(ratio.group_by)}{quiet}."
    if rule.quantile is not None:
        quantile = rule.quantile
        rate = quantile.min_rate
        quiet = f"; silent below {rate.limit} per {rate.per}" if rate is not None else ""
        over = spaced(quantile.window or DEFAULT_WINDOW)
        return (
            f"It looks at the value that {quantile.percentile} of {one_line(quantile.histogram)} stay below, "
            f"over {over}{_each(quantile.group_by)}{quiet}."
        )
    if rule.threshold is not None:
        threshold = rule.threshold
        by = f" divided by {one_line(threshold.divided_by)}" if threshold.divided_by is not None else ""
        return f"It looks at {one_line(threshold.gauge)}{by}{_each(threshold.group_by)}."
    if rule.down is not None:
        return f"It looks at the targets of {one_line(rule.down.up)}: whether each can be scraped, and whether there is one at all."
    promql = one_line(rule.expression.promql) if rule.expression is not None else ""
    return f"It looks at every element of {promql}"


def _each(labels: Sequence[str]) -> str:
    return f", for each {listed(sorted(labels))}" if labels else ""


def _condition(rule: AlertRule, alert: Alert) -> str:
    labels = dict(alert.labels)
    if series.BINNACLE_NO_DATA in labels:
        return "no target is known" if rule.down is not None else "there is no data"
    level = next(one for one in rule.all_levels if one.severity.value == labels[series.SEVERITY])
    if level.above is not None:
        return f"above {level.above}"
    if level.below is not None:
        return f"below {level.below}"
    return "a target is down" if rule.down is not None else "it has a result"


def _after(rule: AlertRule, fact: Mapping[str, Any]) -> tuple[str, ...]:
    said = []
    if rule.active_during:
        said.append(f"It can fire during {listed(rule.active_during, 'or')} only.")
    if "worstCaseDetection" in fact:
        said.append(f"A total failure is found within {spaced(Duration.parse(fact['worstCaseDetection']))}.")
    if rule.keep_firing_for is not None:
        said.append(f"The alert goes on for {spaced(rule.keep_firing_for)} after its condition has ended.")
    if len(rule.all_levels) > 1:
        said.append("While a higher level fires, the lower ones are hushed.")
    action = rule.no_data.action if rule.no_data is not None else NoDataAction.OK
    if action is NoDataAction.KEEP:
        said.append("While there is no data, what was firing goes on firing.")
    elif action is NoDataAction.OK and rule.down is None:
        said.append("While there is no data, it is silent.")
    if rule.runbook is not None:
        said.append(f"What to do: {rule.runbook.url}")
    return (" ".join(said),) if said else ()


def _receivers(policy: AlertPolicy, facts: Mapping[str, Any]) -> tuple[Section, ...]:
    if not policy.spec.receivers:
        return ()
    in_place = facts["receivers"]
    rows = tuple((one.name, _means(one) if one.name in in_place else _LEFT_OUT) for one in policy.spec.receivers)
    return (Section("Receivers", (), Table(("Receiver", "Notifies by"), rows)),)


def _means(receiver: Receiver) -> str:
    said = [name for name in INTEGRATIONS if getattr(receiver, name) is not None]
    places = {
        "slack": receiver.slack.channel if receiver.slack is not None else None,
        "email": receiver.email.to if receiver.email is not None else None,
    }
    return ", ".join(f"{name} {places[name]}" if places.get(name) else name for name in said)


def _silences(policy: AlertPolicy) -> tuple[Section, ...]:
    spec = policy.spec
    schedules = {one.name: one for one in spec.schedules}
    said = [_mute(one, schedules) for one in spec.mute]
    said += [
        f"{one.name}: while an alert with {_matching(one.source)} fires, those with {_matching(one.target)} are hushed"
        + (f" where both have the same {listed(one.equal)}." if one.equal else ".")
        for one in spec.inhibit
    ]
    return (Section("When nobody is told", tuple(said)),) if said else ()


def _mute(mute: Mute, schedules: Mapping[str, Schedule]) -> str:
    times = [f"{name} ({_when(schedules[name])})" if name in schedules else name for name in mute.during]
    which = f"alerts with {_matching(mute.matchers)}" if mute.matchers else "all alerts"
    return f"{mute.name}: {which} notify nobody during {listed(times, 'or')}."


def _matching(matchers: Sequence[Matcher]) -> str:
    return listed([str(one) for one in matchers])


def _when(schedule: Schedule) -> str:
    if schedule.start is not None:
        return f"once, from {schedule.start} to {schedule.end}"
    days = [
        WEEKDAYS[one.first] if one.first == one.last else f"{WEEKDAYS[one.first]} to {WEEKDAYS[one.last]}"
        for one in schedule.weekdays or ()
    ]
    times = [f"{one.start_time} to {one.end_time}" for one in schedule.times or ()]
    return " ".join((listed(days) or "every day", *((listed(times),) if times else ()), f"in {schedule.time_zone}"))


def _tests(facts: Mapping[str, Any]) -> tuple[Section, ...]:
    if "tests" not in facts:
        return ()
    tests = facts["tests"]
    said = f"{tests['passed']} of {counted(tests['total'], 'test')} {'holds' if tests['passed'] == 1 else 'hold'}."
    if tests["unproved"]:
        said += f" {tests['unproved']} more can only be run by promtool: binnacle test does."
    return (Section("Tests", (said,)),)
