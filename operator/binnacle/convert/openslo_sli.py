"""OpenSLO's indicators: ratios of good, bad and all events, ready-made ratios, and where their queries stand."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from binnacle.api.model import shown
from binnacle.api.reasons import Reason
from binnacle.convert import queries, resource
from binnacle.convert.fields import Fields
from binnacle.convert.queries import Meaning
from binnacle.errors import SpecError
from binnacle.promql import build as q
from binnacle.promql.nodes import Node

_QUERIES: Final = ("query", "promql", "expr", "metricQuery")
"""Names under which the query of a source of Prometheus is written; OpenSLO leaves them to the source."""
_PROMETHEUS: Final = ("prom", "mimir", "thanos", "cortex", "victoria", "amp", "sloth")


@dataclass(frozen=True, slots=True)
class Measured:
    """What an SLI of OpenSLO measures, as fields of ours.

    Attributes:
        indicator: of ours; of a threshold it lacks the limit, which each objective has for itself.
        groups: labels of `groupBy`.
        needs_limit: whether it is such a threshold.
    """

    indicator: Mapping[str, Any]
    groups: tuple[str, ...] = ()
    needs_limit: bool = False


@dataclass(frozen=True, slots=True)
class _Query:
    path: str
    node: Node


def measured(spec: Fields, sources: Mapping[str, str]) -> Measured | None:
    """Take the metric of an SLI; None, with the reasons in the report, when it cannot be carried over.

    Args:
        spec: of the SLI.
        sources: type of each DataSource by its name.
    """
    part = spec.part
    ratio, threshold = spec.map("ratioMetric"), spec.map("thresholdMetric")
    if ratio is not None and threshold is not None:
        part.refuse(spec.path, "ratioMetric and thresholdMetric exclude each other.", "Keep one of them.")
        return None
    if ratio is not None:
        return ratio_of(ratio, sources)
    if threshold is not None:
        return _threshold(threshold, sources)
    fix = "Give ratioMetric."
    part.refuse(spec.path, "There is neither ratioMetric nor thresholdMetric.", fix, Reason.MISSING_FIELD)
    return None


def ratio_of(ratio: Fields, sources: Mapping[str, str]) -> Measured | None:
    """Take a ratio, of v1 or of v1alpha; None when it cannot be carried over."""
    part = ratio.part
    said = {name: ratio.flag(name) for name in ("counter", "incremental") if name in ratio}
    for name in said:
        part.carried(ratio.at(name), "")
    flags = [value for value in said.values() if value is not None]
    is_counter = all(flags) if flags else None
    maps = {name: ratio.map(name) for name in ("good", "bad", "total", "raw")}
    kind = ratio.text("rawType")
    ratio.rest("a ratio of OpenSLO")
    given = {name: metric for name, metric in maps.items() if metric is not None}
    found = {name: _query(metric, sources) for name, metric in given.items()}
    if None in found.values():
        return None
    nodes = {name: query for name, query in found.items() if query is not None}
    try:
        if set(nodes) == {"raw"} and kind is not None:
            return _raw(ratio, nodes["raw"], kind)
        if set(nodes) in ({"good", "total"}, {"bad", "total"}):
            return _counted(ratio, nodes, is_counter=is_counter)
    except queries.NotRecognised as error:
        for query in nodes.values():
            resource.not_measured(part, query.path, error)
        return None
    wrong = f"{' and '.join(given) or 'Nothing'} is no ratio."
    part.refuse(ratio.path, wrong, "Give good and total, bad and total, or raw and rawType.", Reason.MISSING_FIELD)
    return None


def _threshold(threshold: Fields, sources: Mapping[str, str]) -> Measured | None:
    """Take a value that objectives compare with limits: the share of time in which a gauge is on the good side."""
    part = threshold.part
    query = _query(threshold, sources)
    if query is None:
        return None
    try:
        gauge, notes = queries.gauge(query.node)
    except queries.NotRecognised as error:
        said = f"Only a gauge can be compared with a threshold: {error}"
        fix = "Record the query as a series of its own, or write a ratio of good to all events."
        part.refuse(query.path, said, fix, Reason.NOT_A_SELECTOR)
        return None
    said = " ".join(("Each moment counts alike, and each series of the gauge for itself.", *notes))
    part.changed(query.path, "spec.indicator.threshold.gauge", said)
    return Measured({"threshold": {"gauge": queries.text_of(gauge)}}, needs_limit=True)


def _raw(ratio: Fields, query: _Query, kind: str) -> Measured | None:
    part = ratio.part
    if kind not in ("success", "failure"):
        part.refuse(ratio.at("rawType"), f"{shown(kind)} is no type of a ratio.", "Write success or failure.")
        return None
    part.carried(ratio.at("rawType"), "spec.indicator")
    node = query.node
    try:
        meaning = queries.of_good_ratio(node) if kind == "success" else queries.of_error_ratio(node)
    except queries.NotRecognised as error:
        meaning = queries.as_expression(q.sub(q.num(1), node) if kind == "success" else node, error)
    return _put(ratio, meaning, [query.path])


def _counted(ratio: Fields, nodes: Mapping[str, _Query], *, is_counter: bool | None) -> Measured | None:
    part, total = ratio.part, nodes["total"]
    name, read = ("good", queries.of_good) if "good" in nodes else ("bad", queries.of_events)
    node = nodes[name].node
    try:
        meaning = read(node, total.node)
    except queries.NotRecognised as error:
        share = q.div(node, total.node)
        meaning = queries.as_expression(share if name == "bad" else q.sub(q.num(1), share), error)
    if is_counter is False and queries.GROWTH in meaning.warnings:
        said = "It says that these are no counters, and only counters can be added up over a window."
        fix = "Set counter to true if they only ever grow, or write a query with rate."
        part.refuse(ratio.path, said, fix, Reason.NOT_CARRIED_OVER)
        return None
    if is_counter:
        # What was said need not be assumed.
        meaning = replace(meaning, warnings=tuple(one for one in meaning.warnings if one != queries.GROWTH))
    return _put(ratio, meaning, [nodes[name].path, total.path])


def _put(ratio: Fields, meaning: Meaning, paths: list[str]) -> Measured:
    spec: dict[str, Any] = {}
    resource.measured(ratio.part, spec, meaning, paths)
    return Measured(spec["indicator"], tuple(spec.get("groupBy", ())))


def _query(metric: Fields, sources: Mapping[str, str]) -> _Query | None:
    """Take the query of one side of a ratio; None, with the reason in the report, when it is none in PromQL."""
    part = metric.part
    source = metric.map("metricSource")
    where = source if source is not None else metric
    kind = _type(where, sources)
    inner = where.map("spec")
    holders = [fields for fields in (inner, where, metric) if fields is not None]
    texts = [
        (fields.at(name), text)
        for fields in dict.fromkeys(holders)
        for name in _QUERIES
        if (text := fields.text(name)) is not None
    ]
    metric.ignore({"displayName": "It describes a part of an indicator."})
    for fields in dict.fromkeys(holders):
        fields.rest("a metric of OpenSLO")
    if kind is not None:
        part.refuse(where.path, f"It asks {shown(kind)}, and SLOs are made of what Prometheus has.", "Write PromQL.",
                    Reason.NOT_CARRIED_OVER)  # fmt: skip
        return None
    if len(texts) != 1:
        said = "It has no query." if not texts else "It has more than one query."
        part.refuse(where.path, said, "Write the PromQL as metricSource.spec.query.", Reason.MISSING_FIELD)
        return None
    ((path, text),) = texts
    try:
        return _Query(path, queries.read(text))
    except SpecError as error:
        resource.not_measured(part, path, error)
        return None


def _type(where: Fields, sources: Mapping[str, str]) -> str | None:
    """Take what says which system is asked; return its type when that is none with PromQL."""
    part = where.part
    named = {name: text for name in ("type", "source") if (text := where.text(name)) is not None}
    for name in named:
        part.carried(where.at(name), "")
    kind = next(iter(named.values()), None)
    where.constant("queryType", "promql", "PromQL", "Promql", "PROMQL")
    reference = where.text("metricSourceRef")
    if reference is not None:
        path = where.at("metricSourceRef")
        if reference in sources:
            part.carried(path, "")
            kind = kind or sources[reference]
        else:
            said = (
                f"There is no DataSource {shown(reference)} in the files that are given; it is taken for a Prometheus."
            )
            part.lost(path, said, reason=Reason.UNKNOWN_REFERENCE)
    return None if kind is None or any(word in kind.lower() for word in _PROMETHEUS) else kind
