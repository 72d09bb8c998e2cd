"""Where a parse error is, and what it means to the person who wrote the text.

promql-parser says what is wrong but not where. Brackets, names, numbers and strings that its message quotes are found
among the tokens. A type error is in the smallest bracketed piece that fails alone in the same way. For a plain syntax
error, beginnings of the text are tried: the error is at the first token with which no ending makes sense any more.
"""

import re
from collections.abc import Callable

from binnacle.promql.errors import PromQLError
from binnacle.promql.lexer import Kind, Token
from binnacle.promql.sentinels import Sentinels

SYNTAX = "invalid promql query"
_BAD_NUMBER = "bad number or duration syntax: "
_UNREADABLE = re.compile(
    r"invalid promql query|unexpected |unclosed |bad number|not a valid|duration must|unterminated|unknown escape"
)
"""Messages about the text itself; all others are about the meaning of a text that is PromQL in form."""

_PAIRS = {"(": ")", "[": "]", "{": "}"}
_WORD_OPERATORS = frozenset({"and", "or", "unless", "atan2"})
_ENDINGS = ("", " x", " (x)", " 1", " (a) (x)", " (a) x", ' ="a"', ' "a"', " 5m", " (1) x", "()")
"""What may follow the beginning of an expression, apart from closing brackets."""

_Failure = Callable[[str], str]


def join(tokens: list[Token]) -> str:
    """Text of some tokens; blanks never matter between tokens."""
    return " ".join(token.text for token in tokens)


def explain(message: str, tokens: list[Token], sentinels: Sentinels, failure: _Failure) -> PromQLError:
    """The error for a person.

    Args:
        message: promql-parser's own.
        tokens: of the text that failed, at the places of the original.
        sentinels: the stand-ins among them.
        failure: promql-parser's message about another text, empty when that one parses.
    """
    unbalanced = _unbalanced(tokens)
    if unbalanced is not None:
        return _bracket(unbalanced)
    column = _column(message, tokens, failure)
    if message.startswith(_BAD_NUMBER):
        # The parser stops reading at the first wrong character; people know the whole word.
        message = _BAD_NUMBER + next((token.text for token in tokens if token.column == column), message)
    text, fix = _plain(message, tokens, column)
    return PromQLError(sentinels.name(text), column=column, fix=fix)


def _bracket(token: Token) -> PromQLError:
    if token.kind is Kind.OPEN:
        closing = _PAIRS[token.text]
        return PromQLError(f"The `{token.text}` here is never closed.", column=token.column, fix=f"Add `{closing}`.")
    return PromQLError(
        f"`{token.text}` closes nothing.", column=token.column, fix="Remove it, or add the opening bracket."
    )


def _column(message: str, tokens: list[Token], failure: _Failure) -> int | None:
    if not tokens:
        return None
    quoted = re.search(
        r"'(.+?)'$|function (?:with name )?'(\w+)'|call to '(\w+)'|expression '(\w+)'|operator '(\w+)'", message
    )
    if "function" in message or "in call to" in message or "aggregate" in message:
        name = next((group for group in quoted.groups() if group), None) if quoted else None
        called = _failing_call(message, name, tokens, failure)
        if called is not None:
            return called.column
    if message == SYNTAX:
        return _first_impossible(tokens, failure)
    return _mentioned(message, tokens) or _failing_operator(message, tokens, failure)


def _unbalanced(tokens: list[Token]) -> Token | None:
    """The first closing bracket that closes nothing, or the innermost bracket that is never closed."""
    opened: list[Token] = []
    for token in tokens:
        if token.kind is Kind.OPEN:
            opened.append(token)
        elif token.kind is Kind.CLOSE:
            if not opened or _PAIRS[opened[-1].text] != token.text:
                return opened[-1] if opened and any(_PAIRS[o.text] == token.text for o in opened) else token
            opened.pop()
    return opened[-1] if opened else None


def _closing(tokens: list[Token], opened: int) -> int:
    """Place of the bracket that closes the one at `opened`."""
    depth = 0
    for place in range(opened, len(tokens)):
        depth += (tokens[place].kind is Kind.OPEN) - (tokens[place].kind is Kind.CLOSE)
        if depth == 0:
            return place
    return len(tokens) - 1


