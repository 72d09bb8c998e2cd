"""Log pipelines and their surroundings for tests, and what becomes of records in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from binnacle.api.config import Config
from binnacle.api.findings import Finding, Severity
from binnacle.api.logpipeline import LogPipeline
from binnacle.check.pipeline.run import Offline, Outcome
from binnacle.compile.logpipeline import compile_logpipeline
from binnacle.compile.world import Compiled, World
from binnacle.intent.pipeline import Pipeline
from binnacle.intent.refs import Key

KEY = Key("LogPipeline", "shop", "checkout")
CONFIG = {"elasticsearch": {"url": "https://es.monitoring.svc"}}
LOKI = {"name": "loki", "loki": {"labelNames": ["level"]}}


def good_pipeline(name: str = "checkout", namespace: str = "shop", **spec: Any) -> dict[str, Any]:
    """A pipeline with something of everything; keywords replace fields of the spec, `...` takes one away."""
    base: dict[str, Any] = {
        "environment": "production",
        "inputs": [{"name": "app", "containers": {"pods": ["checkout-*"], "names": ["app"], "exclude": ["proxy"]}}],
        "stages": [
            {"name": "join", "multiline": {"preset": "java", "flushAfter": "2s"}},
            {
                "name": "parse",
                "parse": {
                    "format": "json",
                    "timeKey": "ts",
                    "types": [{"field": "status", "type": "integer"}],
                    "onError": "Keep",
                },
            },
            {"name": "env", "enrich": {"kubernetes": True, "add": {"team": "payments"}}},
            {
                "name": "private",
                "redact": {
                    "packs": ["default"],
                    "keys": ["password", "bookingData.**"],
                    "patterns": [{"name": "order", "regex": "ORD-[0-9]+", "action": "Hash"}],
                    "salt": {"secretRef": {"name": "salt", "key": "v1"}},
                },
            },
            {"name": "noise", "filter": {"drop": [{"field": "level", "equals": "debug"}]}},
            {"name": "audit", "route": {"when": [{"field": "type", "not": {"in": ["app"]}}], "outputs": ["audit"]}},
        ],
        "outputs": [
            {"name": "loki", "loki": {"labelNames": ["level"], "auth": {"bearer": secret("loki", "token")}}},
            {
                "name": "audit",
                "elasticsearch": {
                    "index": "shop_audit",
                    "auth": {"basic": {"username": "shop", "password": secret("es", "password")}},
                },
            },
            {"name": "look", "stdout": {}},
        ],
        "buffer": {
            "size": "1Gi",
            "chunk": "4Mi",
            "flushEvery": "5s",
            "onFull": "Block",
            "retry": {"maxInterval": "1m"},
        },
        "tests": [
            {
                "name": "mail-is-masked",
                "input": ['{"level":"info","msg":"mail a@b.de"}'],
                "output": [{"level": "info", "msg": "mail [EMAIL]"}],
            }
        ],
    }
    return {
        "apiVersion": "binnacle.dev/v1alpha1",
        "kind": "LogPipeline",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {key: value for key, value in {**base, **spec}.items() if value is not ...},
    }


def plain_pipeline(name: str = "checkout", namespace: str = "shop", **spec: Any) -> dict[str, Any]:
    """A pipeline that sends all to Loki; keywords add to the spec."""
    body = good_pipeline(name, namespace)
    body["spec"] = {"outputs": [LOKI], **spec}
    return body


def secret(name: str, key: str) -> dict[str, Any]:
    return {"secretRef": {"name": name, "key": key}}


def make_world(config: Mapping[str, Any] | None = None) -> World:
    return World(Config.from_data(CONFIG if config is None else config), date(2026, 1, 1))


def compiled(body: Mapping[str, Any], config: Mapping[str, Any] | None = None) -> Compiled:
    return compile_logpipeline(LogPipeline.model_validate(body), make_world(config))


def spec_of(**spec: Any) -> Compiled:
    """What a plain pipeline with these fields compiles to."""
    return compiled(plain_pipeline(**spec))


def stages_of(*stages: Mapping[str, Any], **spec: Any) -> Compiled:
    """What a plain pipeline with these stages compiles to; each gets a name from its number."""
    return spec_of(stages=[{"name": f"s{number}", **stage} for number, stage in enumerate(stages)], **spec)


def pipeline_of(outcome: Compiled) -> Pipeline:
    (pipeline,) = outcome.intents
    assert isinstance(pipeline, Pipeline)
    return pipeline


def sent(outcome: Compiled, lines: Sequence[str]) -> Outcome:
    """Send lines through what was compiled."""
    return Offline(KEY, pipeline_of(outcome)).run([{"message": line} for line in lines])


def errors(outcome: Compiled) -> list[Finding]:
    return [one for one in outcome.findings if one.severity is Severity.ERROR]


def told(outcome: Compiled) -> list[tuple[str, str]]:
    """Reason and path of every finding."""
    return [(one.reason.value, one.path) for one in outcome.findings]
