"""Log pipelines as values: where records come from, the stages that they pass in order, and where they go.

Fields of records are paths of plain keys (`("kubernetes", "container_name")`); sizes are bytes, durations milliseconds,
regular expressions in Ruby's dialect (Onigmo) over valid UTF-8 text.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from binnacle.intent.base import Intent
from binnacle.intent.routing import SecretFile

Path = tuple[str, ...]
Scalar = str | int | float | bool


class Asks(StrEnum):
    """What a condition asks of a field."""

    EQUALS = "equals"
    IN = "in"
    MATCHES = "matches"
    EXISTS = "exists"


@dataclass(frozen=True, slots=True)
class Condition:
    """One question to a record. It always has an answer: a field that is missing or of another kind answers no.

    Attributes:
        field: the field that is asked.
        test: what is asked. `exists` is true of any value but null.
        values: for `equals` (one) and `in`; equal as values, or as the texts of two scalars (`200` and `"200"`).
        pattern: for `matches`, found anywhere in the text of a scalar.
        negated: turns the answer round.
        longest: characters of the longest text that the pattern is tried on; a longer one does not match. 0 for any: the
            limit is for patterns whose time grows with the square of the text.
    """

    field: Path
    test: Asks
    values: tuple[Scalar, ...] = ()
    pattern: str = ""
    negated: bool = False
    longest: int = 0


@dataclass(frozen=True, slots=True)
class Containers:
    """An input: log files of containers of the pipeline's own namespace, as the container runtime writes them (CRI).

    The tag of its events ends with the path of the file, so that lines of two containers are never joined to one text, and a
    stage can tell whose line it is.

    Attributes:
        name: item name, unique among the inputs.
        pods: patterns (`*`) of names of pods; all when empty.
        containers: names of containers; all when empty.
        exclude: names of containers that are not read.
    """

    name: str
    pods: tuple[str, ...] = ()
    containers: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


class Format(StrEnum):
    """How a text holds fields."""

    JSON = "json"
    REGEX = "regex"
    LOGFMT = "logfmt"


class Kind(StrEnum):
    """What a field is turned into; a text that is no such thing stays as it is."""

    STRING = "string"
    INTEGER = "integer"
    FLOAT = "float"
    BOOLEAN = "boolean"


class OnError(StrEnum):
    """What happens to a record whose text cannot be parsed: it stays as it was, it goes, or a stub goes to quarantine."""

    KEEP = "Keep"
    DROP = "Drop"
    QUARANTINE = "Quarantine"


@dataclass(frozen=True, slots=True)
class Parse:
    """A stage: the text of a field becomes fields of the record, and the text goes.

    Attributes:
        name: of the stage.
        format: of the text.
        source: field with the text.
        pattern: for `regex`; its named groups become fields.
        time_field: field (after parsing) with the time of the event; it stays. Epoch seconds, milli-, micro- or
            nanoseconds by magnitude, or RFC 3339 (UTC when it has no zone). A time that cannot be read changes nothing.
        types: fields and what they become.
        on_error: what to do with text that cannot be parsed.
        longest: as for a condition; a longer text cannot be parsed.
    """

    name: str
    format: Format
    source: str = "message"
    pattern: str = ""
    time_field: Path = ()
    types: tuple[tuple[Path, Kind], ...] = ()
    on_error: OnError = OnError.KEEP
    longest: int = 0


@dataclass(frozen=True, slots=True)
class Multiline:
    """A stage: lines up to the next one that looks like a start become one record.

    Attributes:
        name: of the stage.
        start: what the first line looks like.
        flush_ms: how long the last lines wait for more.
        source: field with the line.
    """

    name: str
    start: str
    flush_ms: int
    source: str = "message"


@dataclass(frozen=True, slots=True)
class Enrich:
    """A stage: fields with fixed values, and where the record comes from. A scalar in the way of a path is replaced.

    Attributes:
        name: of the stage.
        add: fields and their values.
        kubernetes: whether `kubernetes.namespace_name`, `.pod_name`, `.container_name` and `.container_id` are added, by the
            name of the log file; they come before `add`.
    """

    name: str
    add: tuple[tuple[Path, Scalar], ...] = ()
    kubernetes: bool = False


class Action(StrEnum):
    """What becomes of something private: a placeholder, a placeholder with a hash of it, or nothing at all."""

    MASK = "Mask"
    HASH = "Hash"
    DROP = "Drop"


@dataclass(frozen=True, slots=True)
class Pattern:
    """Text that is private.

    Attributes:
        name: `email`; of the class.
        regex: what it looks like.
        placeholder: `[EMAIL]`; what stands there instead. It must not look private itself.
        check: `luhn` or `iban`: a find counts only when its digits add up.
        action: of the finds.
        longest: as for a condition; a record with a longer text cannot be redacted.
    """

    name: str
    regex: str
    placeholder: str
    check: str = ""
    action: Action = Action.MASK
    longest: int = 0


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """Fields whose whole value is private, whatever it is.

    Attributes:
        path: one name matches at any depth; several match from the top. `*` is any one key, `**` (last) anything below.
            Letter case, `-` and `_` make no difference.
        action: of the value; `Drop` takes the field away.
    """

    path: Path
    action: Action = Action.MASK


@dataclass(frozen=True, slots=True)
class Redact:
    """A stage: nothing private goes on, whichever value, key, list or number it is in.

    What cannot be looked at (too large, too deep, or an error on the way) does not go on: a stub goes to quarantine.

    Attributes:
        name: of the stage.
        patterns: applied one after the other, to texts, to keys, and to numbers as texts.
        keys: fields that are private as a whole.
        salt: goes before what is hashed. Without it nobody could be kept from hashing all cards there are; a pattern or key
            with `Hash` needs it.
    """

    name: str
    patterns: tuple[Pattern, ...]
    keys: tuple[PrivateKey, ...] = ()
    salt: SecretFile | None = None


@dataclass(frozen=True, slots=True)
class Filter:
    """A stage: a record goes when one of `drop` holds, or when there are `keep` and none of them holds."""

    name: str
    drop: tuple[Condition, ...] = ()
    keep: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class Route:
    """A stage: a copy of each record for which all of `when` hold goes to `outputs`; the record itself goes on."""

    name: str
    when: tuple[Condition, ...]
    outputs: tuple[str, ...]


Stage = Parse | Multiline | Enrich | Redact | Filter | Route


class OnFull(StrEnum):
    """What happens when a buffer is full: inputs wait, or the oldest chunk goes."""

    BLOCK = "Block"
    DROP_OLDEST = "DropOldest"


@dataclass(frozen=True, slots=True)
class Buffer:
    """What is kept until an output has taken it.

    Attributes:
        size: of the buffer on disk.
        chunk: most bytes in one request.
        flush_ms: how long a chunk is filled.
        retry_max_ms: longest pause between two attempts, which never end.
        on_full: what happens at `size`.
    """

    size: int
    chunk: int
    flush_ms: int
    retry_max_ms: int
    on_full: OnFull = OnFull.BLOCK


@dataclass(frozen=True, slots=True)
class Stdout:
    """An output: the log of the collector, one JSON document per line."""

    name: str


@dataclass(frozen=True, slots=True)
class Loki:
    """An output: Grafana Loki.

    Attributes:
        name: of the output.
        url: of the server, without a path.
        labels: fixed stream labels.
        fields: stream labels and the fields they come from.
        tenant: `X-Scope-OrgID`; empty for none.
        token: a bearer token; None for none.
    """

    name: str
    url: str
    labels: tuple[tuple[str, str], ...] = ()
    fields: tuple[tuple[str, Path], ...] = ()
    tenant: str = ""
    token: SecretFile | None = None


@dataclass(frozen=True, slots=True)
class Elasticsearch:
    """An output: Elasticsearch.

    Attributes:
        name: of the output.
        host, port, scheme: of the server.
        index: name of the index; nothing in it stands for something else.
        user: who writes; empty for nobody.
        password: of the user.
    """

    name: str
    host: str
    port: int
    scheme: str
    index: str
    user: str = ""
    password: SecretFile | None = None


Output = Stdout | Loki | Elasticsearch


@dataclass(frozen=True, slots=True)
class Pipeline(Intent):
    """The log pipeline of one resource.

    Attributes:
        inputs: where records come from.
        stages: in the order in which records pass them.
        outputs: all of them. One that a route names gets the copies of routes only; the others get what passes every stage.
        buffer: of each output.
    """

    inputs: tuple[Containers, ...]
    stages: tuple[Stage, ...]
    outputs: tuple[Output, ...]
    buffer: Buffer = field(default_factory=lambda: Buffer(2 << 30, 4 << 20, 5_000, 60_000))
