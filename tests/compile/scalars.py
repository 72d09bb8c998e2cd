"""PromQL about the time alone, evaluated: numbers, `time()`, comparisons, unions. For laws over many instants."""

from __future__ import annotations

import math
from collections.abc import Callable

from binnacle.promql.nodes import Aggregate, Binary, Call, Node, Number, Subquery

_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    ">=": lambda one, other: one >= other,
    "<": lambda one, other: one < other,
}
_ARITHMETIC: dict[str, Callable[[float, float], float]] = {
    "+": lambda one, other: one + other,
    "-": lambda one, other: one - other,
    "*": lambda one, other: one * other,
    "/": lambda one, other: one / other,
    "%": math.fmod,
}


def evaluate(node: Node, now: int) -> float | None:
    """The value of a scalar, or of the vector's only element; None for an empty vector. `now` in seconds."""
    match node:
        case Number():
            return node.value
        case Call("time", ()):
            return float(now)
        case Call("vector", (inner,)):
            return evaluate(inner, now)
        case Call("max_over_time", (Subquery(inner, int(reach), int(step)),)):
            last = now * 1000 // step * step
            # Left-open, as in Prometheus 3.
            instants = range(last, now * 1000 - reach, -step)
            found = [value for at in instants if (value := evaluate(inner, at // 1000)) is not None]
            return max(found, default=None)
        case Aggregate("group", inner):
            return None if evaluate(inner, now) is None else 1.0
        case Binary("or", one, other):
            value = evaluate(one, now)
            return evaluate(other, now) if value is None else value
        case Binary(op, one, other):
            left, right = evaluate(one, now), evaluate(other, now)
            if left is None or right is None:
                return None
            if op in _COMPARISONS:
                holds = _COMPARISONS[op](left, right)
                return float(holds) if node.return_bool else left if holds else None
            return _ARITHMETIC[op](left, right)
    raise ValueError(node)
