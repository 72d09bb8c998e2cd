"""A scalar that is compared with others: text, or an integer as its text."""

from decimal import Decimal
from typing import Annotated, Any, Final, TypeAlias

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import core_schema

from binnacle.api.model import parsed_by, shown
from binnacle.api.values import int_or_string
from binnacle.errors import SpecError

_LENGTH: Final = 256
_PATTERN: Final = r"^[^\x00-\x1F\x7F]*$"


class _ScalarValue:
    """Reads text, or an integer as its text."""

    def __get_pydantic_core_schema__(self, _source: Any, _handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return parsed_by(_parse)

    def __get_pydantic_json_schema__(
        self, _schema: core_schema.CoreSchema, _handler: GetJsonSchemaHandler, /
    ) -> dict[str, Any]:
        return int_or_string(_PATTERN, _LENGTH, 'text or a whole number; anything else in quotes: "true", "0.5"')


def _parse(value: object) -> str:
    if isinstance(value, bool | float | Decimal) or not isinstance(value, int | str):
        raise SpecError(f"{shown(value)} is neither text nor a whole number.", fix='Put it in quotes: "true", "0.5".')
    text = str(value)
    if len(text) > _LENGTH or any(ord(one) < 0x20 or ord(one) == 0x7F for one in text):
        raise SpecError(f"{shown(value)} does not fit here.", fix=f"Write one line of at most {_LENGTH} characters.")
    return text


ScalarText: TypeAlias = Annotated[str, _ScalarValue()]
"""The text of a scalar: `200` and `"200"` are the same; what is neither text nor a whole number goes in quotes."""
