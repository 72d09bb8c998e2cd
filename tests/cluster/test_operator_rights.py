"""The rights that `binnacle operator --print-rights` prints for some namespaces: enough for all it does, and each one used.

An operator under exactly these rights is led through everything that makes it ask something of the API server, and a proxy
notes what it asks. So a right that is taken out of the printed ones makes this test fail, and so does one that is added.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import yaml

from binnacle.api.reasons import Reason
from binnacle.targets import conventions
from cluster.objects import slo
from cluster.operator_world import Api, Object, condition, ready, rule_kinds
from compile.dashboards import plain_dashboard
from compile.logpipelines import plain_pipeline
from compile.policies import policy_body
from servers.controlplane import ControlPlane
from servers.faults import Faulty
from servers.operator import ACCOUNT, REPOSITORY, OperatorProcess, sweep
from servers.waiting import eventually

BACKENDS = ("prometheus", "alertmanager", "grafana", "fluentd")

Right = tuple[str, str, str, str]
"""Where (`served`, `home`, or a backend's namespace), verb, group, resource with its subresource."""

EXCEPTIONS: dict[Right, str] = {}
"""Rights that are given and not used here, with the reason."""


@pytest.fixture(scope="module")
def home() -> str:
    return f"home-{uuid.uuid4().hex[:8]}"


@pytest.fixture(scope="module")
def served(home: str) -> tuple[str, str]:
    return home.replace("home", "one"), home.replace("home", "two")


def place(home: str, backend: str) -> str:
    """The namespace of a backend: each has its own, so that no right of one stands in for another's."""
    return home.replace("home", backend)


@pytest.fixture(scope="module")
def config(home: str) -> dict[str, Any]:
    backends: dict[str, Any] = {backend: {"namespace": place(home, backend)} for backend in BACKENDS}
    # With an address there are dashboards of all SLOs, which nobody's resource owns.
    backends["grafana"]["url"] = "https://grafana.example"
    return {"probers": {"eu": "eu.example:9115"}, **backends}


@pytest.fixture(scope="module")
def settings(config: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rights") / "config.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


@pytest.fixture(scope="module")
def printed(home: str, served: tuple[str, str], settings: Path) -> list[Object]:
    command = [sys.executable, "-m", "binnacle.cli.main", "operator", "--print-rights"]
    options = [*("--config", str(settings)), *("--lease-namespace", home)]
    namespaces = [part for namespace in served for part in ("--namespace", namespace)]
    answer = subprocess.run(
        [*command, *options, *namespaces], capture_output=True, text=True, check=True, cwd=REPOSITORY / "operator"
    )
    return [one for one in yaml.safe_load_all(answer.stdout) if one]


@pytest.fixture(scope="module")
def operator(
    control_plane: ControlPlane,
    crds_applied: tuple[str, ...],
    proxy: Faulty,
    printed: list[Object],
    config: dict[str, Any],
    home: str,
    served: tuple[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[OperatorProcess]:
    sweep(control_plane)
    names = (home, *served, *(place(home, backend) for backend in BACKENDS))
    control_plane.apply([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in names])
    # Without one right that nothing needs for long, which is told by an Event where the operator lives.
    control_plane.apply([without_one(one, served[1]) for one in printed])
    with rule_kinds(control_plane, served=True):
        made = OperatorProcess(
            control_plane,
            tmp_path_factory.mktemp("operator"),
            config,
            namespaces=served,
            home=home,
            server=proxy.url,
        )
        try:
            with made:
                events, api = f"/apis/events.k8s.io/v1/namespaces/{home}/events", Api(control_plane)
                eventually(
                    lambda: any(
                        one["reason"] == Reason.PERMISSION_DENIED and "podmonitors" in one["note"]
                        for one in (api.get(events) or {})["items"]
                    ),
                    what="the Event about the right that is missing",
                )
                control_plane.apply(printed)
                yield made
        finally:
            control_plane.ensure_running()
            sweep(control_plane)
            control_plane.kubectl("delete", "namespace", *names, "--wait=false")


def without_one(one: Object, namespace: str) -> Object:
    """The object as it is, but for the right to delete PodMonitors in a namespace."""
    if one["kind"] != "Role" or one["metadata"]["namespace"] != namespace:
        return one
    rules = [
        {**rule, "verbs": [verb for verb in rule["verbs"] if verb != "delete"]}
        if "podmonitors" in rule["resources"]
        else rule
        for rule in one["rules"]
    ]
    assert rules != one["rules"]
    return {**one, "rules": rules}


def places(home: str, served: tuple[str, str]) -> dict[str, str]:
    """Namespace -> how it is called here."""
    return {
        home: "home",
        **dict.fromkeys(served, "served"),
        **{place(home, backend): backend for backend in BACKENDS},
    }


def granted(objects: list[Object], home: str, served: tuple[str, str]) -> set[Right]:
    called = places(home, served)
    return {
        (called.get(one["metadata"]["namespace"], one["metadata"]["namespace"]), verb, group, resource)
        for one in objects
        for rule in one.get("rules", ())
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def used(proxy: Faulty, home: str, served: tuple[str, str]) -> set[Right]:
    called = places(home, served)
    found = set()
    for asked, status in proxy.used:
        if not asked.resource or asked.group == "authorization.k8s.io":
            continue  # discovery, and what one's own rights are, which everybody may ask
        where = called.get(asked.namespace, asked.namespace)
        what = f"{asked.resource}/{asked.subresource}" if asked.subresource else asked.resource
        found.add((where, asked.verb, asked.group, what))
        if asked.verb == "patch" and status == 201:
            found.add((where, "create", asked.group, what))
    return found


def test_nothing_is_printed_that_is_cluster_wide(printed: list[Object], home: str, served: tuple[str, str]) -> None:
    assert {one["kind"] for one in printed} == {"ServiceAccount", "Role", "RoleBinding"}
    assert {one["metadata"]["namespace"] for one in printed} == places(home, served).keys()
    subjects = [subject for one in printed for subject in one.get("subjects", ())]
    assert {(one["kind"], one["namespace"], one["name"]) for one in subjects} == {("ServiceAccount", home, ACCOUNT)}


def test_every_right_is_needed_and_no_other(
    control_plane: ControlPlane,
    operator: OperatorProcess,
    proxy: Faulty,
    printed: list[Object],
    home: str,
    served: tuple[str, str],
) -> None:
    led_through_everything(control_plane, home, served)
    assert operator.process.running, operator.log
    given = granted(printed, home, served)
    # The look at a deleted resource comes after its objects have gone. What never comes is told below, by name.
    with contextlib.suppress(TimeoutError):
        eventually(lambda: given - used(proxy, home, served) <= EXCEPTIONS.keys())
    operator.stop()
    refused = sorted(str(asked) for asked, status in proxy.used if status in (401, 403))
    asked = used(proxy, home, served)
    found = {"refused": refused, "asked without a right": asked - given, "given and not used": given - asked}
    assert found == {"refused": [], "asked without a right": set(), "given and not used": EXCEPTIONS.keys()}


PLURALS = {"s": "slos", "m": "metricsets", "p": "alertpolicies", "d": "dashboards", "l": "logpipelines"}
"""The resource of each kind, by its name."""


def led_through_everything(plane: ControlPlane, home: str, served: tuple[str, str]) -> None:
    api, (one, two) = Api(plane), served
    outside = f"outside-{one}"
    generation = Counter[str]()

    def changed(*objects: Object) -> None:
        """Apply what is in the first namespace and wait until all of it is done."""
        plane.apply(objects)
        for obj in objects:
            name = obj["metadata"]["name"]
            generation[name] += 1
            api.wait(path(one, PLURALS[name], name), done(generation[name]))

    plane.kubectl("create", "namespace", outside)
    plane.apply([slo(outside, "s"), slo(two, "s")])
    changed(slo(one, "s"), metric_set(one), policy(one), dashboard(one), plain_pipeline("l", one))
    # Every object is changed: patched where it is.
    other = metric_set(one, interval="45s", url="https://other.example", record="sum(rate(x_total[10m]))")
    stage = {"name": "origin", "enrich": {"add": {"app": "checkout"}}}
    pipeline = plain_pipeline("l", one, stages=[stage])
    changed(
        slo(one, "s", objective="99%"), other, policy(one, url="https://hook.example/y"), dashboard(one, "e"), pipeline
    )
    # Pods become a service, and probe and rules go: objects that are not wanted any more are deleted.
    changed(metric_set(one, service=True))
    changed(metric_set(one, service=True, interval="50s"))
    changed(metric_set(one, nothing=True))
    # A person is told by an Event.
    bad = slo(two, "s")
    bad["spec"]["indicator"] = BAD
    plane.apply([bad])
    api.wait(path(two, "slos", "s"), lambda obj: condition(obj, "Stalled").get("status") == "True")
    events = f"/apis/events.k8s.io/v1/namespaces/{two}/events"
    eventually(lambda: [one for one in (api.get(events) or {})["items"] if one["regarding"]["name"] == "s"])
    # Somebody changes the dashboards of all SLOs by hand, and they are put back.
    boards = objects(home, "grafana", "!binnacle.dev/kind")
    eventually(lambda: (api.get(boards) or {})["items"], what="the dashboards of all SLOs")
    for board in (api.get(boards) or {})["items"]:
        path_of = f"{boards.partition('?')[0]}/{board['metadata']['name']}"
        api.merge(path_of, {"data": dict.fromkeys(board["data"], "{}")})
        api.wait(path_of, lambda live, data=board["data"]: live is not None and live["data"] == data)
    # What another configuration or version has left of a file that many share is taken away.
    for backend, aggregate in LEFT.items():
        name = left_over(plane, place(home, backend), aggregate)
        api.gone(f"/api/v1/namespaces/{place(home, backend)}/configmaps/{name}")
    # What was made goes with its resource, and a look makes sure that it has gone.
    plane.kubectl("delete", ",".join(PLURALS.values()), "--all", "-n", one)
    plane.kubectl("delete", "slo", "--all", "-n", two)
    dashboards = objects(home, "grafana", "app.kubernetes.io/managed-by=binnacle")
    eventually(lambda: not (api.get(dashboards) or {})["items"], what="the end of all dashboards")
    api.gone(f"/apis/monitoring.coreos.com/v1/namespaces/{one}/prometheusrules/binnacle-slo-s")

    def left() -> list[str]:
        return [
            name
            for backend in BACKENDS
            for item in (api.get(objects(home, backend, "binnacle.dev/aggregate")) or {})["items"]
            for name in item.get("data") or ()
            if f".{one}." in name
        ]

    eventually(lambda: not left(), what="the end of every share")
    # Nobody looked at what is not served.
    assert condition(api.get(path(outside, "slos", "s")), "Ready") == {}
    plane.kubectl("delete", "namespace", outside, "--wait=false")


LEFT = {"prometheus": "rules", "alertmanager": "alertmanager", "fluentd": "fluentd"}
"""Backend -> a file that many share there."""


def left_over(plane: ControlPlane, namespace: str, aggregate: str) -> str:
    """Make an object as an operator of the same installation would have, which nobody wants now; its name."""
    name = conventions.aggregate_name("default", aggregate, 7)
    body = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": conventions.aggregate_labels(aggregate, "default"),
        },
    }
    manager = f"--field-manager={conventions.FIELD_MANAGER}"
    plane.kubectl("apply", "--server-side", manager, "-f", "-", input=json.dumps(body))
    return name


def objects(home: str, backend: str, selector: str) -> str:
    """Path of the ConfigMaps in a backend's namespace that a selector finds."""
    return f"/api/v1/namespaces/{place(home, backend)}/configmaps?labelSelector={quote(selector)}"


def path(namespace: str, plural: str, name: str) -> str:
    return f"/apis/binnacle.dev/v1alpha1/namespaces/{namespace}/{plural}/{name}"


def done(generation: int) -> Callable[[Object | None], bool]:
    return lambda obj: obj is not None and obj["metadata"]["generation"] >= generation and ready(obj)


BAD = {"ratio": {"errors": 'http_requests_total{code=~"5.."', "total": "http_requests_total"}}


def body(kind: str, namespace: str, name: str, spec: Object) -> Object:
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "binnacle.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec}


def metric_set(
    namespace: str,
    *,
    interval: str = "30s",
    url: str = "https://shop.example",
    record: str = "sum(rate(x_total[5m]))",
    service: bool = False,
    nothing: bool = False,
) -> Object:
    target: Object = {"selector": {"matchLabels": {"app": "web"}}, "port": "metrics"}
    spec: Object = {
        "target": {**target, "kind": "Service"} if service else target,
        "scrape": [{"name": "api", "interval": interval}],
    }
    if nothing:
        spec = {"recording": [{"name": "rate", "record": "web:x:rate5m", "promql": record}]}
    elif not service:
        spec["probes"] = [{"name": "home", "url": url}]
        spec["recording"] = [{"name": "rate", "record": "web:x:rate5m", "promql": record}]
    return body("MetricSet", namespace, "m", spec)


def policy(namespace: str, url: str = "https://hook.example/x") -> Object:
    spec = policy_body(
        rules=[{"name": "Down", "severity": "warning", "for": "5m", "down": {"up": 'up{job="api"}'}}],
        receivers=[{"name": "hook", "webhook": {"url": url}}],
        defaultReceivers=["hook"],
    )["spec"]
    return body("AlertPolicy", namespace, "p", spec)


def dashboard(namespace: str, title: str = "d") -> Object:
    return body("Dashboard", namespace, "d", {**plain_dashboard("d")["spec"], "title": title})
