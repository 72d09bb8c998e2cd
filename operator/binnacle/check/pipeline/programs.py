"""The programs of the stages in Python: what `targets.fluentd.stages.runtime` does in Ruby, operation by operation.

Records are Python values; a text that is not valid UTF-8 is `bytes`. A program changes its record in place, as the Ruby does.
"""

import calendar
import hashlib
import math
import re
from collections.abc import Callable, Iterator
from typing import Any, Final

import onigurumacffi

from binnacle.check.fluentd import rubyjson
from binnacle.check.fluentd.regexp import Regexp
from binnacle.targets.fluentd.stages.program import TIME, Program
from binnacle.targets.fluentd.stages.runtime import FAILED, REASONS

Record = dict[str, Any]
Moment = tuple[int, int]
"""Time of an event: seconds and nanoseconds."""
Operation = Callable[[str, Moment, Record], str]

_WORDS: Final = re.compile(r'([^\s="]+)(=)?(?:"((?:[^"\\]|\\.)*)"|([^\s"]*))', re.ASCII)
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)
_INTEGER: Final = re.compile(r"\s*[+-]?[0-9]{1,18}\s*", re.ASCII)
_FLOAT: Final = re.compile(r"\s*[+-]?[0-9]{1,18}(?:\.[0-9]{1,18})?(?:[eE][+-]?[0-9]{1,2})?\s*", re.ASCII)
_EPOCH: Final = re.compile(r"([0-9]{1,19})(?:\.([0-9]{1,9})[0-9]*)?")
_DATE: Final = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt ]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:[.,]([0-9]{1,9})[0-9]*)? ?"
    r"(?:[Zz]|([+-])([0-9]{2}):?([0-9]{2}))?"
)
_SCALES: Final = ((100_000_000_000, 1_000_000_000), (100_000_000_000_000, 1_000_000), (100_000_000_000_000_000, 1_000))
_HASHED: Final = str.maketrans("0123456789abcdef", "ghijklmnopqrstuv")


class ProgramError(Exception):
    """A record that a program could not do its work on; a stub stands in its place."""


def operation(program: Program) -> Operation:
    """Return what a program does to one record: it changes the record and returns its mark.

    The function raises ProgramError when the record could not be dealt with, after a stub has taken its place.
    """
    made = _OPERATIONS[program.operation](program.data)
    reason = REASONS.get(program.operation, FAILED)

    def guarded(tag: str, time: Moment, record: Record) -> str:
        try:
            return made(tag, time, record)
        except (ValueError, TypeError, RecursionError, ArithmeticError) as error:
            size = len(text(record).encode())
            _replace(record, {"time": _seconds(time), "tag": tag, "reason": reason, "size": size})
            raise ProgramError(reason) from error

    return guarded


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


def _replace(record: Record, other: Record) -> None:
    kept = dict(other)
    record.clear()
    record.update(kept)


def _seconds(time: Moment) -> float:
    return round(time[0] + time[1] / 1e9, 3)


