"""Rules about values: what Fluentd would quietly take for something else, or stumble over later."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from binnacle.api.findings import Finding, Severity
from binnacle.api.reasons import Reason
from binnacle.check.fluentd import types
from binnacle.check.fluentd.places import Config, Place, text, words

TIMES: Final = words(
    "flush_interval flush_thread_interval flush_thread_burst_interval retry_wait retry_max_interval retry_timeout timekey "
    "timekey_wait delayed_commit_timeout refresh_interval rotate_wait run_interval send_timeout open_timeout read_timeout "
    "ssl_timeout keepalive_timeout connect_timeout request_timeout multiline_flush_interval slow_flush_log_threshold "
    "emit_interval rate_period recover_wait hard_timeout heartbeat_interval stale_session_timeout"
)
SIZES: Final = words(
    "chunk_limit_size total_limit_size buffer_limit_size body_size_limit max_line_size read_lines_limit_size"
)
INTEGERS: Final = words(
    "flush_thread_count retry_max_times port workers chunk_limit_records queued_chunks_limit_size group_bucket_period_s "
    "group_bucket_limit group_reset_rate_s read_lines_limit n_lines max_lines max_bytes"
)
SWITCHES: Final = words(
    "read_from_head follow_inodes enable_ruby reserve_data reserve_time remove_key_name_field emit_invalid_record_to_error "
    "replace_invalid_sequence retry_forever retry_randomize append renew_record auto_typecast use_first_timestamp "
    "use_partial_cri_logtag use_partial_metadata invert keep_time_key null_empty_string flush_at_shutdown "
    "enable_watch_timer enable_stat_watcher"
)
CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "flush_mode": ("default", "lazy", "interval", "immediate"),
    "overflow_action": ("throw_exception", "block", "drop_oldest_chunk"),
    "retry_type": ("exponential_backoff", "periodic"),
    "compress": ("text", "gzip", "zstd"),
    "buffer_overflow_method": ("ignore", "truncate", "drop", "new"),
    "copy_mode": ("no_copy", "shallow", "deep", "marshal"),
}
PATTERNS: Final = frozenset(
    {"pattern", "expression", "multiline_start_regexp", "multiline_end_regexp", "continuous_line_regexp"}
)
FREE: Final = frozenset({"record", "label", "labels", "extra_labels", "formatter", "match"})
"""Sections whose keys are fields or labels, not parameters; a `<match>` with a `@type` is none of them."""

_TIME: Final = re.compile(r"[0-9]+(?:\.[0-9]+)?|[0-9]+[smhd]")
_SIZE: Final = re.compile(r"[0-9]+(?:[kmgtKMGT](?:i?[bB])?|[KMGT]i)?")
_INTEGER: Final = re.compile(r"-?[0-9]+")
_URL: Final = re.compile(r"https?://[A-Za-z0-9._~%:\[\]@-]+(?:[/?][A-Za-z0-9._~:/?@!$&'()*+,;=%${}-]*)?")
_DIRECTIVE: Final = re.compile(r"%[-0^#]?[0-9]*([A-Za-z])")
_LANGUAGES: Final = words("java js javascript csharp py python go php rb ruby dart dart_error dart_native default all")


def check(config: Config) -> Iterator[Finding]:
    """Find values that are read as others, are refused, or contradict each other."""
    for place in config.places:
        if place.section.name in FREE and not place.kind:
            continue
        for key, value in place.section.params:
            if isinstance(value, str):
                yield from _value(place, key, value)
        yield from _buffer(place)
        yield from _languages(place)
    yield from _ports(config)


def _value(place: Place, key: str, value: str) -> Iterator[Finding]:
    for keys, reads, read, what in _TYPES:
        if key in keys and not reads.fullmatch(value):
            yield _misread(place, key, value, f"reads it as {_number(read(value))} {what}".rstrip())
    if key in SWITCHES and value not in ("true", "false", "yes", "no"):
        reading = "takes it for true" if types.boolean(value) else "refuses it"
        yield _misread(place, key, value, reading, fix="write true or false")
    if key in CHOICES and value not in CHOICES[key]:
        yield _misread(place, key, value, "refuses it", fix=f"write one of {', '.join(CHOICES[key])}")
    if key in PATTERNS:
        yield from _pattern(place, key, value)
    if key in ("endpoint", "url") and not _URL.fullmatch(value):
        yield place.finding(
            Severity.ERROR, Reason.INVALID_VALUE, f"{value!r} is not an address; no chunk can be sent", key=key
        )
    if key == "time_format" and _repeats(value):
        yield place.finding(
            Severity.ERROR,
            Reason.INVALID_VALUE,
            f"{value!r} asks for the same part of a time twice; no line fits",
            key=key,
        )
    if key == "path" and place.kind == "tail" and value.count("[") != value.count("]"):
        yield place.finding(
            Severity.ERROR,
            Reason.INVALID_VALUE,
            f"{value!r} has a bracket that does not close: no file is found",
            key=key,
        )


def _pattern(place: Place, key: str, value: str) -> Iterator[Finding]:
    try:
        types.regexp(value)
    except types.ParameterError as error:
        yield place.finding(
            Severity.ERROR, Reason.INVALID_VALUE, f"the regular expression is refused: {error}", key=key
        )
        return
    flags = value[value.rindex("/") + 1 :] if value.startswith("/") else ""
    if set(flags) - set("im"):
        yield _misread(
            place, key, value, "drops the flags other than i and m", fix="write the flag into the expression: (?x)"
        )


def _buffer(place: Place) -> Iterator[Finding]:
    if place.section.name != "buffer":
        return
    chunk, total = (text(place.section, key) for key in ("chunk_limit_size", "total_limit_size"))
    if _SIZE.fullmatch(chunk) and _SIZE.fullmatch(total) and types.size(chunk) > types.size(total):
        yield place.finding(
            Severity.WARNING,
            Reason.INVALID_VALUE,
            f"a chunk may have {chunk}, all of them together {total}: the buffer is full before the first chunk is",
            key="chunk_limit_size",
            fix="make chunk_limit_size smaller than total_limit_size",
        )


def _languages(place: Place) -> Iterator[Finding]:
    if place.kind != "detect_exceptions":
        return
    for language in types.array(text(place.section, "languages")):
        if str(language).lower() not in _LANGUAGES:
            yield place.finding(
                Severity.ERROR,
                Reason.UNKNOWN_OPTION,
                f"the language {language!r} is not known; every event fails",
                key="languages",
            )


def _ports(config: Config) -> Iterator[Finding]:
    taken: set[tuple[str, str]] = set()
    for place in config.named("source"):
        port = text(place.section, "port")
        listens = ("udp" if text(place.section, "protocol_type") == "udp" else "tcp", port)
        if port and listens in taken:
            yield place.finding(
                Severity.ERROR, Reason.INVALID_VALUE, f"another source listens on port {port} already", key="port"
            )
        taken.add(listens)


def _repeats(format_: str) -> bool:
    directives = _DIRECTIVE.findall(format_)
    return len(set(directives)) < len(directives)


def _number(value: float) -> str:
    return f"{int(value):,}" if value == int(value) else str(value)


def _misread(place: Place, key: str, value: str, reading: str, *, fix: str = "") -> Finding:
    return place.finding(
        Severity.ERROR,
        Reason.MISREAD_VALUE,
        f"{value!r}: Fluentd {reading}",
        key=key,
        fix=fix or "write a whole number, or one with a single unit",
    )


_TYPES: Final[tuple[tuple[frozenset[str], re.Pattern[str], Callable[[str], float], str], ...]] = (
    (TIMES, _TIME, types.time, "s"),
    (SIZES, _SIZE, types.size, "bytes"),
    (INTEGERS, _INTEGER, types.integer, ""),
)
