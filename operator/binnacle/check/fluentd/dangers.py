"""Rules about what a configuration may do beyond its records: run code, write anywhere, pass on what it should have dropped."""

import re
from collections.abc import Iterator
from typing import Final

from binnacle.api.findings import Finding, Severity
from binnacle.api.reasons import Reason
from binnacle.check.fluentd.match import routed
from binnacle.check.fluentd.places import Config, Place, text
from binnacle.check.fluentd.sections import Computed, Section
from binnacle.targets.fluentd.conventions import ERROR_LABEL

_TEMPLATE: Final = re.compile(r"\$\{[^}]*\}")
_PLAIN_TEMPLATE: Final = re.compile(
    r"\$\{(?:tag|time|hostname|tag_parts\[-?[0-9]+\]|tag_prefix\[-?[0-9]+\]|tag_suffix\[-?[0-9]+\]|record\[\"[^\"\\#]+\"\])\}"
)
"""Templates that stand for a fact of the event, in filters that run Ruby and in those that do not."""
_COMMANDS: Final = frozenset({"exec", "exec_filter", "debug_agent"})
_CODE_KEYS: Final = frozenset({"prepare_value", "hostname_command"})
_NESTED: Final = re.compile(r"\$(?:\.[^.\[]+|\['[^']*'\]){2,}.*|\$.+\[[0-9]+\].*")
_WHOLE_STREAM: Final = frozenset({"parser", "concat", "record_transformer"})
"""Filters that work on whole streams: behind one, a record that raises goes to @ERROR and not on."""
_UNWRITABLE: Final = ("/proc", "/sys", "/dev")
_CHUNK_FACTS: Final = frozenset({"${tag}", "${chunk_id}"})


def check(config: Config) -> Iterator[Finding]:
    """Find code, paths that lead elsewhere, and filters that let pass what they should not."""
    yield from _embedded(config)
    for place in config.places:
        yield from _code(config, place)
        yield from _paths(config, place)
        yield from _tail(place)
        yield from _nested_keys(place)
        yield from _error_output(place)
    yield from _replacements(config)
    for target in config.parsed.empty_includes:
        yield config.places[0].finding(Severity.ERROR, Reason.EMPTY_INCLUDE, f"@include {target} names no file")
    for target in config.parsed.inner_includes:
        yield config.places[0].finding(
            Severity.ERROR, Reason.EMPTY_INCLUDE, f"@include {target} stands among the parameters of a section"
        )


def _embedded(config: Config) -> Iterator[Finding]:
    for code in config.parsed.ruby:
        if code.code not in config.trusted:
            yield Finding(
                Severity.ERROR,
                Reason.EMBEDDED_CODE,
                f"{code.file}:{code.line}",
                f"Ruby runs when the file is read: {code.code[:80]!r}",
                "write the value itself",
            )


def _code(config: Config, place: Place) -> Iterator[Finding]:
    if place.kind in _COMMANDS and place.section.name in ("source", "filter", "match", "store"):
        yield place.finding(Severity.ERROR, Reason.EMBEDDED_CODE, f"{place.kind} runs commands", key="@type")
    for key in _CODE_KEYS:
        value = place.section.get(key)
        if value is not None and str(value) not in config.trusted and place.section.name != "record":
            yield place.finding(Severity.ERROR, Reason.EMBEDDED_CODE, f"{key} is run when the file is read", key=key)
    if place.section.name == "record" and place.parent is not None:
        yield from _templates(config, place, place.parent)


def _templates(config: Config, place: Place, plugin: Section) -> Iterator[Finding]:
    """Look at the values of a `<record>`: what they are depends on the filter and on `enable_ruby`."""
    kind = text(plugin, "@type")
    every_text_is_code = kind == "record_transformer" and text(plugin, "enable_ruby") in ("true", "yes")
    for key, value in place.section.params:
        if (
            isinstance(value, Computed)
            or value in config.trusted
            or kind not in ("record_transformer", "record_modifier")
        ):
            continue
        # A hash or array is taken apart first; its texts are templates of their own.
        rest = _PLAIN_TEMPLATE.sub("", value.replace('\\"', '"') if value[:1] in ("{", "[") else value)
        if "${" in rest and (every_text_is_code or kind == "record_modifier"):
            yield place.finding(
                Severity.ERROR,
                Reason.EMBEDDED_CODE,
                f"the value of {key} is run as Ruby; a mistake in it stops every pipeline",
                key=key,
            )
        elif "${" in rest:
            unknown = _TEMPLATE.search(rest)
            yield place.finding(
                Severity.ERROR,
                Reason.UNKNOWN_OPTION,
                f"{unknown[0] if unknown else value!r} stands for nothing without enable_ruby; the field becomes null or empty",
                key=key,
                fix='reach a field of the record as ${record["field"]}',
            )
        elif every_text_is_code and re.search(r"[\[\]{}\\]|#[{$@]", rest):
            yield place.finding(
                Severity.ERROR, Reason.EMBEDDED_CODE, f"with enable_ruby the text of {key} is read as Ruby", key=key
            )


