"""Ends of a log pipeline: which containers are read, where records go, and what is kept until they are there."""

from enum import StrEnum
from typing import Annotated, ClassVar, Final, TypeAlias

from pydantic import Field

from binnacle.api.logpipeline_fields import RecordField
from binnacle.api.metricset_scrape import Basic
from binnacle.api.model import Items, Law, Model, OneOf, refusal
from binnacle.api.secrets import SecretValue
from binnacle.api.values import DnsLabel, Duration, Quantity, Shape, duration_between

PodPattern: TypeAlias = Annotated[
    str,
    Shape(
        r"^[a-z0-9*]([a-z0-9.*-]*[a-z0-9*])?$",
        "the name of a pod, in which * is any text: checkout-*",
        253,
    ),
]


class Containers(Model):
    """Containers of the namespace, by name: log files tell no labels."""

    pods: Annotated[
        tuple[PodPattern, ...],
        Items("set", 16),
        Field(description="Names of pods, * for any text: checkout-*. Absent means all pods."),
    ] = ()
    names: Annotated[
        tuple[DnsLabel, ...], Items("set", 16), Field(description="Names of containers. Absent means all containers.")
    ] = ()
    exclude: Annotated[
        tuple[DnsLabel, ...], Items("set", 16), Field(description="Names of containers that are not read.")
    ] = ()


class Input(OneOf):
    """Where records come from."""

    one_of: ClassVar[tuple[str, ...]] = ("containers",)

    name: Annotated[DnsLabel, Field(description="Name of the input within the pipeline.")]
    containers: Annotated[
        Containers | None, Field(description="Standard output and error of containers of this namespace.")
    ] = None


class BearerAuth(OneOf):
    """How an output proves who it is; exactly one member."""

    one_of: ClassVar[tuple[str, ...]] = ("bearer",)

    bearer: Annotated[SecretValue | None, Field(description="A bearer token (RFC 6750).")] = None


class BasicAuth(OneOf):
    """How an output proves who it is; exactly one member."""

    one_of: ClassVar[tuple[str, ...]] = ("basic",)

    basic: Annotated[Basic | None, Field(description="A user name and a password.")] = None


class Loki(Model):
    """Grafana Loki, at the administrator's address; the label namespace is always set, and environment where there is one."""

    label_names: Annotated[
        tuple[RecordField, ...],
        Items("set", 12),
        Field(
            description="Fields that become labels of streams, dots and other characters as _: level, kubernetes.container_name. "
            "Choose those that have few values."
        ),
    ] = ()
    tenant: Annotated[
        Annotated[str, Shape(r"^[A-Za-z0-9][A-Za-z0-9._-]*$", "letters, digits, and . _ - after the first", 128)]
        | None,
        Field(
            description="Tenant: the namespace's name, alone or followed by _ or a dot and more, or what the administrator allows. "
            "Absent means the administrator's."
        ),
    ] = None
    auth: Annotated[BearerAuth | None, Field(description="How it proves who it is.")] = None


class Elasticsearch(Model):
    """Elasticsearch, at the administrator's address."""

    index: Annotated[
        Annotated[
            str,
            Shape(r"^[a-z0-9][a-z0-9._-]*$", "lower-case letters, digits, and . _ - after the first", 128),
        ],
        Field(
            description="Index, alias or data stream: the namespace's name, alone or followed by _ or a dot and more, or what the "
            "administrator allows. No dates or fields are put into it."
        ),
    ]
    auth: Annotated[BasicAuth | None, Field(description="How it proves who it is.")] = None


class StdoutFormat(StrEnum):
    """How records are written."""

    JSON = "json"


class Stdout(Model):
    """The log of the collector, for a look at a new pipeline."""

    format: Annotated[StdoutFormat, Field(description="json: a document in each line. Absent means json.")] = (
        StdoutFormat.JSON
    )


class Output(OneOf):
    """Where records go; exactly one member besides its name."""

    one_of: ClassVar[tuple[str, ...]] = ("loki", "elasticsearch", "stdout")

    name: Annotated[DnsLabel, Field(description="Name of the output within the pipeline.")]
    loki: Annotated[Loki | None, Field(description="Grafana Loki.")] = None
    elasticsearch: Annotated[Elasticsearch | None, Field(description="Elasticsearch.")] = None
    stdout: Annotated[Stdout | None, Field(description="The log of the collector.")] = None


class OnFull(StrEnum):
    """What happens when a buffer is full."""

    BLOCK = "Block"
    DROP_OLDEST = "DropOldest"


def size_between(low: str, high: str) -> Law:
    """Return the law that a quantity of bytes lies in `low..high`, both included."""
    least, most = Quantity.parse(low), Quantity.parse(high)

    def check(value: Quantity) -> None:
        if not least.value <= value.value <= most.value or value.value % 1:
            raise refusal(
                f"{value} is outside {low} to {high}.", fix=f"Choose a size from {low} to {high}, in whole bytes."
            )

    return Law(check)


DEFAULT_SIZE: Final = "2Gi"
DEFAULT_CHUNK: Final = "4Mi"


class Retry(Model):
    """How often an output that does not answer is tried again; it is tried for ever."""

    max_interval: Annotated[
        Duration | None,
        duration_between("1s", "1h", whole="1s"),
        Field(description="Longest pause between two attempts, from 1s to 1h. Absent means 1m."),
    ] = None


class Buffer(Model):
    """What is kept on disk, on each node and for each output, until the output has taken it."""

    size: Annotated[
        Quantity | None,
        size_between("8Mi", "256Gi"),
        Field(description=f"Most bytes on disk, from 8Mi to 256Gi. Absent means {DEFAULT_SIZE}."),
    ] = None
    chunk: Annotated[
        Quantity | None,
        size_between("64Ki", "64Mi"),
        Field(description=f"Most bytes in one request, from 64Ki to 64Mi. Absent means {DEFAULT_CHUNK}."),
    ] = None
    flush_every: Annotated[
        Duration | None,
        duration_between("1s", "10m", whole="1s"),
        Field(description="How long records wait for others before they are sent, from 1s to 10m. Absent means 5s."),
    ] = None
    on_full: Annotated[
        OnFull,
        Field(
            description="Block (reading waits; the lines stay in the container's log file until it is rotated away) or DropOldest. "
            "Absent means Block."
        ),
    ] = OnFull.BLOCK
    retry: Annotated[Retry | None, Field(description="How an output is tried again.")] = None
