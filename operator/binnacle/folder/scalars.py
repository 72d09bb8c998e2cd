"""Scalars: what a plain (unquoted) YAML scalar means, and whether kubectl would read it differently.

The rules are YAML 1.2's core schema (https://yaml.org/spec/1.2.2/#103-core-schema): no dates, no sexagesimal numbers,
no `on` or `yes`. kubectl's parser (`resolve.go` of sigs.k8s.io/yaml's goyaml.v2) keeps some YAML 1.1 beside that: more
booleans, `0777` in octal, `0b1`, `1_000`. Where both give the same value nobody need know; where they differ, a file
would mean one thing here and another in the cluster, so the reader warns.
"""

import re

Scalar = str | int | float | bool | None

_WORDS: dict[str, Scalar] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((sign + word for sign in ("", "+") for word in (".inf", ".Inf", ".INF")), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}
_KUBECTL_WORDS = {
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "off", "Off", "OFF"), False),
}
_FIRST = frozenset("0123456789+-.~nNtTfF")
_KUBECTL_FIRST = frozenset("0123456789+-yYnNoO")
_DIGITS_AND_SIGNS = frozenset("0123456789+-")
_DECIMAL = re.compile(r"[-+]?[0-9]+")
_PREFIXED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
# Go's strconv.ParseInt with base 0, after the underscores have gone.
_KUBECTL_INT = re.compile(r"([-+]?)0(?:[xX](?P<x>[0-9a-fA-F]+)|[oO]?(?P<o>[0-7]+)|[bB](?P<b>[01]+))")

# Beyond this many characters a number is not a number anybody means; it stays text, and costs nothing to convert.
_LONGEST_NUMBER = 64


def resolve(text: str) -> Scalar:
    """Value of a plain scalar by YAML 1.2's core schema; infinities and NaN come back as floats."""
    if text and text[0] not in _FIRST:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if len(text) > _LONGEST_NUMBER:
        return text
    if _DECIMAL.fullmatch(text):
        return int(text)
    if _PREFIXED.fullmatch(text):
        return int(text, 0)
    if _FLOAT.fullmatch(text):
        value = float(text)
        # Too large for a double: Go reports a range error and keeps the text.
        return value if abs(value) != float("inf") else text
    return text


def kubectl_differs(text: str, value: Scalar) -> tuple[bool, Scalar]:
    """Say whether kubectl reads a plain scalar as something else than `value`, and as what."""
    if not text or text[0] not in _KUBECTL_FIRST:
        return False, value
    if text[0] not in _DIGITS_AND_SIGNS and text not in _KUBECTL_WORDS:
        return False, value
    other = _kubectl(text, value)
    return (type(other), other) != (type(value), value), other


def _kubectl(text: str, value: Scalar) -> Scalar:
    if text in _KUBECTL_WORDS:
        return _KUBECTL_WORDS[text]
    if text[0] not in _DIGITS_AND_SIGNS or len(text) > _LONGEST_NUMBER:
        return value
    plain = text.replace("_", "")
    if match := _KUBECTL_INT.fullmatch(plain):
        sign = -1 if match[1] == "-" else 1
        for name, base in (("x", 16), ("o", 8), ("b", 2)):
            if digits := match[name]:
                return sign * int(digits, base)
    return resolve(plain) if "_" in text else value
