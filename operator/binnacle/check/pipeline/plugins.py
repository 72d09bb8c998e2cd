"""The filters that stages are made of, each doing to events what the real plugin was recorded to do.

`SUPPORTED` says which parameters and sections each knows; a configuration with others is refused, never guessed at.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, Protocol

from binnacle.check.fluentd import types
from binnacle.check.fluentd.sections import Section
from binnacle.check.pipeline.events import NOW, Binary, Event, Moment, RaisedError, Record, searchable
from binnacle.check.pipeline.programs import Operation, ProgramError, group
from binnacle.check.pipeline.redaction import text

SUPPORTED: Final[Mapping[str, frozenset[str]]] = {
    "grep": frozenset({"regexp/key", "regexp/pattern"}),
    "record_transformer": frozenset({"remove_keys"}),
    "record_modifier": frozenset({"remove_keys", "record/*"}),
    "parser": frozenset(
        {
            "key_name",
            "reserve_data",
            "reserve_time",
            "remove_key_name_field",
            "emit_invalid_record_to_error",
            "parse/@type=regexp",
            "parse/expression",
            "parse/time_key",
            "parse/time_type=float",
        }
    ),
    "concat": frozenset(
        {
            "key",
            "multiline_start_regexp",
            "multiline_end_regexp",
            "separator",
            "use_first_timestamp",
            "flush_interval",
            "timeout_label",
            "use_partial_cri_logtag",
            "partial_cri_logtag_key",
            "partial_cri_stream_key",
            "stream_identity_key",
        }
    ),
}
"""Parameters by filter: `name`, `section/name`, `section/*` for any, `name=value` for one value only."""

_FIELD: Final = re.compile(r"[^$].*")
_FIELDS: Final = re.compile(r"(?:\$(?:\.\w+)+|[\w.-]+)(?:,(?:\$(?:\.\w+)+|[\w.-]+))*", re.ASCII)
_KEYS: Final = {
    "remove_keys": _FIELDS,
    "regexp/key": _FIELD,
    "key": _FIELD,
    "key_name": _FIELD,
    "stream_identity_key": _FIELD,
}
"""Parameters that name fields, and the spellings that are simulated: stages name fields of the top only."""

Fail = Callable[[Event], None]


class Filter(Protocol):
    """A filter. `whole_streams` says whether errors in its chain keep a record from going on."""

    whole_streams: bool

    def one(self, event: Event, fail: Fail) -> Iterator[Event]:
        """Yield what becomes of an event; `fail` sends one to `@ERROR`. Raises RaisedError where the plugin does."""
        ...

    def idle(self) -> Iterator[tuple[str, Event]]:
        """Yield what a long wait brings out, each with the label it goes to (empty for `@ERROR`)."""
        ...

    def stop(self) -> Iterator[tuple[str, Event]]:
        """Yield what only the end of the process brings out, like `idle`."""
        ...


def made(section: Section, programs: Mapping[str, Operation]) -> Filter:
    """Return the filter of a `<filter>` section.

    Raises:
        ValueError: a plugin, parameter or section that is not simulated, with its name.
    """
    unknown = unsupported(section, programs)
    if unknown:
        raise ValueError(f"not simulated: {unknown}")
    return _FILTERS[str(section.get("@type"))](section, programs)


def unsupported(section: Section, programs: Mapping[str, Operation]) -> str:
    """Return what in a `<filter>` section is not simulated, or an empty text."""
    kind = str(section.get("@type"))
    known = SUPPORTED.get(kind)
    if known is None:
        return kind
    for name, value in _parameters(section):
        wild = f"{name.split('/')[0]}/*"
        if name not in known and f"{name}={value}" not in known and wild not in known:
            return f"{kind} {name} {value}"
        if "${" in str(value) and str(value) not in programs:
            return f"{kind} {name}: code that is not ours"
        if name in _KEYS and not _KEYS[name].fullmatch(str(value)):
            return f"{kind} {name}: a path into the record"
    return ""


def _parameters(section: Section) -> Iterator[tuple[str, object]]:
    yield from ((key, value) for key, value in section.params if key not in ("@type", "@id"))
    for inner in section.sections:
        yield from ((f"{inner.name}/{key}", value) for key, value in inner.params)
        yield from ((f"{inner.name}/{deeper.name}", "") for deeper in inner.sections)


def _given(section: Section, key: str, default: str = "") -> str:
    value = section.get(key)
    return default if value is None else str(value)


def _flag(section: Section, key: str, *, default: bool) -> bool:
    return types.boolean(_given(section, key, "true" if default else "false")) is True


class _Stateless:
    whole_streams = False

    def idle(self) -> Iterator[tuple[str, Event]]:
        return iter(())

    def stop(self) -> Iterator[tuple[str, Event]]:
        return iter(())


class _Grep(_Stateless):
    def __init__(self, section: Section, _programs: Mapping[str, Operation]):
        self.asked = []
        for inner in section.all("regexp"):
            regexp = types.regexp(_given(inner, "pattern"))
            self.asked.append((_given(inner, "key"), regexp.compiled(), regexp.source.isascii()))

    def one(self, event: Event, _fail: Fail) -> Iterator[Event]:
        try:
            kept = all(self._found(event.record.get(key), regexp, plain) for key, regexp, plain in self.asked)
        except RaisedError:
            kept = True  # grep lets pass what it cannot read, and says so in the log only
        if kept:
            yield event

    @staticmethod
    def _found(value: Any, regexp: Any, plain: bool) -> bool:
        if isinstance(value, bytes) and not isinstance(value, Binary):
            return regexp.search(value.decode("utf-8", "replace").replace("\ufffd", "?")) is not None
        line = searchable(value, ascii_pattern=plain) if isinstance(value, str | bytes) else text(value)
        return regexp.search(line) is not None


class _Transformer(_Stateless):
    whole_streams = True

    def __init__(self, section: Section, _programs: Mapping[str, Operation]):
        self.gone = _paths(_given(section, "remove_keys"))

    def one(self, event: Event, _fail: Fail) -> Iterator[Event]:
        record = dict(event.record)
        for path in self.gone:
            _removed(record, path)
        yield Event(event.tag, event.time, record)


class _Modifier(_Stateless):
    def __init__(self, section: Section, programs: Mapping[str, Operation]):
        values = [(key, str(value)) for inner in section.all("record") for key, value in inner.params]
        self.values = [(key, programs.get(value, value)) for key, value in values]
        self.gone = _paths(_given(section, "remove_keys"))

    def one(self, event: Event, _fail: Fail) -> Iterator[Event]:
        for key, value in self.values:
            event.record[key] = value if isinstance(value, str) else self._run(value, event)
        for path in self.gone:
            _removed(event.record, path)
        yield event

    @staticmethod
    def _run(operation: Operation, event: Event) -> str:
        time = (0, 0) if isinstance(event.time, str) else event.time
        try:
            return operation(event.tag, time, event.record)
        except ProgramError as error:
            raise RaisedError(str(error)) from error


class _Parser(_Stateless):
    whole_streams = True

    def __init__(self, section: Section, _programs: Mapping[str, Operation]):
        (parse,) = section.all("parse")
        self.key = _given(section, "key_name")
        self.reserve_data = _flag(section, "reserve_data", default=False)
        self.reserve_time = _flag(section, "reserve_time", default=False)
        self.remove_key = _flag(section, "remove_key_name_field", default=False)
        self.report = _flag(section, "emit_invalid_record_to_error", default=True)
        self.regexp = types.regexp(_given(parse, "expression"))
        self.names = re.findall(r"\(\?<([A-Za-z_]\w*)>", self.regexp.source)
        self.compiled = self.regexp.compiled()
        self.time_key = _given(parse, "time_key", "time")
        self.float_time = parse.get("time_type") is not None
        if self.time_key in self.names and not self.float_time:
            raise ValueError("not simulated: a time that is not a float")

    def one(self, event: Event, fail: Fail) -> Iterator[Event]:
        value = event.record.get(self.key)
        if value is None:
            yield from self._failed(event, fail)
            return
        try:
            fields = self._fields(value)
        except RaisedError:
            if self.report:
                fail(event)
            return
        if fields is None:
            yield from self._failed(event, fail)
            return
        time: Moment = event.time if self.reserve_time else NOW
        if self.time_key in fields:
            stamp = fields.pop(self.time_key)
            time = event.time if self.reserve_time else _float_time(stamp)
        if self.remove_key:
            event.record.pop(self.key, None)
        record = {**event.record, **fields} if self.reserve_data else fields
        yield Event(event.tag, time, record)

    def _fields(self, value: Any) -> Record | None:
        if not isinstance(value, str | bytes):
            raise RaisedError("no implicit conversion into String")
        match = self.compiled.search(searchable(value, ascii_pattern=self.regexp.source.isascii()))
        if match is None:
            return None
        found = {name: group(match, at) for at, name in enumerate(self.names, start=1)}
        if isinstance(value, Binary):
            return {name: Binary(part.encode("latin-1")) for name, part in found.items() if part is not None}
        return {name: part for name, part in found.items() if part is not None}

    def _failed(self, event: Event, fail: Fail) -> Iterator[Event]:
        if self.report:
            fail(event)
        if self.reserve_data:
            yield Event(event.tag, event.time, dict(event.record))


def _searcher(section: Section, key: str) -> Callable[[str | bytes], bool] | None:
    if section.get(key) is None:
        return None
    regexp = types.regexp(_given(section, key))
    compiled, plain = regexp.compiled(), regexp.source.isascii()
    return lambda value: compiled.search(searchable(value, ascii_pattern=plain)) is not None


class _Concat:
    whole_streams = True

    def __init__(self, section: Section, _programs: Mapping[str, Operation]):
        self.key = _given(section, "key")
        self.start = _searcher(section, "multiline_start_regexp")
        self.end = _searcher(section, "multiline_end_regexp")
        self.separator = _given(section, "separator", "\n")
        self.first_time = _flag(section, "use_first_timestamp", default=False)
        self.cri = _flag(section, "use_partial_cri_logtag", default=False)
        self.logtag = _given(section, "partial_cri_logtag_key", "logtag")
        self.stream = _given(section, "partial_cri_stream_key", "stream")
        self.identity = _given(section, "stream_identity_key")
        self.waits = types.time(_given(section, "flush_interval", "60")) > 0
        self.timeout_label = _given(section, "timeout_label")
        self.held: dict[str, list[Event]] = {}

    def one(self, event: Event, _fail: Fail) -> Iterator[Event]:
        if event.record.get(self.key) is None:
            yield event
            return
        named = text(event.record.get(self.identity)) if self.identity else "default"
        held = self.held.setdefault(f"{event.tag}:{named}", [])
        yield from self._parts(held, event) if self.cri else self._lines(held, event)

    def _parts(self, held: list[Event], event: Event) -> Iterator[Event]:
        held.append(event)
        logtag = event.record.get(self.logtag)
        if not isinstance(logtag, str | bytes):
            raise RaisedError("undefined method `split'")
        if text(logtag).split(":")[0] == "F":
            joined = self._joined(held, event)
            held.clear()
            joined.record.pop(self.logtag, None)
            joined.record.pop(self.stream, None)
            yield joined

    def _lines(self, held: list[Event], event: Event) -> Iterator[Event]:
        value = event.record[self.key]
        if not isinstance(value, str | bytes):
            raise RaisedError("no implicit conversion into String")
        if self.start is not None and self.start(value):
            if held:
                joined = self._joined(held, event)
                held[:] = [event]
                yield joined
            else:
                held.append(event)
        elif held or self.start is None or (self.end is not None and self.end(value)):
            held.append(event)
        else:
            yield event
            return
        if self.end is not None and self.end(value):
            joined = self._joined(held, event)
            held.clear()
            yield joined

    def _joined(self, held: list[Event], last: Event) -> Event:
        """Join what is held. What only the event has that came last, be it the first line of the next text, goes in too."""
        joined = self._whole(held, last.time)
        return Event(joined.tag, joined.time, {**last.record, **joined.record})

    def _whole(self, held: list[Event], time: Moment) -> Event:
        first = held[0]
        lines = [event.record[self.key] for event in held]
        whole: Any
        if any(isinstance(line, bytes) for line in lines):
            kind = Binary if all(isinstance(line, Binary) for line in lines) else bytes
            whole = kind(
                self.separator.encode().join(line if isinstance(line, bytes) else line.encode() for line in lines)
            )
        else:
            whole = self.separator.join(lines)
        return Event(first.tag, first.time if self.first_time else time, {**first.record, self.key: whole})

    def idle(self) -> Iterator[tuple[str, Event]]:
        return self._rest(NOW) if self.waits else iter(())

    def stop(self) -> Iterator[tuple[str, Event]]:
        return self._rest("")

    def _rest(self, time: Moment) -> Iterator[tuple[str, Event]]:
        for held in self.held.values():
            if held:
                joined = self._whole(held, time or held[0].time)
                held.clear()
                yield self.timeout_label, joined


def _float_time(value: Any) -> Moment:
    number = re.match(r"([0-9]*)(?:\.([0-9]*))?", text(value))
    seconds, part = (number[1], number[2] or "") if number else ("", "")
    return int(seconds or "0"), int(part[:9].ljust(9, "0"))


def _paths(listed: str) -> list[tuple[str, ...]]:
    names = [name.strip() for name in listed.split(",") if name.strip()]
    return [tuple(name.split(".")[1:]) if name.startswith("$.") else (name,) for name in names]


def _removed(record: Record, path: tuple[str, ...]) -> None:
    at: Any = record
    for key in path[:-1]:
        at = at.get(key) if isinstance(at, dict) else None
    if isinstance(at, dict):
        at.pop(path[-1], None)


_FILTERS: Final[dict[str, Callable[[Section, Mapping[str, Operation]], Filter]]] = {
    "grep": _Grep,
    "record_transformer": _Transformer,
    "record_modifier": _Modifier,
    "parser": _Parser,
    "concat": _Concat,
}
