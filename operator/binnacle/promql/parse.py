"""PromQL text to a tree, or to an error that says where and what to do."""

from binnacle.promql import fences, locate
from binnacle.promql.convert import convert
from binnacle.promql.errors import TOO_LARGE, PromQLError
from binnacle.promql.lexer import Kind, Token
from binnacle.promql.nodes import Node
from binnacle.promql.parser import parsed
from binnacle.promql.patterns import abbreviate
from binnacle.promql.sentinels import NO_SENTINELS, substitute

_MATCHERS = frozenset({"=", "!=", "=~", "!~"})


def parse(text: str, *, variables: bool = False) -> Node:
    """The tree of a PromQL expression.

    Call it on a thread with a stack of at least `fences.STACK_BYTES`.

    Args:
        text: the expression, at most 4 KiB.
        variables: accept `$window` and Grafana's variables (`binnacle.promql.sentinels`).

    Raises:
        PromQLError: the text is not PromQL or too large to be parsed safely; with a 1-based column where there is one.
    """
    tokens = fences.check(text)
    _check_tokens(tokens, variables=variables)
    sentinels = NO_SENTINELS
    if variables:
        tokens, sentinels = substitute(tokens)
    if sentinels is NO_SENTINELS:
        source, sentinels = abbreviate(text, tokens)
    else:
        source = locate.join(tokens)
    expr = parsed(source)
    if isinstance(expr, str) and sentinels.patterns:
        sentinels = NO_SENTINELS
        expr = parsed(text)
    if isinstance(expr, str):
        raise locate.explain(expr, tokens, sentinels, _failure)
    try:
        return convert(expr, sentinels)
    except RecursionError:
        raise PromQLError(
            "The expression is nested too deeply.", reason=TOO_LARGE, fix="Split it with recording rules."
        ) from None


def _check_tokens(tokens: list[Token], *, variables: bool) -> None:
    """Refuse what the parser answers with a panic or with a useless message."""
    previous, inside = "", False
    for token in tokens:
        inside = token.text == "{" or (inside and token.text != "}")
        if inside and token.kind is Kind.OPERATOR and (token.text == "==" or previous in _MATCHERS):
            raise PromQLError(
                "A label is compared by one of =, !=, =~ and !~.", column=token.column, fix="Write one of them."
            )
        if token.kind is Kind.VARIABLE and not variables:
            raise PromQLError(
                f"The variable {token.text} is not available here.", column=token.column, fix="Write the value itself."
            )
        if previous == "@" and token.text == "-":
            raise PromQLError(
                "A time before 1970 is not supported.", column=token.column, fix="Write seconds since 1970."
            )
        previous = token.text


def _failure(source: str) -> str:
    """promql-parser's message about a text; empty when it has none."""
    answer = parsed(source)
    return answer if isinstance(answer, str) else ""
