"""The indicator `expression`: a share of what is bad that a person wrote in PromQL, in which moments weigh alike."""

from binnacle.api.findings import Finding, Severity
from binnacle.api.reasons import Reason
from binnacle.api.slo_indicators import Expression
from binnacle.compile import expressions
from binnacle.compile.slo.indicator import Counted, Rate, Reader, Source
from binnacle.promql import build as q
from binnacle.promql import facts
from binnacle.promql.facts import ValueType
from binnacle.promql.nodes import Node
from binnacle.promql.sentinels import WINDOW, with_window

_FIELD = "errorRatio"
_NOT_WEIGHTED = "A share that is written as PromQL is averaged over time: a quiet night weighs as much as a busy day."


def counted(expression: Expression, reader: Reader) -> Counted | None:
    """Return what is counted, or None and findings in the reader.

    In place of events the seconds are counted in which the expression has a value, which is kept within 0 and 1. What is not
    a number, as the share of no traffic, is there and counts for nothing: an idle service has no share, and its data is not
    missing.
    """
    path = reader.at(_FIELD)
    node, findings = expressions.read_windowed(expression.error_ratio, path, reader.contract.fence)
    reader.findings += findings
    if node is None:
        return None
    if WINDOW not in facts.variables(node):
        message = "The range is chosen for each window, so it must not be fixed."
        fix = "Write [$window] in place of the range; of a gauge take avg_over_time(x[$window])."
        reader.error(_FIELD, Reason.INVALID_VALUE, message, fix)
        return None
    written = node if facts.value_type(node) is not ValueType.SCALAR else q.call("vector", node)
    reader.check_groups(written, _FIELD)
    fix = "Write a ratio where there are counters of events."
    reader.findings.append(Finding(Severity.INFO, Reason.NOT_REQUEST_WEIGHTED, path, _NOT_WEIGHTED, fix))
    groups = reader.groups

    def share(range_: int) -> Node:
        return q.call("clamp", with_window(written, range_), q.num(0), q.num(1))

    def events(_rate: Rate, range_: int) -> Node:
        # What is compared with a number is 0 where it is none.
        return q.aggregate("max", groups, q.cmp(">=", share(range_), q.num(0), return_bool=True))

    def errors(rate: Rate, range_: int, _zero: Node) -> Node:
        # Where no share is a number, the events are 0.
        return q.or_(q.aggregate("avg", groups, q.cmp(">=", share(range_), q.num(0))), events(rate, range_))

    read = tuple(dict.fromkeys(facts.selectors(node)))
    return Counted(events, errors, read, (Source(node, path),))
