"""What Fluentd makes of the text of a parameter, type by type: its answers, surprises included.

Pinned to 520 answers of the real program (tests/data/fluentd/types.json). `strict` is the system-wide
`strict_config_value`. Python's values stand for Ruby's: an enum is its name, a hash a dict.
"""

import re
from collections.abc import Callable, Sequence
from enum import Enum, auto
from typing import Any, Final

from binnacle.check.fluentd import rubyjson
from binnacle.compile.onigmo.dialect import Regexp, problem

_SIZE: Final = re.compile(r"([0-9]+)([kmgt])", re.IGNORECASE | re.ASCII)
_SIZE_UNITS: Final = "kmgt"
_TIME: Final = tuple(
    (re.compile(f"([0-9]+){unit}"), seconds) for unit, seconds in zip("smhd", (1, 60, 3600, 86400), strict=True)
)
_BLANK: Final = r"[ \t\n\v\f\r]*"
_DIGITS: Final = r"[0-9]+(?:_[0-9]+)*"
_INTEGER_START: Final = re.compile(rf"{_BLANK}([+-]?{_DIGITS})")
_FLOAT_START: Final = re.compile(
    rf"{_BLANK}([+-]?(?:{_DIGITS})?(?:(?<=[0-9])(?:\.{_DIGITS})?|\.{_DIGITS})(?:[eE][+-]?{_DIGITS})?)"
)
_INTEGER: Final = re.compile(
    rf"{_BLANK}([+-]?)(?:0[xX]([0-9a-fA-F]+(?:_[0-9a-fA-F]+)*)|0[bB]([01]+(?:_[01]+)*)|0[oO]?_?([0-7]+(?:_[0-7]+)*)|((?:0|[1-9][0-9]*(?:_[0-9]+)*)))"
    rf"{_BLANK}"
)
_HEXADECIMAL: Final = re.compile(rf"{_BLANK}[+-]?0[xX][0-9a-fA-F]+(?:\.[0-9a-fA-F]+)?(?:[pP][+-]?[0-9]+)?{_BLANK}")
_COMMA: Final = re.compile(r"[ \t\n\v\f\r]*,[ \t\n\v\f\r]*")
_SPACE: Final = " \t\n\v\f\r\0"
_TRUE: Final = frozenset({"true", "yes", ""})
_FALSE: Final = frozenset({"false", "no"})

Item = Callable[..., Any]
"""How the items of an array or hash are read: one of the functions below, called with `strict`."""


class UseDefault(Enum):
    """The mark that `use_default` of embedded Ruby leaves in place of a text."""

    USE_DEFAULT = auto()


USE_DEFAULT: Final = UseDefault.USE_DEFAULT
REQUIRED: Final = object()
"""In place of a default: there is none."""


class ParameterError(ValueError):
    """A text that Fluentd refuses for a parameter of this type; the message is Fluentd's."""


def size(text: str, *, strict: bool = False) -> int:
    """Read a size in bytes: the first digits followed by k, m, g or t in any case, wherever they stand; else an integer.

    Raises:
        ParameterError: strict, and neither.
    """
    for unit in _SIZE_UNITS:
        found = next((each for each in _SIZE.finditer(text) if each[2].lower() == unit), None)
        if found:
            return int(found[1]) << 10 * (_SIZE_UNITS.index(unit) + 1)
    return integer(text, strict=strict)


def time(text: str, *, strict: bool = False) -> int | float:
    """Read a time in seconds: the first digits followed by s, else by m, h or d, wherever they stand; else a float.

    Raises:
        ParameterError: strict, and neither.
    """
    for pattern, seconds in _TIME:
        found = pattern.search(text)
        if found:
            return int(found[1]) * seconds
    return floating(text, strict=strict)


def boolean(text: str, *, strict: bool = False) -> bool | None:
    """Read a bool; None is what Fluentd makes of anything that is not one, which a parameter then refuses.

    Raises:
        ParameterError: strict, and not a bool.
    """
    if text in _TRUE or text.startswith("#"):
        return True
    if text in _FALSE:
        return False
    if strict:
        raise ParameterError(f"invalid bool value: {text}")
    return None


def integer(text: str, *, strict: bool = False) -> int:
    """Read an integer: the digits at the beginning, 0 without any; strictly the whole text, `0x1f`, `0b11`, `017` too.

    Raises:
        ParameterError: strict, and not an integer.
    """
    if strict:
        return _strict_integer(text)
    found = _INTEGER_START.match(text)
    return int(found[1].replace("_", "")) if found else 0


