"""The ways in for what others write, each with a supply of inputs that are nearly right: `python -m fuzz.entries ENTRY COUNT SEED`.

Every input is taken on a thread with the documented stack, within a second of processor time; what an entry may raise is
named beside it, and anything else ends the process with a traceback. The memory of the process is bounded by whoever starts
it. At the end one JSON object says how many were taken, how many of them were accepted, and how long the slowest took.
"""

from __future__ import annotations

import copy
import json
import random
import sys
import threading
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from binnacle.api.config import Config
from binnacle.api.reasons import Reason
from binnacle.api.registry import KINDS
from binnacle.check.fluentd.grammar import parse as parse_fluentd
from binnacle.check.fluentd.sections import FluentdSyntaxError
from binnacle.cluster.webhook import review as reviews
from binnacle.compile.registry import MEANS
from binnacle.compile.world import World
from binnacle.control.admission import TAKEN, Admission
from binnacle.control.cache import Cache
from binnacle.control.desired import desire
from binnacle.control.toolchain import shipped
from binnacle.errors import SpecError
from binnacle.folder.reader import read_text
from binnacle.intent.refs import Key
from binnacle.promql import PromQLError, parse, to_text
from binnacle.promql.fences import STACK_BYTES
from binnacle.targets.base import Owner
from check.fluentdtexts import mutated
from cluster.webhook_calls import review
from compile.policies import policy_body
from convert.test_convert_fuzz import CHANGES, _broken
from promql.test_promql_fences import _mutations
from targets.test_alertmanager_target import RICH
from targets.test_metricset_outputs import metric_set

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 1.0
TODAY = date(2026, 1, 1)

TEXTS = [path.read_text() for path in sorted((ROOT / "examples").rglob("*.yaml"))]
BODIES = [
    *(body for text in TEXTS for body in yaml.safe_load_all(text) if body and body.get("kind") in KINDS),
    policy_body(**RICH),
    metric_set(),
]
CONFIG: dict[str, Any] = {
    "instance": "one",
    "namespaces": ["shop"],
    "platformNamespaces": ["shop"],
    "prometheus": {"url": "http://prometheus:9090", "version": "3.5", "output": "configMap", "ruleLabels": {"a": "b"}},
    "alertmanager": {"version": "0.31", "namespace": "monitoring"},
    "grafana": {"url": "http://grafana:3000", "namespace": "monitoring"},
    "loki": {"url": "http://loki:3100"},
    "fluentd": {"namespace": "logging"},
    "probers": {"eu": "eu:9115"},
    "allow": {"privateProbeTargets": False},
    "reloadPeriod": "2m",
}
TOOLS = shipped(Config.from_data({"prometheus": {"output": "configMap"}, "probers": {"eu": "eu:9115"}}))
ADMISSION = Admission(TOOLS, Cache(), lambda: True, lambda: TODAY)

Take = Callable[[], bool]
"""Takes one input; says whether it was accepted. Raises what is a defect."""


def _changed(rng: random.Random, value: Any) -> Any:
    """A copy of a document with a few places replaced, removed, renamed, swapped or repeated."""
    documents = [copy.deepcopy(value)]
    for _ in range(rng.choice((1, 1, 2, 4))):
        rng.choice(CHANGES)(documents, rng)
    return documents[0] if documents else None


def _file(rng: random.Random) -> Take:
    text = rng.choice(TEXTS)
    if rng.random() < 0.5:
        text = _broken(text, rng)
    else:
        text = yaml.dump(_changed(rng, rng.choice(BODIES)), Dumper=yaml.CSafeDumper, allow_unicode=True)

    def take() -> bool:
        return bool(read_text(text).documents)

    return take


