"""Rules that read nothing but what was scraped: recorded series replaced by what they are recorded from."""

from collections.abc import Iterable, Mapping
from typing import Final

from binnacle.intent.rules import Recording, RuleSet
from binnacle.promql import facts
from binnacle.promql.nodes import Node, Range, Selector, map_nodes

_DEEPEST: Final = 8
"""Recorded series that are recorded from others; ours are two deep."""


def recordings(sets: Iterable[RuleSet]) -> dict[str, Node]:
    """Return the recorded series of one resource by name, with what they are recorded from."""
    return {
        rule.record: rule.expr
        for one in sets
        for group in one.groups
        for rule in group.rules
        if isinstance(rule, Recording)
    }


def inlined(node: Node, recorded: Mapping[str, Node]) -> Node:
    """Return an expression in which recorded series that are read at one instant are what they are recorded from.

    Ranges over recorded series stay as they are. The labels that rules set are not there then: within one resource they
    are the same on all series, so nothing is matched by them alone.
    """
    for _ in range(_DEEPEST):
        ranged = {inner.selector for inner in facts.walk(node) if isinstance(inner, Range)}

        def replace(inner: Node, ranged: frozenset[Selector] = frozenset(ranged)) -> Node:
            if not isinstance(inner, Selector) or inner in ranged or inner.offset != 0 or inner.at is not None:
                return inner
            return recorded.get(inner.name or "", inner)

        changed = map_nodes(node, replace)
        if changed == node:
            break
        node = changed
    return node


def still_recorded(node: Node, recorded: Mapping[str, Node]) -> tuple[str, ...]:
    """Return the recorded series that an expression reads all the same."""
    return tuple(sorted(name for name in facts.metrics(node) if name in recorded))
