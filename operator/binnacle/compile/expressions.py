"""PromQL that a person wrote for a rule: read, and refused where a Prometheus would not take the rule."""

from collections.abc import Iterable
from typing import Final

from binnacle.api.findings import Finding, Severity
from binnacle.api.reasons import Reason
from binnacle.compile.fence import OPEN, Fence
from binnacle.errors import SpecError
from binnacle.promql import PromQLError, facts, parse, to_text
from binnacle.promql.build import bare_selector
from binnacle.promql.facts import ValueType
from binnacle.promql.lexer import Kind, tokenize
from binnacle.promql.nodes import Binary, Node, Selector
from binnacle.promql.sentinels import WINDOW, with_window

GATED: Final = frozenset(
    {"limitk", "limit_ratio", "mad_over_time", "sort_by_label", "sort_by_label_desc", "double_exponential_smoothing"}
    | {"info", "ts_of_min_over_time", "ts_of_max_over_time", "ts_of_last_over_time", "ts_of_first_over_time"}
    | {"first_over_time", "step", "histogram_quantiles", "start", "end", "range", "min_of", "max_of"}
)
"""Functions and aggregations that a Prometheus knows only behind a feature flag, and that its parser else refuses."""


def read(text: str, path: str, fence: Fence = OPEN) -> tuple[Node | None, list[Finding]]:
    """Return the expression of a rule, fenced, or None and why it is none."""
    try:
        node = parse(text)
    except SpecError as error:
        return None, [Finding(Severity.ERROR, Reason(error.reason), path, error.message, error.fix, error.column)]
    return _fenced(node, path, fence)


def read_windowed(text: str, path: str, fence: Fence = OPEN) -> tuple[Node | None, list[Finding]]:
    """Return an expression in which `[$window]` may stand for a range, fenced, or None and why it is none."""
    try:
        for token in tokenize(text):
            if token.kind is Kind.VARIABLE and token.text != WINDOW.text:
                raise PromQLError(
                    f"The variable {token.text} is not available here.",
                    column=token.column,
                    fix="Write [$window] for a range, and the value itself elsewhere.",
                )
        node = parse(text, variables=True)
        # A label or a metric cannot be a range: what is left of the variable then is part of a name.
        if WINDOW.text in to_text(with_window(node, 1)):
            raise PromQLError("$window stands for a range.", fix="Write it within square brackets: x[$window].")
    except SpecError as error:
        return None, [Finding(Severity.ERROR, Reason(error.reason), path, error.message, error.fix, error.column)]
    return _fenced(node, path, fence)


def read_selector(text: str, path: str, fence: Fence = OPEN) -> tuple[Selector | None, list[Finding]]:
    """Return a bare selector (`build.bare_selector`), fenced, or None and why it is none."""
    try:
        selector = bare_selector(text)
    except SpecError as error:
        return None, [Finding(Severity.ERROR, Reason(error.reason), path, error.message, error.fix, error.column)]
    return fence.selector(selector), fence.findings(selector, path)


def _fenced(node: Node, path: str, fence: Fence) -> tuple[Node | None, list[Finding]]:
    findings = [*unusable(node, path), *fence.findings(node, path)]
    refused = any(one.severity is Severity.ERROR for one in findings)
    return None if refused else fence.around(node), findings


def labels_lacking(node: Node, groups: Iterable[str]) -> tuple[str, ...]:
    """Return the labels of `groups` that no element of the expression can have."""
    wanted = tuple(groups)
    if not wanted:
        return ()
    kept = facts.labels_kept(node)
    return tuple(name for name in wanted if name not in kept)


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
