"""History: an expression over a long time, asked for piece by piece so that no answer is large."""

from collections.abc import Callable, Iterator
from typing import Final

from binnacle.observe.prometheus import Answered, Outcome, Prometheus, Row
from binnacle.promql.nodes import Node

POINTS: Final = 2000
"""Points of a series in one answer; a server allows 11,000."""


def pieces(start: int, end: int, step: int) -> Iterator[tuple[int, int]]:
    """Yield the first and the last moment of each piece from `start` to `end`, in Unix seconds."""
    while start <= end:
        last = min(start + (POINTS - 1) * step, end)
        yield start, last
        start = last + step


async def read_history(
    api: Prometheus,
    expression: Node,
    *,
    start: int,
    end: int,
    step: int,
    take: Callable[[Row], None],
    done: Callable[[], None],
) -> Outcome:
    """Evaluate `expression` at each `step` from `start` to `end`.

    Args:
        api: where.
        expression: what.
        start: the first moment, in Unix seconds.
        end: the last one, or just after it.
        step: seconds from one to the next.
        take: called with each element of each piece; one element comes once for each piece that has it.
        done: called after each piece.

    Returns:
        The first failure, or all warnings.
    """
    warnings: tuple[str, ...] = ()
    for first, last in pieces(start, end, step):
        outcome = await api.query_range(expression, start=first, end=last, step=step, take=take)
        if not isinstance(outcome, Answered):
            return outcome
        warnings += tuple(one for one in outcome.warnings if one not in warnings)
        done()
    return Answered(warnings)
