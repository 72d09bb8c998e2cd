"""Stages of a log pipeline: what happens to each record, one after the other."""

from enum import StrEnum
from typing import Annotated, ClassVar, Self, TypeAlias

from pydantic import Field, model_validator

from binnacle.api.cel import Cel, text
from binnacle.api.logpipeline_fields import RESERVED_PREFIX, FieldPath, KeyPattern, RecordField, TopField
from binnacle.api.model import Items, Law, Model, OneOf, refusal
from binnacle.api.reasons import Reason
from binnacle.api.scalar import ScalarText
from binnacle.api.secrets import SecretValue
from binnacle.api.values import DnsLabel, Duration, Shape, duration_between

Regex: TypeAlias = Annotated[str, Shape(r"^[^\x00-\x1F\x7F]+$", "a regular expression in one line", 1024)]
"""A regular expression in Ruby's dialect; whether it is one is for the compiler to say."""


class Preset(StrEnum):
    """How records of several lines begin, by what wrote them."""

    INDENTED = "indented"
    JAVA = "java"
    PYTHON = "python"
    GO = "go"
    NODEJS = "nodejs"
    DOTNET = "dotnet"


class Multiline(OneOf):
    """Lines that belong together become one record, their texts joined by line breaks; exactly one of preset and start."""

    one_of: ClassVar[tuple[str, ...]] = ("preset", "start")

    preset: Annotated[
        Preset | None,
        Field(
            description="What writes the lines: java, python, go, nodejs, dotnet (their stack traces), or indented (a line that "
            "begins with a blank belongs to the one before)."
        ),
    ] = None
    start: Annotated[Regex | None, Field(description="Regular expression (Ruby) of the first line of a record.")] = None
    flush_after: Annotated[
        Duration | None,
        duration_between("1s", "1m", whole="1s"),
        Field(description="How long the last lines wait for more, from 1s to 1m. Absent means 2s."),
    ] = None


class Format(StrEnum):
    """How a text holds fields."""

    JSON = "json"
    REGEX = "regex"
    LOGFMT = "logfmt"


class FieldType(StrEnum):
    """What a field is turned into."""

    STRING = "string"
    INTEGER = "integer"
    FLOAT = "float"
    BOOLEAN = "boolean"


class TypedField(Model):
    """A field and its type."""

    field: Annotated[RecordField, Field(description="The field, after parsing.")]
    type: Annotated[
        FieldType,
        Field(description="string, integer, float or boolean; a text that is no such thing stays as it is."),
    ]


class OnError(StrEnum):
    """What happens to a record whose text cannot be parsed."""

    KEEP = "Keep"
    DROP = "Drop"
    QUARANTINE = "Quarantine"


class Parse(Model):
    """The text of a field becomes fields of the record; the text itself goes."""

    rules: ClassVar[tuple[Cel, ...]] = (
        Cel(
            "(self.format == 'regex') == has(self.pattern)",
            "Give pattern to a parse of format regex, and to no other.",
            ".pattern",
        ),
    )

    format: Annotated[Format, Field(description="json, regex or logfmt.")]
    field: Annotated[TopField | None, Field(description="Field that holds the text. Absent means message.")] = None
    pattern: Annotated[
        Regex | None,
        Field(
            description="With format regex: a regular expression (Ruby) with named groups, (?<level>[A-Z]+), which become fields. "
            "A ^ at its beginning is the beginning of the text."
        ),
    ] = None
    time_key: Annotated[
        RecordField | None,
        Field(
            description="Field with the time of the record: RFC 3339, or seconds, milli-, micro- or nanoseconds since 1970. It stays. "
            "Absent, and where it cannot be read: when the container wrote the line."
        ),
    ] = None
    types: Annotated[
        tuple[TypedField, ...], Items("map", 64, keys=("field",)), Field(description="Fields that are no texts.")
    ] = ()
    on_error: Annotated[
        OnError,
        Field(
            description="What happens when the text cannot be parsed: Keep (the record stays as it is), Drop, or Quarantine (a stub "
            "without any of its text goes to the administrator's quarantine). Absent means Keep."
        ),
    ] = OnError.KEEP

    @model_validator(mode="after")
    def _pattern_for_regex(self) -> Self:
        if self.format is Format.REGEX and self.pattern is None:
            raise refusal(
                "A parse of format regex has no pattern.",
                fix="Add pattern.",
                reason=Reason.MISSING_FIELD,
                at=("pattern",),
            )
        if self.format is not Format.REGEX and self.pattern is not None:
            raise refusal(f"The format {self.format} takes no pattern.", fix="Leave it out.", at=("pattern",))
        return self


