"""PromQL that a person wrote for a rule: read, and refused where a Prometheus would not take the rule."""

from typing import Final

from binnacle.api.findings import Finding, Severity
from binnacle.api.reasons import Reason
from binnacle.errors import SpecError
from binnacle.promql import facts, parse
from binnacle.promql.facts import ValueType
from binnacle.promql.nodes import Binary, Node

GATED: Final = frozenset(
    {"limitk", "limit_ratio", "mad_over_time", "sort_by_label", "sort_by_label_desc", "double_exponential_smoothing"}
    | {"info", "ts_of_min_over_time", "ts_of_max_over_time", "ts_of_last_over_time", "ts_of_first_over_time"}
    | {"first_over_time", "step", "histogram_quantiles", "start", "end", "range", "min_of", "max_of"}
)
"""Functions and aggregations that a Prometheus knows only behind a feature flag, and that its parser else refuses."""


def read(text: str, path: str) -> tuple[Node | None, list[Finding]]:
    """Return the expression of a rule, or None and why it is none."""
    try:
        node = parse(text)
    except SpecError as error:
        return None, [Finding(Severity.ERROR, Reason(error.reason), path, error.message, error.fix, error.column)]
    findings = unusable(node, path)
    return (None, findings) if findings else (node, [])


def unusable(node: Node, path: str) -> list[Finding]:
    """Return why Prometheus would not take the expression as a rule; empty when it would."""

    def no(reason: Reason, message: str, fix: str) -> list[Finding]:
        return [Finding(Severity.ERROR, reason, path, message, fix)]

    kind = facts.value_type(node)
    if kind in (ValueType.MATRIX, ValueType.STRING):
        said = "samples of a range" if kind is ValueType.MATRIX else "a text"
        fix = "Put it into a function such as rate()."
        return no(Reason.INVALID_VALUE, f"The expression gives {said}, not values of now.", fix)
    gated = sorted((facts.functions(node) | facts.aggregations(node)) & GATED)
    if gated:
        message = f"{gated[0]} is known to a Prometheus with a feature flag only; others would refuse the whole file."
        return no(Reason.NOT_SUPPORTED, message, "Use a function that every Prometheus knows.")
    if any(isinstance(inner, Binary) and inner.fill is not None for inner in facts.walk(node)):
        return no(Reason.NOT_SUPPORTED, "fill() is known to newer versions of Prometheus only.", "Write `or` instead.")
    return []
