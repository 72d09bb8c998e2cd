"""SLOs and their surroundings for tests, and what a compiler and the rule file make of them."""

from __future__ import annotations

from datetime import date
from typing import Any

from binnacle.api.config import Config
from binnacle.api.slo import SLO
from binnacle.compile.registry import KINDS
from binnacle.compile.world import Compiled, World
from binnacle.intent.refs import Key
from binnacle.intent.rules import RuleSet
from binnacle.targets import rulefile

RATIO = {"ratio": {"errors": 'requests_total{code=~"5.."}', "total": "requests_total"}}


def make_slo(name: str = "avail", namespace: str = "shop", **spec: Any) -> SLO:
    """An SLO of 99.9% over 30 days on `requests_total`; keywords replace fields of the spec."""
    base: dict[str, Any] = {
        "service": "checkout",
        "objective": "99.9%",
        "window": {"rolling": "30d"},
        "indicator": RATIO,
    }
    return SLO.model_validate(
        {
            "apiVersion": "binnacle.dev/v1alpha1",
            "kind": "SLO",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {key: value for key, value in {**base, **spec}.items() if value is not ...},
        }
    )


def make_world(**prometheus: Any) -> World:
    """A world with this configuration of Prometheus."""
    return World(Config.from_data({"prometheus": {"output": "configMap", **prometheus}}), date(2026, 1, 1))


def compiled(slo: SLO, **prometheus: Any) -> Compiled:
    return KINDS["SLO"](slo, make_world(**prometheus))


def rules_of(outcome: Compiled) -> RuleSet:
    (rules,) = outcome.intents
    return rules


def key_of(slo: SLO) -> Key:
    return Key(slo.kind, slo.metadata.namespace, slo.metadata.name)


def rule_text(rules: RuleSet, owner: Key) -> str:
    return rulefile.text_of(rulefile.groups_of([rules], owner), owner)


def slo_rule_text(slo: SLO, **prometheus: Any) -> str:
    return rule_text(rules_of(compiled(slo, **prometheus)), key_of(slo))