def floating(text: str, *, strict: bool = False) -> float:
    """Read a float: what is a number at the beginning, 0.0 without one; strictly the whole text.

    Raises:
        ParameterError: strict, and not a number.
    """
    found = _FLOAT_START.match(text)
    if strict:
        if _HEXADECIMAL.fullmatch(text):
            return float.fromhex(text.strip(_SPACE))
        if not found or text[found.end() :].strip(_SPACE):
            raise ParameterError(f'invalid value for Float(): "{text}"')
    return float(found[1].replace("_", "")) if found else 0.0


def string(text: str, *, strict: bool = False) -> str:  # noqa: ARG001 - the types are called alike
    """Read a string: itself."""
    return text


def regexp(text: str, *, strict: bool = False) -> Regexp:  # noqa: ARG001 - the types are called alike
    """Read a regular expression: `/source/flags`, or the source itself when it does not begin with a slash.

    Of the at most two characters after the last slash only `i` and `m` mean something; the others are dropped.

    Raises:
        ParameterError: too much after the last slash, or not valid to Ruby.
    """
    if text.startswith("/"):
        last = text.rindex("/")
        if last < len(text) - 3:
            raise ParameterError(f"invalid regexp: missing right slash: {text}")
        read = Regexp(text[1:last], "i" in text[last + 1 :], "m" in text[last + 1 :])
    else:
        read = Regexp(text)
    wrong = problem(read.source)
    if wrong:
        raise ParameterError(f"{wrong}: /{read.source}/")
    return read


def enumeration(text: str, options: Sequence[str]) -> str:
    """Read one of `options`, to the letter.

    Raises:
        ParameterError: not one of them.
    """
    if text not in options:
        raise ParameterError(f"valid options are {','.join(options)} but got {text}")
    return text


def array(text: str, *, item: Item | None = None, strict: bool = False) -> list[Any]:
    """Read an array: JSON when it begins with `[`, else texts between commas; empty texts at the end are dropped.

    Raises:
        ParameterError: JSON that is none, or an item that its type refuses.
    """
    values = list(_json(text)) if text.startswith("[") else _split(text)
    return values if item is None else [_item(value, item, strict=strict) for value in values]


def mapping(text: str, *, item: Item | None = None, strict: bool = False) -> dict[str, Any]:
    """Read a hash: JSON when it begins with `{`, else `key:value` between commas; a key without a colon has None.

    Raises:
        ParameterError: JSON that is none, or a value that its type refuses.
    """
    if text.startswith("{"):
        pairs = dict(_json(text))
    else:
        pairs = {}
        for pair in _split(text):
            key, colon, value = pair.partition(":")
            pairs[key] = value if colon else None
    return pairs if item is None else {key: _item(value, item, strict=strict) for key, value in pairs.items()}


def parameter(name: str, text: str | UseDefault | None, read: Callable[[str], Any], *, default: Any = REQUIRED) -> Any:
    """Read a parameter as a plugin does.

    Args:
        name: of the parameter, for the message.
        text: as configured; None is what Ruby's `use_nil` leaves, `USE_DEFAULT` what `use_default` leaves.
        read: one of the types.
        default: of the parameter, when it has one.

    Raises:
        ParameterError: refused by the type, nil, or no default where one is asked for.
    """
    if isinstance(text, UseDefault):
        if default is REQUIRED:
            raise ParameterError(f"'{name}' doesn't have default value")
        return default
    value = None if text is None else read(text)
    if value is None:
        raise ParameterError(f"'{name}' parameter is required but nil is specified")
    return value


def _split(text: str) -> list[str]:
    parts = _COMMA.split(text.strip(_SPACE))
    while parts and not parts[-1]:
        parts.pop()
    return parts


def _item(value: Any, item: Item, *, strict: bool) -> Any:
    if value is None:
        return None
    if isinstance(value, str):
        return item(value, strict=strict)
    if item in (integer, floating) and isinstance(value, int | float) and not isinstance(value, bool):
        return int(value) if item is integer else float(value)
    if item in (integer, floating):
        raise ParameterError(f"{value!r} is not a number")
    return item(rubyjson.ruby_text(value), strict=strict)


def _json(text: str) -> Any:
    try:
        return rubyjson.read(text)
    except ValueError as error:
        raise ParameterError(f"unexpected token at '{text}'") from error


def _strict_integer(text: str) -> int:
    found = _INTEGER.fullmatch(text)
    if not found:
        raise ParameterError(f'invalid value for Integer(): "{text}"')
    sign, hexadecimal, binary, octal, decimal = found.groups()
    digits, base = next(
        (each, base) for each, base in ((hexadecimal, 16), (binary, 2), (octal, 8), (decimal, 10)) if each
    )
    return int(sign + digits.replace("_", ""), base)
