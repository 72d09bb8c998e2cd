"""What every resource has: apiVersion, kind, the metadata that we read, and the fields that all specs share."""

from enum import StrEnum
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

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


class Mode(StrEnum):
    """What is done with the result."""

    APPLY = "Apply"
    DRY_RUN = "DryRun"


class CommonSpec(Model):
    """Fields of every kind's spec."""

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
    environment: Annotated[
        Annotated[
            str, Shape("^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$", "letters, digits, and . _ - between them", 63)
        ]
        | None,
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