_ADD_FIX = f"Write fields with dots between keys that do not begin with {RESERVED_PREFIX}."


def _added(fields: dict[str, str]) -> None:
    paths = {name: FieldPath.parse(name).keys for name in fields}
    for name, keys in paths.items():
        if keys[0].startswith(RESERVED_PREFIX):
            raise refusal(f"The field {keys[0]} is reserved.", fix=_ADD_FIX, reason=Reason.RESERVED_FIELD, at=(name,))
        above = next((one for one, other in paths.items() if one != name and other == keys[: len(other)]), None)
        if above is not None:
            raise refusal(f"{name} lies within {above}, which is a text.", fix="Leave one of them out.", at=(name,))


class Enrich(Model):
    """Fields that the record does not have by itself; at least one of kubernetes and add."""

    rules: ClassVar[tuple[Cel, ...]] = (
        Cel("has(self.kubernetes) || has(self.add)", "Give kubernetes, or add, or both.", ".add"),
    )

    kubernetes: Annotated[
        bool | None,
        Field(
            strict=True,
            description="True adds kubernetes.namespace_name, .pod_name, .container_name and .container_id. Absent means false.",
        ),
    ] = None
    add: Annotated[
        Annotated[
            dict[
                Annotated[str, Shape(FieldPath.pattern, FieldPath.says, FieldPath.length)],
                Annotated[str, Field(max_length=1024)],
            ],
            Field(max_length=32, min_length=1),
            Law(
                _added,
                (
                    Cel(f"self.all(name, name.matches(r'{FieldPath.pattern}'))", _ADD_FIX),
                    Cel(f"self.all(name, !name.startsWith({text(RESERVED_PREFIX)}))", _ADD_FIX),
                ),
            ),
        ]
        | None,
        Field(description="Fields and their values, texts as they are: {team: payments}."),
    ] = None

    @model_validator(mode="after")
    def _adds_something(self) -> Self:
        if self.kubernetes is None and self.add is None:
            raise refusal(
                "The stage adds nothing.",
                fix="Give kubernetes, or add, or both.",
                reason=Reason.MISSING_FIELD,
                at=("add",),
            )
        return self


class Action(StrEnum):
    """What becomes of something private."""

    MASK = "Mask"
    HASH = "Hash"
    DROP = "Drop"


class Pack(StrEnum):
    """Classes of private text that come with Binnacle."""

    DEFAULT = "default"


class PrivatePattern(Model):
    """Text that is private."""

    name: Annotated[
        DnsLabel, Field(description="Name of the class; what is found is replaced by it in capitals: [ORDER].")
    ]
    regex: Annotated[Regex, Field(description="Regular expression (Ruby) of the text.")]
    action: Annotated[Action | None, Field(description="What becomes of it. Absent means the stage's action.")] = None


