"""LogQL fenced: there is no parser of it for Python, so only what every query must have is looked at.

Strings end, brackets match, a stream is selected, variables exist. Whether Loki takes the query is for Loki to say, and a
finding says so.
"""

from typing import Final

from binnacle.api.findings import Finding, Severity
from binnacle.api.reasons import Reason
from binnacle.compile.dashboard.references import Scope
from binnacle.promql.lexer import Kind, Token, tokenize

# PromQL's tokens are LogQL's but for pipes and filters, which its lexer gives as single characters that it does not know.
_KNOWN: Final = frozenset("|~!.:")
_QUOTES: Final = frozenset("\"'`")
_CLOSING: Final = {"(": ")", "[": "]", "{": "}"}
MAX_BRACKETS: Final = 400


def findings(text: str, path: str, scope: Scope) -> list[Finding]:
    """Return what there is to say of a query; with an error among it the query cannot be used."""
    tokens = tokenize(text)
    problem = _strings(tokens) or _brackets(tokens) or _streams(tokens)
    if problem is not None:
        message, column, fix = problem
        return [Finding(Severity.ERROR, Reason.LOGQL_SYNTAX, path, message, fix, column)]
    found = scope.findings(tokens, path)
    said = "LogQL is not parsed: strings, brackets and variables were looked at, the rest is for Loki to judge."
    return [*found, Finding(Severity.INFO, Reason.QUERY_NOT_PARSED, path, said)]


Problem = tuple[str, int, str]
"""Message, column, fix."""


def _strings(tokens: list[Token]) -> Problem | None:
    for token in tokens:
        if token.kind is Kind.STRING and token.text[0] == "'":
            return "LogQL has no strings in single quotes.", token.column, 'Write " instead.'
        if token.kind is not Kind.BROKEN or token.text in _KNOWN:
            continue
        if token.text in _QUOTES:
            return f"The string that starts here has no closing {token.text}.", token.column, f"Add {token.text}."
        if token.text == "$":
            return "A $ must be followed by a variable's name.", token.column, "Write $name or ${name}."
        return (
            f"The character {token.text!r} has no meaning here.",
            token.column,
            "Put text with such characters into quotes.",
        )
    return None


def _brackets(tokens: list[Token]) -> Problem | None:
    opened: list[Token] = []
    count = 0
    for token in tokens:
        if token.kind is Kind.OPEN:
            opened.append(token)
            count += 1
        elif token.kind is Kind.CLOSE:
            if not opened or _CLOSING[opened[-1].text] != token.text:
                return f"This {token.text} closes nothing.", token.column, "Remove it, or open the bracket before it."
            opened.pop()
        if count > MAX_BRACKETS:
            return f"The query has more than {MAX_BRACKETS} brackets.", token.column, "Shorten it."
    if opened:
        last = opened[-1]
        return f"The {last.text} that opens here is not closed.", last.column, f"Add {_CLOSING[last.text]}."
    return None


def _streams(tokens: list[Token]) -> Problem | None:
    places = [place for place, token in enumerate(tokens) if token.text == "{" and token.kind is Kind.OPEN]
    if not places:
        return "The query selects no logs.", 1, 'Begin with labels in braces: {app="checkout"}.'
    for place in places:
        if tokens[place + 1].text == "}":
            return "The braces are empty: Loki wants a label.", tokens[place].column, 'Write {app="checkout"}.'
    return None