def _paths(config: Config, place: Place) -> Iterator[Finding]:
    identity = text(place.section, "@id")
    if "/" in identity or ".." in identity:
        yield place.finding(
            Severity.ERROR, Reason.UNSAFE_PATH, f"{identity!r} makes the buffer's folder: it leaves root_dir", key="@id"
        )
    for key in _written_paths(place):
        value = place.section.get(key)
        if isinstance(value, str):
            problem = _path_problem(config, value)
            if problem:
                yield place.finding(Severity.ERROR, Reason.UNSAFE_PATH, f"{value!r} {problem}", key=key)


def _written_paths(place: Place) -> tuple[str, ...]:
    name, kind = place.section.name, place.kind
    if name == "system":
        return ("root_dir",)
    if name in ("source", "storage"):
        return ("pos_file",) if name == "source" else ("path",)
    if kind in ("file", "secondary_file") or name == "buffer":
        return ("path", "directory")
    return ()


def _path_problem(config: Config, path: str) -> str:
    if not path:
        return "is no path: files would lie in the root of the file system"
    if ".." in path.split("/"):
        return "leaves its folder"
    if any(path == top or path.startswith(f"{top}/") for top in _UNWRITABLE):
        return "lies where no file can be made; the worker dies when it starts"
    if config.roots and not any(path == root or path.startswith(f"{root.rstrip('/')}/") for root in config.roots):
        return f"does not lie below {' or '.join(config.roots)}"
    if any(template not in _CHUNK_FACTS for template in _TEMPLATE.findall(path)):
        return "takes its name from records, which can name any folder"
    return ""


def _tail(place: Place) -> Iterator[Finding]:
    if place.kind != "tail" or place.section.name != "source":
        return
    if place.section.get("pos_file") is None:
        yield place.finding(
            Severity.WARNING,
            Reason.LOSES_RECORDS,
            "without pos_file, what is written while Fluentd is away is lost, or read twice",
            key="pos_file",
        )
    if place.section.get("encoding") is not None and place.section.get("from_encoding") is None:
        yield place.finding(
            Severity.ERROR,
            Reason.LOSES_RECORDS,
            "every character beyond ASCII becomes U+FFFD",
            key="encoding",
            fix="set from_encoding to the same encoding too",
        )


def _nested_keys(place: Place) -> Iterator[Finding]:
    if place.section.name not in ("regexp", "exclude", "rule") or not _NESTED.fullmatch(text(place.section, "key")):
        return
    owners = {text(section, "@type") for section in place.parents}
    if "grep" in owners:
        yield place.finding(
            Severity.ERROR,
            Reason.FAILS_OPEN,
            "a record in which the outer field is a text or a number is kept, whatever it says",
            key="key",
            fix="make it a field of its own before",
        )
    elif "rewrite_tag_filter" in owners:
        yield place.finding(
            Severity.ERROR,
            Reason.LOSES_RECORDS,
            "a record in which the outer field is a text or a number raises, and the rest of its stream is lost with it",
            key="key",
            fix="make it a field of its own before",
        )


def _error_output(place: Place) -> Iterator[Finding]:
    within = any(section.name == "label" and section.argument == ERROR_LABEL for section in place.parents)
    if within and place.section.name == "format" and place.kind == "single_value":
        yield place.finding(
            Severity.ERROR,
            Reason.LOSES_RECORDS,
            "a record without the field raises in @ERROR, which sends it to @ERROR, until the stack ends",
            fix="write the whole record, as json",
        )


def _replacements(config: Config) -> Iterator[Finding]:
    """Look for replacements that have no filter for whole streams on their way."""
    for place in config.named("filter"):
        if place.kind != "record_modifier" or not place.section.all("replace") or place.parent is None:
            continue
        others = (section.get("@type") for section in routed(place.parent) if section.name == "filter")
        if not any(kind in _WHOLE_STREAM for kind in others):
            yield place.finding(
                Severity.ERROR,
                Reason.FAILS_OPEN,
                "a record in which the field is no text is passed on as it was",
                fix="make the field a text first, in a filter that works on whole streams",
            )
