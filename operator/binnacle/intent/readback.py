"""What is to be read back from a backend once it has taken a resource's rules."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

READBACK_FIELDS: Mapping[str, tuple[str, ...]] = {"SLO": ("sli", "budgetRemaining", "burnRate", "groups")}
"""Kind -> the status fields that observation fills, and that are carried over until they are observed again."""


@dataclass(frozen=True, slots=True)
class SLOReadback:
    """The figures of an SLO that status shows.

    Attributes:
        objective: the target as a ratio, `Decimal("0.999")`.
        group_by: the labels that make the groups, one budget for each combination of their values; then the figures
            are those of the worst group, and status counts the groups. Empty for an SLO with one budget.
    """

    objective: Decimal
    group_by: tuple[str, ...] = ()
