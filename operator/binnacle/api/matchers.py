"""Label matchers as Alertmanager and Prometheus write them: `severity="critical"`, `region=~"eu-.+"`."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Self

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import core_schema

from binnacle.api.cel import Cel, add_rules, matches
from binnacle.api.model import refusal
from binnacle.errors import SpecError

# Alertmanager's classic grammar (pkg/labels/parse.go): the quotes may be left out. Stricter in one point: without quotes
# the value is one word, so that `a=b, c=d` cannot be taken for one matcher.
MATCHER_PATTERN: Final = r'^ *[a-zA-Z_][a-zA-Z0-9_]* *(=~|!~|!=|=) *("([^"\\]|\\[\\"n])*"|[^"\\ ,{}=!~]*) *$'
_MATCHER: Final = re.compile(
    r' *([a-zA-Z_][a-zA-Z0-9_]*) *(=~|!~|!=|=) *(?:"((?:[^"\\]|\\[\\"n])*)"|([^"\\ ,{}=!~]*)) *'
)
_ESCAPE: Final = re.compile(r"\\(.)")


class MatchOp(StrEnum):
    """How a matcher compares."""

    EQUAL = "="
    NOT_EQUAL = "!="
    MATCHES = "=~"
    NOT_MATCHES = "!~"


@dataclass(frozen=True, slots=True)
class Matcher:
    """One matcher; `value` is what the quotes mean, not what stands between them. `str()` is canonical: quoted, no spaces."""

    name: str
    op: MatchOp
    value: str

    @classmethod
    def parse(cls, value: object) -> Self:
        """Read a matcher. Whether a regular expression is one is for the engine that will run it to say.

        Raises:
            SpecError: not a matcher, with a fix.
        """
        if isinstance(value, cls):
            return value
        found = _MATCHER.fullmatch(value) if isinstance(value, str) and len(value) <= 1024 else None
        if found is None:
            raise SpecError(
                f"{str(value)[:60]!r} is not a matcher.",
                fix='Write name, operator and quoted value: severity="critical".',
            )
        name, op, quoted, bare = found.groups()
        meant = bare if quoted is None else _ESCAPE.sub(lambda one: "\n" if one[1] == "n" else one[1], quoted)
        return cls(name, MatchOp(op), meant)

    def __str__(self) -> str:
        escaped = self.value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return f'{self.name}{self.op}"{escaped}"'

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        def read(value: Any) -> "Matcher":
            try:
                return cls.parse(value)
            except SpecError as error:
                raise refusal(error.message, fix=error.fix) from error

        return core_schema.no_info_plain_validator_function(read, serialization=core_schema.to_string_ser_schema())

    @classmethod
    def __get_pydantic_json_schema__(
        cls, _schema: core_schema.CoreSchema, _handler: GetJsonSchemaHandler, /
    ) -> dict[str, Any]:
        wrong = Cel(matches("self", MATCHER_PATTERN), 'Write name, operator and quoted value: severity="critical".')
        return add_rules({"type": "string", "minLength": 2, "maxLength": 1024, "pattern": MATCHER_PATTERN}, (wrong,))