class Redact(Model):
    """What is private does not go on, whichever field, key, list or number it is in."""

    rules: ClassVar[tuple[Cel, ...]] = (
        Cel(
            "has(self.packs) || has(self.keys) || has(self.patterns)",
            "Give packs, keys or patterns.",
            ".packs",
        ),
    )

    packs: Annotated[
        Annotated[tuple[Pack, ...], Items("set", 8, least=1)] | None,
        Field(
            description="Packs of patterns and keys: default (e-mail, cards, IBAN, phone, IP, tokens, cloud keys, passwords)."
        ),
    ] = None
    keys: Annotated[
        Annotated[tuple[KeyPattern, ...], Items("set", 64, least=1)] | None,
        Field(
            description="Fields whose whole value is private: a name at any depth (password), or a path from the top in which * is "
            "any key and a last ** is anything below (booking.**). Case, - and _ make no difference."
        ),
    ] = None
    patterns: Annotated[
        Annotated[tuple[PrivatePattern, ...], Items("map", 32, least=1)] | None,
        Field(description="Text that is private; looked for after the packs, in order."),
    ] = None
    action: Annotated[
        Action,
        Field(
            description="Mask (a placeholder: [EMAIL]), Hash (a placeholder with a hash, the same for the same text; needs salt), or "
            "Drop (nothing is left of it; of a field not even its name). Absent means Mask."
        ),
    ] = Action.MASK
    salt: Annotated[
        SecretValue | None,
        Field(description="Secret text that goes before what is hashed, so that hashes cannot be looked up."),
    ] = None

    @model_validator(mode="after")
    def _redacts_something(self) -> Self:
        if self.packs is None and self.keys is None and self.patterns is None:
            raise refusal(
                "The stage redacts nothing.",
                fix="Give packs, keys or patterns.",
                reason=Reason.MISSING_FIELD,
                at=("packs",),
            )
        return self


class Test(OneOf):
    """What is asked of a field; exactly one member."""

    __test__ = False
    one_of: ClassVar[tuple[str, ...]] = ("equals", "in_", "matches", "exists")

    equals: Annotated[
        ScalarText | None,
        Field(description='The value it must have: 200, "true"; as text, so 200 and "200" are equal.'),
    ] = None
    in_: Annotated[
        Annotated[tuple[ScalarText, ...], Items("set", 32, least=1)] | None,
        Field(alias="in", description="Values of which it must have one."),
    ] = None
    matches: Annotated[
        Regex | None, Field(description="Regular expression (Ruby) that its text must match somewhere.")
    ] = None
    exists: Annotated[
        bool | None, Field(strict=True, description="True: it must be there and not null; false: it must not.")
    ] = None


class Condition(Test):
    """A question to a record; exactly one of equals, in, matches, exists and not. A field that is not there answers no."""

    one_of: ClassVar[tuple[str, ...]] = (*Test.one_of, "not_")

    field: Annotated[RecordField, Field(description="The field that is asked.")]
    not_: Annotated[Test | None, Field(alias="not", description="The opposite of equals, in, matches or exists.")] = (
        None
    )


Conditions: TypeAlias = Annotated[tuple[Condition, ...], Items("atomic", 16, least=1)]


class Filter(Model):
    """Records that go no further; at least one of drop and keep."""

    rules: ClassVar[tuple[Cel, ...]] = (
        Cel("has(self.drop) || has(self.keep)", "Give drop, or keep, or both.", ".drop"),
    )

    drop: Annotated[Conditions | None, Field(description="A record goes when any of these holds.")] = None
    keep: Annotated[Conditions | None, Field(description="A record goes when none of these holds.")] = None

    @model_validator(mode="after")
    def _filters_something(self) -> Self:
        if self.drop is None and self.keep is None:
            raise refusal(
                "The stage filters nothing.",
                fix="Give drop, or keep, or both.",
                reason=Reason.MISSING_FIELD,
                at=("drop",),
            )
        return self


class Route(Model):
    """A copy of some records goes to outputs that get nothing else; the records themselves go on."""

    when: Annotated[Conditions, Field(description="A record is copied when all of these hold.")]
    outputs: Annotated[tuple[DnsLabel, ...], Items("set", 8, least=1), Field(description="Names of outputs.")]


class Stage(OneOf):
    """One stage; exactly one member besides its name."""

    one_of: ClassVar[tuple[str, ...]] = ("multiline", "parse", "enrich", "redact", "filter", "route")

    name: Annotated[DnsLabel, Field(description="Name of the stage within the pipeline.")]
    multiline: Annotated[Multiline | None, Field(description="Joins lines that belong together.")] = None
    parse: Annotated[Parse | None, Field(description="Makes fields of a text.")] = None
    enrich: Annotated[Enrich | None, Field(description="Adds fields.")] = None
    redact: Annotated[Redact | None, Field(description="Hides what is private.")] = None
    filter: Annotated[Filter | None, Field(description="Drops records.")] = None
    route: Annotated[Route | None, Field(description="Copies some records to outputs of their own.")] = None
