"""The rules keep to what the page on rulers says that Mimir and Thanos were reviewed for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from api.alertpolicy_cases import good_policy
from binnacle.intent.rules import RuleSet
from binnacle.promql import parse
from binnacle.promql.nodes import Aggregate, Call, Node, Selector, Subquery, map_nodes
from check.test_slo_proofs import CASES, DATED, NATIVE
from compile.building import compiled, make_slo, rules_of, slo_rule_text
from compile.policies import make_policy, rule_text
from compile.test_alertpolicy_meaning import CASES as POLICIES

PAGE = (Path(__file__).resolve().parents[2] / "docs/rulers.md").read_text()
SLOS = {**CASES, **DATED, "native": ({"indicator": NATIVE}, {})}


@cache
def reviewed() -> Mapping[str, frozenset[str]]:
    rows = re.findall(r"^\| ([a-z ]+) \| (`.*`) \|$", PAGE, re.MULTILINE)
    return {what: frozenset(re.findall("`([^`]+)`", words)) for what, words in rows}


@dataclass
class Used:
    """What rules use of the language."""

    functions: set[str] = field(default_factory=set)
    aggregations: set[str] = field(default_factory=set)
    others: set[str] = field(default_factory=set)

    def look(self, node: Node) -> Node:
        match node:
            case Call(func=func):
                self.functions.add(func)
            case Aggregate(op=op):
                self.aggregations.add(op)
            case Selector(offset=offset, at=at) | Subquery(offset=offset, at=at):
                if offset < 0:
                    self.others.add("offset into the future")
                if at is not None:
                    self.others.add("@")
        return node


def texts() -> Iterator[str]:
    for spec, clocks in SLOS.values():
        yield slo_rule_text(make_slo(**spec), **clocks)
    for case in POLICIES:
        if "expression" not in case.rule:
            yield rule_text(make_policy(rules=[{name: value for name, value in case.rule.items() if value is not ...}]))
    yield rule_text(make_policy(**good_policy()["spec"]))


def test_what_is_used_is_what_was_reviewed() -> None:
    used, groups, rules = Used(), set[str](), set[str]()
    for text in texts():
        for group in yaml.load(text, yaml.CSafeLoader)["groups"]:
            groups |= group.keys()
            for rule in group["rules"]:
                rules |= rule.keys()
                map_nodes(parse(rule["expr"]), used.look)
    table = reviewed()
    assert used.others == set()
    assert groups == table["fields of a group"]
    assert rules == table["fields of a rule"]
    assert used.functions == table["functions"]
    assert used.aggregations == table["aggregations"]


@pytest.mark.parametrize("name", SLOS)
def test_an_slo_keeps_to_the_limits_of_a_group(name: str) -> None:
    spec, clocks = SLOS[name]
    rules: Any = rules_of(compiled(make_slo(**spec), **clocks))
    assert isinstance(rules, RuleSet)
    assert max(len(group.rules) for group in rules.groups) <= 20
    assert len(rules.groups) <= 5
