"""A redact stage in Python: the texts of a record without what is private, as the Ruby of the stage leaves them."""

import hashlib
import math
import re
from collections.abc import Callable, Iterator
from typing import Any, Final

import onigurumacffi

from binnacle.check.fluentd import rubyjson
from binnacle.compile.onigmo.dialect import Regexp

Record = dict[str, Any]
_SIGN: Final = re.compile("[^0-9A-Za-z]")
_HASHED: Final = str.maketrans("0123456789abcdef", "ghijklmnopqrstuv")


def text(value: Any) -> str:
    """Return the text of a value as Ruby writes it, always valid."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return rubyjson.ruby_text(_decoded(value))


def _decoded(value: Any) -> Any:
    match value:
        case bytes():
            return value.decode("utf-8", "replace")
        case list():
            return [_decoded(item) for item in value]
        case dict():
            return {key: _decoded(inner) for key, inner in value.items()}
        case _:
            return value


class Redaction:
    """One redact stage: its patterns and keys, compiled.

    No file is read here: the path of the salt stands for the salt, so hashes are as steady as the real ones and others.

    Args:
        data: of the program `redact`.
    """

    def __init__(self, data: Any):
        patterns, keys, self.salt, self.largest, self.deepest = data
        self.patterns = [
            (Regexp(regex).compiled(), holder, check, action, longest)
            for regex, holder, check, action, longest in patterns
        ]
        self.keys = [([_folded(part) for part in path], action) for path, action in keys]

    def record(self, record: Record) -> Record:
        """Return the record without anything private.

        Raises:
            ValueError: too large or too deep to be looked at.
        """
        return self._walked_fields(record, [], 0, [self.largest])

    def _cleaned(self, line: str) -> str:
        for pattern, placeholder, check, action, longest in self.patterns:
            if longest and len(line) > longest:
                raise ValueError("too long")
            line = _substituted(pattern, line, lambda found: self._instead(found, placeholder, action), _CHECKS[check])  # noqa: B023 - called at once
        return line

    def _instead(self, found: str, placeholder: str, action: str) -> str:
        if action == "Mask":
            return placeholder
        if action != "Hash":
            return ""
        digest = hashlib.sha256((self.salt + found).encode()).hexdigest()[:16]
        return f"{placeholder.removesuffix(']')}:{digest.translate(_HASHED)}]"

    def _spend(self, left: list[int], size: int) -> None:
        left[0] -= size
        if left[0] < 0:
            raise ValueError("too large")

    def _walked(self, value: Any, path: list[str], depth: int, left: list[int]) -> Any:
        if depth > self.deepest:
            raise ValueError("too deep")
        match value:
            case None | bool():
                return value
            case int() | float():
                finite = isinstance(value, int) or math.isfinite(value)
                # Ruby writes whole floats of sixteen digits with an exponent, where a card's number could hide.
                line = str(int(value)) if finite and value == int(value) and abs(value) < 1e18 else text(value)
                masked = self._cleaned(line)
                return value if masked == line and finite else masked
            case list():
                made = []
                for item in value:
                    self._spend(left, 1)
                    made.append(self._walked(item, path, depth + 1, left))
                return made
            case dict():
                return self._walked_fields(value, path, depth, left)
            case _:
                line = text(value)
                self._spend(left, len(line.encode()))
                return self._cleaned(line)

    def _walked_fields(self, value: Record, path: list[str], depth: int, left: list[int]) -> Record:
        made: Record = {}
        for key, inner in value.items():
            self._spend(left, len(text(key).encode()) + 1)
            here = [*path, _folded(key)]
            action = next((action for pattern, action in self.keys if _fits(pattern, here)), "")
            if action == "Drop":
                continue
            name = plain = self._cleaned(text(key))
            number = 1
            while name in made:
                number += 1
                name = f"{plain} {number}"
            if action:
                made[name] = self._instead(
                    text(inner), "[PRIVATE]", "Mask" if isinstance(inner, dict | list) else action
                )
            else:
                made[name] = self._walked(inner, here, depth + 1, left)
        return made


def _substituted(
    pattern: "onigurumacffi._Pattern", line: str, instead: Callable[[str], str], check: Callable[[str], int] | None
) -> str:
    """Return a line without its finds. Where a part of a find stays, the next may begin in it: so the line is looked through again."""
    again = True

    def replaced(found: str) -> str:
        nonlocal again
        size = len(found) if check is None else check(found)
        again = again or 0 < size < len(found)
        return instead(found[:size]) + found[size:] if size or check is None else found

    while again:
        again = False
        match = pattern.search(line)
        if match is None:
            return line
        line = "".join(_pieces(pattern, line, match, replaced))
    return line


def _pieces(
    pattern: "onigurumacffi._Pattern",
    line: str,
    match: "onigurumacffi._Match | None",
    replaced: Callable[[str], str],
) -> Iterator[str]:
    done = 0
    while match is not None:
        start, end = match.span()
        yield line[done:start]
        yield replaced(line[start:end])
        done = end
        if end == start:
            yield line[end : end + 1]
            done = end + 1
        match = pattern.search(line, done) if done <= len(line) else None
    yield line[done:]


def _folded(key: Any) -> str:
    return text(key).lower().replace("-", "").replace("_", "")


def _fits(pattern: list[str], path: list[str]) -> bool:
    if len(pattern) == 1:
        return path[-1] == pattern[0]
    below = pattern[-1] == "**"
    fixed = pattern[:-1] if below else pattern
    if not (len(path) > len(fixed) if below else len(path) == len(fixed)):
        return False
    return all(part in ("*", here) for part, here in zip(fixed, path, strict=False))


def _luhn(line: str) -> bool:
    digits = [int(digit) for digit in reversed(line)]
    doubled = [sum(divmod(digit * 2, 10)) if at % 2 else digit for at, digit in enumerate(digits)]
    return sum(doubled) % 10 == 0


def _iban(line: str) -> bool:
    return int("".join(str(int(one, 36)) for one in line[4:] + line[:4])) % 97 == 1


def _checked(found: str, check: Callable[[str], bool], least: int) -> int:
    """Return how many characters of a find add up, from its beginning to one of its groups' ends; 0 for none.

    What follows a number may look like one more group of it (`be68 5390 0754 7034 paid`).
    """
    ends = [*_SIGN.finditer(found)]
    for size in (len(found), *(end.start() for end in reversed(ends))):
        line = _SIGN.sub("", found[:size])
        if len(line) >= least and check(line):
            return size
    return 0


_CHECKS: Final[dict[str, Callable[[str], int] | None]] = {
    "": None,
    "luhn": lambda found: _checked(found, _luhn, 14),
    "iban": lambda found: _checked(found, _iban, 15),
}
