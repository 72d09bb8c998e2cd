"""Rules that are written in PromQL: what can be wrong with them besides their grammar."""

from typing import Final

from binnacle.api.alertpolicy_rules import AlertRule
from binnacle.api.findings import Finding, Severity
from binnacle.api.reasons import Reason
from binnacle.compile import expressions
from binnacle.compile.alertpolicy.measure import Measured
from binnacle.compile.fence import Fence
from binnacle.compile.units import Measure
from binnacle.promql import build as q
from binnacle.promql import facts
from binnacle.promql.facts import ValueType
from binnacle.promql.nodes import Binary, Call, Node, children

_CONDITIONS: Final = frozenset({"absent", "absent_over_time"})


def read(rule: AlertRule, path: str, fence: Fence) -> tuple[Measured | None, list[Finding]]:
    """Return the expression of a rule as what is measured, or None and why not."""
    if rule.expression is None:
        raise ValueError("not a rule of this type")
    path = f"{path}.expression.promql"
    node, findings = expressions.read(rule.expression.promql, path, fence)
    if node is None:
        return None, findings
    limited = any(level.above is not None or level.below is not None for level in rule.all_levels)
    unlimited = any(level.above is None and level.below is None for level in rule.all_levels)
    if unlimited and not _is_condition(node):
        findings.append(
            Finding(
                Severity.WARNING,
                Reason.ALWAYS_FIRES,
                path,
                "Nothing in the expression is a condition: the alert fires for every element of the result.",
                "Add a comparison, or above or below.",
            )
        )
    if limited and facts.value_type(node) is ValueType.SCALAR:
        node = q.call("vector", node)
    kept = facts.labels_kept(node)
    labels = None if kept.all_but else tuple(sorted(kept.names - {"__name__"}))
    return Measured(node, node, Measure.UNKNOWN, labels, None, None, facts.selectors(node)), findings


def _is_condition(node: Node) -> bool:
    """Say whether elements can be missing from the result because something holds not."""
    match node:
        case Binary(op, lhs, rhs):
            if op in facts.COMPARISONS:
                return not node.return_bool
            if op in facts.SET_OPERATORS:
                return op != "or" or (_is_condition(lhs) and _is_condition(rhs))
            return _is_condition(lhs) or _is_condition(rhs)
        case Call(func) if func in _CONDITIONS:
            return True
        case _:
            return any(_is_condition(inner) for inner in children(node))
