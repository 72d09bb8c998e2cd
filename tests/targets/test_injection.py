"""Every string that somebody can write, with every payload that ever broke out of something, in the files of all backends.

A payload is refused, or leaves its item out, or stands somewhere as a text: no key, item or type appears or goes for it, and nothing
that another resource has put into a common file is touched.
"""

import copy
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from binnacle.api.config import Config
from binnacle.check.fluentd.grammar import parse
from binnacle.check.fluentd.sections import Section
from binnacle.compile.world import World
from binnacle.control.aggregates import Aggregates
from binnacle.control.desired import Desired, desire
from binnacle.control.onepass import shares_of
from binnacle.control.toolchain import shipped
from binnacle.intent.refs import Key
from binnacle.targets.base import Owner
from compile.logpipelines import good_pipeline
from compile.policies import policy_body
from targets.pipelines import PAYLOADS
from targets.test_alertmanager_target import EXCLUDE, FIELDS, KEYS, RICH, camel
from targets.test_metricset_outputs import metric_set

ROOT = Path(__file__).parents[2]
TODAY = date(2026, 1, 1)
TOOLS = shipped(
    Config.from_data(
        {
            "prometheus": {"output": "configMap"},
            "alertmanager": {"version": "0.31"},
            "probers": {"eu": "eu:9115"},
            "loki": {"url": "http://loki:3100"},
            "elasticsearch": {"url": "http://es:9200"},
            "platformNamespaces": ["shop"],
            "allow": {"privateProbeTargets": True},
        }
    )
)


NAMED = {"labels": {"tier": "one"}, "annotations": {"impact": "revenue"}}
"""What users may put on alerts and series, under names of their own."""
MAPS = ("labels", "annotations", "matchLabels", "add")
"""Fields whose keys users choose."""


def receivers() -> Iterator[dict[str, Any]]:
    """A receiver of each kind with all of its settings that go together."""
    for kind, fields in FIELDS.items():
        settings = {**{name: value for name, value in fields.items() if name not in EXCLUDE}, **KEYS[kind]}
        yield {"name": kind, kind: {camel(name): value for name, value in settings.items()}}


def bodies() -> Iterator[tuple[str, dict[str, Any]]]:
    for path in sorted((ROOT / "examples/quickstart").glob("*.yaml")):
        for body in yaml.safe_load_all(path.read_text()):
            if body["kind"] == "SLO":
                body["spec"] |= NAMED
            if body["kind"] in ("SLO", "Dashboard"):
                yield path.stem, body
    rules = [{**rule, **NAMED} for rule in RICH["rules"]]
    yield "policy", policy_body(**{**RICH, **NAMED, "rules": rules})
    yield "receivers", policy_body(receivers=list(receivers()), defaultReceivers=list(FIELDS))
    yield "metrics", metric_set(**NAMED)
    # Tests of the pipeline's own would refuse whatever changes what comes out of it.
    yield "logs", good_pipeline(tests=...)


BODIES = dict(bodies())
ESCAPED = re.compile(r"\\u\{([0-9a-f]{1,6})\}")
SECRET = re.compile("'/etc/binnacle/secrets/shop/[^'/]*/[^'/]*'")
HOSTILE = [payload for payload in PAYLOADS if payload]
"""An empty text is nothing that breaks out."""
EACH = 8
SEED = int(os.environ.get("BINNACLE_SEED", "1"))
FULL = bool(os.environ.get("BINNACLE_FULL"))
SPECIAL = re.compile(r"[.\\]")

Path_ = tuple[Any, ...]


def strings(node: Any, path: Path_ = ()) -> Iterator[Path_]:
    if isinstance(node, dict):
        for key, value in node.items():
            yield from strings(value, (*path, key))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from strings(value, (*path, index))
    elif isinstance(node, str):
        yield path


def keys(node: Any, path: Path_ = ()) -> Iterator[Path_]:
    """Where keys stand that users choose."""
    if isinstance(node, dict):
        for key, value in node.items():
            if path and path[-1] in MAPS:
                yield (*path, key)
            yield from keys(value, (*path, key))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from keys(value, (*path, index))


def at(body: dict[str, Any], path: Path_) -> Any:
    node: Any = body["spec"]
    for step in path:
        node = node[step]
    return node


def replaced(body: dict[str, Any], path: Path_, value: str) -> dict[str, Any]:
    body = copy.deepcopy(body)
    at(body, path[:-1])[path[-1]] = value
    return body


def wants(body: dict[str, Any]) -> Desired:
    key = Key(body["kind"], body["metadata"]["namespace"], body["metadata"]["name"])
    return desire(TOOLS, body, Owner(key), World(TOOLS.config, TODAY), files=True)


def files(wanted: Desired, neighbour: Desired) -> dict[str, str]:
    aggregates = Aggregates(TOOLS.targets, TOOLS.config)
    for share in (*wanted.shares, *neighbour.shares):
        aggregates.put(share)
    common = [file for key in sorted(aggregates.keys()) for file in aggregates.assemble_files(key)]
    return {file.path: file.text for file in (*wanted.files, *common)}


