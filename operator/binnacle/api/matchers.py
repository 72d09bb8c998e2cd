"""Label matchers as Alertmanager and Prometheus write them: `severity="critical"`, `region=~"eu-.+"`."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Final, Self

from binnacle.api.model import TextValue, shown
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
class Matcher(TextValue):
    """One matcher; `value` is what the quotes mean, not what stands between them.

    `str()` is canonical: quoted, no spaces. Whether a regular expression is one is for the engine that will run it to say.
    """

    name: str
    op: MatchOp
    value: str
    pattern: ClassVar[str] = MATCHER_PATTERN
    says: ClassVar[str] = 'name, operator and quoted value: severity="critical"'
    length: ClassVar[int] = 1024

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read a matcher.

        Raises:
            SpecError: not a matcher, with a fix.
        """
        found = _MATCHER.fullmatch(text)
        if found is None:
            raise SpecError(f"{shown(text)} is not a matcher.", fix=f"Write {cls.says}.")
        name, op, quoted, bare = found.groups()
        meant = bare if quoted is None else _ESCAPE.sub(lambda one: "\n" if one[1] == "n" else one[1], quoted)
        return cls(name, MatchOp(op), meant)

    def __str__(self) -> str:
        escaped = self.value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return f'{self.name}{self.op}"{escaped}"'
