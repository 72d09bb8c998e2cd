"""Sections with the way to them: what rules look at, and how a finding says where it is."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from binnacle.api.findings import Finding, Severity
from binnacle.api.reasons import Reason
from binnacle.check.fluentd.sections import Parsed, Section


@dataclass(frozen=True, slots=True)
class Place:
    """A section and those around it, the root first.

    Attributes:
        section: the section.
        parents: around it, outermost first; empty for the root.
        path: `label[@lp.shop.checkout].filter[lp.shop.checkout.stage.mask]`: each by its `@id`, else by its argument.
    """

    section: Section
    parents: tuple[Section, ...] = ()
    path: str = ""

    @property
    def kind(self) -> str:
        """The plugin's type; empty when there is none or Ruby computes it."""
        return text(self.section, "@type")

    @property
    def parent(self) -> Section | None:
        """The section around this one."""
        return self.parents[-1] if self.parents else None

    def finding(self, severity: Severity, reason: Reason, message: str, *, key: str = "", fix: str = "") -> Finding:
        """Return a finding about this section, or about one of its parameters."""
        path = ".".join(part for part in (self.path, key) if part)
        where = f" (line {self.section.line})" if self.section.line else ""
        return Finding(severity, reason, path, message + where, fix)


@dataclass(frozen=True, slots=True)
class Config:
    """What a rule is given.

    Attributes:
        parsed: the configuration.
        places: every section, the root first, each before those within it.
        whole: whether this is all that Fluentd loads; of a part, sources, outputs and labels may be elsewhere.
        trusted: embedded code, and values with code in them, that are the program's own.
        roots: folders within which paths must stay; empty when any will do.
    """

    parsed: Parsed
    places: tuple[Place, ...]
    whole: bool = True
    trusted: Collection[str] = field(default_factory=frozenset)
    roots: tuple[str, ...] = ()

    def named(self, *names: str) -> Iterator[Place]:
        """Return the places whose section has one of these names."""
        return (place for place in self.places if place.section.name in names)


def words(listed: str) -> frozenset[str]:
    """Return the words of a text as a set."""
    return frozenset(listed.split())


def text(section: Section, key: str) -> str:
    """Return a parameter's text; empty when it is absent or Ruby computes it."""
    value = section.get(key)
    return value if isinstance(value, str) else ""


def places(root: Section) -> Iterator[Place]:
    """Return every section with the way to it, the root first."""
    return _below(Place(root))


def _below(place: Place) -> Iterator[Place]:
    yield place
    for section in place.section.sections:
        name = text(section, "@id") or str(section.argument)
        step = f"{section.name}[{name}]" if name else section.name
        yield from _below(Place(section, (*place.parents, place.section), f"{place.path}.{step}".lstrip(".")))
