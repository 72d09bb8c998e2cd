"""Rules about names: sections without a type, identities that are there twice, and what is misspelt."""

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Final

from binnacle.api.findings import Finding, Severity
from binnacle.api.reasons import Reason
from binnacle.check.fluentd.places import Config, text, words
from binnacle.check.fluentd.values import CHOICES, FREE, INTEGERS, PATTERNS, SIZES, SWITCHES, TIMES

_ROOT_SECTIONS: Final = frozenset({"source", "match", "filter", "label", "system", "worker"})
_SYSTEM: Final = words(
    "workers root_dir log_level suppress_repeated_stacktrace emit_error_log_interval ignore_repeated_log_interval "
    "ignore_same_log_interval suppress_config_dump log_event_verbose without_source with_source_only rpc_endpoint "
    "enable_get_dump process_name enable_msgpack_time_support file_permission dir_permission strict_config_value "
    "enable_size_metrics disable_shared_socket enable_input_metrics enable_jit restart_worker_interval config_include_dir"
)
_SECTIONS: Final = words(
    "buffer parse format record store secondary regexp exclude and or replace rule server inject extract security transport "
    "storage metric labels label log metrics source_only_buffer group auth service_discovery"
)
_OTHERS: Final = words(
    "path pos_file tag format time_format time_type timezone key pattern message languages separator host bind name "
    "timeout_label remove_keys keep_keys key_name types delimiter time_key format_firstline url endpoint tenant stream"
)
_PARAMETERS: Final = TIMES | SIZES | INTEGERS | SWITCHES | PATTERNS | CHOICES.keys() | _OTHERS
_ALIKE: Final = 0.9
_TYPED: Final = frozenset({"source", "match", "filter", "store", "secondary"})


def check(config: Config) -> Iterator[Finding]:
    """Find what Fluentd does not know, and what it knows twice."""
    root = config.places[0]
    for key, _ in root.section.params:
        yield root.finding(
            Severity.ERROR, Reason.UNKNOWN_OPTION, f"the root of a file has no parameter {key!r}", key=key
        )
    for section in root.section.sections:
        if section.name not in _ROOT_SECTIONS:
            yield root.finding(
                Severity.ERROR, Reason.UNKNOWN_OPTION, f"<{section.name}> is no section of the root; it is left out"
            )
    for name, key, line in config.parsed.duplicates:
        yield root.finding(
            Severity.ERROR,
            Reason.DUPLICATE_FIELD,
            f"{key!r} is there again in <{name}>, line {line}; the last one counts",
        )
    yield from _types(config)
    yield from _identities(config)
    yield from _spelling(config)


def _types(config: Config) -> Iterator[Finding]:
    for place in config.named(*_TYPED):
        # A <match> without a type inside a plugin (label_router, a throttled group) is a condition of that plugin.
        own = place.section.name in ("store", "secondary") or (
            place.parent is not None and place.parent.name in ("ROOT", "label", "worker")
        )
        if own and place.section.get("@type") is None:
            yield place.finding(
                Severity.ERROR, Reason.MISSING_FIELD, f"<{place.section.name}> needs @type", key="@type"
            )


def _identities(config: Config) -> Iterator[Finding]:
    seen: set[str] = set()
    labels: set[str] = set()
    for place in config.places:
        identity = text(place.section, "@id")
        if identity and identity in seen:
            yield place.finding(
                Severity.ERROR, Reason.INVALID_VALUE, f"another plugin has the @id {identity!r}", key="@id"
            )
        seen.add(identity)
    for place in config.named("label"):
        if len(place.parents) != 1:
            continue
        name = str(place.section.argument)
        if not name or name in labels:
            problem = "is there twice" if name else "has no name"
            yield place.finding(Severity.ERROR, Reason.INVALID_VALUE, f"<label {name}> {problem}")
        labels.add(name)


def _spelling(config: Config) -> Iterator[Finding]:
    near = _near_misses(config)
    for place in config.places:
        name = place.section.name
        if name == "system":
            for key, _ in place.section.params:
                if key not in _SYSTEM:
                    yield place.finding(Severity.ERROR, Reason.UNKNOWN_OPTION, f"<system> has no {key!r}", key=key)
            continue
        if len(place.parents) > 1 and name not in _SECTIONS | _ROOT_SECTIONS:
            meant = get_close_matches(name, _SECTIONS, 1, 0.8)
            if meant:
                yield place.finding(
                    Severity.ERROR, Reason.UNKNOWN_OPTION, f"<{name}> is not known", fix=f"did you mean <{meant[0]}>?"
                )
        if name in FREE and not place.kind:
            continue
        for key, _ in place.section.params:
            if key in near:
                yield place.finding(
                    Severity.ERROR,
                    Reason.UNKNOWN_OPTION,
                    f"{key!r} is not known",
                    key=key,
                    fix=f"did you mean {near[key]}?",
                )


def _near_misses(config: Config) -> dict[str, str]:
    """Return the keys that are nearly a parameter, each with the one it is near to; those that end in a digit are one of a row."""
    keys = {key for place in config.places for key, _ in place.section.params} - _PARAMETERS
    found = ((key, get_close_matches(key, _PARAMETERS, 1, _ALIKE)) for key in keys if not key[-1:].isdecimal())
    return {key: meant[0] for key, meant in found if meant}
