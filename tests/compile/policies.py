"""Alert policies for tests, and what they become: compiled, rule files, one pass over several."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from binnacle.api.alertpolicy import AlertPolicy
from binnacle.api.config import Config
from binnacle.api.registry import parse
from binnacle.compile.registry import KINDS
from binnacle.compile.world import Compiled, World
from binnacle.control.onepass import Pass, run
from binnacle.control.toolchain import shipped
from binnacle.intent.refs import Key
from binnacle.intent.routing import Routing
from binnacle.intent.rules import RuleSet
from binnacle.targets import rulefile

TODAY = date(2026, 1, 1)


def policy_body(name: str = "payments", namespace: str = "shop", **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "binnacle.dev/v1alpha1",
        "kind": "AlertPolicy",
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }


def make_policy(name: str = "payments", namespace: str = "shop", **spec: Any) -> AlertPolicy:
    model, findings = parse(policy_body(name, namespace, **spec))
    assert findings == []
    assert isinstance(model, AlertPolicy)
    return model


def config(*, alertmanager: dict[str, Any] | None = None, **more: Any) -> Config:
    return Config.from_data({"prometheus": {"output": "configMap"}, "alertmanager": alertmanager or {}, **more})


def compiled(policy: AlertPolicy, settings: Config | None = None) -> Compiled:
    return KINDS["AlertPolicy"](policy, World(settings or config(), TODAY))


def routing_of(outcome: Compiled) -> Routing:
    return next((one for one in outcome.intents if isinstance(one, Routing)), Routing())


def rule_text(policy: AlertPolicy, settings: Config | None = None) -> str:
    """The rule file of a policy that has no findings of severity error."""
    outcome = compiled(policy, settings)
    assert [one for one in outcome.findings if one.severity == "error"] == []
    return rule_text_of(policy, outcome)


def rule_text_of(policy: AlertPolicy, outcome: Compiled) -> str:
    key = Key(policy.kind, policy.metadata.namespace, policy.metadata.name)
    sets = [one for one in outcome.intents if isinstance(one, RuleSet)]
    return rulefile.text_of(rulefile.groups_of(sets, key), key)


def one_pass(bodies: Sequence[dict[str, Any]], settings: Config | None = None) -> Pass:
    return run(shipped(settings or config()), bodies, TODAY, files=True)


def alertmanager_file(bodies: Sequence[dict[str, Any]], settings: Config | None = None) -> str:
    return next(one.text for one in one_pass(bodies, settings).files if one.path == "alertmanager/alertmanager.yaml")
