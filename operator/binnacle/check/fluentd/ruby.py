"""Where embedded Ruby ends: a reader of brackets, quotes and comments, which runs nothing.

Fluentd tries every `}` until the text before it is valid Ruby. Here the end is the brace that closes the first one, outside
strings and comments; that is the same place for everything but code that is broken in other ways than brackets and quotes,
and such code does not load anyway.
"""

import re
from typing import Final

_CLOSERS: Final = {"(": ")", "[": "]", "{": "}", "<": ">"}
_COMMENT: Final = re.compile(r"#[^\n]*")
_PERCENT: Final = re.compile(r"%([qQwWiIrx]?)([^\sA-Za-z0-9])")
_VALUE_BEFORE: Final = re.compile(r"[A-Za-z0-9_)\]}'\"`?!]\s*\Z")
_DEPTH: Final = 100


def code_end(text: str, start: int, *, depth: int = 0) -> int | None:
    """Return where the `}` stands that ends the Ruby code beginning at `start`, or None when nothing ends it."""
    if depth > _DEPTH:
        return None
    brackets: list[str] = []
    position = start
    while position < len(text):
        character = text[position]
        if character == "}" and not brackets:
            return position
        following = _step(text, position, start, brackets, depth)
        if following is None:
            return None
        position = following
    return None


def _step(text: str, position: int, start: int, brackets: list[str], depth: int) -> int | None:
    """Return where the next token begins, None when this one is broken; opened and closed brackets are kept in `brackets`."""
    character = text[position]
    if character in "'\"`":
        return _string_end(text, position + 1, character, raw=character == "'", depth=depth)
    if character == "#":
        comment = _COMMENT.match(text, position)
        return comment.end() if comment else None
    if character == "\\":
        return position + 2 if text[position + 1 : position + 2] == "\n" else None
    if character in "/%" and not _VALUE_BEFORE.search(text, max(start, position - 20), position):
        return _literal_end(text, position, depth)
    if character in "([{":
        brackets.append(_CLOSERS[character])
    elif character in ")]}" and (not brackets or brackets.pop() != character):
        return None
    return position + 1


def _literal_end(text: str, position: int, depth: int) -> int | None:
    """Return the end of a regular expression or of a `%w[...]` literal that begins here, or of the operator it turns out to be."""
    if text[position] == "/":
        return _string_end(text, position + 1, "/", raw=False, depth=depth)
    opening = _PERCENT.match(text, position)
    if opening is None:
        return position + 1
    kind, bracket = opening.groups()
    return _string_end(text, opening.end(), _CLOSERS.get(bracket, bracket), raw=kind in ("q", "w", "i"), depth=depth)


def _string_end(text: str, position: int, closer: str, *, raw: bool, depth: int) -> int | None:
    opener = next((key for key, value in _CLOSERS.items() if value == closer), None)
    nested = 0
    while position < len(text):
        character = text[position]
        if character == "\\":
            position += 2
            continue
        if character == closer:
            if nested == 0:
                return position + 1
            nested -= 1
        elif character == opener:
            nested += 1
        elif character == "#" and not raw and text.startswith("#{", position):
            end = code_end(text, position + 2, depth=depth + 1)
            if end is None:
                return None
            position = end
        position += 1
    return None
