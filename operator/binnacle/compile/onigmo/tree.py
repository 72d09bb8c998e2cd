r"""A regular expression as a tree of what it may take: sets of characters, sequences, choices, repeats, look-arounds.

The tree is for telling the cost, so it may take more than the expression does, never less: characters beyond ASCII are one
symbol, properties of Unicode and sets within sets are any character, anchors and look-behinds are nothing. What cannot be
seen in this way (references back, calls of groups) is refused. Whether the expression is valid is for `dialect` to say.
"""

import re
import string
from dataclasses import dataclass
from typing import Final

OTHER: Final = 128
"""The symbol of all characters beyond ASCII; a set of symbols is an int with a bit for each."""
ANY: Final = (1 << (OTHER + 1)) - 1


class PatternError(Exception):
    """A part of a regular expression whose cost cannot be told; the text says which."""


@dataclass(frozen=True, slots=True)
class Chars:
    """One character of a set."""

    symbols: int


@dataclass(frozen=True, slots=True)
class Sequence:
    """One after the other."""

    parts: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class Choice:
    """One of them."""

    options: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class Repeat:
    """`least` to `most` times; None is without an end."""

    body: "Node"
    least: int
    most: int | None


@dataclass(frozen=True, slots=True)
class Ahead:
    """A look-ahead: it is walked through, and then the expression goes on where it stood."""

    body: "Node"


Node = Chars | Sequence | Choice | Repeat | Ahead
NOTHING: Final = Sequence(())


def _set(characters: str) -> int:
    return sum(1 << ord(one) for one in set(characters))


_NEWLINE: Final = _set("\n")
_CLASSES: Final = {
    "d": _set(string.digits),
    "h": _set(string.hexdigits),
    "s": _set(" \t\r\n\f\v"),
    "w": _set(string.ascii_letters + string.digits + "_"),
}
_CONTROLS: Final = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "v": "\v", "a": "\a", "e": "\x1b", "0": "\0"}
_POSIX: Final = {
    "alpha": _set(string.ascii_letters) | 1 << OTHER,
    "alnum": _set(string.ascii_letters + string.digits) | 1 << OTHER,
    "digit": _set(string.digits) | 1 << OTHER,
    "lower": _set(string.ascii_lowercase) | 1 << OTHER,
    "upper": _set(string.ascii_uppercase) | 1 << OTHER,
    "punct": _set(string.punctuation) | 1 << OTHER,
    "space": _set(string.whitespace) | 1 << OTHER,
    "word": _set(string.ascii_letters + string.digits + "_") | 1 << OTHER,
    "xdigit": _set(string.hexdigits),
}
_PROPERTIES: Final = _POSIX | {
    "l": _POSIX["alpha"],
    "lu": _POSIX["upper"],
    "ll": _POSIX["lower"],
    "n": _POSIX["digit"],
    "nd": _POSIX["digit"],
    "p": _POSIX["punct"],
}
_ANCHORS: Final = frozenset("AzZbBGK")
_REPEAT: Final = re.compile(r"\{(?:(\d+)(,)?(\d*)|,(\d+))\}")
_GROUP: Final = re.compile(r"\?(?:(:|>|=|!)|<([=!])|<([A-Za-z_]\w*)>|([imx]*)(?:-([imx]*))?([:)]))")
_FLAGS: Final = re.compile(r"\(\?([imx]+)[-:)]")
_CODE: Final = re.compile(r"x([0-9A-Fa-f]{1,2})|u([0-9A-Fa-f]{4})|u\{([0-9A-Fa-f]{1,6})\}")
_PROPERTY: Final = re.compile(r"[pP]\{(\^?)([^}]*)\}")
_POSIX_CLASS: Final = re.compile(r"\[:(\^?)([a-z]+):\]")
_DEEPEST: Final = 50


def names(source: str) -> tuple[str, ...]:
    """Return the names of the groups of a valid regular expression, in their order; one that is there twice comes twice.

    Raises:
        PatternError: as `read`.
    """
    reader = _Reader(source)
    reader.read()
    return tuple(reader.names)


def read(source: str) -> Node:
    """Return the tree of a valid regular expression.

    Raises:
        PatternError: it has a part whose cost cannot be told.
    """
    return _Reader(source).read()


