r"""Fields of log records as people name them: keys from the top down with dots between them, `kubernetes.pod_name`.

A dot that belongs to a key is written `\.`: `log\.level` is one key.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, ClassVar, Final, Self, TypeAlias

from binnacle.api.cel import Cel, text
from binnacle.api.model import Law, TextValue, refusal
from binnacle.api.reasons import Reason
from binnacle.api.values import Shape

RESERVED_PREFIX: Final = "lp_"
"""How fields of the top begin that the stages use for themselves."""
RESERVED_FIX: Final = f"Choose a field that does not begin with {RESERVED_PREFIX}: the stages use those."
_KEY: Final = r"([^.\\\x00-\x1F\x7F]|\\[.\\])+"
_NAMED_KEY: Final = r"([^.\\*\x00-\x1F\x7F]|\\[.\\])+"
_STEP: Final = re.compile(r"((?:[^.\\]|\\.)+)(?:\.|$)")
_ESCAPE: Final = re.compile(r"\\(.)")


def _split(text: str) -> tuple[str, ...]:
    return tuple(_ESCAPE.sub(r"\1", step) for step in _STEP.findall(text))


def _joined(keys: Iterable[str]) -> str:
    return ".".join(key.replace("\\", "\\\\").replace(".", "\\.") for key in keys)


@dataclass(frozen=True, slots=True)
class FieldPath(TextValue):
    """One field, as the keys that lead to it."""

    keys: tuple[str, ...]
    pattern: ClassVar[str] = rf"^{_KEY}(\.{_KEY}){{0,7}}$"
    says: ClassVar[str] = "a field, at most eight keys with dots between them: level, kubernetes.pod_name"
    length: ClassVar[int] = 256

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read a field."""
        return cls(_split(text))

    def __str__(self) -> str:
        return _joined(self.keys)


@dataclass(frozen=True, slots=True)
class KeyPattern(TextValue):
    """Fields whose value is private: one name at any depth, or a path from the top with `*` for any key and a last `**`.

    Attributes:
        keys: names, `*` and `**`.
    """

    keys: tuple[str, ...]
    pattern: ClassVar[str] = rf"^({_NAMED_KEY}|({_NAMED_KEY}|\*)(\.({_NAMED_KEY}|\*)){{0,6}}\.({_NAMED_KEY}|\*|\*\*))$"
    says: ClassVar[str] = "a name (password), or a path from the top in which * is any key: user.*.email, booking.**"
    length: ClassVar[int] = 256

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read a pattern."""
        return cls(_split(text))

    def __str__(self) -> str:
        return _joined(self.keys)


def _refuse_reserved(path: FieldPath) -> None:
    if path.keys[0].startswith(RESERVED_PREFIX):
        raise refusal(f"The field {path.keys[0]} is reserved.", fix=RESERVED_FIX, reason=Reason.RESERVED_FIELD)


RecordField: TypeAlias = Annotated[
    FieldPath,
    Law(_refuse_reserved, (Cel(f"!self.startsWith({text(RESERVED_PREFIX)})", RESERVED_FIX),)),
]
"""A field that a stage may ask for or set."""


def _refuse_reserved_name(name: str) -> None:
    if name.startswith(RESERVED_PREFIX):
        raise refusal(f"The field {name} is reserved.", fix=RESERVED_FIX, reason=Reason.RESERVED_FIELD)


TopField: TypeAlias = Annotated[
    str,
    Shape(r"^[A-Za-z_@][A-Za-z0-9_@-]*$", "the name of a field of the top: letters, digits, _, @ and -", 128),
    Law(_refuse_reserved_name, (Cel(f"!self.startsWith({text(RESERVED_PREFIX)})", RESERVED_FIX),)),
]
"""A field of the top that holds a text."""
