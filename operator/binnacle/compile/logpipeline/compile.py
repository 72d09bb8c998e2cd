"""A LogPipeline as a pipeline: puts together what the other modules of this package say, and sees that nothing leaves unredacted."""

from collections.abc import Sequence
from typing import Final

from binnacle.api import logpipeline_stages as api
from binnacle.api.config import Config
from binnacle.api.findings import Finding, Severity
from binnacle.api.logpipeline import LogPipeline
from binnacle.api.reasons import Reason
from binnacle.compile.logpipeline import ends
from binnacle.compile.logpipeline.ends import ENVIRONMENT, Place
from binnacle.compile.logpipeline.stages import count_regexes, read
from binnacle.compile.redaction import DEFAULT, PACKS
from binnacle.compile.world import Compiled, World
from binnacle.intent.pipeline import Enrich, Multiline, OnError, Output, Parse, Pipeline, Redact, Route, Stage

_MOST_REGEXES: Final = 200
DEFAULT_REDACTION: Final = "default_redaction"
ADDED_ENVIRONMENT: Final = "environment_field"
"""Names of stages that nobody wrote; no stage of a team has a `_` in its name."""


def compile_logpipeline(pipeline: LogPipeline, world: World) -> Compiled:
    """Return the pipeline, the findings about it, and what status shows of it.

    An input, an output and a route that cannot be used is left out alone, with what depends on it. The other stages rely on
    each other, and so does all that comes out of them: when one of them is wrong there is no pipeline, and the last good one
    stays. `facts` has `inputs`, `outputs` and `effective`.
    """
    spec = pipeline.spec
    place = Place(pipeline.metadata.namespace, spec.environment or "", world.config)
    findings: list[Finding] = []
    inputs = ends.inputs(pipeline, findings)
    outputs = ends.outputs(pipeline, place, findings)
    stages = _stages(pipeline, place, outputs, findings)
    buffer = ends.buffer(spec.buffer, findings)
    outputs = _fed(pipeline, stages or (), outputs, findings)
    if stages is None or not inputs or not outputs:
        return Compiled((), tuple(sorted(findings)))
    stages = _before_it_leaves(pipeline, stages, findings)
    facts = {"inputs": len(inputs), "outputs": len(outputs), "effective": _effective(outputs, stages, world.config)}
    return Compiled((Pipeline(inputs, tuple(stages), outputs, buffer),), tuple(sorted(set(findings))), facts)


def _stages(
    pipeline: LogPipeline, place: Place, outputs: Sequence[Output], findings: list[Finding]
) -> list[Stage] | None:
    """Return the stages in their order, without routes that cannot be used; None when another one cannot be."""
    number = sum(count_regexes(one) for one in pipeline.spec.stages)
    if number > _MOST_REGEXES:
        message = f"The stages have {number} regular expressions; judging them would hold up other resources."
        fix = f"Keep at most {_MOST_REGEXES}, or make two pipelines."
        findings.append(Finding(Severity.ERROR, Reason.SLOW_PATTERN, "spec.stages", message, fix))
        return None
    usable = {one.name for one in outputs}
    declared = {one.name for one in pipeline.spec.outputs}
    made: list[Stage] = []
    whole = True
    routed = ""
    for one in pipeline.spec.stages:
        path = f"spec.stages[{one.name}]"
        stage = read(one, path, findings)
        if one.route is not None:
            routed = routed or one.name
            findings += _unknown(one.route, declared, path)
            left = tuple(name for name in one.route.outputs if name in usable)
            if isinstance(stage, Route) and left:
                made.append(Route(stage.name, stage.when, left))
            continue
        if routed and (one.redact is not None or one.parse is not None or one.multiline is not None):
            findings.append(_too_late(one, routed, path))
            whole = False
        elif stage is None:
            whole = False
        elif endless := _endless(stage, path, place):
            findings.append(endless)
            whole = False
        else:
            made.append(stage)
    return made if whole else None


def _endless(stage: Stage, path: str, place: Place) -> Finding | None:
    """Return what is wrong with a stage that fails on the lines that Fluentd writes when it fails.

    Fluentd warns in its log of every record that raised, wherever stubs go, and here the log is read by the pipeline.
    """
    if place.namespace != place.config.fluentd.namespace:
        return None
    if isinstance(stage, Parse) and stage.on_error is OnError.QUARANTINE:
        path, what, fix = f"{path}.parse.onError", "A line that cannot be parsed", "Write Keep or Drop."
    elif isinstance(stage, Redact) and stage.salt is not None:
        path, what = f"{path}.redact.salt", "A line that comes while Fluentd does not find the salt"
        fix = "Write Mask or Drop, and leave the salt out."
    else:
        return None
    message = (
        f"{what} makes a line in the log of the collector. That lies in this namespace, so the line would be read and fail the same "
        "way, without end."
    )
    return Finding(Severity.ERROR, Reason.ROUTING_LOOP, path, message, fix)