def _failing_call(message: str, name: str | None, tokens: list[Token], failure: _Failure) -> Token | None:
    """The call that fails alone with the same message; the last one in the text is the innermost."""
    for place in range(len(tokens) - 1, -1, -1):
        token = tokens[place]
        if token.kind is not Kind.NAME or (name is not None and token.text.lower() != name.lower()):
            continue
        opened = place + 1
        if (
            opened + 1 < len(tokens)
            and tokens[opened].text.lower() in {"by", "without"}
            and tokens[opened + 1].text == "("
        ):
            opened = _closing(tokens, opened + 1) + 1
        if opened >= len(tokens) or tokens[opened].text != "(":
            continue
        if failure(join(tokens[place : _closing(tokens, opened) + 1])) == message:
            return token
    return None


def _mentioned(message: str, tokens: list[Token]) -> int | None:
    """Column of the token that the message ends with: `bad number or duration syntax: 5mm`, `illegal regex for (`."""
    quoted = re.search(r"'(.+?)'", message)
    words = [quoted.group(1)] if quoted else []
    for word in (
        *words,
        message.partition(" ")[0],
        message.rpartition(": ")[2],
        message.rpartition("regex for ")[2],
        message.rpartition(" ")[2],
    ):
        bare = word.strip("'\"")
        if not bare or bare == message:
            continue
        for token in tokens:
            if token.text == bare or (token.kind is Kind.STRING and token.text[1:-1].replace("\\\\", "\\") == bare):
                return token.column
        for token in tokens:
            if token.kind is Kind.NUMBER and token.text.startswith(bare):
                return token.column
    return None


def _failing_operator(message: str, tokens: list[Token], failure: _Failure) -> int:
    """Column of the operator at which the smallest failing piece fails, else of the piece itself."""
    start, end = _smallest(message, tokens, failure)
    piece = tokens[start:end]
    depth, last = 0, None
    for index, token in enumerate([*piece, None]):
        if token is not None:
            depth += (token.kind is Kind.OPEN) - (token.kind is Kind.CLOSE)
        is_operator = token is None or (
            depth == 0 and (token.kind is Kind.OPERATOR or token.text.lower() in _WORD_OPERATORS)
        )
        if is_operator:
            if last is not None and failure(join(piece[:index])) == message:
                return last.column
            last = token or last
    return piece[0].column if piece else 1


def _smallest(message: str, tokens: list[Token], failure: _Failure) -> tuple[int, int]:
    """Bounds of the smallest round-bracketed argument that fails alone with the same message, else of everything."""
    best = (0, len(tokens))
    for place, token in enumerate(tokens):
        if token.text != "(":
            continue
        close = _closing(tokens, place)
        depth, begin = 0, place + 1
        for index in range(place + 1, close + 1):
            if index == close or (depth == 0 and tokens[index].text == ","):
                if index - begin < best[1] - best[0] and failure(join(tokens[begin:index])) == message:
                    best = (begin, index)
                begin = index + 1
            depth += (tokens[index].kind is Kind.OPEN) - (tokens[index].kind is Kind.CLOSE)
    return best


def _first_impossible(tokens: list[Token], failure: _Failure) -> int:
    """Column of the first token with which no continuation is PromQL; just past the end when the text is only unfinished."""
    low, high = 0, len(tokens) + 1
    while high - low > 1:
        middle = (low + high) // 2
        if _has_ending(tokens[:middle], failure):
            low = middle
        else:
            high = middle
    return tokens[high - 1].column if high <= len(tokens) else tokens[-1].end + 1


def _has_ending(beginning: list[Token], failure: _Failure) -> bool:
    opened: list[str] = []
    for token in beginning:
        if token.kind is Kind.OPEN:
            opened.append(_PAIRS[token.text])
        elif token.kind is Kind.CLOSE and opened:
            opened.pop()
    closing = "".join(reversed(opened))
    text = join(beginning)
    return any(
        not _UNREADABLE.match(failure(text + ending + rest))
        for ending in _ENDINGS
        for rest in (closing, closing + " (x)")
    )


def _plain(message: str, tokens: list[Token], column: int | None) -> tuple[str, str]:
    """A sentence and a fix for promql-parser's message."""
    for pattern, text, fix in _PHRASES:
        found = re.fullmatch(pattern, message, re.DOTALL)
        if found:
            return found.expand(text), found.expand(fix)
    if message == SYNTAX:
        return _syntax(tokens, column)
    return message[:1].upper() + message[1:] + ".", ""


