r"""Regular expressions as Ruby compiles them: is one valid, and what does Fluentd make of `/.../im`.

Asked of Oniguruma, whose fork Onigmo is Ruby's engine. Four things that the fork sees otherwise are handled here: `\u{...}`,
`\w`, `\d` and `\s` (ASCII to Ruby), repeat ranges upside down, and look-behinds of varying length.
"""

import re
from dataclasses import dataclass
from typing import Final

import onigurumacffi

_UNICODE: Final = re.compile(r"(\\\\)|\\u\{([0-9A-Fa-f]{1,6})\}|\\u([0-9A-Fa-f]{4})|\\([wWdDsS])")
_ASCII_CLASSES: Final = {"w": "0-9A-Za-z_", "d": "0-9", "s": r" \t\r\n\f\v"}
_TOKEN: Final = re.compile(r"\\.|\[(?:\\.|\[:\^?\w+:\]|[^\]\\])*\]|\(\?<[=!]|\(|\)|[*+?]|\{(\d*),?(\d*)\}|.", re.DOTALL)
_RANGE: Final = re.compile(r"\{(\d+),(\d+)\}")
_LONGEST: Final = 4096


@dataclass(frozen=True, slots=True)
class Regexp:
    """A regular expression as Fluentd compiles it.

    Attributes:
        source: what stands between the slashes.
        ignore_case: flag `i`.
        multiline: flag `m`: a dot matches a line break too. (`^` and `$` match at every line in any case.)
    """

    source: str
    ignore_case: bool = False
    multiline: bool = False

    def compiled(self) -> "onigurumacffi._Pattern":
        """Compile it for a search over texts; named groups come with the match.

        Raises:
            ValueError: not valid; the message is Ruby's.
        """
        wrong = problem(self.source)
        if wrong:
            raise ValueError(wrong)
        flags = ("i" if self.ignore_case else "") + ("m" if self.multiline else "")
        return onigurumacffi.compile(
            f"(?{flags}:{_for_oniguruma(self.source)})" if flags else _for_oniguruma(self.source)
        )


def problem(source: str) -> str:
    """Return why Ruby refuses a regular expression, in its words, or an empty text when it is good."""
    if len(source) > _LONGEST:
        return "too long a regular expression"
    behind = 0
    for token in _TOKEN.finditer(source):
        text = token.group()
        upside_down = _RANGE.fullmatch(text)
        if upside_down and int(upside_down[1][:9]) > int(upside_down[2][:9]):
            return "upper is smaller than lower in repeat range"
        if text in ("(?<=", "(?<!") or (behind and text == "("):
            behind += 1
        elif text == ")" and behind:
            behind -= 1
        elif behind and _varies(source, token, text):
            return "invalid pattern in look-behind"
    try:
        onigurumacffi.compile(_for_oniguruma(source))
    except onigurumacffi.OnigError as error:
        return str(error)
    return ""


def _varies(source: str, token: re.Match[str], text: str) -> bool:
    """Whether a token inside a look-behind repeats something a varying number of times; the `?` of `(?:` does not."""
    if text == "?":
        return source[token.start() - 1] != "("
    if text[0] == "{":
        return token[1] != token[2] and "," in text
    return text in ("*", "+")


def _for_oniguruma(source: str) -> str:
    return _UNICODE.sub(_translated, source)


def _translated(found: re.Match[str]) -> str:
    if found[4]:
        return f"[{'^' if found[4].isupper() else ''}{_ASCII_CLASSES[found[4].lower()]}]"
    return found[1] or f"\\x{{{found[2] or found[3]}}}"