def _resource(rng: random.Random) -> Take:
    body = rng.choice(BODIES)
    spec = _changed(rng, body["spec"])
    metadata = {"name": "fuzzed", "namespace": "shop", "uid": "u", "generation": 1}
    whole = {**body, "metadata": metadata, "spec": spec}

    def take() -> bool:
        desired = desire(TOOLS, whole, Owner(Key(body["kind"], "shop", "fuzzed"), "u"), World(TOOLS.config, TODAY))
        assert desired.valid or desired.findings
        intents = desired.compiled.intents if desired.compiled is not None else ()
        assert {type(one) for one in intents} <= set(MEANS[body["kind"]])
        defects = [one for one in desired.findings if one.reason is Reason.INTERNAL_ERROR]
        assert not defects, (defects, json.dumps(spec))
        return desired.valid

    return take


def _promql(rng: random.Random) -> Take:
    (text,) = _mutations(rng.randrange(2**31), 1)
    variables = rng.random() < 0.5

    def take() -> bool:
        try:
            tree = parse(text, variables=variables)
        except PromQLError:
            return False
        assert parse(to_text(tree), variables=True) == tree, text
        return True

    return take


def _fluentd(rng: random.Random) -> Take:
    text = mutated(rng, FLUENTD)

    def take() -> bool:
        try:
            parse_fluentd(text)
        except FluentdSyntaxError:
            return False
        return True

    return take


FLUENTD = [
    case["config"]
    for case in json.loads((ROOT / "tests/data/fluentd/parse.json").read_text())["cases"]
    if "config" in case
]


def _configuration(rng: random.Random) -> Take:
    given = _changed(rng, CONFIG)

    def take() -> bool:
        try:
            Config.from_data(given)
        except SpecError:
            return False
        return True

    return take


def _review(rng: random.Random) -> Take:
    """A call of the webhook: a change of a resource, in which the call, the resource or the text itself is nearly right."""
    body = rng.choice(BODIES)
    now = {**body, "metadata": {"name": "fuzzed", "namespace": "shop"}, "spec": body["spec"]}
    before = rng.choice((None, now, {**now, "spec": _changed(rng, body["spec"])}))
    asked: Any = review({**now, "spec": _changed(rng, body["spec"])}, before)
    if rng.random() < 0.3:
        asked = _changed(rng, asked)
    text = json.dumps(asked)
    data = (_broken(text, rng) if rng.random() < 0.2 else text).encode(errors="surrogatepass")

    def take() -> bool:
        try:
            read = reviews.read(data)
        except reviews.MalformedError:
            return False
        verdict = ADMISSION.judge(read.body, read.before) if read.ours and read.known and read.body else TAKEN
        answer = reviews.answer(read, verdict)
        assert not [one for one in verdict.told if one.reason is Reason.INTERNAL_ERROR], data
        assert len(answer) < 64_000
        response = json.loads(answer)["response"]
        assert all(one.isprintable() and len(one) <= 256 for one in response.get("warnings", ()))
        return bool(response["allowed"])

    return take


ENTRIES: dict[str, Callable[[random.Random], Take]] = {
    "file": _file,
    "resource": _resource,
    "promql": _promql,
    "fluentd": _fluentd,
    "configuration": _configuration,
    "review": _review,
}


def run(entry: str, count: int, seed: int) -> dict[str, Any]:
    """Take `count` inputs; raises what one of them brought, with its number."""
    slowest, accepted = (0.0, -1), 0
    for number in range(count):
        rng = random.Random(f"{entry} {seed} {number}")
        take = ENTRIES[entry](rng)
        began = time.thread_time()
        try:
            accepted += take()
        except BaseException as error:
            error.add_note(f"input {number} of {entry}, seed {seed}")
            raise
        slowest = max(slowest, (time.thread_time() - began, number))
        assert slowest[0] < SECONDS, f"input {slowest[1]} of {entry}, seed {seed}, took {slowest[0]:.2f} s"
    return {"entry": entry, "taken": count, "accepted": accepted, "slowest": round(slowest[0], 4), "input": slowest[1]}


def main(entry: str, count: str, seed: str) -> int:
    """Run on a thread with the stack that parsers are given in production."""
    found: dict[str, Any] = {}
    failed: list[BaseException] = []

    def work() -> None:
        try:
            found.update(run(entry, int(count), int(seed)))
        except BaseException as error:  # noqa: BLE001 - raised again on the main thread
            failed.append(error)

    threading.stack_size(STACK_BYTES)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
