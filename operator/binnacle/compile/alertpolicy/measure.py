"""What a rule measures: the value that is compared with a limit, and how to tell whether there is data.

Every type with `groupBy` gives exactly one element for each combination of those labels, so that levels of one rule can be
matched with each other and missing data can be told group by group.
"""

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from binnacle.api.alertpolicy_rules import AlertRule, QuantileRule, RatioRule, ThresholdRule
from binnacle.api.findings import Finding, Severity
from binnacle.api.reasons import Reason
from binnacle.api.slo_indicators import HistogramType
from binnacle.api.values import Duration, Rate
from binnacle.compile import expressions
from binnacle.compile.contract import Contract
from binnacle.compile.fence import Fence
from binnacle.compile.units import Measure, of_name
from binnacle.promql import build as q
from binnacle.promql.nodes import Node, Selector

DEFAULT_WINDOW: Final = Duration.of(minutes=5)
_PARTS: Final = ("_bucket", "_count", "_sum")
_NUMBERS: Final = frozenset({"inf", "nan"})
"""Names that PromQL reads as numbers in a list of labels, in any case."""
_MISSED: Final = Duration.of(hours=1)
"""How long at least a group that has vanished is missed, once there was no data for as long as asked; then it counts as gone for good."""
_LOOKS: Final = 240
"""At how many moments at most it is looked whether a group was there, of a time of which not every sample is read."""
_MINUTE: Final = Duration.of(minutes=1)


@dataclass(frozen=True, slots=True)
class Measured:
    """A value by groups.

    Attributes:
        above, below: the value as it is compared with an upper and with a lower limit.
        measure: what it counts in.
        labels: the labels of its elements, sorted; None when they cannot be told.
        window: range that counters are looked at over; None for what is measured at an instant.
        guard: has an element for each group about which something may be said; None: for all.
        sources: the selectors without any of which there is no data.
        current: one element for each group that has data now; None where groups cannot be told.
        most: the highest value that it can have, where that is known: the last bucket of a classic histogram.
    """

    above: Node
    below: Node
    measure: Measure
    labels: tuple[str, ...] | None
    window: Duration | None
    guard: Node | None
    sources: tuple[Selector, ...]
    current: Node | None = None
    most: Decimal | None = None


class Reader:
    """Reads selectors and collects what is wrong with them.

    Args:
        path: path of the rule's type in the resource.
        groups: labels to group by.
        scrape: time between two scrapes.
        fence: what may be read.
    """

    def __init__(self, path: str, groups: tuple[str, ...], scrape: Duration, fence: Fence):
        self.path = path
        self.groups = tuple(sorted(groups))
        self.scrape = scrape
        self.fence = fence
        self.findings: list[Finding] = []
        for name in self.groups:
            if name.lower() in _NUMBERS:
                self.error(
                    "groupBy",
                    Reason.INVALID_VALUE,
                    f"PromQL reads {name} as a number, so series cannot be grouped by a label of this name.",
                    "Give the label another name where the series are scraped.",
                )

    def selector(self, text: str, field: str) -> Selector | None:
        """Return the selector, or None and a finding."""
        selector, findings = expressions.read_selector(text, f"{self.path}.{field}", self.fence)
        self.findings += findings
        if selector is None:
            return None
        for name in expressions.labels_lacking(selector, self.groups):
            self.error(
                "groupBy",
                Reason.LABEL_NOT_AVAILABLE,
                f"The series of {field} have no label {name}: their selector says that it is empty.",
                "Group by another label, or change the selector.",
            )
        return selector

    def window(self, given: Duration | None) -> Duration:
        """Return the window, with a finding when it is too short to compare two scrapes."""
        window = given or DEFAULT_WINDOW
        if window.ms < 2 * self.scrape.ms:
            self.error(
                "window",
                Reason.WINDOW_TOO_SHORT,
                f"{window} is shorter than two scrapes, which are {self.scrape} apart: the rule could never fire.",
                f"Choose a window of at least {Duration(4 * self.scrape.ms)}.",
            )
        return window

    def error(self, field: str, reason: Reason, message: str, fix: str, column: int | None = None) -> None:
        """Add a finding that leaves the rule out."""
        self.findings.append(Finding(Severity.ERROR, reason, f"{self.path}.{field}", message, fix, column))


def measured(rule: AlertRule, path: str, scrape: Duration, contract: Contract) -> tuple[Measured | None, list[Finding]]:
    """Return what a rule of type ratio, quantile or threshold measures, or None and why not.

    Args:
        rule: the rule.
        path: its path in the resource.
        scrape: time between two scrapes of a target.
        contract: what the namespace declares, for how a histogram is stored, and may read.
    """
    match rule:
        case AlertRule(ratio=RatioRule() as ratio):
            reader = Reader(f"{path}.ratio", ratio.group_by, scrape, contract.fence)
            found = _ratio(ratio, reader)
        case AlertRule(quantile=QuantileRule() as quantile):
            reader = Reader(f"{path}.quantile", quantile.group_by, scrape, contract.fence)
            found = _quantile(quantile, reader, contract)
        case AlertRule(threshold=ThresholdRule() as threshold):
            reader = Reader(f"{path}.threshold", threshold.group_by, scrape, contract.fence)
            found = _threshold(threshold, reader)
        case _:
            raise ValueError("not a rule of these types")
    refused = any(one.severity is Severity.ERROR for one in reader.findings)
    return (None if refused else found), reader.findings


