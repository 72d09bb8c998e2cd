"""Rules that are written in PromQL: what can be wrong with them besides their grammar."""

from typing import Final

from binnacle.api.alertpolicy_rules import AlertRule
from binnacle.api.findings import Finding, Severity
from binnacle.api.reasons import Reason
from binnacle.compile.alertpolicy.measure import Measured
from binnacle.compile.alertpolicy.units import Measure
from binnacle.errors import SpecError
from binnacle.promql import build as q
from binnacle.promql import facts, parse
from binnacle.promql.facts import ValueType
from binnacle.promql.nodes import Binary, Call, Node, children

_GATED: Final = frozenset(
    {"limitk", "limit_ratio", "mad_over_time", "sort_by_label", "sort_by_label_desc", "double_exponential_smoothing"}
    | {"info", "ts_of_min_over_time", "ts_of_max_over_time", "ts_of_last_over_time", "ts_of_first_over_time"}
    | {"first_over_time", "step", "histogram_quantiles", "start", "end", "range", "min_of", "max_of"}
)
"""Functions and aggregations that a Prometheus knows only behind a feature flag, and that its parser else refuses."""
_CONDITIONS: Final = frozenset({"absent", "absent_over_time"})


def read(rule: AlertRule, path: str) -> tuple[Measured | None, list[Finding]]:
    """Return the expression of a rule as what is measured, or None and why not."""
    if rule.expression is None:
        raise ValueError("not a rule of this type")
    path = f"{path}.expression.promql"
    try:
        node = parse(rule.expression.promql)
    except SpecError as error:
        return None, [Finding(Severity.ERROR, Reason(error.reason), path, error.message, error.fix, error.column)]
    findings = list(_unusable(node, path))
    if findings:
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


def _unusable(node: Node, path: str) -> list[Finding]:
    """Return why Prometheus would not take the expression as a rule."""

    def no(reason: Reason, message: str, fix: str) -> list[Finding]:
        return [Finding(Severity.ERROR, reason, path, message, fix)]

    kind = facts.value_type(node)
    if kind in (ValueType.MATRIX, ValueType.STRING):
        said = "samples of a range" if kind is ValueType.MATRIX else "a text"
        return no(
            Reason.INVALID_VALUE,
            f"The expression gives {said}, not values of now.",
            "Put it into a function such as rate().",
        )
    gated = sorted((facts.functions(node) | facts.aggregations(node)) & _GATED)
    if gated:
        return no(
            Reason.NOT_SUPPORTED,
            f"{gated[0]} is known to a Prometheus with a feature flag only; others would refuse the whole file.",
            "Use a function that every Prometheus knows.",
        )
    if any(isinstance(inner, Binary) and inner.fill is not None for inner in facts.walk(node)):
        return no(Reason.NOT_SUPPORTED, "fill() is known to newer versions of Prometheus only.", "Write `or` instead.")
    return []


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
