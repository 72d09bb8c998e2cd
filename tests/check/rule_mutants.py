"""Rules that are wrong in one place: every single change of an operator, a factor, a window, a label or a function."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from binnacle.intent.rules import RuleSet
from binnacle.promql import facts
from binnacle.promql.nodes import Aggregate, Binary, Call, Node, Number, Range, Selector, Subquery

OPERATORS = {
    "+": "-",
    "-": "+",
    "*": "/",
    "/": "*",
    ">": "<",
    "<": ">",
    ">=": "<",
    "<=": ">",
    "or": "and",
    "unless": "and",
}
FUNCTIONS = {
    "rate": "increase",
    "sum_over_time": "avg_over_time",
    "count_over_time": "last_over_time",
    "avg_over_time": "sum_over_time",
    "clamp_min": "clamp_max",
}
SCALELESS = {"histogram_fraction"}
"""Functions that tell the same of what is many times as much."""
FACTORS = (0.9, 1.1)
LENGTHS = (0.5, 2)

EQUIVALENT = {
    r"short slo:sli_error:ratio_rate(\w+): slo:(events|errors):rate\1 without \w+": "both sides of the division have all labels of "
    "the SLO, so what another one has recorded meets nothing",
    r".*: rate is increase in histogram_fraction": "a histogram that is a multiple of another one has the same shares",
    r".*: sum is max where only presence counts": "the largest of some is there when their sum is",
    r"\w+ slo:\w+:\w+: (rate is increase|1 times [\d.]+) where only presence counts": "what is asked of an expression is whether it "
    "is there and a number, and both stay as they are",
    r"\w+ slo:errors:\w+: >= bool is < bool": "what is not a number is 0 by both, and what is one has an element already",
    r"\w+ slo:errors:\w+: a range of \d+ times 0\.5 where only presence counts": "what is looked for so is only what is not a number, "
    "and that stays as it is; all else has an element already",
    r"\w+ slo:errors:\w+: q_seconds without queue( in a subquery)?": "the label is the group, and what is not good is told of no group whose events are not "
    "counted",
    r"short alert: a range of 300000 times 2( in a subquery)?": "a group that is gone for good is forgotten a step later at most",
    r"(short alert|long slo:period_error:ratio): count_over_time is last_over_time": "what is asked is whether there was anything",
    r"short alert: ALERTS without alertstate": "burn alerts wait for nothing, so they are never pending",
    r"(long slo:period_error:ratio|increments slo:\w+:\w+): \* is / beside a label( in a subquery)?": "what is multiplied with is 1: it "
    "is there for its label",
    r"(long slo:period_error:ratio|period slo:period:\w+): a range of (612000000|2685600000|7956000000|31629600000) times 2": "what lies "
    "further back than the longest period of the calendar is of another one",
    r"long slo:period_error:ratio: a range of \d+ times 2( beside >)? in a subquery": "when the last sums were is asked twice of each "
    "increment, whether it is newer and to label it, and the shorter range of the two decides",
    r"long slo:period_error:ratio: a subquery over (?!2592000000 )\d+ times 2": "an increment that is older than the range came before "
    "the last sums, as those are not: its label is of other ones",
}
"""Changes that change nothing, by what is said of them, and why."""

Rebuild = Callable[[Node], Node]


@dataclass(frozen=True)
class Mutant:
    """A rule set with one wrong rule, and what is wrong with it; `place` has the numbers of the group and the rule.

    `reads` are the series that the changed part of an alert reads: the parts are joined by `or`.
    """

    what: str
    rules: RuleSet
    place: tuple[int, int]
    reads: frozenset[str]

    @property
    def record(self) -> str:
        """What the wrong rule records; empty for an alert."""
        number, place = self.place
        return str(getattr(self.rules.groups[number].rules[place], "record", ""))


def mutants(rules: RuleSet) -> Iterator[Mutant]:
    """Every rule set that differs in one place of one expression; the descriptions of the SLO are left alone."""
    for number, group in enumerate(rules.groups):
        for place, rule in enumerate(group.rules):
            for what, expr in _changes(rule.expr, lambda node: node):
                if expr == rule.expr:
                    continue
                changed = (*group.rules[:place], replace(rule, expr=expr), *group.rules[place + 1 :])
                groups = (*rules.groups[:number], replace(group, rules=changed), *rules.groups[number + 1 :])
                said = f"{group.part} {getattr(rule, 'record', 'alert')}: {what}"
                parts = (part for part in _parts(expr) if part not in _parts(rule.expr))
                reads = frozenset(name for part in parts for name in facts.metrics(part))
                yield Mutant(said, RuleSet(groups), (number, place), reads)


def is_equivalent(what: str) -> bool:
    """Whether a change is one of those that change nothing."""
    return any(re.fullmatch(pattern, what) for pattern in EQUIVALENT)


def _parts(node: Node) -> list[Node]:
    match node:
        case Binary("or", lhs, rhs):
            return [*_parts(lhs), *_parts(rhs)]
        case Binary("unless", lhs):
            return _parts(lhs)
    return [node]


def _changes(node: Node, rebuild: Rebuild) -> Iterator[tuple[str, Node]]:  # noqa: C901 - one arm for each kind of node
    """Changes that mean something: what is times nought, what `and` matches by all of its labels anyway, and how long an alert
    is held on to are left alone."""
    match node:
        case Binary("*", Number("0")):
            return
        case Binary("and"):
            yield "and is or", rebuild(replace(node, op="or"))
            for side in ("lhs", "rhs"):
                for what, changed in _changes(getattr(node, side), _side(node, side, rebuild)):
                    if node.matching is not None or " without " not in what:
                        yield what, changed
        case Call("max_over_time"):
            return
        case Binary(">=", lhs, return_bool=True):
            yield ">= bool is < bool", rebuild(replace(node, op="<"))
            for what, changed in _changes(lhs, _side(node, "lhs", rebuild)):
                yield f"{what} where only presence counts", changed
        case Binary(">", lhs, rhs) if facts.metrics(lhs) and facts.metrics(rhs):
            yield "> is <", rebuild(replace(node, op="<"))
            for side in ("lhs", "rhs"):
                for what, changed in _changes(getattr(node, side), _side(node, side, rebuild)):
                    yield f"{what} beside >", changed
        case Binary(op=op):
            if op in OPERATORS:
                label = " beside a label" if node.group is not None else ""
                yield f"{op} is {OPERATORS[op]}{label}", rebuild(replace(node, op=OPERATORS[op]))
            yield from _changes(node.lhs, lambda new: rebuild(replace(node, lhs=new)))
            yield from _changes(node.rhs, lambda new: rebuild(replace(node, rhs=new)))
        case Number():
            for factor in FACTORS if node.value else ():
                yield f"{node.text} times {factor}", rebuild(Number.of(node.value * factor))
        case Range(range=int(length)):
            for factor in LENGTHS:
                yield f"a range of {length} times {factor}", rebuild(replace(node, range=round(length * factor)))
            yield from _changes(node.selector, lambda new: rebuild(replace(node, selector=new)))  # type: ignore[arg-type]
        case Subquery(range=int(length)):
            for factor in LENGTHS:
                yield f"a subquery over {length} times {factor}", rebuild(replace(node, range=round(length * factor)))
            for what, changed in _changes(node.expr, lambda new: rebuild(replace(node, expr=new))):
                yield f"{what} in a subquery", changed
        case Selector(matchers=matchers):
            for place, matcher in enumerate(matchers):
                rest = (*matchers[:place], *matchers[place + 1 :])
                yield f"{node.name} without {matcher.name}", rebuild(replace(node, matchers=rest))
        case Aggregate():
            if node.grouping is not None:
                yield f"{node.op} without groups", rebuild(replace(node, grouping=None))
            if node.op == "sum" and not any((name or "").startswith("slo:") for name in facts.metrics(node)):
                yield "sum is max", rebuild(replace(node, op="max"))
            yield from _changes(node.expr, lambda new: rebuild(replace(node, expr=new)))
        case Call(func=func, args=args):
            if func in FUNCTIONS:
                yield f"{func} is {FUNCTIONS[func]}", rebuild(replace(node, func=FUNCTIONS[func]))
            within = f" in {func}" if func in SCALELESS else ""
            for place, arg in enumerate(args):
                yield from ((f"{what}{within}", new) for what, new in _changes(arg, _put(node, place, rebuild)))
        case _:
            pass


def _side(node: Binary, side: str, rebuild: Rebuild) -> Rebuild:
    return lambda new: rebuild(replace(node, **{side: new}))  # type: ignore[arg-type]


def _put(node: Call, place: int, rebuild: Rebuild) -> Rebuild:
    return lambda new: rebuild(replace(node, args=(*node.args[:place], new, *node.args[place + 1 :])))
