"""A LogPipeline in words: which logs are read, what happens to each record, where records go, and what is hidden before."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from binnacle.api.logpipeline import LogPipeline
from binnacle.check.explain.base import Section, Table, effective
from binnacle.check.explain.words import counted, lasting, listed
from binnacle.compile.logpipeline.compile import ADDED_ENVIRONMENT, DEFAULT_REDACTION
from binnacle.compile.world import Compiled, World
from binnacle.intent.pipeline import (
    Asks,
    Condition,
    Containers,
    Elasticsearch,
    Enrich,
    Filter,
    Format,
    Loki,
    Multiline,
    OnError,
    OnFull,
    Output,
    Parse,
    Pipeline,
    Redact,
    Route,
    Stage,
)

_MEBIBYTE = 1 << 20
_WRITTEN_BY_NOBODY = {DEFAULT_REDACTION: "(by default)", ADDED_ENVIRONMENT: "(environment)"}
_ON_ERROR = {
    OnError.KEEP: "what cannot be parsed stays as it is",
    OnError.DROP: "what cannot be parsed is dropped",
    OnError.QUARANTINE: "what cannot be parsed goes to quarantine as a stub",
}


def explain_logpipeline(
    pipeline: LogPipeline, compiled: Compiled, facts: Mapping[str, Any], world: World
) -> tuple[Section, ...]:
    """Explain a LogPipeline that compiled."""
    sections: list[Section] = []
    for meant in compiled.intents:
        if isinstance(meant, Pipeline):
            sections += [
                _read(pipeline, meant.inputs),
                _done(meant.stages),
                _hidden(pipeline, meant.stages, world),
                _sent(meant),
                _kept(meant),
            ]
    if "testsSummary" in facts:
        tests = facts["tests"]
        sections.append(
            Section("How it is tested", (f"Tests of its own: {tests['passed']} of {tests['total']} hold.",))
        )
    return (*sections, *effective(facts))


def _read(pipeline: LogPipeline, inputs: Sequence[Containers]) -> Section:
    return Section(
        "What is read",
        (f"Standard output and error of containers of the namespace {pipeline.metadata.namespace}, on every node.",),
        Table(
            ("Input", "Pods", "Containers"),
            tuple((one.name, listed(one.pods or ("all",)), _containers(one)) for one in inputs),
        ),
    )


def _containers(one: Containers) -> str:
    excluded = f" but {listed(one.exclude)}" if one.exclude else ""
    return f"{listed(one.containers or ('all',))}{excluded}"


def _done(stages: Sequence[Stage]) -> Section:
    if not stages:
        return Section("What happens to each record", ("Nothing.",))
    rows = tuple(
        (str(number), _WRITTEN_BY_NOBODY.get(one.name, one.name), type(one).__name__.lower(), _does(one))
        for number, one in enumerate(stages, start=1)
    )
    return Section("What happens to each record", ("In this order.",), Table(("", "Stage", "Type", "Does"), rows))


def _does(stage: Stage) -> str:
    match stage:
        case Multiline():
            return f"joins lines up to the next that begins a record; the last ones wait {lasting(stage.flush_ms)}"
        case Parse():
            time = f"; its time is {_path(stage.time_field)}" if stage.time_field else ""
            how = "a regular expression" if stage.format is Format.REGEX else stage.format.value
            return f"reads {stage.source} as {how}{time}; {_ON_ERROR[stage.on_error]}"
        case Enrich():
            added = [f"{_path(path)} = {value}" for path, value in stage.add]
            return f"adds {listed([*(('namespace, pod, container',) if stage.kubernetes else ()), *added])}"
        case Redact():
            return f"hides {counted(len(stage.patterns), 'pattern')} of text and {counted(len(stage.keys), 'key')}"
        case Filter():
            dropped = [f"drops records where {_asked(stage.drop, 'or')}"] if stage.drop else []
            kept = [f"keeps only those where {_asked(stage.keep, 'or')}"] if stage.keep else []
            return listed([*dropped, *kept])
        case Route():
            return f"copies records where {_asked(stage.when, 'and')} to {listed(stage.outputs)}"


def _path(path: Sequence[str]) -> str:
    return ".".join(path)


def _asked(conditions: Iterable[Condition], joined: str) -> str:
    return listed([_condition(one) for one in conditions], joined)


def _condition(one: Condition) -> str:
    field = _path(one.field)
    no = "not " if one.negated else ""
    match one.test:
        case Asks.EXISTS:
            return f"{field} is {'missing' if one.negated else 'there'}"
        case Asks.MATCHES:
            return f"{field} does {no}match {one.pattern}" if one.negated else f"{field} matches {one.pattern}"
        case _:
            return f"{field} is {no}{listed([str(value) for value in one.values], 'or')}"


def _hidden(pipeline: LogPipeline, stages: Sequence[Stage], world: World) -> Section:
    switch = pipeline.spec.redaction
    redacting = [one for one in stages if isinstance(one, Redact)]
    said = []
    if switch is not None and not switch.enabled:
        said.append(f"The redaction that every pipeline has is switched off: {switch.reason}")
    if not redacting:
        return Section("What is hidden", (*said, "Nothing."))
    classes = list(dict.fromkeys(one.name for stage in redacting for one in stage.patterns))
    if classes:
        said.append(f"Wherever it stands, in fields, keys, lists and numbers: {listed(classes)}.")
    quarantine = world.config.fluentd.quarantine.value
    said.append(
        "A record that cannot be looked at does not go on: a stub with its time, tag, size and the reason goes to the "
        f"administrator's quarantine ({quarantine})."
    )
    return Section("What is hidden", tuple(said))


def _sent(meant: Pipeline) -> Section:
    routes = [stage for stage in meant.stages if isinstance(stage, Route)]
    rows = tuple((one.name, _where(one), _gets(one, routes)) for one in meant.outputs)
    return Section("Where records go", (), Table(("Output", "To", "Gets"), rows))


def _where(output: Output) -> str:
    match output:
        case Loki():
            names = [*(f"{name}={value}" for name, value in output.labels), *(name for name, _ in output.fields)]
            tenant = f", tenant {output.tenant}" if output.tenant else ""
            return f"Loki at {output.url}{tenant}, streams by {listed(names)}"
        case Elasticsearch():
            return f"Elasticsearch at {output.scheme}://{output.host}:{output.port}, index {output.index}"
        case _:
            return "the log of the collector"


def _gets(output: Output, routes: Sequence[Route]) -> str:
    names = [route.name for route in routes if output.name in route.outputs]
    return f"what {listed(names)} sends" if names else "every record that passes"


def _kept(meant: Pipeline) -> Section:
    buffer = meant.buffer
    full = (
        "then reading waits, and lines stay in the containers' files until these are rotated away"
        if buffer.on_full is OnFull.BLOCK
        else "then the oldest records are dropped"
    )
    return Section(
        "What is kept until it is delivered",
        (
            f"Up to {buffer.size // _MEBIBYTE:,} MiB on each node for each output; {full}.",
            (
                f"Records are sent every {lasting(buffer.flush_ms)}; an output that does not answer is tried for ever, at "
                f"least every {lasting(buffer.retry_max_ms)}."
            ),
        ),
    )
