"""A MetricSet in words: what is scraped, probed, recorded and declared."""

from collections.abc import Mapping, Sequence
from typing import Any

from binnacle.api.metricset import MetricSet
from binnacle.check.explain.base import Section, Table, effective
from binnacle.check.explain.words import counted, lasting, listed
from binnacle.compile.world import Compiled, World
from binnacle.intent import series
from binnacle.intent.probe import Probes, Probing
from binnacle.intent.rules import Recording, RuleSet
from binnacle.intent.scrape import Endpoint, Scraping
from binnacle.promql import to_text


def explain_metricset(
    metric_set: MetricSet, compiled: Compiled, facts: Mapping[str, Any], world: World
) -> tuple[Section, ...]:
    """Explain a MetricSet that compiled."""
    intents = compiled.intents
    endpoints = [one for intent in intents if isinstance(intent, Scraping) for one in intent.endpoints]
    probes = [one for intent in intents if isinstance(intent, Probes) for one in intent.probes]
    every = lasting(world.config.prometheus.evaluation_interval.ms)
    rules = [
        (rule.record, to_text(rule.expr), lasting(group.interval_ms) if group.interval_ms else every)
        for intent in intents
        if isinstance(intent, RuleSet)
        for group in intent.groups
        for rule in group.rules
        if isinstance(rule, Recording)
    ]
    return (
        _scraped(endpoints, metric_set),
        *_probed(probes),
        *_recorded(rules),
        _declared(metric_set),
        *effective(facts),
    )


def _scraped(endpoints: Sequence[Endpoint], metric_set: MetricSet) -> Section:
    if not endpoints:
        return Section("What is scraped", ("Nothing.",))
    meta = metric_set.metadata
    job = series.job(meta.namespace, meta.name, endpoints[0].item)
    return Section(
        "What is scraped",
        (
            f'Prometheus reads the metrics of these objects of the namespace {meta.namespace}. Their label job is as in job="{job}".',
        ),
        Table(
            ("Item", "Objects", "Address", "Every"),
            tuple(
                (
                    one.item,
                    f"{'services' if one.services else 'pods'} with {listed([f'{name}={value}' for name, value in one.match])}",
                    f"{one.scheme}, port {one.port}, {one.path}",
                    lasting(one.interval_ms),
                )
                for one in endpoints
            ),
        ),
    )


def _probed(probes: Sequence[Probing]) -> tuple[Section, ...]:
    if not probes:
        return ()
    rows = tuple(
        (
            one.item,
            f"{one.method} {one.url}",
            listed([region.name for region in one.regions]),
            lasting(one.interval_ms),
            _expected(one),
        )
        for one in probes
    )
    said = f"These URLs are asked. The series {series.PROBE_SUCCESS} is 1 while the answer is good, else 0."
    return (Section("What is probed", (said,), Table(("Item", "Request", "From", "Every", "Good answer"), rows)),)


def _expected(probe: Probing) -> str:
    said = [f"status {listed([str(one) for one in probe.status], 'or')}" if probe.status else "status 200 to 299"]
    if any(part.body for part in probe.parts if not part.item):
        said.append("the body as given")
    parts = [part.item for part in probe.parts if part.item]
    if parts:
        said.append(f"and, each by itself, {listed(parts)}")
    return ", ".join(said)


def _recorded(rules: Sequence[tuple[str, str, str]]) -> tuple[Section, ...]:
    if not rules:
        return ()
    said = ("Prometheus computes these series from others, one after the other.",)
    return (Section("What is recorded", said, Table(("Series", "Expression", "Every"), tuple(rules))),)


def _declared(metric_set: MetricSet) -> Section:
    metrics = metric_set.spec.metrics
    if not metrics:
        return Section("What is declared", ("No metric: what others of the namespace refer to is not checked.",))
    rows = tuple(
        (
            one.name,
            one.type.value,
            "not checked" if one.label_names is None else listed(one.label_names) or "none",
        )
        for one in metrics
    )
    said = f"SLOs, alerts and dashboards of the namespace are checked against {counted(len(metrics), 'metric')}."
    return Section("What is declared", (said,), Table(("Metric", "Type", "Labels"), rows))
