"""A finding: one thing wrong or worth knowing about a resource, as a value.

Compilers, lints and proofs collect findings and never raise or log them. Which resource and which file a finding is
about is added at the edges (`Located`), because a compiler does not know about files.
"""

from dataclasses import dataclass
from enum import StrEnum

from binnacle.api.reasons import Reason


class Severity(StrEnum):
    """How much a finding weighs; only `error` quarantines an item or fails a command."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding about one resource.

    Attributes:
        severity: `error` means the item at `path` was left out of the output.
        reason: machine-readable cause, documented in docs/reasons.md.
        path: field path in dotted form, list-map items by name: `spec.alerting.burnRates[fast].long`.
        message: one sentence for the person who wrote the resource.
        fix: what to change; empty when nothing need be done.
        column: 1-based column inside the field's own text (PromQL), where there is one.
        awaited: it says no more than that another resource is not there (yet), so that in another order of applying it would
            not have been found.
    """

    severity: Severity
    reason: Reason
    path: str
    message: str
    fix: str = ""
    column: int | None = None
    awaited: bool = False

    def __lt__(self, other: "Finding") -> bool:
        """Errors first, then by path: a stable order, so that the same findings give the same status."""
        return _sort_key(self) < _sort_key(other)


_WEIGHT = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.INFO: 2}


def _sort_key(finding: Finding) -> tuple[int, str, str, str]:
    return (_WEIGHT[finding.severity], finding.path, finding.reason, finding.message)


def printable(text: str) -> str:
    """Make what a terminal would obey, or could not print, visible instead."""
    return "".join(
        char if char.isprintable() else repr(char)[1:-1] if not char.isspace() else " " for char in text.strip("\n")
    )