def _dig(record: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        record = record.get(key) if isinstance(record, dict) else None
    return record


def _scalar(value: Any) -> bool:
    return isinstance(value, str | bytes | bool | int | float)


def _same(value: Any, other: Any) -> bool:
    if not _scalar(value):
        return False
    if isinstance(value, bool) == isinstance(other, bool) and not isinstance(value, bytes) and value == other:
        return True
    textual = isinstance(value, str | bytes)
    return (textual or isinstance(other, str)) and text(value) == text(other)


def _answers(conditions: Any) -> list[Callable[[Record], bool]]:
    return [_answer(*condition) for condition in conditions]


def _answer(path: Any, test: str, values: Any, pattern: str, negated: bool) -> Callable[[Record], bool]:
    compiled = Regexp(pattern).compiled() if test == "matches" else None

    def answer(record: Record) -> bool:
        value = _dig(record, path)
        if test == "exists":
            found = value is not None
        elif compiled is not None:
            found = _scalar(value) and compiled.search(text(value)) is not None
        else:
            found = any(_same(value, other) for other in values)
        return found is not negated

    return answer


def _clean(_data: Any) -> Operation:
    def clean(_tag: str, _time: Moment, record: Record) -> str:
        for key, value in record.items():
            if isinstance(value, bytes):
                record[key] = text(value)
        return "1"

    return clean


def _add(data: Any) -> Operation:
    def add(_tag: str, _time: Moment, record: Record) -> str:
        for path, value in data:
            at = record
            for key in path[:-1]:
                inner = at.get(key)
                at[key] = at = dict(inner) if isinstance(inner, dict) else {}
            at[path[-1]] = value
        return "1"

    return add


def _keep(data: Any) -> Operation:
    drop, keep = _answers(data[0]), _answers(data[1])

    def marked(_tag: str, _time: Moment, record: Record) -> str:
        gone = any(answer(record) for answer in drop) or (keep and not any(answer(record) for answer in keep))
        return "0" if gone else "1"

    return marked


def _when(data: Any) -> Operation:
    every = _answers(data)
    return lambda _tag, _time, record: "1" if all(answer(record) for answer in every) else "0"


def _stub(data: Any) -> Operation:
    def stub(tag: str, time: Moment, record: Record) -> str:
        stamp = record.get("time")
        ours = (
            len(record) == 4
            and record.get("reason") in data
            and "tag" in record
            and isinstance(stamp, int | float)
            and not isinstance(stamp, bool)
        )
        size = record.get("size") if ours else len(text(record).encode())
        if not isinstance(size, int) or isinstance(size, bool) or not -1 <= size <= 1 << 40:
            size = -1
        reason = record["reason"] if ours else FAILED
        _replace(record, {"time": _seconds(time), "tag": tag, "reason": reason, "size": size})
        return "1"

    return stub


def _parse(data: Any) -> Operation:
    format_, source, pattern, time_path, types, on_error = data
    regexp = Regexp(pattern).compiled() if format_ == "regex" else None

    def parsed(line: str) -> Record | None:
        if regexp is not None:
            return _groups(pattern, regexp, line)
        return _json(line) if format_ == "json" else _logfmt(line)

    def parse(_tag: str, _time: Moment, record: Record) -> str:
        line = record.get(source)
        fields = parsed(text(line)) if isinstance(line, str | bytes) else None
        record.pop(TIME, None)
        if fields is None:
            if on_error == "Quarantine":
                raise ValueError("not parsed")
            return "0" if on_error == "Drop" else "1"
        record.pop(source)
        record.update(fields)
        record.pop(TIME, None)
        for path, kind in types:
            at = _dig(record, path[:-1])
            if isinstance(at, dict) and path[-1] in at:
                at[path[-1]] = _converted(at[path[-1]], kind)
        moment = _moment(_dig(record, time_path)) if time_path else None
        if moment is not None:
            record[TIME] = f"{moment // 1_000_000_000}.{moment % 1_000_000_000:09d}"
        return "1"

    return parse


def _json(line: str) -> Record | None:
    try:
        value = rubyjson.read(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _groups(pattern: str, regexp: "onigurumacffi._Pattern", line: str) -> Record | None:
    match = regexp.search(line)
    if match is None:
        return None
    names = list(dict.fromkeys(re.findall(r"\(\?<([A-Za-z_]\w*)>", pattern)))
    found: Record = {}
    for number, name in enumerate(names, start=1):
        value = group(match, number)
        if value is not None:
            found[name] = value
    return found


def group(match: "onigurumacffi._Match", number: int) -> str | None:
    """Return what a group found, or None when it took no part, as Ruby has it."""
    if match._begs[number] < 0:  # noqa: SLF001 - the binding tells this nowhere else: such a group is an empty text
        return None
    found: str = match.group(number)
    return found


def _logfmt(line: str) -> Record | None:
    found: Record = {}
    pairs = False
    for key, sign, quoted, bare in _WORDS.findall(line):
        pairs = pairs or bool(sign)
        found[key] = (bare or _ESCAPE.sub(_unescaped, quoted)) if sign else True
    return found if pairs else None


def _unescaped(escape: re.Match[str]) -> str:
    return {"n": "\n", "t": "\t"}.get(escape[1], escape[1])


def _converted(value: Any, kind: str) -> Any:
    if not _scalar(value):
        return value
    line = text(value)
    match kind:
        case "string":
            return line
        case "integer":
            return int(line) if _INTEGER.fullmatch(line) else value
        case "float":
            return float(line) if _FLOAT.fullmatch(line) else value
        case _:
            return {"true": True, "false": False}.get(line.lower(), value)


def _moment(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, str | bytes | int | float):
        return None
    line = f"{value:.6f}" if isinstance(value, float) else text(value)
    if epoch := _EPOCH.fullmatch(line):
        digits = int(epoch[1])
        scale = next((scale for below, scale in _SCALES if digits < below), 1)
        part = int(epoch[2].ljust(9, "0")) if epoch[2] and scale == 1_000_000_000 else 0
        nanos = digits * scale + part
    elif parts := _DATE.fullmatch(line):
        year, month, day, hour, minute, second = (int(part) for part in parts.groups()[:6])
        if not (1970 <= year <= 2105 and 1 <= month <= 12 and hour < 24 and minute < 60 and second < 60):
            return None
        if not 1 <= day <= calendar.monthrange(year, month)[1]:
            return None
        offset = (-1 if parts[8] == "-" else 1) * (int(parts[9]) * 3600 + int(parts[10]) * 60) if parts[8] else 0
        stamp = calendar.timegm((year, month, day, hour, minute, second)) - offset
        nanos = stamp * 1_000_000_000 + int((parts[7] or "").ljust(9, "0"))
    else:
        return None
    return nanos if 0 <= nanos < 4_294_967_296_000_000_000 else None


class _Redaction:
    """One redact stage: its patterns and keys, compiled."""

    def __init__(self, data: Any):
        patterns, keys, self.salt, self.largest, self.deepest = data
        self.patterns = [(Regexp(regex).compiled(), holder, check, action) for regex, holder, check, action in patterns]
        self.keys = [([_folded(part) for part in path], action) for path, action in keys]

    def __call__(self, _tag: str, _time: Moment, record: Record) -> str:
        _replace(record, self.walked(record, [], 0, [self.largest]))
        return "1"

    def cleaned(self, line: str) -> str:
        for pattern, placeholder, check, action in self.patterns:
            line = _substituted(pattern, line, lambda found: self.instead(found, placeholder, action), _CHECKS[check])  # noqa: B023 - called at once
        return line

    def instead(self, found: str, placeholder: str, action: str) -> str:
        if action == "Mask":
            return placeholder
        if action != "Hash":
            return ""
        digest = hashlib.sha256((self.salt + found).encode()).hexdigest()[:16]
        return f"{placeholder.removesuffix(']')}:{digest.translate(_HASHED)}]"

    def spend(self, left: list[int], size: int) -> None:
        left[0] -= size
        if left[0] < 0:
            raise ValueError("too large")

    def walked(self, value: Any, path: list[str], depth: int, left: list[int]) -> Any:
        if depth > self.deepest:
            raise ValueError("too deep")
        match value:
            case None | bool():
                return value
            case int() | float():
                finite = isinstance(value, int) or math.isfinite(value)
                # Ruby writes whole floats of sixteen digits with an exponent, where a card's number could hide.
                line = str(int(value)) if finite and value == int(value) and abs(value) < 1e18 else text(value)
                masked = self.cleaned(line)
                return value if masked == line and finite else masked
            case list():
                made = []
                for item in value:
                    self.spend(left, 1)
                    made.append(self.walked(item, path, depth + 1, left))
                return made
            case dict():
                return self.walked_fields(value, path, depth, left)
            case _:
                line = text(value)
                self.spend(left, len(line.encode()))
                return self.cleaned(line)

    def walked_fields(self, value: Record, path: list[str], depth: int, left: list[int]) -> Record:
        made: Record = {}
        for key, inner in value.items():
            self.spend(left, len(text(key).encode()) + 1)
            here = [*path, _folded(key)]
            action = next((action for pattern, action in self.keys if _fits(pattern, here)), "")
            if action == "Drop":
                continue
            name = plain = self.cleaned(text(key))
            number = 1
            while name in made:
                number += 1
                name = f"{plain} {number}"
            if action:
                made[name] = self.instead(
                    text(inner), "[PRIVATE]", "Mask" if isinstance(inner, dict | list) else action
                )
            else:
                made[name] = self.walked(inner, here, depth + 1, left)
        return made


def _substituted(
    pattern: "onigurumacffi._Pattern", line: str, instead: Callable[[str], str], check: Callable[[str], bool]
) -> str:
    match = pattern.search(line)
    if match is None:
        return line
    return "".join(_pieces(pattern, line, match, instead, check))


def _pieces(
    pattern: "onigurumacffi._Pattern",
    line: str,
    match: "onigurumacffi._Match | None",
    instead: Callable[[str], str],
    check: Callable[[str], bool],
) -> Iterator[str]:
    done = 0
    while match is not None:
        start, end = match.span()
        found = line[start:end]
        yield line[done:start]
        yield instead(found) if check(found) else found
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


def _luhn(found: str) -> bool:
    digits = [int(digit) for digit in reversed(re.sub("[^0-9]", "", found))]
    doubled = [sum(divmod(digit * 2, 10)) if at % 2 else digit for at, digit in enumerate(digits)]
    return sum(doubled) % 10 == 0


def _iban(found: str) -> bool:
    line = re.sub("[^0-9A-Za-z]", "", found).upper()
    return int("".join(str(int(one, 36)) for one in line[4:] + line[:4])) % 97 == 1


_CHECKS: Final[dict[str, Callable[[str], bool]]] = {"": lambda _found: True, "luhn": _luhn, "iban": _iban}

_OPERATIONS: Final[dict[str, Callable[[Any], Operation]]] = {
    "clean": _clean,
    "add": _add,
    "keep": _keep,
    "when": _when,
    "stub": _stub,
    "parse": _parse,
    "redact": _Redaction,
}
