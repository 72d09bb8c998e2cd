"""The LogPipeline kind: which logs are read, what is done to each record, and where records go."""

from typing import Annotated, Any, ClassVar, Literal, Self, TypeAlias

from pydantic import Field, model_validator

from binnacle.api.cel import Cel
from binnacle.api.logpipeline_outputs import Buffer, Input, Output
from binnacle.api.logpipeline_stages import Stage
from binnacle.api.meta import (
    AGE_COLUMN,
    READY_COLUMNS,
    Column,
    ControlledSpec,
    Environment,
    Resource,
    condition_column,
)
from binnacle.api.model import Items, Model, refusal
from binnacle.api.reasons import Reason
from binnacle.api.status import CommonStatus, ProofStatus
from binnacle.api.values import DnsLabel, PlainText, Shape


class Redaction(Model):
    """Whether what is private is hidden before anything leaves the process."""

    rules: ClassVar[tuple[Cel, ...]] = (
        Cel("self.enabled || has(self.reason)", "Say in reason why nothing is redacted.", ".reason"),
    )

    enabled: Annotated[bool, Field(strict=True, description="False takes the redaction away that every pipeline has.")]
    reason: Annotated[PlainText | None, Field(description="Why there is none; shown to those who look.")] = None

    @model_validator(mode="after")
    def _says_why(self) -> Self:
        if not self.enabled and self.reason is None:
            raise refusal(
                "Redaction is switched off without a reason.",
                fix="Say in reason why nothing is redacted.",
                reason=Reason.MISSING_FIELD,
                at=("reason",),
            )
        return self


Line: TypeAlias = Annotated[str, Shape(r"^[^\r\n]*$", "one line, as the container writes it", 4_096, 0, in_words=False)]
Record: TypeAlias = Annotated[
    dict[str, Any], Field(max_length=64, json_schema_extra={"x-kubernetes-preserve-unknown-fields": True})
]


class PipelineTest(Model):
    """Lines, and what must become of them; run with every change, before it is applied."""

    __test__ = False

    name: Annotated[DnsLabel, Field(description="Name of the test.")]
    input: Annotated[
        tuple[Line, ...], Items("atomic", 16, least=1), Field(description="Lines as the container writes them.")
    ]
    at: Annotated[
        DnsLabel | None,
        Field(description="Output at which is looked. Absent means the first that no route names."),
    ] = None
    output: Annotated[
        tuple[Record, ...],
        Items("atomic", 16),
        Field(
            description="The records that come there, in order: fields and values that each must have; it may have others. None "
            "means that no record comes."
        ),
    ] = ()
    exact: Annotated[
        bool,
        Field(strict=True, description="True: the records have no other fields. Absent means false."),
    ] = False


class LogPipelineSpec(ControlledSpec):
    """Inputs, stages in their order, and outputs."""

    environment: Annotated[
        Environment | None,
        Field(description="Name of the environment, such as production; the field environment of every record."),
    ] = None
    inputs: Annotated[
        tuple[Input, ...],
        Items("map", 16),
        Field(description="Where records come from. Absent means all containers of this namespace."),
    ] = ()
    stages: Annotated[
        tuple[Stage, ...], Items("map", 32), Field(description="What happens to each record, exactly in this order.")
    ] = ()
    outputs: Annotated[
        tuple[Output, ...],
        Items("map", 8, least=1),
        Field(
            description="Where records go. One that a route names gets only what routes send it; every other gets all records that "
            "pass the stages."
        ),
    ]
    redaction: Annotated[
        Redaction | None,
        Field(
            description="The pack default is looked for in every record before it leaves the process, unless a stage does so or this "
            "says otherwise."
        ),
    ] = None
    buffer: Annotated[
        Buffer | None, Field(description="What is kept until an output has taken it, for each output.")
    ] = None
    tests: Annotated[
        tuple[PipelineTest, ...],
        Items("map", 16),
        Field(description="Lines, and what must become of them. A pipeline whose test fails is not applied."),
    ] = ()


class LogPipelineStatus(CommonStatus):
    """What is known of a log pipeline."""

    inputs: Annotated[int | None, Field(ge=0, description="How many inputs are in place.")] = None
    outputs: Annotated[int | None, Field(ge=0, description="How many outputs are in place.")] = None
    config_hash: Annotated[
        str | None, Field(max_length=64, description="Digest of what is written for the collector.")
    ] = None
    tests: Annotated[ProofStatus | None, Field(description="The tests that the pipeline carries.")] = None
    tests_summary: Annotated[
        str | None, Field(max_length=32, description="The tests in one word: how many hold, of how many.")
    ] = None


class LogPipeline(Resource):
    """Logs of a team on their way: read from its containers, parsed, redacted, filtered, and sent where they belong."""

    plural: ClassVar[str] = "logpipelines"
    short: ClassVar[str] = "lp"
    columns: ClassVar[tuple[Column, ...]] = (
        Column("Inputs", ".status.inputs", "How many inputs are in place.", "integer"),
        Column("Outputs", ".status.outputs", "How many outputs are in place.", "integer"),
        Column("Tests", ".status.testsSummary", "How many tests hold, of how many."),
        condition_column("Live", of="Live", field="status", description="Whether the collector runs it."),
        *READY_COLUMNS,
        AGE_COLUMN,
    )

    kind: Annotated[Literal["LogPipeline"], Field(description="Kind of this resource.")]
    spec: Annotated[LogPipelineSpec, Field(description="Inputs, stages and outputs.")]
    status: Annotated[LogPipelineStatus | None, Field(description="What is known of it; written by the operator.")] = (
        None
    )
