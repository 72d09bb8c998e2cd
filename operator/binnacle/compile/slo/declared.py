"""An SLO against what its namespace declares: metrics, labels, buckets and probes that nobody knows of are warned about."""

from binnacle.api.findings import Finding, Severity
from binnacle.api.metricset import MetricSet, MetricType
from binnacle.api.reasons import Reason
from binnacle.api.slo import SLO
from binnacle.api.slo_indicators import Latency, ProbeRef
from binnacle.compile.contract import Contract, metric_set_key
from binnacle.compile.slo.indicator import Counted, Source
from binnacle.compile.slo.indicators.latency import limit_in
from binnacle.compile.world import World
from binnacle.promql import build as q
from binnacle.promql.nodes import Selector


def findings(slo: SLO, counted: Counted, contract: Contract, world: World) -> list[Finding]:
    """Return warnings about what the indicator and the groups refer to."""
    indicator = slo.spec.indicator
    found: list[Finding] = []
    about_series: set[str] = set()
    for source in counted.sources:
        about = contract.findings(source.node, source.path)
        about_series.update(one.message for one in about)
        found += [*about, *_wrong_type(source, contract)]
    if indicator.latency is not None:
        found += _unknown_bucket(indicator.latency, counted, contract)
    if indicator.availability is not None and indicator.availability.probe is not None:
        found += _unknown_probe(slo, indicator.availability.probe, world)
    if slo.spec.group_by and counted.sources:
        grouped = contract.findings(q.sum_by(slo.spec.group_by, counted.sources[0].node), "spec.groupBy")
        found += [one for one in grouped if one.message not in about_series]
    return found


def _wrong_type(source: Source, contract: Contract) -> list[Finding]:
    if source.type is None or not isinstance(source.node, Selector):
        return []
    name = source.node.name or ""
    if source.type is MetricType.HISTOGRAM:
        name = name.removesuffix("_count")
    declared = contract.declared(name)
    if declared is None or declared.type in (None, source.type):
        return []
    return [
        Finding(
            Severity.WARNING,
            Reason.WRONG_METRIC_TYPE,
            source.path,
            f"{name} is declared as a {declared.type}, and a {source.type} is wanted here.",
            f"Name a {source.type}, or choose the indicator that takes a {declared.type}.",
        )
    ]


def _unknown_bucket(latency: Latency, counted: Counted, contract: Contract) -> list[Finding]:
    name = (counted.selectors[0].name or "").removesuffix("_count")
    declared = contract.declared(name)
    if declared is None or not declared.buckets or len(counted.selectors) == 1:
        return []
    limit = limit_in(name, latency)[0]
    if limit is None or limit in declared.buckets:
        return []
    bounds = ", ".join(f"{bound.normalize():f}" for bound in declared.buckets)
    return [
        Finding(
            Severity.WARNING,
            Reason.UNKNOWN_BUCKET,
            "spec.indicator.latency.below",
            f"{name} has no bucket that ends at {limit.normalize():f}, so nothing is counted as good.",
            f"Choose one of the declared buckets: {bounds}.",
        )
    ]


def _unknown_probe(slo: SLO, probe: ProbeRef, world: World) -> list[Finding]:
    namespace, path = slo.metadata.namespace, "spec.indicator.availability.probe"
    metric_set = world.get(metric_set_key(namespace, probe.metric_set))
    if not isinstance(metric_set, MetricSet):
        message = (
            f"There is no MetricSet {probe.metric_set} in the namespace {namespace}; until there is, there is no data."
        )
        fix = "Correct the name, or create the MetricSet."
        return [Finding(Severity.WARNING, Reason.UNKNOWN_REFERENCE, f"{path}.metricSet", message, fix, awaited=True)]
    names = [one.name for one in metric_set.spec.probes]
    if probe.name in names:
        return []
    message = f"The MetricSet {probe.metric_set} has no probe {probe.name}; until it has, there is no data."
    fix = f"Write one of {', '.join(names)}." if names else "Add the probe to the MetricSet."
    return [Finding(Severity.WARNING, Reason.UNKNOWN_REFERENCE, f"{path}.name", message, fix, awaited=True)]
