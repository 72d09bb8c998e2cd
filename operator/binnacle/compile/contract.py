"""What the MetricSets of a namespace say that there is: the contract that PromQL is checked against.

It is made of declared metrics, of the series of probes, and of recorded series. Nothing declared means nothing to check. What a
Prometheus or a cluster brings along (`up`, `kube_*`, our own `slo:*`) is known without being declared. All that comes of it
are warnings: Prometheus may well hold more than somebody has written down.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from binnacle.api.findings import Finding, Severity
from binnacle.api.labels import RESERVED_SERIES, RESERVED_SERIES_PREFIXES
from binnacle.api.metricset import Metric, MetricSet, MetricType
from binnacle.api.problems import nearest
from binnacle.api.reasons import Reason
from binnacle.api.slo_indicators import HistogramType
from binnacle.compile.fence import OPEN, Fence
from binnacle.compile.world import World
from binnacle.intent.refs import Key
from binnacle.promql import facts
from binnacle.promql.nodes import METRIC_NAME, Aggregate, Call, Node, Selector, String

KIND: Final = "MetricSet"

WELL_KNOWN: Final = (*RESERVED_SERIES, "up")
"""Series that every Prometheus has."""
WELL_KNOWN_PREFIXES: Final = (
    *(*RESERVED_SERIES_PREFIXES, "scrape_", "prometheus_", "alertmanager_"),
    *("kube_", "kubelet_", "container_", "machine_", "node_", "apiserver_", "coredns_"),
)
"""Beginnings of series of Binnacle, of Prometheus itself, and of what watches a cluster and its machines."""
TARGET_LABELS: Final = frozenset(
    {METRIC_NAME, "instance", "job", "namespace", "pod", "container", "service", "endpoint", "node", "le", "quantile"}
    | {"cluster", "prometheus", "prometheus_replica", "environment"}
)
"""Labels that scraping, Prometheus' external labels, or a metric's type give to a series without its being declared."""
_SEARCHES: Final = 16
"""Names for which something close is looked for, of one resource: who writes hostile ones must not keep others waiting."""
_PROBE_PREFIX: Final = "probe_"
_PLACEHOLDER: Final = "$"


@dataclass(frozen=True, slots=True)
class Declared:
    """A metric as it is declared; where several MetricSets declare it, what they agree on.

    Attributes:
        name: without `_bucket`, `_count` and `_sum`.
        type: its type; None when the declarations differ.
        labels: what the system puts on it; None when one of the declarations does not say.
        histogram_type: of a histogram, when the declarations say the same.
        buckets: upper bounds of a classic histogram, ascending; empty when they are not declared.
    """

    name: str
    type: MetricType | None
    labels: frozenset[str] | None
    histogram_type: HistogramType | None = None
    buckets: tuple[Decimal, ...] = ()


@dataclass(frozen=True, slots=True)
class Contract:
    """The metrics that a namespace declares.

    Attributes:
        metrics: by their names.
        series: name of a series -> its labels, None when they are not known. Names as PromQL has them: `x_bucket`.
        probes: whether there are probes, whose series begin with `probe_`.
        fence: what of all series the namespace may read.
        searched: what was probably meant by a name that is not known, by whose name it is; filled as it is asked for.
    """

    metrics: Mapping[str, Declared] = field(default_factory=dict)
    series: Mapping[str, frozenset[str] | None] = field(default_factory=dict)
    probes: bool = False
    fence: Fence = OPEN
    searched: dict[tuple[str, ...], str] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def of(cls, world: World, namespace: str) -> "Contract":
        """Return what the MetricSets of `namespace` declare; reads each of them, so that a change there is followed."""
        found = (world.get(key) for key in world.list(KIND, namespace))
        fence = Fence.of(world.config, namespace)
        sets = tuple(one for one in found if isinstance(one, MetricSet))
        return cls(*world.memory.of(sets, _together), fence)

    @classmethod
    def from_sets(cls, sets: Iterable[MetricSet], fence: Fence = OPEN) -> "Contract":
        """Return what these MetricSets declare together."""
        return cls(*_together(tuple(sets)), fence)

    def declared(self, name: str) -> Declared | None:
        """Return how the metric `name` is declared (a histogram by its name without `_bucket`), or None."""
        return self.metrics.get(name)

    def histogram_type(self, name: str) -> HistogramType | None:
        """Return how the histogram `name` is declared to be stored, or None when that is not declared."""
        found = self.metrics.get(name)
        return found.histogram_type if found is not None and found.type is MetricType.HISTOGRAM else None

    def findings(self, node: Node, path: str) -> tuple[Finding, ...]:
        """Return warnings about series and labels in `node` that nobody declares; nothing when nothing is declared.

        Args:
            node: a PromQL tree. Parts with variables of Grafana in them are passed over.
            path: of the field that it was written in.
        """
        if not self.metrics:
            return ()
        found = [self._about_selector(selector, path) for selector in facts.selectors(node)]
        found += [self._about_grouping(inner, path) for inner in facts.walk(node) if isinstance(inner, Aggregate)]
        unique = {(one.reason, one.message): one for group in found for one in group}
        return tuple(sorted(unique.values()))

    def _about_selector(self, selector: Selector, path: str) -> list[Finding]:
        name = selector.name
        if name is None or _PLACEHOLDER in name or self._is_well_known(name):
            return []
        if name not in self.series:
            near = self._nearest((name,), self.series)
            return [
                Finding(
                    Severity.WARNING,
                    Reason.UNKNOWN_METRIC,
                    path,
                    f"No MetricSet of this namespace declares {name}.",
                    f"Write {near}, if that is meant, or declare {name}."
                    if near
                    else f"Correct the name, or declare {name}.",
                )
            ]
        wanted = dict.fromkeys(matcher.name for matcher in selector.matchers if matcher.value)
        return [self._unknown_label(label, (name,), path) for label in wanted if self._lacks(name, label)]

    def _about_grouping(self, node: Aggregate, path: str) -> list[Finding]:
        if node.grouping is None or node.grouping.without:
            return []
        names = tuple(dict.fromkeys(selector.name or "" for selector in facts.selectors(node.expr)))
        if not names or any(self.series.get(name) is None for name in names):
            return []
        made = _labels_made(node.expr)
        return [
            self._unknown_label(label, names, path)
            for label in node.grouping.labels
            if label not in made and all(self._lacks(name, label) for name in names)
        ]

    @property
    def _target_labels(self) -> frozenset[str]:
        return TARGET_LABELS | self.fence.labels.keys()

    def _lacks(self, name: str, label: str) -> bool:
        labels = self.series.get(name)
        return (
            labels is not None
            and label not in labels
            and label not in self._target_labels
            and _PLACEHOLDER not in label
        )

    def _unknown_label(self, label: str, names: tuple[str, ...], path: str) -> Finding:
        known = sorted({one for name in names for one in self.series.get(name) or ()})
        near = self._nearest((*names, label), known)
        declared = f"Declared are {', '.join(known)}." if known else "No labels are declared."
        return Finding(
            Severity.WARNING,
            Reason.UNKNOWN_LABEL,
            path,
            f"{' and '.join(names)} {'has' if len(names) == 1 else 'have'} no label {label} by the MetricSet that declares it.",
            f"Write {near}, if that is meant, or add {label} to labelNames."
            if near
            else f"{declared} Correct the label, or add {label} to labelNames.",
        )

    def _nearest(self, asked: tuple[str, ...], known: Collection[str]) -> str:
        """Return what was probably meant by the last of `asked`: of the first few, because each is a search through all."""
        if asked not in self.searched and len(self.searched) < _SEARCHES:
            self.searched[asked] = nearest(asked[-1], tuple(known))
        return self.searched.get(asked, "")

    def _is_well_known(self, name: str) -> bool:
        return (
            name in WELL_KNOWN
            or name.startswith(WELL_KNOWN_PREFIXES)
            or (self.probes and name.startswith(_PROBE_PREFIX) and name not in self.series)
        )


def _together(
    sets: tuple[MetricSet, ...],
) -> tuple[Mapping[str, Declared], Mapping[str, frozenset[str] | None], bool]:
    """Return the metrics, the series and whether there are probes, as `Contract` has them."""
    metrics: dict[str, Declared] = {}
    recorded: dict[str, frozenset[str] | None] = {}
    probes = False
    for one in sets:
        added = frozenset(one.spec.labels)
        for metric in one.spec.metrics:
            new = _declared(metric, added)
            metrics[metric.name] = _agreed(metrics[metric.name], new) if metric.name in metrics else new
        recorded.update((item.record, None) for item in one.spec.recording)
        probes = probes or bool(one.spec.probes)
    series = recorded if metrics else {}
    for declared in metrics.values():
        for name in _series(declared):
            series[name] = declared.labels
    return MappingProxyType(metrics), MappingProxyType(series), probes


def metric_set_key(namespace: str, name: str) -> Key:
    """Return the key of a MetricSet."""
    return Key(KIND, namespace, name)


def series_of(metric: Metric) -> tuple[str, ...]:
    """Return the names of the series that a metric may have, however its histogram is stored."""
    return tuple(dict.fromkeys((metric.name, *_series(_declared(metric, frozenset())))))


def _declared(metric: Metric, added: frozenset[str]) -> Declared:
    labels = None if metric.label_names is None else frozenset(metric.label_names) | added
    stored = None
    if metric.type is MetricType.HISTOGRAM:
        stored = metric.histogram_type or HistogramType.CLASSIC
    return Declared(metric.name, metric.type, labels, stored, tuple(sorted(metric.buckets)))


def _agreed(one: Declared, other: Declared) -> Declared:
    """Return what two declarations of a metric agree on: a label is known when either names it."""
    return Declared(
        one.name,
        one.type if one.type is other.type else None,
        one.labels | other.labels if one.labels is not None and other.labels is not None else None,
        one.histogram_type if one.histogram_type is other.histogram_type else None,
        one.buckets if one.buckets == other.buckets else (),
    )


def _series(metric: Declared) -> tuple[str, ...]:
    """Return the names of the series that a metric has; a histogram that is stored natively has the classic ones too."""
    name = metric.name
    match metric.type:
        case MetricType.COUNTER:
            return (name, f"{name.removesuffix('_total')}_created")
        case MetricType.GAUGE:
            return (name,)
        case MetricType.SUMMARY:
            return (name, f"{name}_count", f"{name}_sum", f"{name}_created")
        case MetricType.HISTOGRAM | None:
            classic = (f"{name}_bucket", f"{name}_count", f"{name}_sum", f"{name}_created")
            return classic if metric.histogram_type is HistogramType.CLASSIC else (name, *classic)


def _labels_made(node: Node) -> frozenset[str]:
    """Return labels that the expression itself puts on elements."""
    made = set()
    for inner in facts.walk(node):
        match inner:
            case Call("label_replace" | "label_join", (_, String(target), *_)):
                made.add(target)
            case Aggregate("count_values", _, String(target)):
                made.add(target)
            case _:
                pass
    return frozenset(made)