def _ratio(ratio: RatioRule, reader: Reader) -> Measured | None:
    groups, window = reader.groups, reader.window(ratio.window)
    total = reader.selector(ratio.total, "total")
    part = reader.selector(ratio.errors or ratio.good or "", "errors" if ratio.errors is not None else "good")
    if total is None or part is None:
        return None
    events = q.sum_by(groups, q.rate(total, window.ms))
    counted = q.sum_by(groups, q.rate(part, window.ms))
    # A counter that never counted anything does not exist: where there is traffic it stands at nought.
    filled = q.or_(counted, q.mul(q.num(0), events))
    some = q.gt(events, q.num(0))
    if ratio.errors is not None:
        above, below = q.div(counted, some), q.div(filled, some)
    else:
        above = below = q.div(q.call("clamp_min", q.sub(events, filled), q.num(0)), some)
    return Measured(
        above,
        below,
        Measure.SHARE,
        groups,
        window,
        _at_least(events, ratio.min_rate),
        (total,),
        _present((total,), groups),
    )


def _quantile(quantile: QuantileRule, reader: Reader, contract: Contract) -> Measured | None:
    groups, window = reader.groups, reader.window(quantile.window)
    histogram = reader.selector(quantile.histogram, "histogram")
    if histogram is None:
        return None
    name = histogram.name or ""
    for part in _PARTS:
        if name.endswith(part):
            reader.error(
                "histogram",
                Reason.INVALID_VALUE,
                f"{name} is a part of a histogram, not its name.",
                f"Write {name.removesuffix(part)}; the parts are chosen for you.",
            )
            return None
    share = q.num(quantile.percentile.ratio)
    value: Node
    events: Node
    stored = quantile.histogram_type or contract.histogram_type(name)
    if stored is HistogramType.NATIVE:
        source = histogram
        observed = q.sum_by(groups, q.rate(histogram, window.ms))
        value, events = q.call("histogram_quantile", share, observed), q.call("histogram_count", observed)
    else:
        source = replace(histogram, name=f"{name}_count")
        buckets = q.rate(replace(histogram, name=f"{name}_bucket"), window.ms)
        value = q.call("histogram_quantile", share, q.sum_by((*groups, "le"), buckets))
        events = q.sum_by(groups, q.rate(source, window.ms))
    guard = _at_least(events, quantile.min_rate)
    declared = contract.declared(name)
    most = declared.buckets[-1] if declared is not None and declared.buckets and source is not histogram else None
    present = _present((source,), groups)
    return Measured(value, value, of_name(name), groups, window, guard, (source,), present, most)


def _threshold(threshold: ThresholdRule, reader: Reader) -> Measured | None:
    groups = reader.groups
    gauge = reader.selector(threshold.gauge, "gauge")
    divisor = reader.selector(threshold.divided_by, "dividedBy") if threshold.divided_by is not None else None
    if gauge is None or (threshold.divided_by is not None and divisor is None):
        return None
    above: Node
    below: Node
    sources: tuple[Selector, ...]
    if divisor is None:
        above, below = q.aggregate("max", groups, gauge), q.aggregate("min", groups, gauge)
        measure, sources = of_name(gauge.name or ""), (gauge,)
    else:
        # Division by nought is infinite, which is above any limit and says nothing.
        quotient = q.div(q.sum_by(groups, gauge), q.cmp("!=", q.sum_by(groups, divisor), q.num(0)))
        above = below = quotient
        measure, sources = Measure.SHARE, (gauge, divisor)
    return Measured(above, below, measure, groups, None, None, sources, _present(sources, groups))


def _at_least(events: Node, least: Rate | None) -> Node | None:
    if least is None:
        return None
    return q.cmp(">=", events, q.num(Decimal(least.limit) / least.per.seconds))


def _present(sources: tuple[Selector, ...], groups: tuple[str, ...]) -> Node:
    """Return the groups that have data now."""
    return q.and_(*(q.aggregate("group", groups, source) for source in sources))


def known(found: Measured, lasting: Duration) -> Node:
    """Return the groups that are known: they had data within `lasting`, or in the time for which they are missed after that.

    Of more than some hours not every sample is read, but what there is at moments that are farther apart. They are never farther apart
    than a tenth of the time for which a group is missed, so the alert has time to fire; a group that was there for less time
    than there is between two of them may be forgotten at once.
    """
    missed = max(_MISSED.ms, lasting.ms // 10)
    memory = lasting.ms + missed
    apart = -(-memory // (_LOOKS * _MINUTE.ms)) * _MINUTE.ms

    def past(source: Selector) -> Node:
        return q.over(source, memory) if lasting <= _MISSED else q.subquery(source, memory, apart)

    present = (q.call("present_over_time", past(source)) for source in found.sources)
    return q.and_(*(q.aggregate("group", found.labels or (), one) for one in present))
