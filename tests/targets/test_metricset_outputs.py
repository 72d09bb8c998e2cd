"""Scrape jobs, monitors and probe modules: one resource never touches another's, and no text ends up as anything but text."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from binnacle.api.config import Config
from binnacle.api.registry import parse
from binnacle.control.onepass import Earlier, Pass, run
from binnacle.control.toolchain import shipped
from binnacle.intent.refs import Key
from binnacle.targets.base import AggregateKey
from binnacle.targets.blackbox import BlackboxModules
from binnacle.targets.scrape import Scrape
from targets.assembling import assemble

TODAY = date(2026, 1, 1)
SCRAPE, BLACKBOX = "binnacle-default-scrape", "binnacle-default-blackbox"
PASSWORD = {"secretRef": {"name": "s", "key": "k"}}
SPEC: dict[str, Any] = {
    "target": {"selector": {"matchLabels": {"app": "checkout"}}, "port": "metrics"},
    "labels": {"team": "a"},
    "scrape": [
        {
            "name": "api",
            "path": "/metrics",
            "params": [{"name": "p", "values": ["v"]}],
            "auth": {"basic": {"username": "u", "password": PASSWORD}},
        }
    ],
    "probes": [
        {
            "name": "home",
            "url": "https://shop.example",
            "expect": {"bodyMatches": "ok", "json": [{"name": "db", "path": "$.db", "equals": "up"}]},
            "auth": {"basic": {"username": "u", "password": PASSWORD}},
        }
    ],
    "recording": [{"name": "rate", "record": "shop:x:rate5m", "promql": 'rate(x{a="b"}[5m])'}],
}
PLACES: dict[str, tuple[str | int, ...]] = {
    "label": ("labels", "team"),
    "parameter": ("scrape", 0, "params", 0, "values", 0),
    "path": ("scrape", 0, "path"),
    "scrape user": ("scrape", 0, "auth", "basic", "username"),
    "url": ("probes", 0, "url"),
    "probe user": ("probes", 0, "auth", "basic", "username"),
    "body": ("probes", 0, "expect", "bodyMatches"),
    "equals": ("probes", 0, "expect", "json", 0, "equals"),
}
HOSTILE = (
    "# MetricSet shop/other",
    "modules:",
    "a: b",
    "- job_name: evil",
    "x\n  evil: true",
    "x\r\nevil: true",
    "\n# MetricSet mail/web\n  'mail/web/home': {}",
    "'",
    '"',
    "\\",
    "$1 ${x} $$",
    "{{ .x }}",
    "&a *a !!python/object:x",
    "null",
    "~",
    "true",
    "0x1F",
    "1e3",
    "%YAML 1.2",
    "---",
    "...",
    "| >",
    "\u2028evil: true",
    "\x85evil: true",
    "\ufeffa",
    "emoji 😀 é",
    "",
    " ",
    "a" * 200,
)


def config(output: str = "configMap", **more: Any) -> Config:
    return Config.from_data({"prometheus": {"output": output}, "probers": {"eu": "eu:9115", "us": "us:9115"}, **more})


def metric_set(name: str = "web", namespace: str = "shop", **spec: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace}
    whole = {**copy.deepcopy(SPEC), **spec}
    return {"apiVersion": "binnacle.dev/v1alpha1", "kind": "MetricSet", "metadata": metadata, "spec": whole}


def passed(*sets: dict[str, Any], output: str = "configMap", earlier: Earlier | None = None) -> Pass:
    return run(shipped(config(output)), list(sets), TODAY, earlier=earlier)


def data(outcome: Pass) -> dict[str, dict[str, str]]:
    return {one.ref.name: dict(one.body["data"]) for one in outcome.objects if one.ref.kind == "ConfigMap"}


def put(obj: dict[str, Any], place: tuple[str | int, ...], value: Any) -> dict[str, Any]:
    at: Any = obj["spec"]
    for step in place[:-1]:
        at = at[step]
    at[place[-1]] = value
    return obj


def shape(value: Any) -> Any:
    """A document without its texts: which keys there are, how many items, of what type."""
    if isinstance(value, dict):
        return {name: shape(inner) for name, inner in value.items()}
    return [shape(inner) for inner in value] if isinstance(value, list) else type(value)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("payload", HOSTILE)
def test_a_text_stays_a_text(place: str, payload: str) -> None:
    value = f"/{payload}" if place == "path" else f"https://shop.example/{payload}" if place == "url" else payload
    obj = put(metric_set(), PLACES[place], value)
    model, findings = parse(obj)
    if model is None:
        assert findings
        return
    neighbour, other = metric_set("other"), passed(metric_set(), metric_set("other"))
    outcome = passed(obj, neighbour)
    for name, key in ((SCRAPE, "metricset.shop.web.yaml"), (BLACKBOX, "blackbox.yaml")):
        here, there = (yaml.safe_load(data(one)[name][key]) for one in (outcome, other))
        if outcome.desired[Key("MetricSet", "shop", "web")].quarantined == 0:
            assert shape(here) == shape(there)
    assert data(outcome)[SCRAPE]["metricset.shop.other.yaml"] == data(other)[SCRAPE]["metricset.shop.other.yaml"]
    live = next(one.body for one in outcome.objects if one.ref.name == BLACKBOX)
    modules = BlackboxModules().split(live)
    assert set(modules) <= {Key("MetricSet", "shop", "web"), Key("MetricSet", "shop", "other")}


def test_what_was_written_is_what_is_read() -> None:
    odd = {
        "label": "$1 'x': \"#",
        "scrape user": "a'\"\\ #{",
        "probe user": "é😀 - x",
        "equals": "a b: #\\",
        "body": "a'\"# \\\\",
    }
    obj = metric_set()
    for place, value in odd.items():
        put(obj, PLACES[place], value)
    files = data(passed(obj))
    jobs = {job["job_name"]: job for job in yaml.safe_load(files[SCRAPE]["metricset.shop.web.yaml"])["scrape_configs"]}
    assert jobs["shop/web/api"]["basic_auth"]["username"] == odd["scrape user"]
    assert {"target_label": "team", "replacement": "$$1 'x': \"#"} in jobs["shop/web/api"]["relabel_configs"]
    assert jobs["shop/web/home"]["static_configs"][0]["labels"]["team"] == odd["label"]
    modules = yaml.safe_load(files[BLACKBOX]["blackbox.yaml"])["modules"]
    assert modules["shop/web/home"]["http"]["basic_auth"]["username"] == odd["probe user"]
    assert modules["shop/web/home"]["http"]["basic_auth"]["password_file"] == "/etc/binnacle/secrets/shop/s/k"
    assert modules["shop/web/home"]["http"]["fail_if_body_not_matches_regexp"] == [odd["body"]]
    assert set(modules) == {"shop/web/home", "shop/web/home/db"}


texts = st.lists(st.text(st.characters(exclude_categories=("Cs",)), max_size=20), max_size=3)


@given(st.dictionaries(st.from_regex("[a-z]([-a-z0-9]{0,8}[a-z0-9])?", fullmatch=True), texts, max_size=6))
def test_an_aggregate_comes_apart_into_what_it_was_made_of(named: dict[str, list[str]]) -> None:
    sets = [
        metric_set(
            name,
            probes=[
                {
                    **SPEC["probes"][0],
                    "expect": {
                        "json": [{"name": f"i{at}", "path": "$.a", "equals": text} for at, text in enumerate(values)]
                    },
                }
            ],
        )
        for name, values in named.items()
    ]
    good = [one for one in sets if parse(one)[0] is not None]
    outcome = passed(*good)
    shares = {
        share.owner: share.fragment
        for one in outcome.desired.values()
        for share in one.shares
        if share.aggregate.target == "blackbox"
    }
    target, aggregate = BlackboxModules(), AggregateKey("blackbox", "monitoring")
    ((output,), placed) = assemble(target, aggregate, shares, {}, config())
    assert target.split(output.body) == shares
    assert set(placed) == set(shares)


def test_one_that_is_poisoned_changes_nobody_and_keeps_its_last_good_share() -> None:
    sets = [metric_set(f"set-{number}") for number in range(100)]
    before = passed(*sets)
    broken = metric_set(
        "set-50", scrape=[], recording=[], probes=[{**SPEC["probes"][0], "expect": {"bodyMatches": "("}}]
    )
    earlier = Earlier([one.body for one in before.objects])
    after = passed(*[broken if one["metadata"]["name"] == "set-50" else one for one in sets], earlier=earlier)
    assert not after.desired[Key("MetricSet", "shop", "set-50")].valid
    assert data(after) == data(before)


def test_what_does_not_fit_is_refused_and_what_is_in_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("binnacle.targets.onefile.LIMIT", 5000)
    first, second, third = (Key("MetricSet", "shop", name) for name in ("b", "c", "a"))
    shares = {key: f"  '{key.name}': {'x' * 1400}\n" for key in (first, second, third)}
    aggregate = AggregateKey("blackbox", "monitoring")
    (_, placed) = assemble(BlackboxModules(), aggregate, shares, {}, config())
    assert set(placed) == {first, second}


def test_without_anybody_the_files_are_still_there() -> None:
    ((modules,), _) = assemble(BlackboxModules(), AggregateKey("blackbox", "monitoring"), {}, {}, config())
    assert yaml.safe_load(modules.body["data"]["blackbox.yaml"]) == {"modules": {}}
    ((jobs,), _) = assemble(Scrape(), AggregateKey("scrape", "monitoring"), {}, {}, config())
    assert jobs.body["data"] == {}


def test_nothing_is_said_for_prometheus_operator_that_plain_jobs_do_not_say() -> None:
    spec = {
        "scrape": [{"name": "api", "port": 8080, "auth": {"bearer": PASSWORD}}, {"name": "other", "honorLabels": True}]
    }
    outcome = passed(metric_set(**spec), output="operator")
    monitors = {(one.ref.kind, one.ref.name): one.body for one in outcome.objects}
    kinds = [kind for kind, _ in monitors]
    assert sorted(kinds) == ["ConfigMap", "PodMonitor", *["Probe"] * 4, "PrometheusRule"]
    assert {one.ref.namespace for one in outcome.objects if one.ref.kind != "ConfigMap"} == {"shop"}
    pods = monitors["PodMonitor", "binnacle-mset-web"]["spec"]
    assert pods["selector"] == {"matchLabels": {"app": "checkout"}}
    first, second = pods["podMetricsEndpoints"]
    assert (first["portNumber"], second["port"]) == (8080, "metrics")
    assert first["authorization"] == {"type": "Bearer", "credentials": {"name": "s", "key": "k"}}
    assert {"targetLabel": "job", "replacement": "shop/web/api"} in first["relabelings"]
    plain = data(passed(metric_set(**spec)))[SCRAPE]["metricset.shop.web.yaml"]
    jobs = {job["job_name"]: job for job in yaml.safe_load(plain)["scrape_configs"]}
    fences = json.dumps(jobs["shop/web/api"]["metric_relabel_configs"])
    assert fences.replace("source_labels", "sourceLabels").replace("target_label", "targetLabel") == json.dumps(
        first["metricRelabelings"]
    )
    probes = [body["spec"] for (kind, _), body in monitors.items() if kind == "Probe"]
    told = {(p["prober"]["url"], p["module"], p["jobName"], p["interval"], p["scrapeTimeout"]) for p in probes}
    home = jobs["shop/web/home"]
    assert told == {
        (
            one["labels"]["__tmp_prober"],
            one["labels"]["__param_module"],
            home["job_name"],
            home["scrape_interval"],
            home["scrape_timeout"],
        )
        for one in home["static_configs"]
    }
    services = passed(
        metric_set(target={**SPEC["target"], "kind": "Service"}, scrape=[{"name": "api"}]), output="operator"
    )
    assert [one.ref.kind for one in services.objects if "Monitor" in one.ref.kind] == ["ServiceMonitor"]


def test_two_owners_never_meet_in_the_name_of_a_probe() -> None:
    first = metric_set("a-b", probes=[{**SPEC["probes"][0], "name": "c"}], scrape=[])
    second = metric_set("a", probes=[{**SPEC["probes"][0], "name": "b-c"}], scrape=[])
    names = [one.ref for one in passed(first, second, output="operator").objects]
    assert len(names) == len(set(names))


def test_a_folder_gets_one_file_of_jobs_and_one_of_modules() -> None:
    outcome = run(shipped(config()), [metric_set(), metric_set("api", "mail")], TODAY, files=True)
    files = {one.path: yaml.safe_load(one.text) for one in outcome.files}
    jobs = [job["job_name"] for job in files["prometheus/scrape.yaml"]["scrape_configs"]]
    assert jobs == ["mail/api/api", "mail/api/home", "shop/web/api", "shop/web/home"]
    assert len(files["blackbox/blackbox.yaml"]["modules"]) == 4
    assert "prometheus/rules/metricset.shop.web.yaml" in files


def test_the_same_spec_gives_the_same_bytes() -> None:
    program = (
        "import sys; sys.path[:0] = sys.argv[1:]\n"
        "from targets.test_metricset_outputs import data, metric_set, passed\n"
        "print([data(passed(metric_set(), metric_set('x'))), [one.body for one in passed(metric_set(scrape=[]), output='operator').objects]])"
    )
    tests = Path(__file__).resolve().parents[1]
    command = [sys.executable, "-c", program, str(tests), str(tests.parent / "operator")]
    said = {
        subprocess.run(command, env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True).stdout
        for seed in ("0", "1", "2")
    }
    assert len(said) == 1
