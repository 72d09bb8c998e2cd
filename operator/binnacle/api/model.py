"""The base of every model of the API, and the markers that fields carry into the CRD.

Models are frozen, refuse unknown fields, and are read by their YAML names only (camelCase); in Python the attributes are
snake_case. A law that spans fields is declared once: as a `Cel` rule for the API server and as a validator for files.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError, core_schema

from binnacle.api.cel import Cel, add_rules, exactly_one, matches
from binnacle.api.reasons import Reason
from binnacle.errors import SpecError

LIST_TYPE = "x-kubernetes-list-type"
LIST_KEYS = "x-kubernetes-list-map-keys"
MAP_TYPE = "x-kubernetes-map-type"
SAYS = "x-says"
"""What a value is, in words, the narrowest last: for pages about the models. No part of a CRD."""


def refusal(
    message: str, *, fix: str = "", reason: Reason = Reason.INVALID_VALUE, at: tuple[str | int, ...] = ()
) -> PydanticCustomError:
    """Return the error that a validator raises; `binnacle.api.problems` turns it into a finding.

    Args:
        message: what is wrong, one sentence.
        fix: what to write instead.
        reason: reason of the finding.
        at: YAML names from the validated value down to the culprit, when it lies deeper.
    """
    # The text goes in as a value: a brace that a user wrote must not be read as a placeholder of the template.
    return PydanticCustomError(reason.value, "{message}", {"message": message, "fix": fix, "at": at})


def add_words(schema: dict[str, Any], words: str) -> dict[str, Any]:
    """Return a copy of a JSON schema with what the value is in words, narrower than what it says already."""
    return schema | {SAYS: [*schema.get(SAYS, ()), words]}


class Model(BaseModel):
    """A part of a resource as people write it."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True, ser_json_inf_nan="strings")

    rules: ClassVar[tuple[Cel, ...]] = ()
    """Laws over several fields, for the CRD."""
    one_of: ClassVar[tuple[str, ...]] = ()
    """Attribute names of optional fields of which exactly one must be there."""

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler, /
    ) -> dict[str, Any]:
        reference = handler(schema)
        target = handler.resolve_ref_schema(reference)
        rules = cls.rules
        if cls.one_of:
            names = cls.members()
            rules = (Cel(exactly_one(names), f"Give exactly one of {', '.join(names)}."), *rules)
        target.update(add_rules(target, rules))
        return reference

    @classmethod
    def members(cls) -> list[str]:
        """Return the YAML names of the fields in `one_of`."""
        return [cls.model_fields[name].alias or name for name in cls.one_of]


class OneOf(Model):
    """A model of which exactly one of the members in `one_of` must be given."""

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        given = [name for name in self.one_of if getattr(self, name) is not None]
        if len(given) != 1:
            names = ", ".join(self.members())
            if not given:
                raise refusal(
                    f"None of {names} is given.", fix="Give exactly one of them.", reason=Reason.MISSING_FIELD
                )
            both = " and ".join(type(self).model_fields[name].alias or name for name in given)
            raise refusal(f"{both} exclude each other.", fix=f"Keep exactly one of {names}.")
        return self


