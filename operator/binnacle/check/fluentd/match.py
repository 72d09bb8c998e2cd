"""Which tags a pattern means, and the way an event takes: through which filters, into which output.

Pinned to 4,025 answers about patterns and 21 configurations (tests/data/fluentd/match.json).
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from binnacle.check.fluentd.sections import Computed, Section
from binnacle.compile.onigmo.dialect import Regexp, problem

_BLANK: Final = re.compile(r"[ \t\n\v\f\r]+")
_MOST_CHOICES: Final = 100
"""Braces within braces."""
_CATCH_ALL: Final = frozenset({"**", "***"})


class PatternError(ValueError):
    """A pattern that Fluentd refuses to load; the message is Fluentd's."""


@dataclass(frozen=True, slots=True)
class Matcher:
    """The argument of a `<match>` or `<filter>`: alternatives between blanks; no argument at all means every tag."""

    patterns: tuple[str, ...]
    alternatives: tuple[Callable[[str], bool], ...]

    def matches(self, tag: str) -> bool:
        """Whether an event with this tag is meant."""
        return any(alternative(tag) for alternative in self.alternatives)


def matcher(argument: str) -> Matcher:
    """Read the argument of a `<match>` or `<filter>`, after its quotes are gone.

    Raises:
        PatternError: a regular expression that does not end, or that Ruby refuses.
    """
    # Blanks at the beginning leave an empty pattern in front, those at the end leave nothing.
    parts = _BLANK.split(argument)
    while parts and not parts[-1]:
        parts.pop()
    return Matcher(tuple(parts), tuple(_alternative(part) for part in parts))


@dataclass(frozen=True, slots=True)
class Way:
    """The way of an event: the filters that run, in order, and the output that gets it, or None when it is dropped."""

    filters: tuple[Section, ...]
    output: Section | None


def way(root: Section, tag: str) -> Way:
    """Return the way of an event with this tag through the filters and outputs directly below `root` or a `<label>`."""
    filters: list[Section] = []
    for section in routed(root):
        if not section_matcher(section).matches(tag):
            continue
        if section.name == "match":
            return Way(tuple(filters), section)
        filters.append(section)
    return Way(tuple(filters), None)


def routed(root: Section) -> Iterator[Section]:
    """Return the filters and outputs of a root or label in the order of routing: those of `<worker>` come last."""
    for section in root.sections:
        if section.name in ("match", "filter"):
            yield section
    for worker in root.all("worker"):
        yield from routed(worker)


def section_matcher(section: Section) -> Matcher:
    """Return what a filter or output matches; an argument that Ruby computes matches nothing that is known.

    Raises:
        PatternError: as `matcher`.
    """
    if isinstance(section.argument, Computed):
        return Matcher((str(section.argument),), ())
    return matcher(section.argument or "**")


def covers(wider: Matcher, narrower: Matcher) -> bool:
    """Whether every tag of `narrower` is surely one of `wider`; False when that is not certain.

    Decided by patterns without braces and regular expressions: an alternative is covered by `**`, by itself, and by
    `head.**` when it begins with that head.
    """
    return bool(narrower.alternatives and wider.alternatives) and all(
        any(_covers(wide, narrow) for wide in wider.patterns) for narrow in narrower.patterns
    )


def _covers(wide: str, narrow: str) -> bool:
    if wide in _CATCH_ALL or wide == narrow:
        return True
    head = wide.removesuffix(".**")
    if head == wide or _has_special(head) or narrow.startswith("/"):
        return False
    return narrow == head or (narrow.startswith(f"{head}.") and "{" not in narrow)


def _has_special(text: str) -> bool:
    return any(character in text for character in "*{}/\\")


def _alternative(pattern: str) -> Callable[[str], bool]:
    if pattern.startswith("/"):
        return _regular(pattern)
    if pattern == "**":
        return lambda _tag: True
    return _glob(pattern)


def _regular(pattern: str) -> Callable[[str], bool]:
    if not pattern.endswith("/"):
        raise PatternError("invalid match - regex")
    source = f"\\A{pattern[1:-1]}\\Z"
    wrong = problem(source)
    if wrong:
        raise PatternError(f"{wrong}: /{source}/")
    compiled = Regexp(source).compiled()
    return lambda tag: compiled.search(tag) is not None


def _glob(pattern: str) -> Callable[[str], bool]:
    expression = re.compile(rf"\A(?:{_expression(pattern)})(?=\n?\Z)", re.DOTALL)
    return lambda tag: expression.search(tag) is not None


def _expression(pattern: str) -> str:
    """Spell a glob as a regular expression. A dot waits for what follows it, because `a.**` means `a` too."""
    levels: list[list[str]] = [[""]]
    waiting = False
    at = 0
    while at < len(pattern):
        character = pattern[at]
        if pattern.startswith("**", at):
            levels[-1][-1] += r"(?![^.])" if waiting else ""
            waiting = False
            leads = pattern.startswith(".", at + 2)
            levels[-1][-1] += r"(?:[^\n]*\.|\A)" if leads else r"[^\n]*"
            at += 3 if leads else 2
            continue
        if waiting:
            levels[-1][-1] += r"\."
            waiting = False
        if character == "\\" and at + 1 < len(pattern):
            at += 1
            levels[-1][-1] += re.escape(pattern[at])
        elif character == ".":
            waiting = True
        elif character == "*":
            levels[-1][-1] += r"[^.]*"
        elif character == "{" and len(levels) < _MOST_CHOICES:
            levels.append([""])
        elif character in "},":
            _in_braces(character, levels)
        elif character != "\\":
            levels[-1][-1] += re.escape(character)
        at += 1
    while len(levels) > 1:
        _in_braces("}", levels)
    return levels[0][0]


def _in_braces(character: str, levels: list[list[str]]) -> None:
    """Take a comma or a closing brace; outside of braces they stand for themselves."""
    if len(levels) == 1:
        levels[0][0] += re.escape(character)
    elif character == ",":
        levels[-1].append("")
    else:
        choices = levels.pop()
        levels[-1][-1] += "(?:" + "|".join(choices) + ")"
