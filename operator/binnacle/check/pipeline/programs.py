"""The programs of the stages in Python: what `targets.fluentd.stages.runtime` does in Ruby, operation by operation.

Records are Python values; a text that is not valid UTF-8 is `bytes`. A program changes its record in place, as the Ruby does.
"""

import calendar
import math
import re
from collections.abc import Callable
from typing import Any, Final

import onigurumacffi

from binnacle.api.logpipeline_fields import RESERVED_PREFIX
from binnacle.check.fluentd import rubyjson
from binnacle.check.pipeline.redaction import Record, Redaction, text
from binnacle.compile.onigmo.dialect import Regexp
from binnacle.compile.onigmo.tree import names
from binnacle.targets.fluentd.stages.program import STREAM, TIME, Program
from binnacle.targets.fluentd.stages.runtime import FAILED, REASONS

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


def _short(line: str, longest: int) -> bool:
    return not longest or len(line) <= longest


def _answer(path: Any, test: str, values: Any, pattern: str, negated: bool, longest: int) -> Callable[[Record], bool]:
    compiled = Regexp(pattern).compiled() if test == "matches" else None

    def answer(record: Record) -> bool:
        value = _dig(record, path)
        if test == "exists":
            found = value is not None
        elif compiled is not None:
            line = text(value) if _scalar(value) else None
            found = line is not None and _short(line, longest) and compiled.search(line) is not None
        else:
            found = any(_same(value, other) for other in values)
        return found is not negated

    return answer


def _ours(key: Any) -> bool:
    return text(key).startswith(RESERVED_PREFIX)


def _stream(value: Any) -> str:
    return "stderr" if isinstance(value, str | bytes) and text(value) == "stderr" else "stdout"


def _measured(open_: dict[str, int], source: str, size: int, most: int) -> None:
    """Note the size of an open text as the newest; the oldest is forgotten when they become too many."""
    open_.pop(source, None)
    open_[source] = size
    if len(open_) > most:
        del open_[next(iter(open_))]


def _line(data: Any) -> Operation:
    largest, keep_stream, most = data
    open_: dict[str, int] = {}

    def line(tag: str, _time: Moment, record: Record) -> str:
        _replace(record, {key: value for key, value in record.items() if not _ours(key)})
        if not isinstance(record.get("logtag"), str | bytes):
            record["logtag"] = "F"
        record["stream"] = _stream(record.get("stream"))
        source = f"{tag} {record['stream']}"
        message = record.get("message")
        size = open_.get(source, 0) + len(message if isinstance(message, bytes) else text(message).encode())
        if size > largest:
            record["logtag"] = "F"
        if text(record["logtag"]).startswith("F"):
            open_.pop(source, None)
        else:
            _measured(open_, source, size, most)
        if keep_stream:
            record[STREAM] = record["stream"]
        return "1"

    return line


def _starts(data: Any) -> Operation:
    field, pattern, largest, most = data
    start = Regexp(pattern).compiled()
    open_: dict[str, int] = {}

    def starts(tag: str, _time: Moment, record: Record) -> str:
        stream = _stream(record.get(STREAM))
        line = record.get(field)
        if not isinstance(line, str | bytes):
            _replace(record, {"lp_rest": dict(record), STREAM: stream})
            return "1"
        line = text(line)
        source = f"{tag} {stream}"
        begins = start.search(line) is not None
        size = (0 if begins else open_.get(source, 0)) + len(line.encode())
        ends = size > largest
        if ends:
            open_.pop(source, None)
        else:
            _measured(open_, source, size, most)
        marked = "\x01" * begins + line + "\x01" * ends
        _replace(record, {"lp_rest": {**record, field: ""}, STREAM: stream, field: marked})
        return "1"

    return starts


def _unmarked(data: Any) -> Operation:
    def unmarked(_tag: str, _time: Moment, record: Record) -> str:
        rest, line = record.get("lp_rest"), record.get(data)
        if not isinstance(rest, dict):
            raise TypeError("no record")
        _replace(record, rest)
        if isinstance(line, str | bytes):
            record[data] = text(line).removeprefix("\x01").removesuffix("\x01")
        return "1"

    return unmarked


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


def _labels(data: Any) -> Operation:
    longest, fields = data

    def labels(_tag: str, _time: Moment, record: Record) -> str:
        for name, path in fields:
            value = _dig(record, path)
            if _scalar(value):
                record[name] = text(value)[:longest]
            else:
                record.pop(name, None)
        return "1"

    return labels


def _origin(data: Any) -> Operation:
    regexp = Regexp(data).compiled()

    def origin(tag: str, _time: Moment, record: Record) -> str:
        names = regexp.match(tag)
        before = record.get("kubernetes")
        at = dict(before) if isinstance(before, dict) else {}
        record["kubernetes"] = at
        for number, key in enumerate(("pod_name", "namespace_name", "container_name", "container_id"), start=1):
            if names is not None:
                at[key] = names.group(number)
            else:
                at.pop(key, None)
        return "1"

    return origin


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
    format_, source, pattern, time_path, types, on_error, longest = data
    regexp = Regexp(pattern).compiled() if format_ == "regex" else None

    def parsed(line: str) -> Record | None:
        if regexp is not None:
            return _groups(pattern, regexp, line) if _short(line, longest) else None
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
        record.update((key, value) for key, value in fields.items() if not _ours(key))
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
    return _carried(value) if isinstance(value, dict) else None


def _carried(value: Any) -> Any:
    """Return a value without numbers that Fluentd cannot hold in a buffer: those become texts."""
    match value:
        case bool():
            return value
        case int():
            return value if -(1 << 63) <= value < 1 << 63 else str(value)
        case float():
            return value if math.isfinite(value) else f"{'-' if value < 0 else ''}Infinity"
        case list():
            return [_carried(item) for item in value]
        case dict():
            return {key: _carried(inner) for key, inner in value.items()}
        case _:
            return value


def _groups(pattern: str, regexp: "onigurumacffi._Pattern", line: str) -> Record | None:
    match = regexp.search(line)
    if match is None:
        return None
    found: Record = {}
    for number, name in enumerate(names(pattern), start=1):
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


def _redact(data: Any) -> Operation:
    redaction = Redaction(data)

    def redact(_tag: str, _time: Moment, record: Record) -> str:
        stream = record.pop(STREAM, None)
        _replace(record, {key: value for key, value in redaction.record(record).items() if not _ours(key)})
        if stream is not None:
            record[STREAM] = _stream(stream)
        return "1"

    return redact


REMEMBERING: Final = frozenset({"line", "starts"})
"""Operations that remember something of the records before."""
_OPERATIONS: Final[dict[str, Callable[[Any], Operation]]] = {
    "line": _line,
    "starts": _starts,
    "unmarked": _unmarked,
    "clean": _clean,
    "add": _add,
    "labels": _labels,
    "origin": _origin,
    "keep": _keep,
    "when": _when,
    "stub": _stub,
    "parse": _parse,
    "redact": _redact,
}
