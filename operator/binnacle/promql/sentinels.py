"""Variables in PromQL: stand-ins that the parser understands, put in before parsing and taken out after.

`$window` (Binnacle's own: a range that the compiler chooses), `$__rate_interval` and its kin, and Grafana's `$name`,
`${name}`, `${name:format}`, `[[name]]`. Where one stands says what stands in for it: a duration inside brackets and
after `offset`, a number where a function wants a scalar, a matcher where it is alone between the commas of braces, a name
everywhere else. Inside strings a variable is text like any other and needs no stand-in.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from binnacle.promql.lexer import Kind, Token
from binnacle.promql.nodes import Call, Duration, Matcher, Node, Range, Selector, Subquery, Variable, map_nodes

WINDOW = Variable("$window")
"""The range that the compiler chooses."""

_BASE_YEARS = 150
_BASE = _BASE_YEARS * 365 * 86_400_000
"""Stand-in durations start above every duration that is accepted (`binnacle.promql.convert.MAX_DURATION`)."""

_SCALARS: Mapping[str, frozenset[int]] = {
    **dict.fromkeys(("topk", "bottomk", "quantile", "limitk", "limit_ratio", "vector"), frozenset({0})),
    **dict.fromkeys(("histogram_quantile", "quantile_over_time"), frozenset({0})),
    **dict.fromkeys(("clamp_min", "clamp_max", "predict_linear", "round"), frozenset({1})),
    **dict.fromkeys(("clamp", "holt_winters", "double_exponential_smoothing"), frozenset({1, 2})),
    "histogram_fraction": frozenset({0, 1}),
}
"""Which arguments (from 0) of which functions and aggregations are scalars."""


@dataclass(frozen=True, slots=True)
class Sentinels:
    """The stand-ins of one text.

    Attributes:
        durations: milliseconds to the variable.
        spelling: stand-in name to the variable's text.
        prefix: how every stand-in name starts; occurs nowhere else in the text.
        patterns: stand-in to a matcher's regular expression: of all in the text or of none (`binnacle.promql.patterns`).
    """

    durations: Mapping[int, Variable] = field(default_factory=dict)
    spelling: Mapping[str, str] = field(default_factory=dict)
    prefix: str = ""
    patterns: Mapping[str, str] = field(default_factory=dict)

    def name(self, name: str) -> str:
        """A metric or label name with the variables back in place."""
        if not self.spelling or self.prefix not in name:
            return name
        return re.sub(rf"{self.prefix}\d+z", lambda found: self.spelling[found.group()], name)

    def names(self, names: Iterable[str]) -> tuple[str, ...]:
        """`name` of each."""
        return tuple(map(self.name, names))

    def pattern(self, pattern: str) -> str:
        """The regular expression of a matcher as it was written."""
        return self.patterns.get(pattern, pattern)

    def scalar(self, call: Call) -> Node:
        """The variable, if the call is what stands in for a number."""
        match call:
            case Call("scalar", (Selector(name),)) if (
                self.spelling and name is not None and name.startswith(_SCALAR_MARK)
            ):
                return Variable(name.removeprefix(_SCALAR_MARK))
            case _:
                return call

    def filled(self, matchers: Iterable[Matcher]) -> tuple[tuple[Matcher, ...], tuple[Variable, ...]]:
        """The matchers, and the variables that stand for further ones."""
        if not self.spelling:
            return tuple(matchers), ()
        kept, variables = [], []
        for matcher in matchers:
            if matcher.name.startswith(_MATCHERS_MARK):
                variables.append(Variable(matcher.name.removeprefix(_MATCHERS_MARK)))
            else:
                kept.append(matcher)
        return tuple(kept), tuple(variables)


_SCALAR_MARK, _MATCHERS_MARK = "number ", "matchers "
"""Start no name that the parser accepts, so nothing a person writes is mistaken for a stand-in."""
NO_SENTINELS = Sentinels()


def substitute(tokens: list[Token]) -> tuple[list[Token], Sentinels]:
    """Tokens with every variable replaced, places unchanged, and what to put back.

    A variable that touches a name (`${app}_requests_total`, `node_$kind`) becomes one name with it.
    """
    if not any(token.kind is Kind.VARIABLE for token in tokens):
        return tokens, NO_SENTINELS
    prefix = "zv"
    while any(prefix in token.text for token in tokens):
        prefix += "v"
    durations: dict[int, Variable] = {}
    spelling: dict[str, str] = {}
    result: list[Token] = []
    for index, token in enumerate(tokens):
        if token.kind is not Kind.VARIABLE:
            result.append(token)
            continue
        number = len(durations) + len(spelling)
        if _wants_duration(tokens, index):
            durations[_BASE + number] = Variable(token.text)
            result.append(Token(Kind.NUMBER, f"{_BASE_YEARS}y{number}ms", token.start))
            continue
        name = f"{prefix}{number}z"
        if _is_matchers(tokens, index):
            spelling[name] = _MATCHERS_MARK + token.text
            # Not empty: braces must have a condition that not everything fulfils.
            result.append(Token(Kind.NAME, f'{name}="1"', token.start))
        elif _wants_scalar(tokens, index):
            spelling[name] = _SCALAR_MARK + token.text
            result.append(Token(Kind.NAME, f"scalar({name})", token.start))
        else:
            spelling[name] = token.text
            result.append(Token(Kind.NAME, name, token.start))
    return _glue(tokens, result), Sentinels(durations, spelling, prefix)


def with_window(node: Node, milliseconds: int) -> Node:
    """The tree with `$window` replaced by a duration in milliseconds, wherever a duration stands."""

    def chosen(value: Duration) -> Duration:
        return milliseconds if value == WINDOW else value

    def filled_in(inner: Node) -> Node:
        match inner:
            case Range(selector, range_) if range_ == WINDOW:
                return Range(selector, chosen(range_))
            case Selector() if inner.offset == WINDOW:
                return replace(inner, offset=milliseconds)
            case Subquery(expr, range_, step, offset, at) if WINDOW in (range_, step, offset):
                new_step = milliseconds if step == WINDOW else step
                return Subquery(expr, chosen(range_), new_step, chosen(offset), at)
            case _:
                return inner

    return map_nodes(node, filled_in)


def _wants_duration(tokens: list[Token], index: int) -> bool:
    """Whether the innermost open bracket is `[`, or the variable follows `offset`."""
    before = tokens[index - 1] if index else None
    if before is not None and before.text == "-" and index > 1:
        before = tokens[index - 2]
    if before is not None and before.kind is Kind.NAME and before.text.lower() == "offset":
        return True
    opened = _open_bracket(tokens, index)
    return opened is not None and tokens[opened].text == "["


def _is_matchers(tokens: list[Token], index: int) -> bool:
    """Whether the variable is alone between two commas of braces, or at their ends."""
    if index == 0 or index + 1 >= len(tokens) or tokens[index + 1].text not in {",", "}"}:
        return False
    before = tokens[index - 1].text
    if before != ",":
        return before == "{"
    opened = _open_bracket(tokens, index)
    return opened is not None and tokens[opened].text == "{"


def _wants_scalar(tokens: list[Token], index: int) -> bool:
    """Whether the variable is alone in an argument that must be a scalar."""
    if (
        index == 0
        or index + 1 >= len(tokens)
        or tokens[index - 1].text not in {"(", ","}
        or tokens[index + 1].text not in {")", ","}
    ):
        return False
    opened = _open_bracket(tokens, index)
    if not opened or tokens[opened].text != "(":
        return False
    caller = _caller(tokens, opened)
    return _argument(tokens, opened, index) in _SCALARS.get(caller, frozenset())


def _open_bracket(tokens: list[Token], index: int) -> int | None:
    """Place of the innermost bracket open at `index`."""
    depth = 0
    for place in range(index - 1, -1, -1):
        if tokens[place].kind is Kind.CLOSE:
            depth += 1
        elif tokens[place].kind is Kind.OPEN:
            if depth == 0:
                return place
            depth -= 1
    return None


def _caller(tokens: list[Token], opened: int) -> str:
    """Name of the function or aggregation whose arguments open at `opened`; `topk by (a) (` is `topk`."""
    place = opened - 1
    if tokens[place].text == ")":
        grouping = _open_bracket(tokens, place)
        if grouping is None or grouping < 2 or tokens[grouping - 1].text.lower() not in {"by", "without"}:
            return ""
        place = grouping - 2
    return tokens[place].text.lower() if tokens[place].kind is Kind.NAME else ""


def _argument(tokens: list[Token], opened: int, index: int) -> int:
    """Number of the argument that `index` is in, from 0."""
    depth = commas = 0
    for token in tokens[opened + 1 : index]:
        if token.kind is Kind.OPEN:
            depth += 1
        elif token.kind is Kind.CLOSE:
            depth -= 1
        elif token.text == "," and depth == 0:
            commas += 1
    return commas


def _glue(written: list[Token], replaced: list[Token]) -> list[Token]:
    """Names joined with the variables that touch them, judged by their places in the text as written."""
    result: list[Token] = []
    end, joinable = -1, False
    for before, after in zip(written, replaced, strict=True):
        name = after.kind is Kind.NAME and "(" not in after.text
        part = name or (after.kind is Kind.NUMBER and before.kind is Kind.NUMBER)
        if part and joinable and before.start == end:
            result[-1] = Token(Kind.NAME, result[-1].text + after.text, result[-1].start)
        else:
            result.append(after)
            joinable = name
        end = before.end
    return result
