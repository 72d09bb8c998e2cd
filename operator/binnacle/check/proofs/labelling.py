"""Labels that a selector takes, and labels that it does not: what test series need to be found, or to be passed over."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import re2

from binnacle.promql.nodes import Matcher, MatchOp, Selector

_USUAL: Final = ("", "other", "x", "a", "0", "1", "200", "500", "/", "/a/b", "GET")
"""Values that are tried where a selector only says what a value is not."""
_CLASSES: Final = {"d": "0", "D": "a", "w": "a", "W": "-", "s": " ", "S": "a", "n": "\n", "t": "\t"}
_NOTHING: Final = frozenset("bBAzZQE")
_QUANTIFIERS: Final = "*+?{"


def labels_for(
    matchers: Iterable[Matcher], *, against: Sequence[Matcher] = (), given: Mapping[str, str] | None = None
) -> dict[str, str] | None:
    """Return labels that `matchers` take and at least one of `against` does not, or None when none were found.

    Args:
        matchers: all of them must hold.
        against: one of them must not hold; empty: that is not asked for.
        given: labels that are set already.
    """
    wanted = [(matcher, True) for matcher in matchers]
    if not against:
        return _solved(wanted, given or {})
    for matcher in against:
        found = _solved([*wanted, (matcher, False)], given or {})
        if found is not None:
            return found
    return None


def takes(selector: Selector, labels: Mapping[str, str]) -> bool:
    """Say whether a selector takes a series of its metric with these labels."""
    return all(_holds(matcher, labels.get(matcher.name, "")) for matcher in selector.matchers)


def passed_over(selectors: Sequence[Selector], given: Mapping[str, str]) -> Iterator[tuple[Selector, dict[str, str]]]:
    """Yield labels of series that no selector takes, with the one that would but for a single matcher; as many as can be found.

    Args:
        selectors: what is read.
        given: labels that are set already, but for the one that such a matcher is about.
    """
    for selector in selectors:
        same = [one for one in selectors if one.name == selector.name]
        for matcher in selector.matchers:
            others = [one for one in selector.matchers if one is not matcher]
            labels = labels_for(others, against=[matcher], given={} if matcher.name in given else given)
            if labels is not None and not any(takes(one, labels) for one in same):
                yield selector, labels


def _solved(wanted: Iterable[tuple[Matcher, bool]], given: Mapping[str, str]) -> dict[str, str] | None:
    by_label: dict[str, list[tuple[Matcher, bool]]] = {}
    for matcher, holds in wanted:
        by_label.setdefault(matcher.name, []).append((matcher, holds))
    labels = dict(given)
    for name, conditions in by_label.items():
        values = (given[name],) if name in given else _candidates(conditions)
        value = next((one for one in values if all(_holds(m, one) is holds for m, holds in conditions)), None)
        if value is None:
            return None
        labels[name] = value
    return {name: value for name, value in labels.items() if value}


def _candidates(conditions: Iterable[tuple[Matcher, bool]]) -> Iterable[str]:
    for matcher, _ in conditions:
        if matcher.op in (MatchOp.EQUAL, MatchOp.NOT_EQUAL):
            yield matcher.value
        else:
            yield from _samples(matcher.value)
    yield from _USUAL


def _holds(matcher: Matcher, value: str) -> bool:
    match matcher.op:
        case MatchOp.EQUAL:
            return value == matcher.value
        case MatchOp.NOT_EQUAL:
            return value != matcher.value
        case MatchOp.REGEX:
            return bool(re2.fullmatch(f"(?:{matcher.value})", value))
        case MatchOp.NOT_REGEX:
            return not re2.fullmatch(f"(?:{matcher.value})", value)


def _samples(pattern: str) -> Iterable[str]:
    """Yield texts that a regular expression may take; whoever uses one must ask the engine."""
    try:
        reader = _Reader(pattern)
        while reader.at < len(pattern):
            yield reader.alternative()
            reader.at += 1
    except (IndexError, ValueError):
        return


class _Reader:
    """Reads a regular expression once from the left and writes down the shortest text of each alternative."""

    def __init__(self, pattern: str):
        self.pattern = pattern
        self.at = 0

    def alternative(self) -> str:
        written = ""
        while self.at < len(self.pattern) and self.pattern[self.at] not in "|)":
            atom = self._atom()
            written += atom * self._least()
        return written

    def _atom(self) -> str:
        character = self.pattern[self.at]
        self.at += 1
        if character == "(":
            return self._group()
        if character == "[":
            return self._one_of()
        if character == "\\":
            return self._escape()
        if character in "^$":
            return ""
        return "a" if character == "." else character

    def _group(self) -> str:
        if self.pattern.startswith("?", self.at):
            end = min(self.pattern.index(mark, self.at) for mark in ":)>" if mark in self.pattern[self.at :])
            closed = self.pattern[end] == ")"
            self.at = end + 1
            if closed:
                return ""
        first = self.alternative()
        while self.pattern[self.at] == "|":
            self.at += 1
            self.alternative()
        self.at += 1
        return first

    def _one_of(self) -> str:
        start = self.at - 1
        inverse = self.pattern[self.at] == "^"
        self.at = self.pattern.index("]", self.at + 1 + inverse) + 1
        members = self.pattern[start : self.at]
        found: str = next(one for one in ("0", "a", "A", "-", "/", "_", " ", *members) if re2.fullmatch(members, one))
        return found

    def _escape(self) -> str:
        character = self.pattern[self.at]
        self.at += 1
        return "" if character in _NOTHING else _CLASSES.get(character, character)

    def _least(self) -> int:
        if self.at >= len(self.pattern) or self.pattern[self.at] not in _QUANTIFIERS:
            return 1
        mark = self.pattern[self.at]
        self.at += 1
        least = 1 if mark == "+" else 0
        if mark == "{":
            end = self.pattern.index("}", self.at)
            least = int(self.pattern[self.at : end].partition(",")[0])
            self.at = end + 1
        if self.pattern.startswith("?", self.at):
            self.at += 1
        return min(least, 64)
