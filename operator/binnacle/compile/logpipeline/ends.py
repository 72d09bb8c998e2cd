"""Inputs, outputs and buffers of a LogPipeline: each stands for itself, and one that cannot be used is left out alone."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from binnacle.api import logpipeline_outputs as api
from binnacle.api.config import Config
from binnacle.api.findings import Finding, Severity
from binnacle.api.logpipeline import LogPipeline
from binnacle.api.logpipeline_fields import FieldPath
from binnacle.api.reasons import Reason
from binnacle.api.secrets import SecretValue
from binnacle.api.values import Duration, Quantity
from binnacle.intent.pipeline import Buffer, Containers, Elasticsearch, Loki, OnFull, Output, Path, Stdout
from binnacle.intent.routing import SecretFile

NAMESPACE_LABEL: Final = "namespace"
ENVIRONMENT: Final = "environment"
_ELASTICSEARCH_PORT: Final = 9200
_FLUSH: Final = Duration.of(seconds=5)
_PAUSE: Final = Duration.of(minutes=1)
_LEAST_CHUNKS: Final = 4
"""Chunks that must find room in a buffer: one is filled while others are sent."""
_NOT_LABEL: Final = re.compile("[^A-Za-z0-9_]")
_RESTLESS: Final = frozenset(
    {
        "container_id", "duration", "ip", "line", "message", "msg", "path", "pod_name", "request_id", "requestid", "session_id",
        "sessionid", "span_id", "spanid", "time", "timestamp", "trace_id", "traceid", "ts", "url", "user_id", "userid",
    }
)  # fmt: skip
"""Last keys of fields whose values hardly ever repeat."""


@dataclass(frozen=True, slots=True)
class Place:
    """Whose pipeline it is, and where it runs."""

    namespace: str
    environment: str
    config: Config


def inputs(pipeline: LogPipeline, findings: list[Finding]) -> tuple[Containers, ...]:
    """Return the inputs that can be read; without any in the spec, all containers of the namespace."""
    if not pipeline.spec.inputs:
        return (Containers("all"),)
    found: list[Containers] = []
    for one in pipeline.spec.inputs:
        path = f"spec.inputs[{one.name}]"
        made = _containers(one, path, findings)
        if made is None:
            continue
        twice = next((other for other in found if _meet(made, other)), None)
        if twice is not None:
            message = f"It can read a container that {twice.name} reads too, and each of its records would come twice."
            fix = "Narrow one of them, or make one input of both."
            findings.append(Finding(Severity.WARNING, Reason.DUPLICATE_RECORDS, path, message, fix))
        found.append(made)
    return tuple(found)


def _containers(one: api.Input, path: str, findings: list[Finding]) -> Containers | None:
    given = one.containers
    if given is None:
        raise ValueError("an input has one member")
    names = tuple(name for name in given.names if name not in given.exclude)
    if given.names and not names:
        message = "All containers that it names are excluded."
        findings.append(
            Finding(Severity.ERROR, Reason.INVALID_VALUE, f"{path}.containers", message, "Leave out exclude.")
        )
        return None
    return Containers(one.name, given.pods, names, given.exclude)


def _meet(one: Containers, other: Containers) -> bool:
    """Whether two inputs can read the same container."""
    pods = any(_both_match(a, b) for a in one.pods or ("*",) for b in other.pods or ("*",))
    names = set(one.containers) & set(other.containers) if one.containers and other.containers else set()
    if one.containers and other.containers:
        return pods and bool(names)
    named = set(one.containers or other.containers)
    return pods and (not named or bool(named - set(one.exclude) - set(other.exclude)))


def _both_match(one: str, other: str) -> bool:
    """Whether some text matches both patterns, in which `*` is any text."""
    reached = {(0, 0)}
    for at in range(len(one) + 1):
        for to in range(len(other) + 1):
            if (at, to) not in reached:
                continue
            a, b = one[at : at + 1], other[to : to + 1]
            if a == "*":
                reached |= {(at + 1, to), (at, to + 1)} if b else {(at + 1, to)}
            if b == "*":
                reached |= {(at, to + 1), (at + 1, to)} if a else {(at, to + 1)}
            if a and a == b:
                reached.add((at + 1, to + 1))
    return (len(one), len(other)) in reached


def outputs(pipeline: LogPipeline, place: Place, findings: list[Finding]) -> tuple[Output, ...]:
    """Return the outputs that can be used."""
    made = (_output(one, place, f"spec.outputs[{one.name}]", findings) for one in pipeline.spec.outputs)
    return tuple(one for one in made if one is not None)


def _output(one: api.Output, place: Place, path: str, findings: list[Finding]) -> Output | None:
    if one.loki is not None:
        return _loki(one.name, one.loki, place, f"{path}.loki", findings)
    if one.elasticsearch is not None:
        return _elasticsearch(one.name, one.elasticsearch, place, f"{path}.elasticsearch", findings)
    if place.namespace == place.config.fluentd.namespace:
        message = "The log of the collector lies in this namespace, so what is written to it would be read again."
        findings.append(Finding(Severity.ERROR, Reason.ROUTING_LOOP, f"{path}.stdout", message, "Send it elsewhere."))
        return None
    return Stdout(one.name)


def _loki(name: str, loki: api.Loki, place: Place, path: str, findings: list[Finding]) -> Loki | None:
    config = place.config.loki
    if config.url is None:
        findings.append(_no_address("Loki", "loki.url", path))
        return None
    if loki.tenant is not None and not _owned(loki.tenant, place):
        findings.append(_not_owned("tenant", loki.tenant, place, f"{path}.tenant"))
        return None
    fixed = [(NAMESPACE_LABEL, place.namespace)]
    if place.environment:
        fixed.append((ENVIRONMENT, place.environment))
    return Loki(
        name,
        config.url.rstrip("/"),
        tuple(fixed),
        tuple(_labels(loki.label_names, [label for label, _ in fixed], f"{path}.labelNames", findings)),
        tenant=loki.tenant or config.tenant or "",
        token=_secret(loki.auth.bearer if loki.auth is not None else None),
    )


def _labels(
    fields: Sequence[FieldPath], fixed: Sequence[str], path: str, findings: list[Finding]
) -> Iterator[tuple[str, Path]]:
    taken = set(fixed)
    for field in fields:
        label = _NOT_LABEL.sub("_", "_".join(field.keys))
        label = f"_{label}" if label[0].isdigit() else label
        wrong = ""
        if label in fixed or label.startswith("__"):
            wrong = f"The label {label} of {field} is reserved."
        elif label in taken:
            wrong = f"Another field has become the label {label} already."
        if wrong:
            findings.append(
                Finding(Severity.ERROR, Reason.RESERVED_LABEL, path, wrong, f"Leave {field} out, or rename the field.")
            )
            continue
        if field.keys[-1].lower() in _RESTLESS:
            message = f"Values of {field} hardly ever repeat, and each would be a stream of its own."
            fix = f"Leave {field} out; the field stays in the line."
            findings.append(Finding(Severity.WARNING, Reason.HIGH_CARDINALITY, path, message, fix))
        taken.add(label)
        yield label, field.keys


def _elasticsearch(
    name: str, given: api.Elasticsearch, place: Place, path: str, findings: list[Finding]
) -> Elasticsearch | None:
    url = place.config.elasticsearch.url
    if url is None:
        findings.append(_no_address("Elasticsearch", "elasticsearch.url", path))
        return None
    if not _owned(given.index, place):
        findings.append(_not_owned("index", given.index, place, f"{path}.index"))
        return None
    server = urlsplit(url)
    basic = given.auth.basic if given.auth is not None else None
    return Elasticsearch(
        name,
        server.hostname or "",
        server.port or _ELASTICSEARCH_PORT,
        server.scheme,
        given.index,
        basic.username if basic is not None else "",
        _secret(basic.password if basic is not None else None),
    )


def _secret(value: SecretValue | None) -> SecretFile | None:
    return SecretFile(value.secret_ref.name, value.secret_ref.key) if value is not None else None


def _owned(name: str, place: Place) -> bool:
    """Whether a name belongs to the namespace: no namespace has `_` or a dot in its name, so none can have it too."""
    namespace = place.namespace
    if name == namespace or name.startswith((f"{namespace}_", f"{namespace}.")):
        return True
    allowed = (one.prefixes for one in place.config.tenancy.allow if one.namespace == namespace)
    return any(name.startswith(prefix) for prefixes in allowed for prefix in prefixes)


def _not_owned(what: str, name: str, place: Place, path: str) -> Finding:
    namespace = place.namespace
    return Finding(
        Severity.ERROR,
        Reason.NAME_NOT_ALLOWED,
        path,
        f"The {what} {name} does not belong to the namespace {namespace}.",
        f"Write {namespace}, alone or followed by _ or a dot and more, or have the administrator allow it (tenancy.allow).",
    )


def _no_address(backend: str, setting: str, path: str) -> Finding:
    return Finding(
        Severity.ERROR,
        Reason.BACKEND_NOT_CONFIGURED,
        path,
        f"The administrator's configuration has no address of {backend}.",
        f"Have {setting} set, or use another output.",
    )


def buffer(given: api.Buffer | None, findings: list[Finding]) -> Buffer:
    """Return the buffer of each output; a chunk that is too large for it is made smaller, and reported."""
    given = given or api.Buffer()
    size = int((given.size or Quantity.parse(api.DEFAULT_SIZE)).value)
    chunk = int((given.chunk or Quantity.parse(api.DEFAULT_CHUNK)).value)
    if chunk * _LEAST_CHUNKS > size:
        if given.chunk is not None:
            message = f"A chunk of {given.chunk} is more than a quarter of the buffer; a quarter is used."
            fix = "Choose a smaller chunk, or a larger size."
            findings.append(Finding(Severity.WARNING, Reason.INVALID_VALUE, "spec.buffer.chunk", message, fix))
        chunk = size // _LEAST_CHUNKS
    pause = (given.retry.max_interval if given.retry is not None else None) or _PAUSE
    return Buffer(size, chunk, (given.flush_every or _FLUSH).ms, pause.ms, OnFull(given.on_full.value))
