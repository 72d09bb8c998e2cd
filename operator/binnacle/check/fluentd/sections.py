"""A configuration as Fluentd has read it: sections, their parameters, and the embedded Ruby that would have run."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from binnacle.errors import SpecError
from binnacle.targets.fluentd.elements import Element, Value
from binnacle.targets.fluentd.render import Embedded, embedded, plain


class FluentdSyntaxError(SpecError):
    """Text that Fluentd refuses to load; `message` is Fluentd's own.

    Attributes:
        file: name of the file, as given.
        line: 1-based, in that file; for JSON that does not end, where it begins.
    """

    def __init__(self, message: str, file: str, line: int):
        super().__init__(f"{message} at {file} line {line}", reason="FluentdSyntax")
        self.problem = message
        self.file = file
        self.line = line


@dataclass(frozen=True, slots=True)
class RubyCode:
    """Code between `#{` and `}` that Fluentd would run while it reads the file, in dry runs too."""

    code: str
    file: str = field(default="", compare=False)
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Computed:
    """A text that is known only when its Ruby has run."""

    parts: tuple[str | RubyCode, ...]

    def __str__(self) -> str:
        return "".join(part if isinstance(part, str) else f"#{{{part.code}}}" for part in self.parts)


Text = str | Computed


@dataclass(frozen=True, slots=True)
class Section:
    """A section as read. Of keys that are there twice the last is kept, as Fluentd does, at the place of the first.

    Attributes:
        name: empty for a section without one; `ROOT` for the root.
        argument: what follows the name; empty when nothing does.
        params: keys (those that Ruby computes as they were written) and values.
        sections: within it, in order.
        file: where it begins; not compared.
        line: where it begins; not compared.
    """

    name: str
    argument: Text = ""
    params: tuple[tuple[str, Text], ...] = ()
    sections: tuple["Section", ...] = ()
    file: str = field(default="", compare=False)
    line: int = field(default=0, compare=False)

    def get(self, key: str) -> Text | None:
        """Return the value of a parameter, or None."""
        return next((value for name, value in self.params if name == key), None)

    def all(self, name: str) -> tuple["Section", ...]:
        """Return the sections of one name directly within."""
        return tuple(section for section in self.sections if section.name == name)


@dataclass(frozen=True, slots=True)
class Parsed:
    """A configuration as read.

    Attributes:
        root: the section `ROOT`.
        ruby: every piece of embedded code, in order.
        warnings: what Fluentd would log while reading.
        included: names of the files that were included, in order.
        empty_includes: targets of `@include` that name no file: Fluentd says nothing.
        inner_includes: targets of `@include` that stand among the parameters of a section.
        duplicates: keys that are there more than once in a section, each as section, key and line of the later one.
    """

    root: Section
    ruby: tuple[RubyCode, ...] = ()
    warnings: tuple[str, ...] = ()
    included: tuple[str, ...] = ()
    empty_includes: tuple[str, ...] = ()
    inner_includes: tuple[str, ...] = ()
    duplicates: tuple[tuple[str, str, int], ...] = ()


def written(elements: Iterable[Element]) -> Section:
    """Return the root section that Fluentd must read from `render(elements)`: what the law of the round trip compares with."""
    return Section("ROOT", sections=tuple(_written(element) for element in elements))


def _written(element: Element) -> Section:
    return Section(
        element.name,
        element.argument,
        tuple((key, _written_value(value)) for key, value in element.params),
        tuple(_written(child) for child in element.children),
    )


def _written_value(value: Value) -> Text:
    return Computed((RubyCode(embedded(value)),)) if isinstance(value, Embedded) else plain(value)


def joined(parts: list[str | RubyCode]) -> Text:
    """Join a text; neighbouring strings become one."""
    if all(isinstance(part, str) for part in parts):
        return "".join(str(part) for part in parts)
    merged: list[str | RubyCode] = []
    for part in parts:
        if isinstance(part, str) and merged and isinstance(merged[-1], str):
            merged[-1] += part
        elif part != "":
            merged.append(part)
    return Computed(tuple(merged))
