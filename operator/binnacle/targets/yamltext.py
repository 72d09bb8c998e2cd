"""YAML as readable text: for files whose shape is fixed and whose values are anybody's.

A string is written plain where it can only be read as that string, in single quotes where those suffice, and else in double
quotes with escapes. PyYAML's dumper writes the same in twenty times the time, and folds long lines.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

_PLAIN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*(?::[A-Za-z0-9_./-]+)*", re.ASCII)
_WORDS: Final = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null", "none"})
"""Words that some YAML version reads as a boolean or as nothing."""
_SINGLE: Final = re.compile(r"[\x20-\x7e\u00a0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]*")
"""Characters that stand for themselves between single quotes: printable, and no line breaks."""


def scalar(text: str) -> str:
    """Return `text` as a YAML scalar on one line that every YAML reader reads as exactly this string.

    Raises:
        ValueError: half a surrogate pair, which is no text.
    """
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        return text
    # The first question answers the second for nearly all texts, in a tenth of the time.
    if (text.isascii() and text.isprintable()) or _SINGLE.fullmatch(text):
        return "'" + text.replace("'", "''") + "'"
    return _double(text)


def document(value: Mapping[str, Any]) -> str:
    """Return an object of Kubernetes as a YAML document in block style, its fields in the order given.

    Args:
        value: maps with text as keys, lists, text, integers, booleans and None.

    Raises:
        TypeError: a value of another type, which JSON may say in more than one way.
        ValueError: half a surrogate pair.
    """
    lines: list[str] = []
    _map(value, "", lines, _Scalars())
    return "\n".join(lines or ["{}"]) + "\n"


_MAPS: Final = (dict, Mapping)
"""The usual kind first: asking for the abstract one takes ten times as long."""


class _Scalars(dict[str, str]):
    """Scalars of one document by their text: it says the same keys and labels over and over."""

    def __missing__(self, text: str) -> str:
        spelled = self[text] = scalar(text)
        return spelled


def _map(value: Mapping[str, Any], indent: str, lines: list[str], scalars: _Scalars) -> None:
    for key, item in value.items():
        name = scalars[key]
        if isinstance(item, str):
            marker = _literal(item) if "\n" in item else ""
            lines.append(f"{indent}{name}: {marker or scalars[item]}")
            if marker:
                lines += [f"{indent}  {line}" if line else "" for line in item.removesuffix("\n").split("\n")]
        elif item and isinstance(item, _MAPS):
            lines.append(f"{indent}{name}:")
            _map(item, f"{indent}  ", lines, scalars)
        elif item and isinstance(item, Sequence):
            lines.append(f"{indent}{name}:")
            _list(item, indent, lines, scalars)
        else:
            lines.append(f"{indent}{name}: {_leaf(item)}")


def _literal(text: str) -> str:
    """Return the marker before a text that may stand as a block, line by line as it is; empty where it may not."""
    lines = text.removesuffix("\n").split("\n")
    if lines[0][:1] in ("", " ") or not lines[-1].strip(" ") or not all(map(_SINGLE.fullmatch, lines)):
        return ""
    return "|" if text.endswith("\n") else "|-"


def _list(value: Sequence[Any], indent: str, lines: list[str], scalars: _Scalars) -> None:
    for item in value:
        at = len(lines)
        if isinstance(item, str):
            lines.append(f"{indent}  {scalars[item]}")
        elif item and isinstance(item, _MAPS):
            _map(item, f"{indent}  ", lines, scalars)
        elif item and isinstance(item, Sequence):
            _list(item, f"{indent}  ", lines, scalars)
        else:
            lines.append(f"{indent}  {_leaf(item)}")
        lines[at] = f"{indent}- {lines[at][len(indent) + 2 :]}"


def _leaf(value: object) -> str:
    if value is None or isinstance(value, bool | int) or value in ({}, [], ()):
        return json.dumps(value)
    raise TypeError(f"{type(value).__name__} is not written into objects")


def _double(text: str) -> str:
    # JSON's escapes are YAML's, except for the pairs by which it writes characters beyond the first plane.
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(character: str) -> str:
    code = ord(character)
    if 0xD800 <= code <= 0xDFFF:
        raise ValueError("half a surrogate pair cannot be written")
    if _SINGLE.fullmatch(character) and character not in '"\\':
        return character
    return json.dumps(character)[1:-1] if code <= 0xFFFF else f"\\U{code:08x}"
