"""An SLO against what its namespace declares: metrics, labels, buckets and probes that nobody knows of are warned about."""

from binnacle.api.findings import Finding, Severity
from binnacle.api.metricset import MetricSet
from binnacle.api.reasons import Reason
from binnacle.api.slo import SLO
from binnacle.api.slo_indicators import Latency, ProbeRef
from binnacle.compile.contract import Contract, metric_set_key
from binnacle.compile.slo.indicator import Counted, in_unit_of
from binnacle.compile.world import World
from binnacle.promql import build as q


def findings(slo: SLO, counted: Counted, contract: Contract, world: World) -> list[Finding]:
    """Return warnings about what the indicator and the groups refer to."""
    indicator = slo.spec.indicator
    found: list[Finding] = []
    if indicator.ratio is not None:
        part = "errors" if indicator.ratio.errors is not None else "good"
        for name, selector in zip(("total", part), counted.selectors, strict=True):
            found += contract.findings(selector, f"spec.indicator.ratio.{name}")
    elif indicator.latency is not None:
        found += contract.findings(counted.selectors[0], "spec.indicator.latency.histogram")
        found += _unknown_bucket(indicator.latency, counted, contract)
    elif indicator.availability is not None and indicator.availability.probe is not None:
        found += _unknown_probe(slo, indicator.availability.probe, world)
    else:
        found += contract.findings(counted.selectors[0], "spec.indicator.availability.gauge")
    first = counted.selectors[0]
    about_series = {one.message for one in contract.findings(first, "")}
    grouped = contract.findings(q.sum_by(slo.spec.group_by, first), "spec.groupBy")
    return [*found, *(one for one in grouped if one.message not in about_series)]


def _unknown_bucket(latency: Latency, counted: Counted, contract: Contract) -> list[Finding]:
    name = (counted.selectors[0].name or "").removesuffix("_count")
    declared = contract.declared(name)
    if declared is None or not declared.buckets or len(counted.selectors) == 1:
        return []
    limit = in_unit_of(name, latency.below)
    if limit in declared.buckets:
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
        return [Finding(Severity.WARNING, Reason.UNKNOWN_REFERENCE, f"{path}.metricSet", message, fix)]
    names = [one.name for one in metric_set.spec.probes]
    if probe.name in names:
        return []
    message = f"The MetricSet {probe.metric_set} has no probe {probe.name}; until it has, there is no data."
    fix = f"Write one of {', '.join(names)}." if names else "Add the probe to the MetricSet."
    return [Finding(Severity.WARNING, Reason.UNKNOWN_REFERENCE, f"{path}.name", message, fix)]
