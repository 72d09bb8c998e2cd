"""A PromQL tree as text: canonical, on one line, with the parentheses that are needed and no others.

The text is PromQL of Prometheus 2.40 and later wherever the tree allows it: newer syntax (quoted names, `fill`) is
written only for what has no older spelling.
"""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

from binnacle.promql import lexer
from binnacle.promql.nodes import (
    METRIC_NAME,
    Aggregate,
    At,
    Binary,
    Call,
    Duration,
    Group,
    Matcher,
    MatchOp,
    Node,
    Number,
    Range,
    Selector,
    String,
    Subquery,
    Unary,
    Variable,
)

PRECEDENCE = {
    "or": 1,
    "and": 2,
    "unless": 2,
    **dict.fromkeys(("==", "!=", ">", "<", ">=", "<="), 3),
    **dict.fromkeys(("+", "-"), 4),
    **dict.fromkeys(("*", "/", "%", "atan2"), 5),
    "^": 6,
}
"""Binding strength of the binary operators (promql/parser/generated_parser.y); `^` is right-associative."""
_UNARY = PRECEDENCE["*"]
_POWER = PRECEDENCE["^"]

_UNITS = (
    ("y", 31_536_000_000),
    ("w", 604_800_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
)
_TEMPLATE = re.compile(rf"(?:{lexer.VARIABLE}|[A-Za-z0-9_:])+", re.ASCII)
_KEYWORDS = frozenset(
    [
        "anchored",
        "and",
        "atan2",
        "avg",
        "bool",
        "bottomk",
        "by",
        "count",
        "count_values",
        "end",
        "fill",
        "fill_left",
        "fill_right",
        "group",
        "group_left",
        "group_right",
        "ignoring",
        "inf",
        "limit_ratio",
        "limitk",
        "max",
        "min",
        "nan",
        "offset",
        "on",
        "or",
        "quantile",
        "smoothed",
        "start",
        "stddev",
        "stdvar",
        "sum",
        "topk",
        "unless",
        "without",
    ]
)
_UNLISTABLE = frozenset({"anchored", "inf", "nan", "smoothed", "without"})
"""Classic label names that the grammar does not take bare in a list of labels."""
_ESCAPES = str.maketrans(
    {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t", "\ufffd": "\\ufffd"}
    | {chr(code): f"\\x{code:02x}" for code in (*range(9), 11, 12, *range(14, 32), 127)}
)


def to_text(node: Node) -> str:
    """The tree as PromQL, such that `parse(to_text(node)) == node` (with `variables=True` for trees that have some).

    Raises:
        ValueError: what PromQL cannot spell: a range or step of zero or less, a time before 1970.
    """
    return _SPELLED[type(node)](node)


def quote(value: str) -> str:
    """A string literal in Go's spelling; everything but control characters, `"` and the backslash stands for itself."""
    return f'"{value.translate(_ESCAPES)}"'


@lru_cache(maxsize=256)  # rules name the same few lengths again and again
def duration_text(milliseconds: int) -> str:
    """A duration as Prometheus prints it: `90m` is `1h30m`, minus in front, zero is `0s`."""
    if milliseconds == 0:
        return "0s"
    rest, parts = abs(milliseconds), []
    for unit, size in _UNITS:
        # Prometheus prints years and weeks only where they come out even: 30d, not 4w2d.
        if unit in {"y", "w"} and rest % size:
            continue
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count}{unit}")
    return ("-" if milliseconds < 0 else "") + "".join(parts)


def _duration(value: Duration) -> str:
    return value.text if isinstance(value, Variable) else duration_text(value)


def _positive(value: Duration) -> str:
    if isinstance(value, int) and value <= 0:
        raise ValueError(f"a range or step must be longer than zero, not {value} ms")
    return _duration(value)


def _when(at: At | None, offset: Duration) -> str:
    """The modifiers ` @ … offset …` of a selector or subquery."""
    text = ""
    if isinstance(at, str):
        text = f" @ {at}()"
    elif at is not None:
        if at < 0:
            raise ValueError("a time before 1970 cannot be written")
        text = f" @ {at // 1000}.{at % 1000:03d}"
    return f"{text} offset {_duration(offset)}" if offset != 0 else text


def _selector(node: Selector) -> str:
    return _bare(node) + _when(node.at, node.offset)


def _bare(node: Selector) -> str:
    """A selector without its modifiers."""
    conditions = [_matcher(one.name, one.op, one.value) for one in node.matchers]
    if node.filled:
        conditions += [variable.text for variable in node.filled]
    name, matchers = node.name, ",".join(conditions)
    if name is None:
        return f"{{{matchers}}}"
    if not _stands_alone(name):
        # This form is understood everywhere.
        return "{" + f"{METRIC_NAME}={quote(name)}" + ("," if matchers else "") + matchers + "}"
    return f"{name}{{{matchers}}}" if matchers else name


@lru_cache(maxsize=256)  # rules read the same few series again and again
def _stands_alone(name: str) -> bool:
    """Say whether a name may stand before the braces: a keyword, or one outside the classic alphabet, may not."""
    if name.lower() in _KEYWORDS:
        return False
    return _is_classic(name.replace(":", "_")) or (
        ("$" in name or "[" in name) and _TEMPLATE.fullmatch(name) is not None
    )


def matcher_text(matcher: Matcher) -> str:
    """One condition of a selector, as it stands between its braces."""
    return _matcher(matcher.name, matcher.op, matcher.value)


@lru_cache(maxsize=256)  # all rules of a resource look for the same few values
def _matcher(name: str, op: MatchOp, value: str) -> str:
    return f"{name if _is_classic(name) else quote(name)}{op}{quote(value)}"


def _is_classic(name: str) -> bool:
    """Say whether a name has only what labels could always have: `[A-Za-z_][A-Za-z0-9_]*`, by the quickest way to ask."""
    return name.isascii() and name.isidentifier()


def _labels(labels: tuple[str, ...]) -> str:
    return "(" + ", ".join(map(_label, labels)) + ")"


def _label(name: str) -> str:
    if _is_classic(name) and name.lower() not in _UNLISTABLE:
        return name
    return name if "$" in name and _TEMPLATE.fullmatch(name) else quote(name)


def _aggregate(node: Aggregate) -> str:
    inner = to_text(node.expr) if node.param is None else f"{to_text(node.param)}, {to_text(node.expr)}"
    if node.grouping is None:
        return f"{node.op}({inner})"
    return f"{node.op} {'without' if node.grouping.without else 'by'} {_labels(node.grouping.labels)} ({inner})"


def _binary(node: Binary) -> str:
    op, lhs, rhs = node.op, node.lhs, node.rhs
    strength = PRECEDENCE[op]
    right_associative = strength == _POWER
    left, right = to_text(lhs), to_text(rhs)
    by_left, by_right = _strength(lhs, negative=_UNARY), _strength(rhs, negative=_POWER + 1)
    if by_left < strength or (by_left == strength and right_associative):
        left = f"({left})"
    if by_right < strength or (by_right == strength and not right_associative):
        right = f"({right})"
    return " ".join((left, op, *_modifiers(node), right))


def _modifiers(node: Binary) -> list[str]:
    words = ["bool"] if node.return_bool else []
    if node.matching is not None:
        words.append(f"{'on' if node.matching.on else 'ignoring'} {_labels(node.matching.labels)}")
    if node.group is not None:
        words.append(_group(node.group))
    if node.fill is not None:
        left, right = node.fill.left, node.fill.right
        if left == right and left is not None:
            words.append(f"fill({left.text})")
        else:
            words += [
                f"fill_{side}({value.text})" for side, value in (("left", left), ("right", right)) if value is not None
            ]
    return words


def _group(group: Group) -> str:
    return f"group_{group.side} {_labels(group.labels)}"


def _strength(node: Node, *, negative: int) -> int:
    """How tightly the text of an operand holds together; `negative` is that of a leading minus, which only a left neighbour of `^` sees."""
    if isinstance(node, Binary):
        return PRECEDENCE[node.op]
    if isinstance(node, Number):
        return negative if node.text.startswith("-") else _POWER + 1
    return negative if isinstance(node, Unary) else _POWER + 1


def _range(node: Range) -> str:
    selector = node.selector
    return f"{_bare(selector)}[{_positive(node.range)}]{_when(selector.at, selector.offset)}"


def _call(node: Call) -> str:
    return f"{node.func}({', '.join([to_text(arg) for arg in node.args])})"


def _unary(node: Unary) -> str:
    text = to_text(node.expr)
    return f"-({text})" if isinstance(node.expr, Binary) and PRECEDENCE[node.expr.op] < _POWER else f"-{text}"


def _subquery(node: Subquery) -> str:
    text = to_text(node.expr)
    inner = text if isinstance(node.expr, Selector | Call | Aggregate) else f"({text})"
    step = "" if node.step is None else _positive(node.step)
    return f"{inner}[{_positive(node.range)}:{step}]{_when(node.at, node.offset)}"


def _literal(node: Number | Variable) -> str:
    return node.text


def _string(node: String) -> str:
    return quote(node.value)


_SPELLED: Final[Mapping[type, Callable[[Any], str]]] = {
    Selector: _selector,
    Range: _range,
    Subquery: _subquery,
    Call: _call,
    Aggregate: _aggregate,
    Binary: _binary,
    Unary: _unary,
    Number: _literal,
    Variable: _literal,
    String: _string,
}
"""Kind of node -> how it is spelled: a tree has hundreds of nodes, and trying one kind after the other would take longest."""