def _unknown(route: api.Route, declared: set[str], path: str) -> list[Finding]:
    return [
        Finding(
            Severity.ERROR,
            Reason.UNKNOWN_REFERENCE,
            f"{path}.route.outputs",
            f"There is no output {name}.",
            "Correct the name, or add the output.",
        )
        for name in route.outputs
        if name not in declared
    ]


def _too_late(stage: api.Stage, routed: str, path: str) -> Finding:
    if stage.redact is not None:
        message = f"The route {routed} has sent copies before, unredacted."
    else:
        message = f"It stands behind the route {routed}, where what it makes of a text can no longer be redacted."
    return Finding(Severity.ERROR, Reason.OUT_OF_ORDER, path, message, f"Move the stage before {routed}.")


def _fed(
    pipeline: LogPipeline, stages: Sequence[Stage], outputs: Sequence[Output], findings: list[Finding]
) -> tuple[Output, ...]:
    """Return the outputs that get something. One that routes name never gets what is not routed, even if its routes are gone."""
    routed = {name for one in pipeline.spec.stages if one.route is not None for name in one.route.outputs}
    fed = {name for one in stages if isinstance(one, Route) for name in one.outputs}
    left = tuple(one for one in outputs if one.name not in routed or one.name in fed)
    findings += (
        Finding(
            Severity.WARNING,
            Reason.UNREACHABLE_SECTION,
            f"spec.outputs[{one.name}]",
            "Nothing comes here, because the routes to it are left out.",
            "Correct the routes.",
        )
        for one in outputs
        if one not in left
    )
    if routed >= {one.name for one in pipeline.spec.outputs}:
        findings.append(
            Finding(
                Severity.WARNING,
                Reason.LOSES_RECORDS,
                "spec.outputs",
                "Every output is named by a route, so records that no route takes go nowhere.",
                "Add an output that no route names, if they are wanted.",
            )
        )
    return left


def _before_it_leaves(pipeline: LogPipeline, stages: list[Stage], findings: list[Finding]) -> list[Stage]:
    """Put in what every record must have passed before a copy of it leaves the process: redaction, and then the environment."""
    leaves = next((at for at, one in enumerate(stages) if isinstance(one, Route)), len(stages))
    text = max((at for at, one in enumerate(stages) if isinstance(one, Parse | Multiline)), default=-1)
    packed = {
        one.name
        for one in pipeline.spec.stages
        if one.redact is not None and api.Pack.DEFAULT in (one.redact.packs or ())
    }
    covered = any(isinstance(one, Redact) and one.name in packed for one in stages[text + 1 : leaves])
    added: list[Stage] = []
    switch = pipeline.spec.redaction
    if switch is not None and not switch.enabled:
        message = f"Nothing is redacted unless a stage does so: {switch.reason}"
        fix = "Leave redaction out to have it on."
        findings.append(Finding(Severity.WARNING, Reason.NOT_REDACTED, "spec.redaction", message, fix))
    elif not covered:
        pack = PACKS[DEFAULT]
        added.append(Redact(DEFAULT_REDACTION, pack.patterns, pack.keys))
    if pipeline.spec.environment is not None:
        added.append(Enrich(ADDED_ENVIRONMENT, (((ENVIRONMENT,), pipeline.spec.environment),)))
    return [*stages[:leaves], *added, *stages[leaves:]]


def _effective(outputs: Sequence[Output], stages: Sequence[Stage], config: Config) -> list[dict[str, str]]:
    """Return what the administrator's configuration and defaults decided."""
    kinds = {type(one).__name__ for one in outputs}
    values = {
        "fluentd.namespace": config.fluentd.namespace,
        "fluentd.quarantine": config.fluentd.quarantine.value,
    }
    if "Loki" in kinds:
        values["loki.url"] = config.loki.url or ""
    if "Elasticsearch" in kinds:
        values["elasticsearch.url"] = config.elasticsearch.url or ""
    if any(one.name == DEFAULT_REDACTION for one in stages):
        values["redaction"] = DEFAULT
    return [{"name": name, "value": value} for name, value in sorted(values.items())]
