"""Words that all explanations use: lists, lengths of time, counts."""

import re
from collections.abc import Sequence

from binnacle.api.values import Duration

_NEXT_UNIT = re.compile("(?<=[a-z])(?=[0-9])")


def listed(names: Sequence[str], last: str = "and") -> str:
    """Return `a`, `a and b`, `a, b and c`."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} {last} {names[-1]}"


def spaced(duration: Duration) -> str:
    """Return a length of time with its units apart: `43m 12s`."""
    return _NEXT_UNIT.sub(" ", str(duration))


def lasting(ms: int) -> str:
    """Return a length of time given in milliseconds."""
    return spaced(Duration(ms))


def counted(number: int, what: str) -> str:
    """Return `1 rule`, `2 rules`."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def one_line(text: str) -> str:
    """Return a text with its line breaks and indents as single blanks."""
    return " ".join(text.split())