class _Reader:
    """Reads one expression from left to right."""

    def __init__(self, source: str):
        self.source = source
        self.at = 0
        self.depth = 0
        self.names: list[str] = []
        # Flags count for the whole expression: that takes more than it does, which is allowed.
        flags = "".join(found[1] for found in _FLAGS.finditer(source))
        self.folded = "i" in flags
        self.dot = ANY if "m" in flags else ANY & ~_NEWLINE
        if "x" in flags:
            raise PatternError("the flag x is not taken here")

    def read(self) -> Node:
        node = self._choice()
        if self.at < len(self.source):
            raise PatternError(f"{self.source[self.at]!r} has no beginning")
        return node

    def _choice(self) -> Node:
        options = [self._sequence()]
        while self._next("|"):
            options.append(self._sequence())
        return options[0] if len(options) == 1 else Choice(tuple(options))

    def _sequence(self) -> Node:
        parts: list[Node] = []
        while self.at < len(self.source) and self.source[self.at] not in "|)":
            parts.append(self._repeated(self._one()))
        return parts[0] if len(parts) == 1 else Sequence(tuple(parts))

    def _next(self, text: str) -> bool:
        found = self.source.startswith(text, self.at)
        self.at += len(text) if found else 0
        return found

    def _repeated(self, node: Node) -> Node:
        while self.at < len(self.source):
            sign = self.source[self.at]
            braces = _REPEAT.match(self.source, self.at)
            if sign in "*+?":
                self.at += 1
                node = Repeat(node, int(sign == "+"), 1 if sign == "?" else None)
                # Lazy and possessive repeats may take the same texts.
                if self.source[self.at : self.at + 1] in ("?", "+"):
                    self.at += 1
            elif braces:
                self.at = braces.end()
                node = Repeat(node, *_bounds(braces))
                self._next("?")
            else:
                break
        return node

    def _one(self) -> Node:
        sign = self.source[self.at]
        if sign == "(":
            return self._group()
        if sign == "[":
            return Chars(self._set())
        self.at += 1
        if sign == "\\":
            symbols = self._escape()
            return NOTHING if symbols is None else Chars(symbols)
        if sign in "^$":
            return NOTHING
        return Chars(self.dot if sign == "." else self._symbol(sign))

    def _symbol(self, character: str) -> int:
        code = ord(character)
        if code >= OTHER:
            return 1 << OTHER
        if self.folded and character.isalpha():
            return _set(character.lower() + character.upper()) | 1 << OTHER
        return 1 << code

    def _group(self) -> Node:
        self.at += 1
        self.depth += 1
        if self.depth > _DEEPEST:
            raise PatternError(f"groups lie more than {_DEEPEST} deep")
        kind = ""
        if self.source.startswith("?", self.at):
            found = _GROUP.match(self.source, self.at)
            if found is None:
                raise PatternError(f"({self.source[self.at : self.at + 3]} is not taken here")
            self.at = found.end()
            if found[3]:
                self.names.append(found[3])
            kind = found[1] or (f"<{found[2]}" if found[2] else "")
            if found[6] == ")":
                self.depth -= 1
                return NOTHING
        body = self._choice()
        if not self._next(")"):
            raise PatternError("a group does not end")
        self.depth -= 1
        if kind in ("=", "!"):
            return Ahead(body)
        # A look-behind is as long as what it looks for; it repeats nothing without an end.
        return NOTHING if kind in ("<=", "<!") else body

    def _escape(self) -> int | None:
        """Return the symbols of an escape, behind whose backslash the reader stands; None for an anchor."""
        sign = self.source[self.at : self.at + 1]
        code = _CODE.match(self.source, self.at)
        named = _PROPERTY.match(self.source, self.at)
        if code:
            self.at = code.end()
            return self._symbol(chr(min(int(code[1] or code[2] or code[3], 16), 0x10FFFF)))
        if named:
            self.at = named.end()
            known = _PROPERTIES.get(named[2].lower().replace("_", "").replace(" ", ""), ANY)
            return ANY if named[1] or sign == "P" else known
        self.at += 1
        if sign in _ANCHORS:
            return None
        if sign.lower() in _CLASSES:
            known = _CLASSES[sign.lower()]
            return ANY & ~known if sign.isupper() else known
        if sign in _CONTROLS:
            return 1 << ord(_CONTROLS[sign])
        if sign == "R":
            return _set("\r\n\v\f") | 1 << OTHER
        if sign.isalnum() or not sign:
            raise PatternError(f"\\{sign} is not taken here")
        return self._symbol(sign)

    def _set(self) -> int:
        self.at += 1
        negated = self._next("^")
        symbols = 0
        first = True
        while first or not self.source.startswith("]", self.at):
            first = False
            posix = _POSIX_CLASS.match(self.source, self.at)
            if posix:
                self.at = posix.end()
                symbols |= ANY if posix[1] else _POSIX.get(posix[2], ANY)
                continue
            if self.source.startswith(("[", "&&"), self.at):
                self._past_set()
                return ANY
            symbols |= self._range()
        self.at += 1
        return (ANY & ~symbols) | 1 << OTHER if negated else symbols

    def _range(self) -> int:
        """Return the symbols of a member of a set, or of a range of them."""
        low, symbols = self._member()
        if not re.match(r"-[^\]]", self.source[self.at :]):
            return symbols
        self.at += 1
        high, _ = self._member()
        if low is None or high is None:
            return ANY
        made = 0
        for code in range(low, min(high, OTHER) + 1):
            made |= self._symbol(chr(code))
        return made

    def _member(self) -> tuple[int | None, int]:
        """Return the code of a single character, where it is one, and its symbols."""
        if self.at >= len(self.source):
            raise PatternError("a set does not end")
        sign = self.source[self.at]
        self.at += 1
        if sign != "\\":
            return ord(sign), self._symbol(sign)
        if self._next("b"):
            return 8, 1 << 8
        escaped = self.source[self.at : self.at + 1]
        symbols = self._escape() or 0
        plain = escaped and not escaped.isalnum()
        return (ord(escaped) if plain else None), symbols

    def _past_set(self) -> None:
        """Go behind the set that the reader is in; sets may lie in sets."""
        depth = 1
        while depth:
            if self.at >= len(self.source):
                raise PatternError("a set does not end")
            sign = self.source[self.at]
            posix = _POSIX_CLASS.match(self.source, self.at)
            self.at = posix.end() if posix else self.at + (2 if sign == "\\" else 1)
            depth += 0 if posix else (sign == "[") - (sign == "]")


def _bounds(braces: re.Match[str]) -> tuple[int, int | None]:
    least = int(braces[1] or 0)
    if braces[4]:
        return 0, int(braces[4])
    if not braces[2]:
        return least, least
    return least, int(braces[3]) if braces[3] else None
