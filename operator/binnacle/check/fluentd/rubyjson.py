"""JSON as the Ruby library reads and writes it: what stands in a parameter that begins with `[` or `{`.

It allows comments and unknown escapes, refuses NaN and more than a hundred levels, keeps the last of two equal keys, and
writes numbers as they were (Ruby's integers have no limit) or in Ruby's spelling of floats.
"""

import json
import math
import re
from dataclasses import dataclass
from typing import Any, Final

_STRING_OR_COMMENT: Final = re.compile(r'"(?:[^"\\]|\\.)*+"|/\*(?:[^*]|\*(?!/))*+\*/|//[^\n]*+\n', re.DOTALL)
_UNKNOWN_ESCAPE: Final = re.compile(r'\\(?:(["\\/bfnrtu])|(.))', re.DOTALL)
_MOST_LEVELS: Final = 100


@dataclass(frozen=True, slots=True)
class _Number:
    text: str


def canonical(text: str) -> str | None:
    """Return Ruby's own spelling of a JSON text, or None when its library refuses it."""
    try:
        value = json.loads(
            _STRING_OR_COMMENT.sub(_plain, text),
            parse_int=_integer,
            parse_float=_float,
            parse_constant=_refused,
        )
        return _dump(value, 0)
    except (ValueError, RecursionError):
        return None


def read(text: str) -> Any:
    """Return the value of a JSON text as Ruby reads it.

    Raises:
        ValueError: not JSON.
    """
    spelled = canonical(text)
    if spelled is None:
        raise ValueError("not JSON")
    return json.loads(spelled, parse_int=_bounded)


def _plain(token: re.Match[str]) -> str:
    text = token.group()
    return _UNKNOWN_ESCAPE.sub(_escape, text) if text[0] == '"' else " "


def _escape(escape: re.Match[str]) -> str:
    return escape.group() if escape.group(1) else escape.group(2)


def _integer(text: str) -> _Number:
    return _Number("0" if text == "-0" else text)


def _bounded(text: str) -> int | str:
    """Return an integer; one so long that Python would not read it as its digits."""
    return int(text) if len(text) < 1000 else text


def _float(text: str) -> _Number:
    return _Number(ruby_float(float(text)))


def ruby_float(value: float) -> str:
    """Return a float as Ruby prints it: `1.0e+20` where Python says `1e+20`, and an exponent from 1e15 on, not 1e16."""
    if 1e15 <= abs(value) < 1e16:
        sign, digits = "-" if value < 0 else "", repr(abs(value)).partition(".")[0]
        return f"{sign}{digits[0]}.{digits[1:].rstrip('0') or '0'}e+15"
    if math.isinf(value):
        return "-Infinity" if value < 0 else "Infinity"
    mantissa, exponent, power = repr(value).partition("e")
    return mantissa + ("" if "." in mantissa or not exponent else ".0") + exponent + power


def _refused(text: str) -> _Number:
    raise ValueError(f"{text} is not JSON")


def _dump(value: Any, level: int) -> str:
    if level > _MOST_LEVELS:
        raise ValueError("too many levels")
    match value:
        case _Number():
            return value.text
        case dict():
            return "{" + ",".join(f"{_dump(key, 0)}:{_dump(inner, level + 1)}" for key, inner in value.items()) + "}"
        case list():
            return "[" + ",".join(_dump(inner, level + 1) for inner in value) + "]"
        case _:
            return json.dumps(value, ensure_ascii=False)


def ruby_text(value: Any) -> str:
    """Return what Ruby makes of a JSON value as a text (`to_s`): nothing of null, `[1, "a"]` of an array."""
    match value:
        case None:
            return ""
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case float():
            return ruby_float(value)
        case list():
            return "[" + ", ".join(_inspected(inner) for inner in value) + "]"
        case dict():
            return "{" + ", ".join(f"{_inspected(key)}=>{_inspected(inner)}" for key, inner in value.items()) + "}"
        case _:
            return str(value)


def _inspected(value: Any) -> str:
    if value is None:
        return "nil"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else ruby_text(value)
