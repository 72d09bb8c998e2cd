"""Files that are tailed: which a source reads, and what events their lines become, as real Fluentd was recorded to do it."""

import posixpath
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Final

from binnacle.check.fluentd import types
from binnacle.check.fluentd.include import glob
from binnacle.check.fluentd.sections import Section
from binnacle.check.pipeline.events import NOW, Binary, Event, Moment, Record
from binnacle.check.pipeline.programs import group

_SUPPORTED: Final = frozenset(
    {
        "@type",
        "@id",
        "@label",
        "tag",
        "path",
        "exclude_path",
        "pos_file",
        "pos_file_compaction_interval",
        "read_from_head",
    }
    | {"follow_inodes", "rotate_wait", "refresh_interval", "ignore_repeated_permission_error"}
)
_PARSERS: Final = {
    "none": frozenset({"@type"}),
    "regexp": frozenset({"@type", "expression", "time_key", "time_format"}),
}
_Reads = Callable[[bytes], tuple[Moment, Record] | None]
_TIME: Final = re.compile(r"(.*T\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?(Z|[+-]\d\d:\d\d)", re.ASCII)


def tailed(source: Section, files: Mapping[str, Iterable[bytes]]) -> Iterator[Event]:
    """Yield the events of a `<source>` that tails, file by file, from the first line on.

    A line that its parser refuses is left out, as in Fluentd, which writes it into its own log.

    Args:
        source: the section.
        files: absolute path -> lines with their ends.

    Raises:
        ValueError: a parameter or parser that is not simulated.
    """
    (parse,) = source.all("parse")
    unknown = {key for key, _ in source.params} - _SUPPORTED
    unknown |= {key for key, _ in parse.params} - _PARSERS.get(str(parse.get("@type")), frozenset())
    if source.get("@type") != "tail" or unknown:
        raise ValueError(f"not simulated: {', '.join(sorted(unknown)) or source.get('@type')}")
    reads = _reader(parse)
    for path in _read(source, files):
        tag = str(source.get("tag")).replace("*", re.sub(r"\.+", ".", path.replace("/", ".")).removeprefix("."))
        for line in files[path]:
            found = reads(line.removesuffix(b"\n").removesuffix(b"\r"))
            if found is not None:
                yield Event(tag, *found)


def _read(source: Section, files: Mapping[str, Iterable[bytes]]) -> list[str]:
    left_out = types.array(str(source.get("exclude_path") or "[]"))
    found = {path for pattern in str(source.get("path")).split(",") for path in _named(pattern, files)}
    return sorted(found - {path for pattern in left_out for path in _named(str(pattern), files)})


def _named(pattern: str, files: Iterable[str]) -> list[str]:
    """Return the files that a path means. Without a `*` in it, it is the name of one, whatever else is in it."""
    if "*" not in pattern:
        return [path for path in files if path == pattern]
    expression = re.compile(glob(posixpath.normpath(pattern)))
    return [path for path in files if expression.fullmatch(path)]


def _reader(parse: Section) -> _Reads:
    if parse.get("@type") == "none":
        return lambda line: (NOW, {"message": Binary(line)})
    regexp = types.regexp(str(parse.get("expression")))
    if not regexp.source.isascii() or parse.get("time_format") != "%iso8601":
        raise ValueError("not simulated: a pattern beyond ASCII, or another format of time")
    names = re.findall(r"\(\?<([A-Za-z_]\w*)>", regexp.source)
    compiled = regexp.compiled()
    time_key = str(parse.get("time_key"))

    def read(line: bytes) -> tuple[Moment, Record] | None:
        match = compiled.search(line.decode("latin-1"))
        if match is None:
            return None
        fields = {name: group(match, at) for at, name in enumerate(names, start=1)}
        time = fields.pop(time_key, None)
        record: Record = {name: Binary(part.encode("latin-1")) for name, part in fields.items() if part is not None}
        return (NOW if time is None else _moment(time)), record

    return read


def _moment(text: str) -> Moment:
    parts = _TIME.fullmatch(text)
    if parts is None:
        raise ValueError(f"not simulated: the time {text!r}")
    at = datetime.fromisoformat(f"{parts[1]}{parts[3].replace('Z', '+00:00')}")
    return int(at.timestamp()), int((parts[2] or "").ljust(9, "0"))
