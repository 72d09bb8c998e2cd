"""What an indicator counts: bad events and all events per second, as expressions over a range.

Both sides are sums by the SLO's groups, so they match one to one. Where nothing bad was ever counted the bad side is
absent; what that means is decided where it is recorded. The indicators themselves are modules of `indicators`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from binnacle.api.findings import Finding, Severity
from binnacle.api.metricset import MetricType
from binnacle.api.reasons import Reason
from binnacle.api.values import Duration
from binnacle.compile import expressions
from binnacle.compile.contract import Contract
from binnacle.compile.slo.timing import Timing
from binnacle.intent import series
from binnacle.promql import build as q
from binnacle.promql.nodes import Node, Selector

Rate = Callable[[Selector, int], Node]
"""Growth per second of each series of a counter, over a range in milliseconds."""


@dataclass(frozen=True, slots=True)
class Source:
    """Something that a person wrote for the indicator to read.

    Attributes:
        node: what was written, or what it stands for.
        path: of the field.
        type: what the field takes; None for PromQL.
    """

    node: Node
    path: str
    type: MetricType | None = None


@dataclass(frozen=True, slots=True)
class Counted:
    """What an indicator counts.

    Attributes:
        events: all events per second, by a way to measure growth and a range.
        errors: bad events per second, by the same and an expression that is 0 for every group with events. That one is
            only there to fill in for series that do not exist; it has the labels of `groups` and no others.
        selectors: what is read from the scrapes, each selector once.
        sources: what of it a person named, to be held against what is declared.
        least: the time that each value counts over already, where it does; nothing shorter can be seen.
    """

    events: Callable[[Rate, int], Node]
    errors: Callable[[Rate, int, Node], Node]
    selectors: tuple[Selector, ...]
    sources: tuple[Source, ...]
    least: Duration | None = None


class Reader:
    """Reads what an indicator names, and collects what is wrong with it.

    Args:
        path: of the indicator's member in the resource.
        namespace: of the SLO, where probes are looked for.
        groups: labels that tell budgets apart.
        contract: what is declared there.
        timing: how often is scraped.
    """

    def __init__(self, path: str, namespace: str, groups: tuple[str, ...], contract: Contract, timing: Timing):
        self.path = path
        self.namespace = namespace
        self.groups = groups
        self.contract = contract
        self.timing = timing
        self.findings: list[Finding] = []

    def at(self, field: str) -> str:
        """Return the path of a field of the member."""
        return f"{self.path}.{field}"

    def selector(self, text: str | None, field: str) -> Selector | None:
        """Return the bare selector that a field holds, or None and a finding."""
        selector, findings = expressions.read_selector(text or "", self.at(field), self.contract.fence)
        self.findings += findings
        if selector is not None:
            self.check_groups(selector, field)
        return selector

    def check_groups(self, node: Node, field: str) -> None:
        """Add a finding when what a field reads cannot have a label that is grouped by."""
        for name in expressions.labels_lacking(node, self.groups):
            message = f"What {field} reads has no label {name}, so it cannot be told apart by it."
            fix = "Group by another label, or change the expression so that it keeps this one."
            self.findings.append(Finding(Severity.ERROR, Reason.LABEL_NOT_AVAILABLE, "spec.groupBy", message, fix))

    def error(self, field: str, reason: Reason, message: str, fix: str, column: int | None = None) -> None:
        """Add a finding that leaves the SLO without rules."""
        self.findings.append(Finding(Severity.ERROR, reason, self.at(field), message, fix, column))


def plain(counter: Selector, range_: int) -> Node:
    """Measure growth as `rate` does."""
    return q.rate(counter, range_)


def exact(counter: Selector, range_: int) -> Node:
    """Measure growth as `rate` does, but also of counters near zero.

    `rate` does not extrapolate a counter to before the time at which it would have been zero, so the onset of the first
    outage of a service, or after a restart, would count too little: up to one scrape interval of it. `delta` has no such
    limit and does not see resets; where there is one it is the smaller of the two. The larger one is taken by a label that
    tells them apart: comparing them would read the counter once more.
    """
    seconds = q.num(Decimal(range_) / 1000)
    difference = q.div(q.call("delta", q.over(counter, range_)), seconds)
    grown = q.call("label_replace", q.rate(counter, range_), *map(q.string, (series.BINNACLE_GROWTH, "rate", "", "")))
    return q.max_without((series.BINNACLE_GROWTH,), q.or_(difference, grown))


def from_good(total: Selector, good: Selector, groups: tuple[str, ...], sources: Sequence[Source]) -> Counted:
    """Errors are what is not good: all of them where no good event was ever counted, and never fewer than none.

    Both sides are read from the scrapes of the same instant. The difference could go below zero where a good event is
    counted before the event itself.
    """

    def events(rate: Rate, range_: int) -> Node:
        return q.sum_by(groups, rate(total, range_))

    def errors(rate: Rate, range_: int, zero: Node) -> Node:
        return what_is_not(q.sum_by(groups, rate(good, range_)), events(rate, range_), zero)

    return Counted(events, errors, (total, good), tuple(sources))


def what_is_not(good: Node, events: Node, zero: Node) -> Node:
    """Return the events that are not good: all of them where none is, and never fewer than none."""
    return q.call("clamp_min", q.sub(events, q.or_(good, zero)), q.num(0))
