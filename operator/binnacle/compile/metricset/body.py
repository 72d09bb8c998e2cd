r"""What the body of an answer must be, as regular expressions that every prober knows.

A value in JSON is found by an expression that follows the structure: it steps over members and elements before the one that is
meant, whatever they hold, as long as they are nested at most `DEPTH` deep. What is nested deeper, and what is no JSON, does not
match, so that a probe fails rather than passes by accident.
"""

import re
from typing import Final

import re2

DEPTH: Final = 8
"""How deep values may be nested that are stepped over."""
_STRING: Final = r'"(?:[^"\\]|\\.)*"'
_STEP: Final = re.compile(r"\.([A-Za-z_][A-Za-z0-9_-]*)|\[([0-9]{1,2})\]")
_BARE: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null")
_CLASS: Final = re.compile(r"\\[pP](?:\{\^?([^}]*)\}|(.))")
_CATEGORY: Final = re.compile("C[cfos]?|L[lmotu]?|M[cen]?|N[dlo]?|P[cdefios]?|S[ckmo]?|Z[lps]?")
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)


def problem(pattern: str) -> str | None:
    r"""Return what is wrong with a regular expression for a prober of any version; None when there is nothing.

    RE2 itself knows a little more than Go's regexp, and newer versions of that more than older ones: `\C`, `(?<name>…)`, and
    scripts in `\p{…}`, which come with the version of Unicode.
    """
    options = re2.Options()
    options.log_errors = False
    try:
        re2.compile(pattern, options)
    except re2.error as error:
        said = error.args[0] if error.args else ""
        return said.decode(errors="replace") if isinstance(said, bytes) else str(said)
    if "C" in _ESCAPE.findall(pattern):
        return "\\C is not known to probers"
    if "(?<" in pattern:
        return "(?<name>…) is not known to older probers, (?P<name>…) is"
    for braced, single in _CLASS.findall(pattern):
        if _CATEGORY.fullmatch(braced or single) is None:
            return f"\\p{{{braced or single}}} is no general category of Unicode, such as \\p{{L}}"
    return None


def json_pattern(path: str, equals: str) -> str:
    """Return the expression that a JSON body matches whose value at `path` is `equals`.

    Args:
        path: `$` with steps `.name` and `[index]`.
        equals: the content of a text, or the spelling of a number, `true`, `false` or `null`.
    """
    value = rf'(?:[^"{{}}\[\],]|{_STRING}|[\[{{]{_balanced(DEPTH)}*[\]}}])*'
    found = r"^\s*"
    for step in _STEP.finditer(path):
        if step[1] is not None:
            found += rf'\{{(?:\s*{_STRING}\s*:{value},)*\s*"{step[1]}"\s*:\s*'
        else:
            found += rf"\[(?:{value},){{{int(step[2])}}}\s*" if int(step[2]) else r"\[\s*"
    return rf"{found}{_scalar(equals)}\s*[,}}\]]"


def _balanced(depth: int) -> str:
    """Return what matches one part of a value: a text, a character between them, or a nested value."""
    if depth == 0:
        return rf'(?:[^"{{}}\[\]]|{_STRING})'
    return rf'(?:[^"{{}}\[\]]|{_STRING}|[\[{{]{_balanced(depth - 1)}*[\]}}])'


def _scalar(equals: str) -> str:
    spelled = '"' + "".join(map(_spellings, equals)) + '"'
    return f"(?:{spelled}|{re2.escape(equals)})" if _BARE.fullmatch(equals) else spelled


def _spellings(character: str) -> str:
    """Return the ways in which JSON may spell a character of a text."""
    coded = "".join(f"\\\\u(?i:{unit:04x})" for unit in _utf16(character))
    ways = [] if character in '"\\' else [re2.escape(character)]
    if character in '"\\/':
        ways.append(rf"\\{re2.escape(character)}")
    if not character.isascii() or not character.isalnum():
        ways.append(coded)
    return ways[0] if len(ways) == 1 else f"(?:{'|'.join(ways)})"


def _utf16(character: str) -> tuple[int, ...]:
    encoded = character.encode("utf-16-be")
    return tuple(int.from_bytes(encoded[at : at + 2]) for at in range(0, len(encoded), 2))