def _syntax(tokens: list[Token], column: int | None) -> tuple[str, str]:
    place = next((index for index, token in enumerate(tokens) if token.column == column), None)
    if place is None:
        return "The expression ends too early.", "Add what is missing at the end."
    token = tokens[place]
    before = tokens[place - 1] if place else None
    if before is not None and before.text.lower() in {"by", "without", "on", "ignoring"}:
        return f"After `{before.text}` comes a list of labels in round brackets.", f"Write `{before.text} (label, …)`."
    return (
        f"`{token.text}` does not fit here.",
        "Check what stands before it: an operator, a comma or a bracket may be missing.",
    )


_PHRASES = (
    (r"no expression found in input", "The expression is empty.", "Write a PromQL expression."),
    (
        r"expected type matrix in call to function '(\w+)', got (vector|scalar)",
        r"`\1` needs a range of samples.",
        r"Write a range in square brackets after the selector: \1(metric[5m]).",
    ),
    (
        r"expected type (\w+) in call to function '(\w+)', got matrix",
        r"`\2` needs a \1 and not a range of samples.",
        "Remove the range in square brackets, or put rate() or another function around it.",
    ),
    (
        r"expected type (\w+) in call to function '(\w+)', got (\w+)",
        r"`\2` needs a \1 here and not a \3.",
        "Check the order of the arguments.",
    ),
    (
        r"unknown function with name 'holt_winters'",
        "Prometheus 3 has renamed `holt_winters`.",
        "Write double_exponential_smoothing.",
    ),
    (r"unknown function with name '(\w+)'", r"There is no function `\1`.", "Check the spelling."),
    (
        r"expected (at (?:most|least) )?(\d+) argument\(s\) in call to '(\w+)', got (\d+)",
        r"`\3` takes \1\2 argument(s) and has \4.",
        "Add or remove arguments.",
    ),
    (
        r"wrong number of arguments for aggregate expression provided, expected (\d+), got (\d+)",
        r"The aggregation takes \1 argument(s) and has \2.",
        "Add or remove arguments.",
    ),
    (r"no arguments for aggregate expression '(\w+)' provided", r"`\1` aggregates nothing.", r"Write \1(expression)."),
    (
        r"expected type vector in aggregation expression, got matrix",
        "An aggregation needs one value for each series and not a range of samples.",
        "Put rate() or another function around the range.",
    ),
    (
        r"expected type (\w+) in aggregation expression, got (\w+)",
        r"The aggregation needs a \1 here and not a \2.",
        "Check the order of the arguments.",
    ),
    (
        r"unexpected identifier '(.+)' in label matching, expected string",
        r"The value `\1` is not quoted.",
        r'Write "\1".',
    ),
    (
        r"(\S+) is not valid label in .*",
        r"`\1` is not a label's name.",
        "Names of labels have letters, digits and underscores; put others into quotes.",
    ),
    (r"illegal regex for (.*)", r"`\1` is not a regular expression.", "Check brackets and repetitions."),
    (
        r"bad number or duration syntax: (.*)",
        r"`\1` begins no number and no duration.",
        "Durations are written like 30s, 5m, 1h30m, 7d.",
    ),
    (
        r"not a valid duration string: (.*)",
        r"`\1` is not a duration.",
        "Durations are whole numbers with units, the largest first: 30s, 5m, 1h30m, 7d.",
    ),
    (r"duration must be greater than 0", "A duration is zero or too long.", "Write a longer, or shorter, duration."),
    (
        r"binary expression must contain only scalar and instant vector types",
        "An operator needs numbers or single values of series, not ranges of samples or strings.",
        "Put rate() or another function around a range; compare strings with label matchers.",
    ),
    (
        r"comparisons between scalars must use BOOL modifier",
        "Two numbers are compared without `bool`.",
        "Write for example `> bool`.",
    ),
    (
        r"set operator '(\w+)' not allowed in binary scalar expression",
        r"`\1` needs series on both sides and one is a number.",
        "Put vector() around the number.",
    ),
    (
        r"vector selector must contain at least one non-empty matcher",
        "The selector would match every series there is.",
        "Add a metric's name, or a matcher that does not match the empty string.",
    ),
    (
        r"metric name must not be set twice: '(.*)' or '(.*)'",
        r"The metric's name is given twice, as `\1` and as `\2`.",
        "Keep one.",
    ),
    (
        r"ranges only allowed for vector selectors",
        "A range in square brackets may follow only a selector.",
        "For other expressions write a subquery: (expression)[5m:1m].",
    ),
    (r"unexpected character inside brackets: (.*)", r"\1 does not fit into a range.", "Write a duration: [5m]."),
    (r"unexpected character inside braces: (.*)", r"\1 does not fit between label matchers.", "Quote unusual names."),
)
