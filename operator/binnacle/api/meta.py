"""What every resource has: apiVersion, kind, the metadata that we read, and the fields that all specs share."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler
from pydantic.alias_generators import to_camel
from pydantic_core import core_schema

from binnacle.api.cel import Cel
from binnacle.api.labels import Annotations, Labels
from binnacle.api.model import Model
from binnacle.api.values import DnsLabel, Shape

GROUP: Final = "binnacle.dev"
VERSION: Final = "v1alpha1"
API_VERSION: Final = "binnacle.dev/v1alpha1"


class ObjectMeta(BaseModel):
    """The part of Kubernetes' metadata that we read; the rest is the API server's business and is passed over."""

    model_config = ConfigDict(alias_generator=to_camel, extra="ignore", frozen=True)

    name: DnsLabel
    namespace: DnsLabel = "default"
    """`default` where a file names none, as kubectl does without a context."""
    uid: str = ""
    generation: int = 0
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)

    @classmethod
    def __get_pydantic_json_schema__(
        cls, _schema: core_schema.CoreSchema, _handler: GetJsonSchemaHandler, /
    ) -> dict[str, Any]:
        """Return what a CRD may say of metadata: nothing but that it is an object."""
        return {"type": "object"}


@dataclass(frozen=True, slots=True)
class Column:
    """A column of `kubectl get`.

    Attributes:
        name: its heading.
        path: JSONPath of the value in the resource.
        description: what it shows.
        type: `string`, `integer`, `boolean` or `date`.
        wide: shown by `-o wide` only.
    """

    name: str
    path: str
    description: str
    type: str = "string"
    wide: bool = False


def condition_column(name: str, *, of: str, field: str, description: str, wide: bool = False) -> Column:
    """Return a column that shows one field of the condition `of`."""
    return Column(name, f'.status.conditions[?(@.type=="{of}")].{field}', description, wide=wide)


READY_COLUMNS: Final = (
    condition_column(
        "Ready", of="Ready", field="status", description="Whether it is applied and all that was checked is good."
    ),
    condition_column("Reason", of="Ready", field="reason", description="Why, in one word.", wide=True),
)
AGE_COLUMN: Final = Column("Age", ".metadata.creationTimestamp", "Time since it was created.", "date")
"""Columns that every kind ends with."""


class Resource(Model):
    """A kind: what every resource has, and what the API server is told about its kind."""

    rules: ClassVar[tuple[Cel, ...]] = (
        Cel(
            "size(self.metadata.name) <= 63 && !self.metadata.name.contains('.')",
            "Choose a metadata.name of at most 63 characters without dots: it becomes part of other names.",
        ),
    )
    plural: ClassVar[str]
    """Name of the kind in URLs and permissions."""
    short: ClassVar[str]
    """Short name for kubectl, and the kind's mark in the names of generated objects."""
    columns: ClassVar[tuple[Column, ...]]
    """Columns of `kubectl get`, in order."""

    api_version: Annotated[Literal["binnacle.dev/v1alpha1"], Field(description="Group and version of this schema.")]
    kind: Annotated[str, Field(description="Kind of this resource.")]
    metadata: Annotated[ObjectMeta, Field(description="Name, namespace, labels and annotations.")]


class Mode(StrEnum):
    """What is done with the result."""

    APPLY = "Apply"
    DRY_RUN = "DryRun"


class ControlledSpec(Model):
    """Fields of every kind's spec: whether anything is done with it."""

    suspend: Annotated[
        bool,
        Field(
            strict=True, description="True stops all changes and leaves what is applied as it is. Absent means false."
        ),
    ] = False
    mode: Annotated[
        Mode,
        Field(
            description="DryRun compiles, checks, and reports in status what would change, and applies nothing. Absent means Apply."
        ),
    ] = Mode.APPLY


Environment = Annotated[
    str, Shape("^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$", "letters, digits, and . _ - between them", 63)
]
"""Name of an environment, such as production."""


class CommonSpec(ControlledSpec):
    """Fields of the spec of every kind that produces alerts and series."""

    environment: Annotated[
        Environment | None,
        Field(
            description="Name of the environment, such as production; the label environment on every alert and series produced."
        ),
    ] = None
    labels: Annotated[
        Labels, Field(description="Labels added to every alert and series produced. Constant values, no templates.")
    ] = Field(default_factory=dict)
    annotations: Annotated[
        Annotations, Field(description="Annotations added to every alert produced. Values may be Prometheus templates.")
    ] = Field(default_factory=dict)
