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
        grouped: whether the SLO has one budget per label set; then the figures are those of the worst group, and
            status counts the groups.
    """

    objective: Decimal
    grouped: bool
