r"""Where a regular expression of promql-parser is none of Prometheus.

promql-parser checks matchers with Rust's engine, Prometheus with RE2. The two agree but for what is refused here and
for `\Q…\E`, which Rust does not know (RE2's syntax: github.com/google/re2/wiki/Syntax).
"""

import re

_MAX_COUNT = 1000
_SUSPECT = re.compile(r"\\u|\(\?|\{|[*+?][*+?]")
"""Without any of these nothing can be wrong; most patterns have none."""
_PARTS = re.compile(
    r"""
      (?P<unicode>\\u)
    | (?P<escape>\\.)
    | (?P<class>\[\^?\]?(?:\[:\^?[a-z]+:\]|\\.|[^\]\\])*\])
    | (?P<flags>\(\?[a-zA-Z-]*[):])
    | (?P<repeat>(?:[*+?]|\{[0-9]+(?:,[0-9]*)?\})\??)
    | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_FLAGS = frozenset("imsU-")


def problem(pattern: str) -> str | None:
    """What RE2 does not know in a pattern that Rust accepts; None when there is nothing."""
    if _SUSPECT.search(pattern) is None:
        return None
    repeated = False
    for part in _PARTS.finditer(pattern):
        text = part.group()
        if part.lastgroup == "unicode":
            return "\\u is no escape here, \\x{…} is"
        if part.lastgroup == "flags" and not _FLAGS.issuperset(text[2:-1]):
            return f"{text} has a flag other than i, m, s and U"
        if part.lastgroup == "repeat":
            if repeated:
                return f"{text} repeats a repetition"
            if any(int(count) > _MAX_COUNT for count in re.findall("[0-9]+", text)):
                return f"{text} repeats more than {_MAX_COUNT} times"
        repeated = part.lastgroup == "repeat"
    return None
