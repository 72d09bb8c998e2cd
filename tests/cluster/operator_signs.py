"""What an operator shows of its troubles."""

from __future__ import annotations

from dataclasses import dataclass

from cluster.operator_world import Object


@dataclass(frozen=True)
class Signs:
    """What the operator shows of its troubles at one moment, beside what it showed before."""

    before: dict[str, float]
    metrics: dict[str, float]
    healthz: str
    readyz: str
    resources: tuple[Object | None, ...]
    """The one that something happens to, and one that nothing happens to."""

    def grown(self, name: str, *labels: str) -> float:
        """By how much the series of this name that have these labels have grown in all."""
        return sum(
            value - self.before.get(series, 0.0)
            for series, value in self.metrics.items()
            if series.partition("{")[0] == name and all(label in series for label in labels)
        )

    def slower(self, name: str, bound: str) -> float:
        """How many observations of a histogram were above a bound."""
        return self.grown(f"{name}_count") - self.grown(f"{name}_bucket", f'le="{bound}"')