class StatusModel(BaseModel):
    """A part of a status: written by us alone, so Python names are accepted and what we do not know is passed over."""

    model_config = ConfigDict(
        alias_generator=to_camel, extra="ignore", frozen=True, validate_by_name=True, validate_by_alias=True
    )

    def to_status(self) -> dict[str, Any]:
        """Return the body as it goes to the API server: YAML names, JSON values, absent fields left out."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


@dataclass(frozen=True, slots=True)
class Items:
    """How many items a list may have, and how server-side apply merges it.

    Names in a `map` and values in a `set` must be unique; the API server sees to it, and in files this marker does. The
    marker belongs directly on the list, inside an optional: `Annotated[tuple[X, ...], Items("map", 8)] | None`.

    Attributes:
        kind: `map` (items with identity), `set` (unique values), or `atomic` (one value as a whole).
        most: most items.
        least: fewest items.
        keys: YAML names of the fields that identify an item of a `map`.
    """

    kind: Literal["map", "set", "atomic"]
    most: int
    least: int = 0
    keys: tuple[str, ...] = ("name",)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_after_validator_function(self._checked, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler, /
    ) -> dict[str, Any]:
        bounds = {"maxItems": self.most} | ({"minItems": self.least} if self.least else {})
        keys = {LIST_KEYS: list(self.keys)} if self.kind == "map" else {}
        return handler(schema) | bounds | {LIST_TYPE: self.kind} | keys

    def _checked(self, items: tuple[Any, ...]) -> tuple[Any, ...]:
        if len(items) < self.least:
            raise refusal("The list is too short.", fix=f"Give at least {self.least}, or leave the field out.")
        if len(items) > self.most:
            raise refusal(f"The list has {len(items)} items.", fix=f"Keep at most {self.most}.")
        if self.kind == "atomic":
            return items
        named = self.kind == "map"
        seen = set()
        for index, item in enumerate(items):
            identity = tuple(str(getattr(item, key)) for key in self.keys) if named else (str(item),)
            if identity in seen:
                fix = "Give each its own name." if named else "Leave one out."
                raise refusal(f"{' '.join(identity)} is in the list twice.", fix=fix, at=(index,))
            seen.add(identity)
        return items


@dataclass(frozen=True, slots=True)
class Law:
    """A law over one value.

    Attributes:
        check: checks it in Python; raises `SpecError` or a `refusal`.
        rules: check it on the server.
        says: in words what the value is then, where that is all there is to say of it.
    """

    check: Callable[[Any], None]
    rules: tuple[Cel, ...] = ()
    says: str = ""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_after_validator_function(self._checked, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler, /
    ) -> dict[str, Any]:
        checked = add_rules(handler(schema), self.rules)
        return add_words(checked, self.says) if self.says else checked

    def _checked(self, value: Any) -> Any:
        try:
            self.check(value)
        except SpecError as error:
            raise refusal(error.message, fix=error.fix) from error
        return value


def shown(value: object) -> str:
    """Show a value of a user inside a message: short, in one line."""
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def parsed_by(parse: Callable[[Any], Any]) -> core_schema.CoreSchema:
    """Return a core schema that reads a value with `parse` (which raises `SpecError`) and writes it as `str(value)`."""

    def read(value: Any) -> Any:
        try:
            return parse(value)
        except SpecError as error:
            raise refusal(error.message, fix=error.fix) from error

    return core_schema.no_info_plain_validator_function(read, serialization=core_schema.to_string_ser_schema())


class TextValue:
    """A value with a spelling: subclasses give its shape, read it in `from_text` and write it in `__str__`."""

    __slots__ = ()

    pattern: ClassVar[str]
    """Anchored regular expression, in the common ground of RE2 and Python."""
    says: ClassVar[str]
    """Completes "Write ..." for the person whose text does not fit."""
    length: ClassVar[int]
    """Most characters."""

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read text whose shape and length have been checked; may still raise `SpecError`."""
        raise NotImplementedError

    @classmethod
    def parse(cls, value: object) -> Self:
        """Read a value from text.

        Raises:
            SpecError: it is none, with a fix.
        """
        if isinstance(value, cls):
            return value
        # Python's `$` also matches before a last line break, RE2's does not.
        fits = (
            isinstance(value, str) and len(value) <= cls.length and "\n" not in value and re.search(cls.pattern, value)
        )
        if not fits:
            raise SpecError(f"{shown(value)} does not fit here.", fix=f"Write {cls.says}.")
        return cls.from_text(str(value))

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return parsed_by(cls.parse)

    @classmethod
    def __get_pydantic_json_schema__(
        cls, _schema: core_schema.CoreSchema, _handler: GetJsonSchemaHandler, /
    ) -> dict[str, Any]:
        says = Cel(matches("self", cls.pattern), f"Write {cls.says}.")
        schema = add_rules({"type": "string", "maxLength": cls.length, "pattern": cls.pattern}, (says,))
        return add_words(schema, cls.says)
