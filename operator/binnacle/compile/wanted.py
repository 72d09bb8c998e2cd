"""Which metrics should be in Prometheus for a resource to work: those that it declares, and those that its rules read."""

from collections.abc import Iterable
from typing import Final

from binnacle.api.labels import RESERVED_SERIES, RESERVED_SERIES_PREFIXES
from binnacle.api.metricset import Metric, MetricType
from binnacle.api.slo_indicators import HistogramType
from binnacle.compile import contract
from binnacle.intent.base import Intent
from binnacle.intent.readback import WantedMetric
from binnacle.intent.rules import Recording, RuleSet
from binnacle.promql import facts

_SHOWN: Final = 256
"""Characters of a name that status shows; an expression may hold a longer one."""
_STORED_AS: Final = "stored as a {} histogram"


def referred(
    intents: Iterable[Intent], besides: frozenset[str] = frozenset(), within: str = ""
) -> tuple[WantedMetric, ...]:
    """Return the series that the rules among `intents` read, wherever they come from.

    Left out are those that the rules record themselves, those that Prometheus or Binnacle makes, and `besides`. Only those `within` a
    namespace count, or without one; empty for all.
    """
    rules = [
        rule for intent in intents if isinstance(intent, RuleSet) for group in intent.groups for rule in group.rules
    ]
    recorded = {rule.record for rule in rules if isinstance(rule, Recording)}
    read = {name for rule in rules for name in facts.metrics(rule.expr)}
    return tuple(
        WantedMetric(name[:_SHOWN], (name,), namespace=within)
        for name in sorted(read - recorded - besides)
        if name not in RESERVED_SERIES and not name.startswith(RESERVED_SERIES_PREFIXES)
    )


def declared(metrics: Iterable[Metric], namespace: str) -> tuple[WantedMetric, ...]:
    """Return the metrics that a MetricSet of `namespace` declares: its own series are of that namespace or of none."""
    return tuple(
        WantedMetric(
            metric.name,
            _shown_by(metric),
            tuple(sorted(metric.label_names or ())),
            _instead(metric),
            contract.series_of(metric),
            namespace,
            declared=True,
        )
        for metric in sorted(metrics, key=lambda one: one.name)
    )


def _shown_by(metric: Metric) -> tuple[str, ...]:
    """Return the names of series, of which a metric that works has at least one."""
    name = metric.name
    match metric.type:
        case MetricType.HISTOGRAM if metric.histogram_type is HistogramType.NATIVE:
            return (name,)
        case MetricType.HISTOGRAM:
            return (f"{name}_bucket", f"{name}_count", f"{name}_sum")
        case MetricType.SUMMARY:
            # Without quantiles there are these two alone.
            return (name, f"{name}_count", f"{name}_sum")
        case MetricType.COUNTER | MetricType.GAUGE:
            return (name,)


def _instead(metric: Metric) -> tuple[str, str] | None:
    if metric.type is not MetricType.HISTOGRAM:
        return None
    if metric.histogram_type is HistogramType.NATIVE:
        return f"{metric.name}_bucket", _STORED_AS.format(HistogramType.CLASSIC.value)
    return metric.name, _STORED_AS.format(HistogramType.NATIVE.value)
