"""YAML scalars as readable text: for files whose shape is fixed and whose values are anybody's.

A string is written plain where it can only be read as that string, in single quotes where those suffice, and else in double
quotes with escapes. PyYAML's dumper writes the same in twenty times the time, and folds long lines.
"""

import json
import re
from typing import Final

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
    if _SINGLE.fullmatch(text):
        return "'" + text.replace("'", "''") + "'"
    return _double(text)


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
