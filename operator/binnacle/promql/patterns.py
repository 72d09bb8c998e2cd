"""Regular expressions of matchers that are known to be some: kept from the parser, which would compile each of them anew.

promql-parser compiles every pattern to see whether it is one, which takes far longer than reading the selector around it; and
what an organisation writes has the same few patterns (`5..`) thousands of times.
"""

from functools import lru_cache
from itertools import pairwise

from binnacle.promql.lexer import Kind, Token
from binnacle.promql.parser import parsed
from binnacle.promql.sentinels import NO_SENTINELS, Sentinels

_OPERATORS = frozenset({"=~", "!~"})


def abbreviate(text: str, tokens: list[Token]) -> tuple[str, Sentinels]:
    """A text with a short stand-in for each pattern, and what to put back; all patterns or none.

    The parser takes the one text where it takes the other. Where it does not, only the text itself tells why.

    Args:
        text: the expression, without variables.
        tokens: of the text.
    """
    if "~" not in text:
        return text, NO_SENTINELS
    parts: list[str] = []
    patterns: dict[str, str] = {}
    end = 0
    for before, token in pairwise(tokens):
        if token.kind is Kind.STRING and before.text in _OPERATORS:
            pattern = _pattern(token.text)
            if pattern is None:
                return text, NO_SENTINELS
            stand_in = str(len(patterns))
            patterns[stand_in] = pattern
            parts += [text[end : token.start], f'"{stand_in}"']
            end = token.end
    return "".join([*parts, text[end:]]), Sentinels(patterns=patterns)


@lru_cache(maxsize=256)
def _pattern(literal: str) -> str | None:
    """The pattern that a string literal spells; None when it spells none.

    None also for one that the empty string fulfils: a selector whose matchers are all fulfilled by it is refused, so such a
    pattern must be seen.
    """
    tree = parsed(f"{{x=~{literal}}}")
    return None if isinstance(tree, str) else str(tree.matchers.matchers[0].value)
