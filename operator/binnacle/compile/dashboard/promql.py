"""What is wrong with the PromQL of a panel, or worth knowing about it."""

from collections.abc import Iterator
from typing import Final

from binnacle.api.findings import Finding, Severity
from binnacle.api.reasons import Reason
from binnacle.compile.contract import Contract
from binnacle.compile.dashboard.references import Scope
from binnacle.promql import PromQLError, facts, parse
from binnacle.promql.facts import ValueType
from binnacle.promql.lexer import tokenize
from binnacle.promql.nodes import Aggregate, Call, Node, Range, Selector, Variable, children

_RATES: Final = frozenset({"rate", "irate"})
_COUNTS_SERIES: Final = frozenset({"absent", "timestamp", "count", "group", "count_values"})
"""Functions and aggregations that do not look at a counter's value."""
_GROWING: Final = ("_total", "_bucket")
"""Endings of the names of counters; those of `_sum` and `_count` may be gauges too."""
_SHORT_RANGE: Final = Variable("$__interval")


def findings(text: str, path: str, scope: Scope, contract: Contract) -> list[Finding]:
    """Return what there is to say of a query; with an error among it the query cannot be used."""
    try:
        node = parse(text, variables=True)
    except PromQLError as error:
        return [Finding(Severity.ERROR, Reason(error.reason), path, error.message, error.fix, error.column)]
    found = scope.findings(tokenize(text), path)
    kind = facts.value_type(node)
    if kind in (ValueType.MATRIX, ValueType.STRING):
        what = "the samples of a range" if kind is ValueType.MATRIX else "a text"
        fix = "Put a function such as rate around it." if kind is ValueType.MATRIX else "Write an expression."
        found.append(
            Finding(Severity.ERROR, Reason.INVALID_VALUE, path, f"The result is {what}, which no panel shows.", fix)
        )
    found += [_warning(reason, path, message, fix) for reason, message, fix in dict.fromkeys(_habits(node))]
    return [*found, *contract.fence.findings(node, path), *contract.findings(node, path)]


def _warning(reason: Reason, path: str, message: str, fix: str) -> Finding:
    return Finding(Severity.WARNING, reason, path, message, fix)


def _habits(node: Node, above: str = "") -> Iterator[tuple[Reason, str, str]]:
    """Yield what looks like a mistake: reason, message, fix.

    Args:
        node: the tree.
        above: the function or aggregation that it is directly in.
    """
    match node:
        case Range(selector, range_) if above in _RATES and (isinstance(range_, int) or range_ == _SHORT_RANGE):
            said = "a fixed range" if isinstance(range_, int) else "$__interval"
            yield (
                Reason.FIXED_RANGE,
                f"{above}({selector.name or '...'}) looks at {said}: zoomed out it misses samples, zoomed in it may find none.",
                "Write [$__rate_interval].",
            )
        case Selector(name=name) if name and name.endswith(_GROWING) and above not in _COUNTS_SERIES:
            yield (
                Reason.COUNTER_WITHOUT_RATE,
                f"{name} is a counter by its name: it only ever grows, until it starts again at 0.",
                f"Write rate({name}[$__rate_interval]), or increase.",
            )
        case Range():
            pass
        case Call(func=name) | Aggregate(op=name):
            for child in children(node):
                yield from _habits(child, name)
        case _:
            for child in children(node):
                yield from _habits(child)
