"""How the stages of a pipeline are spelled: labels in a row, each with its filters and the way to the next.

Every label begins with a filter that works on whole streams. Without one Fluentd runs the filters of a label as one chain
in which a record that raised goes on as if nothing had happened; behind one it goes to `@ERROR` only.

A condition is asked by a program, which always answers; the answer is in a field of ours, and grep, which lets pass what
it cannot read, reads nothing but that.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from binnacle.intent.pipeline import (
    Condition,
    Enrich,
    Filter,
    Multiline,
    OnError,
    Parse,
    Pipeline,
    Redact,
    Route,
    Stage,
)
from binnacle.intent.refs import Key
from binnacle.targets.fluentd import conventions
from binnacle.targets.fluentd.elements import Element, SecretFile, Value, element
from binnacle.targets.fluentd.stages.program import SCRATCH, STREAM, TIME, Program, applied
from binnacle.targets.fluentd.stages.runtime import DEEPEST, FAILED, LARGEST, MOST_OPEN, REASONS

OUTPUTS: Final = "outputs"
"""Part of the names of labels that lead to outputs; no stage is called so (`.` joins parts, a stage is one part)."""


@dataclass(frozen=True, slots=True)
class Spelled:
    """Elements, and the programs in them.

    Attributes:
        elements: labels, in the order of the stages.
        programs: what runs in them; `{program.code for ...}` is what a lint may trust.
    """

    elements: tuple[Element, ...]
    programs: tuple[Program, ...]


class _Labels:
    """The labels of one pipeline while they are written; `joins` stages that join lines are still to come."""

    def __init__(self, key: Key, secrets: str, joins: int):
        self.key = key
        self.secrets = secrets
        self.joins = joins
        self.done: list[Element] = []
        self.programs: list[Program] = []
        self.open = conventions.label(key)
        self.body: list[Element] = [whole_streams()]

    def run(self, program: Program, *, keep_mark: bool = False) -> None:
        self.programs.append(program)
        self.body.append(applied(program, keep_mark=keep_mark))

    def only_marked(self) -> None:
        self.body.extend(_only_marked())

    def close(self, way: Element) -> None:
        self.done.append(element("label", self.open, {}, [*self.body, way]))

    def begin(self, label: str, *gone: str) -> None:
        self.open, self.body = label, [whole_streams(*gone)]

    def follow(self, *parts: str, gone: Sequence[str] = ()) -> None:
        """End the label here and go on in the next one, without the fields `gone`."""
        label = conventions.label(self.key, *parts)
        self.close(relabelled("match", "**", label))
        self.begin(label, *gone)


def spelled(key: Key, pipeline: Pipeline, secrets: str) -> Spelled:
    """Spell the stages, from the label that inputs name (`conventions.label(key)`) to one label per output.

    The last label of the stages and those of routes relabel to `output_label(key, output)`, where outputs stand.
    CRI lines in parts are joined, and texts made valid UTF-8, before the first stage; a line that never ends is cut where it
    would be too large to be looked at.

    Args:
        key: of the resource.
        pipeline: what it means.
        secrets: folder in which Fluentd finds values of Secrets.

    Raises:
        ElementError: a name that cannot be part of a name in Fluentd.
    """
    labels = _Labels(key, secrets, sum(isinstance(stage, Multiline) for stage in pipeline.stages))
    labels.run(Program("line", (LARGEST, labels.joins > 0, MOST_OPEN)))
    labels.body.append(_joined_parts(conventions.label(key, "joined")))
    # Parts that waited too long for the rest come with the marks of the container runtime still on them.
    labels.follow("joined", gone=("logtag", "stream"))
    labels.run(Program("clean", ()))
    for stage in pipeline.stages:
        _stage(labels, stage)
    routed = {output for stage in pipeline.stages if isinstance(stage, Route) for output in stage.outputs}
    labels.close(_to_outputs(key, [output.name for output in pipeline.outputs if output.name not in routed]))
    return Spelled(tuple(labels.done), tuple(labels.programs))


def output_label(key: Key, output: str) -> str:
    """Return the label in which an output of a pipeline stands."""
    return conventions.label(key, OUTPUTS, output)


def relabelled(section: str, argument: str, label: str) -> Element:
    """Return the section (`match` or `store`) that sends events to a label."""
    return element(section, argument, {"@type": "relabel", "@label": label})


def quarantine(output: Element) -> tuple[Element, Program]:
    """Return the label `@ERROR`, once for all pipelines: whatever comes there becomes a stub, and the stub goes to `output`.

    Fluentd hands raw records to `@ERROR` in many cases of its own; no field of one leaves through here.

    Args:
        output: a `<match **>`.
    """
    program = Program("stub", (FAILED, *REASONS.values()))
    body = [whole_streams(), applied(program), output]
    return element("label", conventions.ERROR_LABEL, {}, body), program


def conditions(asked: Iterable[Condition]) -> tuple[Any, ...]:
    """Return conditions as data of a program: path, test, values, pattern, negated, longest."""
    return tuple((one.field, one.test.value, one.values, one.pattern, one.negated, one.longest) for one in asked)


def redaction(stage: Redact, namespace: str, secrets: str) -> Program:
    """Return the program of a redact stage; the salt is read from its file when the first record comes, and not before.

    Args:
        stage: what is private.
        namespace: of the Secret with the salt.
        secrets: folder in which Fluentd finds values of Secrets.

    Raises:
        ElementError: a name that leads out of the folder.
    """
    patterns = tuple((one.regex, one.placeholder, one.check, one.action.value, one.longest) for one in stage.patterns)
    keys = tuple((one.path, one.action.value) for one in stage.keys)
    salt = ""
    if stage.salt is not None:
        path = conventions.secret_path(secrets, namespace, stage.salt.secret, stage.salt.key)
        salt = SecretFile(path).path
    return Program("redact", (patterns, keys, salt, LARGEST, DEEPEST))


def parsing(stage: Parse) -> Program:
    """Return the program of a parse stage."""
    types = tuple((path, kind.value) for path, kind in stage.types)
    data = (
        stage.format.value,
        stage.source,
        stage.pattern,
        stage.time_field,
        types,
        stage.on_error.value,
        stage.longest,
    )
    return Program("parse", data)


def _stage(labels: _Labels, stage: Stage) -> None:
    match stage:
        case Multiline():
            labels.run(Program("starts", (stage.source, stage.start, LARGEST, MOST_OPEN)))
            labels.body.append(_joined_lines(stage, conventions.label(labels.key, "stage", stage.name)))
            labels.follow("stage", stage.name)
            labels.run(Program("unmarked", stage.source))
            labels.joins -= 1
            if not labels.joins:
                labels.body.append(whole_streams(STREAM))
        case Parse():
            drops = stage.on_error is OnError.DROP
            labels.run(parsing(stage), keep_mark=drops)
            if drops:
                labels.only_marked()
            if stage.time_field:
                labels.body.append(_timed())
        case Enrich():
            if stage.kubernetes:
                labels.run(Program("origin", conventions.ORIGIN))
            if stage.add:
                labels.run(Program("add", stage.add))
        case Redact():
            labels.run(redaction(stage, labels.key.namespace, labels.secrets))
        case Filter():
            labels.run(Program("keep", (conditions(stage.drop), conditions(stage.keep))), keep_mark=True)
            labels.only_marked()
        case Route():
            _route(labels, stage)


def _route(labels: _Labels, stage: Route) -> None:
    """Copy to a branch that keeps what is asked for; each branch has a record of its own, whatever it does to it.

    All stages that join lines stand before (`compile` sees to it), so the record has no field of ours any more.
    """
    branch = conventions.label(labels.key, "route", stage.name)
    onward = conventions.label(labels.key, "stage", stage.name)
    labels.close(_copied([branch, onward]))
    labels.begin(branch)
    labels.run(Program("when", conditions(stage.when)), keep_mark=True)
    labels.only_marked()
    labels.close(_to_outputs(labels.key, stage.outputs))
    labels.begin(onward)


def _to_outputs(key: Key, outputs: Sequence[str]) -> Element:
    if not outputs:
        return element("match", "**", {"@type": "null"})
    labels = [output_label(key, output) for output in outputs]
    return _copied(labels) if len(labels) > 1 else relabelled("match", "**", labels[0])


def _copied(labels: Sequence[str]) -> Element:
    stores = [relabelled("store", "", label) for label in labels]
    return element("match", "**", {"@type": "copy", "copy_mode": "deep"}, stores)


def whole_streams(*gone: str) -> Element:
    """Return the filter that a label begins with; it takes the fields `gone` away."""
    return element("filter", "**", {"@type": "record_transformer", "remove_keys": ",".join((SCRATCH, *gone))})


def _only_marked() -> Iterator[Element]:
    yield element("filter", "**", {"@type": "grep"}, [element("regexp", "", {"key": SCRATCH, "pattern": "/^1$/"})])
    yield element("filter", "**", {"@type": "record_modifier", "remove_keys": SCRATCH})


def _joined_parts(timeout_label: str) -> Element:
    """Lines that the container runtime cut into parts; stdout and stderr apart."""
    return element(
        "filter",
        "**",
        {
            "@type": "concat",
            "key": "message",
            "use_partial_cri_logtag": True,
            "partial_cri_logtag_key": "logtag",
            "partial_cri_stream_key": "stream",
            "stream_identity_key": "stream",
            "separator": "",
            "use_first_timestamp": True,
            "flush_interval": 5,
            "timeout_label": timeout_label,
        },
    )


def _joined_lines(stage: Multiline, timeout_label: str) -> Element:
    """Lines from one with a mark at its beginning up to the next, or to one with a mark at its end; stdout and stderr apart.

    A program sets the marks: the plugin has no bound for what it holds, and one container that never writes a first line again
    would take the memory of all. The other fields are within one field meanwhile: the plugin mixes those of the next line in.
    """
    return element(
        "filter",
        "**",
        {
            "@type": "concat",
            "key": stage.source,
            "multiline_start_regexp": r"/\A\x01/",
            "multiline_end_regexp": r"/\x01\z/",
            "stream_identity_key": STREAM,
            "use_first_timestamp": True,
            "flush_interval": max(1, -(-stage.flush_ms // 1000)),
            "timeout_label": timeout_label,
        },
    )


def _timed() -> Element:
    """Give the event the time that the program left, to the nanosecond; records without one stay as they are."""
    parse = element(
        "parse",
        "",
        {"@type": "regexp", "expression": f"/^(?<{TIME}>[0-9.]+)$/", "time_key": TIME, "time_type": "float"},
    )
    params: dict[str, Value | None] = {
        "@type": "parser",
        "key_name": TIME,
        "reserve_data": True,
        "reserve_time": False,
        "remove_key_name_field": True,
        "emit_invalid_record_to_error": False,
    }
    return element("filter", "**", params, [parse])
