"""Limits that measurements are compared with: a number, a percentage, a duration or a size."""

import re
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final, Self

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import core_schema

from binnacle.api.model import parsed_by, shown
from binnacle.api.values import Duration, Quantity, int_or_string, parse_decimal
from binnacle.errors import SpecError


class Unit(StrEnum):
    """What a limit counts in, as it was written."""

    NUMBER = "number"
    PERCENTAGE = "percentage"
    DURATION = "duration"
    SIZE = "size"


_NUMBER: Final = r"-?[0-9]{1,15}(\.[0-9]{1,15})?"
_PERCENTAGE: Final = r"[0-9]{1,7}(\.[0-9]{1,8})?%"
_DURATION: Final = "([0-9]{1,8}d)?([0-9]{1,8}h)?([0-9]{1,8}m)?([0-9]{1,8}s)?([0-9]{1,8}ms)?"
_SIZE: Final = r"[0-9]{1,15}(\.[0-9]{1,9})?(k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)"
LIMIT_PATTERN: Final = f"^({_NUMBER}|{_PERCENTAGE}|{_SIZE}|{_DURATION})$"
_SAYS: Final = 'a whole number, a decimal in quotes ("0.5"), a percentage (5%), a duration (300ms) or a size (512Mi)'


@dataclass(frozen=True, slots=True)
class Limit:
    """A value that a measurement is compared with.

    Attributes:
        value: in the base unit: a share of 1 for a percentage, seconds for a duration, bytes for a size.
        unit: how it was written.
        text: as it was written.
    """

    value: Decimal
    unit: Unit
    text: str = field(compare=False)

    @classmethod
    def parse(cls, value: object) -> Self:
        """Read a limit (`3`, `"0.5"`, `5%`, `2s`, `512Mi`).

        Raises:
            SpecError: none of these, with a fix.
        """
        if isinstance(value, cls):
            return value
        if not isinstance(value, str) or isinstance(value, bool):
            number = parse_decimal(value)
            return cls(number, Unit.NUMBER, str(value))
        if re.fullmatch(_NUMBER, value):
            return cls(Decimal(value), Unit.NUMBER, value)
        if re.fullmatch(_PERCENTAGE, value):
            return cls(Decimal(value[:-1]).scaleb(-2), Unit.PERCENTAGE, value)
        if re.fullmatch(_SIZE, value):
            return cls(Quantity.parse(value).value, Unit.SIZE, value)
        if value and re.fullmatch(_DURATION, value):
            return cls(Duration.parse(value).seconds, Unit.DURATION, value)
        raise SpecError(f"{shown(value)} is not a value with a known unit.", fix=f"Write {_SAYS}.")

    def __str__(self) -> str:
        return self.text

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return parsed_by(cls.parse)

    @classmethod
    def __get_pydantic_json_schema__(
        cls, _schema: core_schema.CoreSchema, _handler: GetJsonSchemaHandler, /
    ) -> dict[str, Any]:
        return int_or_string(LIMIT_PATTERN, 32, _SAYS)
