"""Where the records of a pipeline go: a label for each output, with a buffer on disk and the way of what is refused.

Every output has a label of its own that others relabel to, so an error in one is dealt with there and reaches none beside it.
Attempts never end: what a backend does not take now waits in the buffer, and what it will never take goes to a file (`<secondary>`).
"""

import re
from dataclasses import dataclass
from typing import Final

from binnacle.intent.pipeline import Buffer, Elasticsearch, Loki, OnFull, Output, Pipeline, Stdout
from binnacle.intent.refs import Key
from binnacle.intent.routing import SecretFile as SecretRef
from binnacle.targets.fluentd import conventions
from binnacle.targets.fluentd.elements import Element, ElementError, Json, SecretFile, SecretPath, Value, element
from binnacle.targets.fluentd.stages import Program, applied, output_label, whole_streams

LONGEST_LABEL: Final = 256
"""Characters of a stream label's value. Loki refuses a whole request for one that has more than 2,048 bytes."""
_LABEL_FIELD: Final = "lp_label_"
"""Fields with the values of labels: the plugin takes away what it makes a label of, and reads no paths with dots in a key."""
_TENANT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_INDEX: Final = re.compile(r"[a-z0-9][a-z0-9._-]*")
_LABEL_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ACTIONS: Final = {OnFull.BLOCK: "block", OnFull.DROP_OLDEST: "drop_oldest_chunk"}
_QUARANTINE_BUFFER: Final = Buffer(256 << 20, 1 << 20, 5_000, 60_000, OnFull.DROP_OLDEST)
"""Never full: what waits for the quarantine would hold up the pipelines of all teams."""
_REQUEST_TIMEOUT: Final = 30
_ELASTICSEARCH: Final = 8
"""The version that is taken for granted where the server cannot be asked when Fluentd starts."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an output keeps what it needs.

    Attributes:
        id: of the plugin.
        buffer: folder of its chunks.
        refused: folder of chunks that the backend refused.
        namespace: of the Secrets that it names.
        secrets: folder in which Fluentd finds values of Secrets.
    """

    id: str
    buffer: str
    refused: str
    namespace: str
    secrets: str


@dataclass(frozen=True, slots=True)
class Ends:
    """Labels of outputs, and the programs in them."""

    elements: tuple[Element, ...]
    programs: tuple[Program, ...]


def outputs(key: Key, pipeline: Pipeline, buffers: str, secrets: str) -> Ends:
    """Spell the outputs of a pipeline, each in the label `output_label(key, name)`.

    Args:
        key: of the resource.
        pipeline: what it means.
        buffers: folder for what must outlive the process.
        secrets: folder in which Fluentd finds values of Secrets.

    Raises:
        ElementError: a name that a backend would take for something else, or that leads out of a folder.
    """
    elements, programs = [], []
    for output in pipeline.outputs:
        place = Place(
            conventions.plugin_id(key, "output", output.name),
            conventions.buffer_path(buffers, key, output.name),
            conventions.refused_path(buffers, key, output.name),
            key.namespace,
            secrets,
        )
        program = _labels(output)
        filters = [whole_streams(), *([applied(program)] if program else [])]
        way = _match(output, pipeline.buffer, place)
        elements.append(element("label", output_label(key, output.name), {}, [*filters, way]))
        programs += [program] if program else []
    return Ends(tuple(elements), tuple(programs))


def quarantine_output(output: Output, buffers: str, secrets: str) -> Element:
    """Return the `<match>` at the end of `@ERROR`. It may not raise: Fluentd would send the error to `@ERROR`, until its stack ends.

    Args:
        output: the administrator's: the log of Fluentd, written at once, or a Loki without labels of records.
        buffers: as for `outputs`.
        secrets: as for `outputs`.
    """
    if isinstance(output, Stdout):
        return element("match", "**", {"@type": "stdout"}, [_as_json()])
    name = f"{conventions.SHORT}.{conventions.QUARANTINE}"
    place = Place(name, f"{buffers}/{name}", f"{buffers}/refused/{name}", "", secrets)
    return _match(output, _QUARANTINE_BUFFER, place)


def _match(output: Output, buffer: Buffer, place: Place) -> Element:
    match output:
        case Stdout():
            return element("match", "**", {"@type": "stdout", "@id": place.id}, [_as_json(), _buffer(buffer, place)])
        case Loki():
            return _loki(output, buffer, place)
        case Elasticsearch():
            return _elasticsearch(output, buffer, place)


