"""PromQL text as tokens: enough to fence an expression and to say where an error is, not to understand it.

The tokens follow Prometheus' `promql/parser/lex.go` in what is a string and what is a comment, because the fences
(`binnacle.promql.fences`) must see the same brackets and operators that the parser will see.
"""

import re
from enum import Enum
from typing import NamedTuple


class Kind(Enum):
    """What a token is."""

    STRING = "string"
    NUMBER = "number"
    NAME = "name"
    OPERATOR = "operator"
    OPEN = "open"
    CLOSE = "close"
    PUNCTUATION = "punctuation"
    VARIABLE = "variable"
    BROKEN = "broken"


class Token(NamedTuple):
    """One token: `text` as written, `start` its 0-based place in the text."""

    kind: Kind
    text: str
    start: int

    @property
    def end(self) -> int:
        """0-based place just after the token."""
        return self.start + len(self.text)

    @property
    def column(self) -> int:
        """1-based place, as people count."""
        return self.start + 1


VARIABLE = r"\$\{[A-Za-z_]\w*(?:[:.][\w:.]+)?\}|\$[A-Za-z_]\w*|\[\[[A-Za-z_]\w*(?::\w+)?\]\]"
"""Grafana's three spellings of a variable; Binnacle's `$window` is one of them."""

_TOKENS = re.compile(
    rf"""
      (?P<skip>[ \t\r\n]+ | \#[^\r\n]*)
    | (?P<string>"(?:[^"\\\n]|\\.)*" | '(?:[^'\\\n]|\\.)*' | `[^`]*`)
    | (?P<variable>{VARIABLE})
    | (?P<number>(?:0[xX][0-9a-fA-F]+ | (?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)[\w.]*)
    | (?P<name>[A-Za-z_:][A-Za-z0-9_:]*)
    | (?P<open>[(\[{{])
    | (?P<close>[)\]}}])
    | (?P<operator>=~|!~|==|!=|<=|>=|[-+*/%^<>=])
    | (?P<punctuation>[,@])
    | (?P<broken>.)
    """,
    re.VERBOSE | re.ASCII | re.DOTALL,
)
_KINDS: dict[str | None, Kind] = {kind.value: kind for kind in Kind}


def tokenize(text: str) -> list[Token]:
    """All tokens of a text without blanks and comments. Never fails: what is no PromQL becomes `Kind.BROKEN`."""
    return [
        Token(kind, match.group(), match.start())
        for match in _TOKENS.finditer(text)
        if (kind := _KINDS.get(match.lastgroup)) is not None
    ]
