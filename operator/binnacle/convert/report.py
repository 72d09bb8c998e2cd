"""The report of an import: what became of each field of the source, as values.

Nothing is dropped in silence: every leaf of a source document has an entry at its path or at one above it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from binnacle.api.findings import Finding, Severity
from binnacle.api.reasons import Reason


class Fate(StrEnum):
    """What became of a field."""

    CARRIED = "carried"
    """It means here what it meant there."""
    CHANGED = "changed"
    """It is here in another form, or with another meaning; the message says how."""
    LOST = "lost"
    """There is nothing here that it could become; the message says why."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What became of one field.

    Attributes:
        fate: carried, changed or lost.
        finding: its path is that of the field in the source document, as in any finding; an error means that the whole SLO
            could not be carried over.
        target: field of ours that it became; empty where there is none.
    """

    fate: Fate
    finding: Finding
    target: str = ""


@dataclass(slots=True)
class Part:
    """One SLO of the source, or what several of them share.

    Attributes:
        source: index of the document among those given.
        path: where the SLO is in the document; empty when it is the document.
        title: what it is called there, for people: `checkout/availability`.
        entries: what became of its fields.
        draft: what comes of it; None for what is no SLO or could not be carried over.
    """

    source: int
    path: str = ""
    title: str = ""
    entries: list[Entry] = field(default_factory=list)
    draft: "Draft | None" = None

    def carried(self, path: str, target: str, message: str = "") -> None:
        """Note a field that means the same here."""
        said = message or (f"It is {target} now." if target else "It was used to read the rest.")
        finding = Finding(Severity.INFO, Reason.CARRIED_OVER, path, said)
        self.entries.append(Entry(Fate.CARRIED, finding, target))

    def changed(
        self, path: str, target: str, message: str, *, severity: Severity = Severity.INFO, fix: str = ""
    ) -> None:
        """Note a field that is here in another form; a warning where figures, alerts or their routing may differ."""
        self.entries.append(
            Entry(Fate.CHANGED, Finding(severity, Reason.CHANGED_BY_IMPORT, path, message, fix), target)
        )

    def lost(
        self,
        path: str,
        message: str,
        *,
        severity: Severity = Severity.WARNING,
        fix: str = "",
        reason: Reason = Reason.NOT_CARRIED_OVER,
    ) -> None:
        """Note a field that nothing comes of."""
        self.entries.append(Entry(Fate.LOST, Finding(severity, reason, path, message, fix)))

    def refuse(self, path: str, message: str, fix: str, reason: Reason = Reason.INVALID_VALUE) -> None:
        """Note why the whole SLO cannot be carried over."""
        self.lost(path, message, severity=Severity.ERROR, fix=fix, reason=reason)

    @property
    def refused(self) -> bool:
        """Whether something in it keeps it from being carried over."""
        return any(entry.finding.severity is Severity.ERROR for entry in self.entries)


@dataclass(slots=True)
class Draft:
    """An SLO of ours while it is put together.

    Attributes:
        identity: who it is in the source; two of the same identity are duplicates there.
        name: a DNS label.
        namespace: None where the source names none.
        spec: fields of ours by their YAML names.
    """

    identity: tuple[str, ...]
    name: str
    namespace: str | None
    spec: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Imported:
    """The outcome of an import.

    Attributes:
        parts: what was found in the source, in its order.
        resources: part -> the resource that came of it, as a plain object with its fields in reading order.
    """

    parts: tuple[Part, ...]
    resources: Mapping[int, Mapping[str, Any]]