def _as_json() -> Element:
    return element("format", "", {"@type": "json"})


def _loki(output: Loki, buffer: Buffer, place: Place) -> Element:
    # Placeholders of chunks would be filled in here, from tags and records.
    if output.tenant and not _TENANT.fullmatch(output.tenant):
        raise ElementError(f"{output.tenant!r} is not a tenant", fix="use letters, digits, . _ and -")
    for name in (*(name for name, _ in output.labels), *(name for name, _ in output.fields)):
        if not _LABEL_NAME.fullmatch(name):
            raise ElementError(f"{name!r} is not the name of a label", fix="use letters, digits and _")
    params: dict[str, Value | None] = {
        "@type": "loki",
        "@id": place.id,
        "url": output.url.rstrip("/"),
        "tenant": output.tenant or None,
        "bearer_token_file": SecretPath(_secret(output.token, place)) if output.token else None,
        "line_format": "json",
        "extra_labels": Json.of(dict(output.labels)),
    }
    made: dict[str, Value | None] = {name: f"{_LABEL_FIELD}{number}" for number, (name, _) in enumerate(output.fields)}
    labels = [element("label", "", made)] if made else []
    return element("match", "**", params, [*labels, _buffer(buffer, place), _secondary(place)])


def _labels(output: Output) -> Program | None:
    """Return the program that puts what becomes a label into fields of the top, as texts that are not too long."""
    if not isinstance(output, Loki) or not output.fields:
        return None
    fields = tuple((f"{_LABEL_FIELD}{number}", path) for number, (_, path) in enumerate(output.fields))
    return Program("labels", (LONGEST_LABEL, fields))


def _elasticsearch(output: Elasticsearch, buffer: Buffer, place: Place) -> Element:
    if not _INDEX.fullmatch(output.index):
        raise ElementError(
            f"{output.index!r} is not the name of an index", fix="use lower-case letters, digits, . _ and -"
        )
    params: dict[str, Value | None] = {
        "@type": "elasticsearch",
        "@id": place.id,
        "host": output.host,
        "port": output.port,
        "scheme": output.scheme,
        "user": output.user or None,
        "password": SecretFile(_secret(output.password, place)) if output.password else None,
        "index_name": output.index,
        "include_timestamp": True,
        "suppress_type_name": True,
        "request_timeout": _REQUEST_TIMEOUT,
        # A new list of nodes after an error, and not every 10,000 requests.
        "reload_connections": False,
        "reload_on_failure": True,
        "reconnect_on_error": True,
        # Nobody's cluster may keep Fluentd from starting.
        "verify_es_version_at_startup": False,
        "default_elasticsearch_version": _ELASTICSEARCH,
        # By default a cluster that is busy (429) counts as a refusal for ever.
        "unrecoverable_error_types": Json.of(["out_of_memory_error"]),
    }
    # The plugin sends what one chunk holds in one request, and wants to know the tag of it.
    return element("match", "**", params, [_buffer(buffer, place, "tag"), _secondary(place)])


def _secret(secret: SecretRef, place: Place) -> str:
    return conventions.secret_path(place.secrets, place.namespace, secret.secret, secret.key)


def _buffer(buffer: Buffer, place: Place, keys: str = "[]") -> Element:
    return element(
        "buffer",
        keys,
        {
            "@type": "file",
            "path": place.buffer,
            "flush_mode": "interval",
            "flush_interval": _seconds(buffer.flush_ms),
            "flush_thread_count": 1,
            "chunk_limit_size": buffer.chunk,
            "total_limit_size": buffer.size,
            "overflow_action": _ACTIONS[buffer.on_full],
            "retry_type": "exponential_backoff",
            "retry_wait": 1,
            "retry_max_interval": _seconds(buffer.retry_max_ms),
            "retry_forever": True,
        },
    )


def _secondary(place: Place) -> Element:
    params: dict[str, Value | None] = {
        "@type": "secondary_file",
        "directory": place.refused,
        "basename": "chunk.${chunk_id}",
    }
    return element("secondary", "", params)


def _seconds(milliseconds: int) -> int:
    """Return whole seconds, never none: Fluentd reads `0.5s` as 5 s, and no pause at all would keep a processor busy."""
    return max(1, -(-milliseconds // 1000))