def sections(section: Section) -> dict[str, Any]:
    """A section of Fluentd's configuration as plain values, with the texts in programs as they are meant."""
    params = {key: ESCAPED.sub(lambda found: chr(int(found[1], 16)), str(value)) for key, value in section.params}
    # Labels of Loki's streams are keys of a section of their own.
    labels = list(params.items()) if section.name == "label" and not section.argument else []
    own = [{one.name: [str(one.argument), sections(one)]} for one in section.sections]
    return {"params": {} if labels else params, "labels": labels, "sections": own}


def read(path: str, text: str) -> Any:
    if path.endswith(".json"):
        return json.loads(text)
    if path.endswith(".conf"):
        parsed = parse(text)
        return {"sections": sections(parsed.root), **{SECRET.sub("secret", one.code): None for one in parsed.ruby}}
    assert path.endswith(".yaml"), path
    return yaml.load(text, yaml.CSafeLoader)


def shape(node: Any, names: Mapping[str, str] | None = None) -> Any:
    """Keys (other names for some of them), numbers of items and types; no texts and no numbers."""
    if isinstance(node, dict):
        return {(names or {}).get(key, key): shape(value, names) for key, value in node.items()}
    if isinstance(node, list):
        return [shape(value, names) for value in node]
    return float if isinstance(node, int | float) and not isinstance(node, bool) else type(node)


def share_of(number: int) -> list[str]:
    """The payloads for one place: some, others for the next and for another seed, and all of them for the full counts."""
    if FULL:
        return HOSTILE
    return [HOSTILE[((number + SEED) * EACH + offset) % len(HOSTILE)] for offset in range(EACH)]


def texts(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            yield key
            yield from texts(value)
    elif isinstance(node, list):
        for value in node:
            yield from texts(value)
    elif isinstance(node, str):
        yield node


@dataclass(frozen=True)
class Scene:
    """A good resource beside another one of its kind, and the shape of all that is written for the two."""

    plain: Desired
    neighbour: Desired
    wanted: dict[str, Any]

    @classmethod
    def of(cls, good: dict[str, Any]) -> "Scene":
        other = copy.deepcopy(good)
        other["metadata"]["name"] = "zz-neighbour"
        neighbour, plain = wants(other), wants(good)
        assert plain.valid
        wanted = {path: shape(read(path, text)) for path, text in files(plain, neighbour).items()}
        return cls(plain, neighbour, wanted)

    def stands(self, body: dict[str, Any], payload: str, names: Mapping[str, str]) -> bool:
        """Whether the payload is in the files as a text, of this body; False when it is refused, or its item is left out.

        Args:
            body: the good resource with the payload in one place.
            payload: what was put there.
            names: what keys of the files were called before, where the payload is one.
        """
        outcome = wants(body)
        if outcome.quarantined > self.plain.quarantined or not outcome.valid:
            return False
        made = files(outcome, self.neighbour)
        documents = {path: read(path, text) for path, text in made.items()}
        assert {path: shape(document, names) for path, document in documents.items()} == self.wanted, (body, payload)
        apart = {(one.aggregate, one.owner): one.fragment for one in shares_of(TOOLS, files=made)}
        together = (*outcome.shares, *self.neighbour.shares)
        assert apart == {(one.aggregate, one.owner): one.fragment for one in together}, (body, payload)
        return any(payload in text for document in documents.values() for text in texts(document))


@pytest.mark.parametrize("name", BODIES)
def test_no_string_of_a_user_becomes_anything_but_a_text(name: str) -> None:
    good = BODIES[name]
    scene = Scene.of(good)
    kept, tried = 0, set()
    for number, place in enumerate(strings(good["spec"])):
        # The name of a mail's header is a key in the file too.
        own = {payload: at(good, place) for payload in HOSTILE} if place[-1] == "key" else {}
        for payload in share_of(number):
            tried.add(payload)
            kept += scene.stands(replaced(good, place, payload), payload, own)
    assert tried == set(HOSTILE)
    assert kept >= 10


@pytest.mark.parametrize("name", [name for name, body in BODIES.items() if list(keys(body["spec"]))])
def test_no_key_of_a_user_becomes_anything_but_a_name(name: str) -> None:
    good = BODIES[name]
    scene = Scene.of(good)
    kept = 0
    for place in keys(good["spec"]):
        for payload in HOSTILE:
            # Fields of records have dots between their keys, and a \\ before one that belongs to a key.
            for spelled in {payload, SPECIAL.sub(r"\\\g<0>", payload)} if place[-2] == "add" else {payload}:
                body = copy.deepcopy(good)
                mapping = at(body, place[:-1])
                mapping[spelled] = mapping.pop(place[-1])
                kept += scene.stands(body, payload, {payload: place[-1]})
    assert kept >= (30 if name == "logs" else 0)
