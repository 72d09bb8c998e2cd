"""A located finding: a finding together with the resource and the place in a file that it is about.

Compilers say what is wrong and in which field; only here is it known in which file the field stands.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from binnacle.api.findings import Finding, Severity
from binnacle.folder.document import Document
from binnacle.intent.refs import Key

NO_KEY = Key("", "", "")


@dataclass(frozen=True, slots=True)
class Located:
    """One finding with its place.

    Attributes:
        finding: what is wrong.
        key: the resource; parts are empty where they are not known (a file that is not YAML).
        file: as the reader names it; empty for a resource that came from no file.
        line: from 1; None where the whole file, or no file, is meant.
        column: from 1, in characters.
    """

    finding: Finding
    key: Key = NO_KEY
    file: str = ""
    line: int | None = None
    column: int | None = None

    def as_json(self) -> dict[str, Any]:
        """Give the finding as the command line prints it in JSON; every member is always there."""
        return {
            "severity": self.finding.severity.value,
            "reason": self.finding.reason.value,
            "kind": self.key.kind,
            "namespace": self.key.namespace,
            "name": self.key.name,
            "path": self.finding.path,
            "file": self.file,
            "line": self.line,
            "column": self.column,
            "message": self.finding.message,
            "fix": self.finding.fix,
        }


def locate(document: Document, findings: Iterable[Finding]) -> list[Located]:
    """Find where in its file each finding about a resource stands."""
    located = []
    for finding in findings:
        position = document.position(finding.path, finding.column)
        located.append(Located(finding, document.key, document.file, position.line, position.column))
    return located


def in_reading_order(findings: Iterable[Located]) -> list[Located]:
    """Sort by file and place; what has no place comes last in its file, and errors come first at the same place."""
    return sorted(
        findings,
        key=lambda item: (
            item.file,
            item.line is None,
            item.line or 0,
            item.column or 0,
            item.key,
            _WEIGHT[item.finding.severity],
            item.finding.reason,
            item.finding.path,
            item.finding.message,
        ),
    )


_WEIGHT = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.INFO: 2}
