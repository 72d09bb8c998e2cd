"""What `@include` finds: names of files against Ruby's glob, over a given set of files instead of a disk."""

import posixpath
import re
from collections.abc import Mapping
from urllib.parse import unquote_plus, urlsplit

_TOKEN = re.compile(r"\*\*/|\*|\?|\[[^\]/]+\]|\{[^{}]*\}|\\.|.", re.DOTALL)


_ADDRESS = re.compile(r"(?:[A-Za-z0-9._~:/?#@!$&'()*+,;= -]|%[0-9A-Fa-f]{2})*")
"""Fluentd reads the target as an address first: braces and brackets of a glob come percent-encoded or not at all."""


class UnusableIncludeError(ValueError):
    """What stands after `@include` is no path: empty, broken, or an address that would be fetched."""


def matching(target: str, folder: str, files: Mapping[str, str]) -> list[str]:
    """Return the names among `files` that `@include target` reads from a file in `folder`, in order; none is no error.

    Raises:
        UnusableIncludeError: not a path of files.
    """
    pattern = _path(target)
    if not pattern.startswith("/"):
        pattern = posixpath.join(folder, pattern)
    expression = re.compile(glob(posixpath.normpath(pattern)))
    return sorted(name for name in files if expression.fullmatch(posixpath.normpath(name)))


def _path(target: str) -> str:
    if not _ADDRESS.fullmatch(target):
        raise UnusableIncludeError(f"{target!r} has characters that an address cannot have")
    try:
        address = urlsplit(target.replace(" ", "+"))
    except ValueError as error:
        raise UnusableIncludeError(f"{target!r} is not an address") from error
    if address.scheme == "file" and not address.path.startswith("/"):
        raise UnusableIncludeError("file: needs an absolute path")
    if address.scheme not in ("", "file") or address.netloc or address.query or address.fragment:
        raise UnusableIncludeError(f"{target!r} would be fetched from the network")
    if not address.path:
        raise UnusableIncludeError("no path")
    return unquote_plus(address.path)


def glob(pattern: str) -> str:
    """Return the regular expression (of Python) that a pattern of file names stands for."""
    return "".join(_expression(token.group()) for token in _TOKEN.finditer(pattern))


def _expression(piece: str) -> str:
    match piece[0]:
        case "*":
            return "(?:[^/.][^/]*/)*" if piece == "**/" else "[^/]*"
        case "?":
            return "[^/]"
        case "[" if len(piece) > 1:
            inner = piece[1:-1]
            negated = inner[0] in "!^" and len(inner) > 1
            return f"[{'^' if negated else ''}{re.escape(inner[negated:]).replace(chr(92) + '-', '-')}]"
        case "{" if len(piece) > 1:
            return "(?:" + "|".join(glob(choice) for choice in piece[1:-1].split(",")) + ")"
        case "\\" if len(piece) > 1:
            return re.escape(piece[1])
        case _:
            return re.escape(piece)
