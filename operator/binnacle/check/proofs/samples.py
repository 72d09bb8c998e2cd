"""How promtool's test files write series and their samples."""

from collections.abc import Mapping

from binnacle.promql import to_text
from binnacle.promql.build import eq
from binnacle.promql.nodes import Selector


def of(name: str, labels: Mapping[str, str]) -> Selector:
    """Select the series of a name that have these labels."""
    return Selector(name, tuple(eq(*pair) for pair in sorted(labels.items())))


def spelled(name: str, labels: Mapping[str, str]) -> str:
    """Return a series."""
    return to_text(of(name, labels))


def sample(value: float) -> str:
    """Return a sample as promtool reads it."""
    text = f"{value:.18f}".rstrip("0").rstrip(".")
    return "0" if text in ("", "-0") else text


def run(first: float, step: float, samples: int) -> str:
    """Return so many samples, each `step` more than the one before."""
    if samples == 1:
        return sample(first)
    return f"{sample(first)}{'-' if step < 0 else '+'}{sample(abs(step))}x{samples - 1}"


def gap(samples: int, first: str) -> list[str]:
    """Return so many samples that are missing; the first is `_`, or `stale` where the series ends."""
    rest = [f"_x{samples - 1}"] if samples > 1 else []
    return [first, *rest]
