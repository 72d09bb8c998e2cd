"""A MetricSet as endpoints, probes and recording rules: puts together what the other modules of this package say."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from binnacle.api.config import PrometheusConfig, RuleOutput
from binnacle.api.findings import Finding, Severity
from binnacle.api.metricset import MetricSet
from binnacle.api.reasons import Reason
from binnacle.compile import expressions, wanted
from binnacle.compile.contract import Contract
from binnacle.compile.fence import Fence
from binnacle.compile.metricset import probing, scraping
from binnacle.compile.world import Compiled, World
from binnacle.intent import series
from binnacle.intent.base import Intent
from binnacle.intent.probe import Probes, Probing
from binnacle.intent.readback import MetricSetReadback, ScrapeSource
from binnacle.intent.rules import Recording, RuleGroup, RuleSet, pairs
from binnacle.intent.scrape import Endpoint, Scraping

_SCRAPE_FILES: Final = (2, 43)
"""First version of Prometheus that reads jobs from files of their own (`scrape_config_files`)."""


def compile_metricset(metric_set: MetricSet, world: World) -> Compiled:
    """Return what a MetricSet asks of Prometheus and of the probers, and the findings about it.

    An item that cannot be used is left out alone. A MetricSet that only declares metrics is valid and produces nothing.
    `facts` has `sources` and `declared`.
    """
    spec, config = metric_set.spec, world.config
    fence = Fence.of(config, metric_set.metadata.namespace)
    labels, findings = _labels(metric_set, fence)
    endpoints, about_scraping = scraping.endpoints(metric_set, labels, config.prometheus)
    probes, about_probes = probing.probes(metric_set, labels, config)
    recorded, about_recording = _recorded(metric_set, labels, world)
    findings += [*about_scraping, *about_probes, *about_recording]
    if endpoints or probes:
        findings += _old_prometheus(config.prometheus)
    if spec.target is not None and not spec.scrape:
        findings.append(_nothing_scraped())
    facts: dict[str, Any] = {"sources": len(endpoints) + len(probes), "declared": len(spec.metrics)}
    if fence.effective:
        facts["effective"] = fence.effective
    if (spec.scrape or spec.probes or spec.recording) and not (endpoints or probes or recorded):
        return Compiled((), tuple(sorted(findings)), facts)
    # Whatever a target says of itself, its series are of this namespace; the label namespace is always set so.
    lasting = pairs({name: value for name, value in fence.labels.items() if name in labels})
    endpoints = tuple(replace(one, lasting=lasting) for one in endpoints)
    intents: list[Intent] = [Scraping(endpoints), Probes(probes)]
    if recorded:
        intents.append(RuleSet((RuleGroup("recording", recorded, stamped=True),)))
    return Compiled(
        tuple(intents), tuple(sorted(findings)), facts, _readback(metric_set, endpoints, probes, intents, fence)
    )


def _readback(
    metric_set: MetricSet,
    endpoints: Sequence[Endpoint],
    probes: Sequence[Probing],
    intents: Sequence[Intent],
    fence: Fence,
) -> MetricSetReadback:
    """Return what should be there of it: what it declares, what its rules read, and its sources."""
    metadata = metric_set.metadata

    def source(item: str, *, is_open: bool) -> ScrapeSource:
        return ScrapeSource(item, series.job(metadata.namespace, metadata.name, item), is_open)

    declared = wanted.declared(metric_set.spec.metrics, metadata.namespace)
    return MetricSetReadback(
        (*(source(one.item, is_open=True) for one in endpoints), *(source(one.item, is_open=False) for one in probes)),
        metrics=(
            *declared,
            *wanted.referred(intents, frozenset(name for metric in declared for name in metric.related), fence.scope),
        ),
    )


def _labels(metric_set: MetricSet, fence: Fence) -> tuple[dict[str, str], list[Finding]]:
    """Return the labels of all series, and warnings about those that scraping itself sets."""
    spec = metric_set.spec
    labels = dict(spec.labels)
    if spec.environment is not None:
        labels[series.ENVIRONMENT] = spec.environment
    taken = [name for name in dict.fromkeys((*series.SOURCE_LABELS, *fence.labels)) if name in labels]
    findings = [
        Finding(
            Severity.WARNING,
            Reason.RESERVED_LABEL,
            f"spec.labels.{name}",
            f"The label {name} says where a series comes from and is left as scraping sets it.",
            "Choose another name.",
        )
        for name in taken
    ]
    kept = {name: value for name, value in labels.items() if name not in taken}
    return kept | {name: value for name, value in fence.labels.items() if name not in series.SOURCE_LABELS}, findings


def _recorded(
    metric_set: MetricSet, labels: Mapping[str, str], world: World
) -> tuple[tuple[Recording, ...], list[Finding]]:
    """Return the recording rules in the order of the items; each series says whose it is, so that two teams never meet in one."""
    if not metric_set.spec.recording:
        return (), []
    metadata = metric_set.metadata
    contract = Contract.of(world, metadata.namespace)
    identity = {
        series.BINNACLE_KIND: metric_set.kind,
        series.BINNACLE_NAMESPACE: metadata.namespace,
        series.BINNACLE_NAME: metadata.name,
    }
    rules: list[Recording] = []
    findings: list[Finding] = []
    for item in metric_set.spec.recording:
        path = f"spec.recording[{item.name}].promql"
        node, problems = expressions.read(item.promql, path, contract.fence)
        findings += problems
        if node is not None:
            findings += contract.findings(node, path)
            rules.append(Recording(item.record, node, pairs({**labels, **identity, **contract.fence.labels})))
    return tuple(rules), findings


def _old_prometheus(prometheus: PrometheusConfig) -> list[Finding]:
    if prometheus.output is not RuleOutput.CONFIG_MAP or prometheus.version is None:
        return []
    major, minor = prometheus.version.split(".")[:2]
    if (int(major), int(minor)) >= _SCRAPE_FILES:
        return []
    return [
        Finding(
            Severity.WARNING,
            Reason.NOT_SUPPORTED,
            "spec",
            f"Prometheus {prometheus.version} reads no scrape_config_files, so what is to be scraped stays in its ConfigMap unread.",
            "Use Prometheus 2.43 or newer, or put the jobs of `binnacle render --format files` into prometheus.yml.",
        )
    ]


def _nothing_scraped() -> Finding:
    return Finding(
        Severity.INFO,
        Reason.NOTHING_SCRAPED,
        "spec.target",
        "There is a target, but no item of scrape, so nothing is scraped for this MetricSet.",
        "Add an item to scrape, or remove the target where something else scrapes it.",
    )
