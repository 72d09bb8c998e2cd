"""Dashboards on a real API server: the CRD refuses in words, and the operator keeps a ConfigMap beside Grafana for each."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator

import pytest

from api.cases import Case
from api.dashboard_cases import BAD
from binnacle.intent.refs import Key
from binnacle.targets import conventions
from cluster.admission import refusals
from cluster.operator_world import MONITORING, Object, World, Worlds, condition, config_map_path, ready, stalled
from compile.dashboards import good_dashboard, panel, plain_dashboard, row
from servers.cluster import Cluster

REFUSED = [one for one in BAD if one.server]


@pytest.fixture(scope="module")
def said(cluster: Cluster, crds_applied: tuple[str, ...]) -> dict[str, str]:
    """What the server says of every bad dashboard, asked in one go."""
    return refusals(cluster, "default", [one.object() for one in REFUSED], "Dashboard")


@pytest.mark.parametrize("bad", REFUSED, ids=lambda one: one.name)
def test_a_bad_dashboard_is_refused_in_words(bad: Case, said: dict[str, str]) -> None:
    assert bad.server in said[bad.name]


def path(namespace: str, name: str) -> str:
    return f"/apis/binnacle.dev/v1alpha1/namespaces/{namespace}/dashboards/{name}"


def dashboard(namespace: str, name: str, **spec: object) -> Object:
    body = plain_dashboard(name, **spec)
    body["metadata"]["namespace"] = namespace
    return body


@pytest.fixture(scope="module")
def shared(worlds: Worlds) -> Iterator[World]:
    with worlds("configMap") as made:
        yield made


@pytest.fixture
def place(shared: World) -> str:
    return shared.namespace(f"dash-{uuid.uuid4().hex[:8]}")


def child_name(namespace: str, name: str) -> str:
    return conventions.object_name(Key("Dashboard", namespace, name), MONITORING)


def child(namespace: str, name: str) -> str:
    return config_map_path(child_name(namespace, name))


def test_from_apply_to_ready_through_drift_to_its_end(shared: World, place: str) -> None:
    body = good_dashboard("full", place)
    mark = shared.mark()
    shared.apply(body)
    made = shared.api.wait(path(place, "full"), ready)
    writes = [(one.verb, one.resource, one.subresource) for one in shared.writes(mark)]
    assert writes == [("patch", "configmaps", ""), ("patch", "dashboards", "status")]
    status = made["status"]
    assert condition(made, "Live")["reason"] == "NotReadBack"
    assert (status["folder"], status["panels"], status["size"] > 1000) == (place, 9, True)
    columns = shared.plane.kubectl("get", "dash", "-n", place).stdout
    assert columns.split()[:7] == ["NAME", "TITLE", "FOLDER", "PANELS", "URL", "READY", "AGE"]

    there = shared.api.get(child(place, "full"))
    assert there is not None
    assert there["metadata"]["labels"]["grafana_dashboard"] == "1"
    ((name, text),) = there["data"].items()
    assert name == f"{place}.full.json"
    assert json.loads(text)["uid"] == status["uid"]

    for change in (
        ["patch", "--type=merge", "-p", json.dumps({"data": {name: "{}", "more": "x"}})],
        ["label", "grafana_dashboard-"],
        ["annotate", "--overwrite", "k8s-sidecar-target-directory=General"],
        ["delete"],
    ):
        verb, *rest = change
        shared.plane.kubectl(verb, "configmap", child_name(place, "full"), "-n", MONITORING, *rest)
        shared.api.wait(
            child(place, "full"),
            lambda obj: (
                obj is not None
                and obj["data"] == there["data"]
                and obj["metadata"]["labels"] == there["metadata"]["labels"]
                and obj["metadata"]["annotations"] == there["metadata"]["annotations"]
            ),
        )
    shared.plane.kubectl("delete", "dashboard", "full", "-n", place)
    shared.api.gone(child(place, "full"))


def test_a_dashboard_goes_with_its_namespace(shared: World) -> None:
    namespace = shared.namespace(f"dash-{uuid.uuid4().hex[:8]}")
    shared.apply(dashboard(namespace, "a"))
    shared.api.wait(path(namespace, "a"), ready)
    shared.plane.kubectl("delete", "namespace", namespace, "--wait=false")
    shared.api.gone(child(namespace, "a"))


def test_of_two_with_one_title_one_is_served_and_the_other_follows_it(shared: World, place: str) -> None:
    shared.apply(dashboard(place, "b", title="Same"))
    shared.api.wait(path(place, "b"), ready)
    shared.apply(dashboard(place, "a", title="Same"))
    shared.api.wait(path(place, "a"), ready)
    shared.api.wait(path(place, "b"), lambda obj: stalled(obj, "DuplicateTitle"))
    shared.api.gone(child(place, "b"))
    shared.plane.kubectl("delete", "dashboard", "a", "-n", place)
    shared.api.wait(path(place, "b"), ready)
    assert shared.api.get(child(place, "b")) is not None


def test_a_bad_panel_is_left_out_and_a_bad_dashboard_keeps_its_last_good_version(shared: World, place: str) -> None:
    wrong = [{"name": "a", "promql": "sum("}]
    shared.apply(dashboard(place, "a", rows=[row(panel("good"), panel("bad", queries=wrong))]))
    made = shared.api.wait(path(place, "a"), ready)
    assert condition(made, "Accepted")["reason"] == "ItemsQuarantined"
    assert made["status"]["panels"] == 1
    before = shared.api.get(child(place, "a"))
    shared.apply(dashboard(place, "a", rows=[row(panel("bad", queries=wrong))]))
    shared.api.wait(path(place, "a"), lambda obj: stalled(obj, "PromQLSyntax"))
    assert shared.api.get(child(place, "a")) == before
