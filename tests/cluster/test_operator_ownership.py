"""Whose an object is: others' are never touched, ours never stay behind, over downtime, switches and two installations."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from binnacle.api.config import Config
from binnacle.cluster.installing import own_kinds, written_kinds
from binnacle.cluster.rbac import Installation, manifests
from binnacle.control.toolchain import shipped
from binnacle.targets import conventions
from cluster.objects import foreign_rule
from cluster.operator_world import (
    AGGREGATE,
    MONITORING,
    Object,
    World,
    Worlds,
    condition,
    config_map_path,
    rule_path,
    slo,
    slo_path,
)
from servers.audit import counted
from servers.controlplane import ControlPlane
from servers.operator import ACCOUNT, NAMESPACE, USER, OperatorProcess
from servers.pace import paced
from servers.waiting import eventually

RULES_ONLY = pytest.mark.parametrize("shared", ["operator"], indirect=True)


@pytest.fixture(scope="module", params=["operator", "configMap"])
def shared(request: pytest.FixtureRequest, worlds: Worlds) -> Iterator[World]:
    with worlds(request.param) as made:
        yield made


@pytest.fixture
def place(shared: World) -> str:
    return shared.namespace(f"test-{uuid.uuid4().hex[:8]}")


def foreign_config_map() -> Object:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": AGGREGATE, "namespace": MONITORING},
        "data": {"theirs.yaml": "groups: []"},
    }


def events(shared: World, namespace: str, name: str) -> list[Object]:
    listed = shared.api.get(f"/apis/events.k8s.io/v1/namespaces/{namespace}/events") or {}
    return [one for one in listed.get("items", ()) if one["regarding"]["name"] == name]


def version(shared: World, path: str) -> str:
    obj = shared.api.get(path)
    assert obj is not None, path
    return str(obj["metadata"]["resourceVersion"])


def test_an_object_of_somebody_else_is_told_and_not_touched(shared: World, place: str) -> None:
    path = shared.child(place, "taken")
    if shared.output == "operator":
        shared.apply(foreign_rule(place, "taken"))
    else:
        shared.plane.kubectl("delete", "configmap", AGGREGATE, "-n", MONITORING, "--ignore-not-found")
        shared.apply(foreign_config_map())
    before = version(shared, path)
    mark = shared.mark()
    shared.apply(slo(place, "taken"))
    told = shared.stalled(place, "taken", "NameTaken")
    assert path.rpartition("/")[2] in condition(told, "Stalled")["message"]
    found = eventually(lambda: events(shared, place, "taken"), what="an Event")
    assert [(one["type"], one["reason"]) for one in found] == [("Warning", "NameTaken")]
    # It is tried once, in a way that the server refuses where there is something; from then on it is only looked for.
    first, *others = shared.writes(mark)
    assert (first.verb, first.name, first.code) == ("patch", path.rpartition("/")[2], 409)
    assert [(one.verb, one.resource, one.name) for one in others] == [("patch", "slos", "taken")]
    assert version(shared, path) == before

    # Nobody tells us when it goes: it is looked for, ever more seldom.
    kind = "prometheusrule" if shared.output == "operator" else "configmap"
    shared.plane.kubectl("delete", kind, path.rpartition("/")[2], "-n", path.split("/namespaces/")[1].split("/")[0])
    shared.ready(place, "taken")
    assert shared.rules(place, "taken") is not None


@RULES_ONLY
def test_an_edit_ends_the_wait_for_a_name(shared: World, place: str) -> None:
    shared.apply(foreign_rule(place, "hasty"), slo(place, "hasty"))
    shared.stalled(place, "hasty", "NameTaken")
    shared.plane.kubectl("delete", "prometheusrule", "binnacle-slo-hasty", "-n", place)
    shared.apply(slo(place, "hasty", objective="99%"))
    shared.ready(place, "hasty", limit=paced(5))


def test_a_resource_deleted_while_the_operator_is_down_leaves_nothing(shared: World, place: str) -> None:
    for name in ("kept", "lost", "loose"):
        shared.made(place, name)
    shared.operator.stop()
    if shared.output == "operator":
        # The server's own garbage collection does not know this one any more.
        shared.plane.kubectl(
            *("patch", "prometheusrule", "binnacle-slo-loose", "-n", place, "--type=json"),
            *("-p", '[{"op": "remove", "path": "/metadata/ownerReferences"}]'),
        )
    shared.plane.kubectl("delete", "slo", "lost", "loose", "-n", place)
    shared.operator.start()
    for name in ("lost", "loose"):
        eventually(lambda n=name: shared.rules(place, n) is None, what=f"the end of {name}")
    assert shared.rules(place, "kept") is not None
    if shared.output == "operator":
        mark_writes = [one for one in shared.counter.since(0) if one.user == USER and one.verb == "delete"]
        assert {one.name for one in mark_writes if one.namespace == place} <= {
            "binnacle-slo-loose",
            "binnacle-slo-lost",
        }


def test_a_resource_deleted_and_made_again_keeps_no_trace_of_the_first(shared: World, place: str) -> None:
    first = shared.made(place, "again", objective="99%")
    shared.plane.kubectl("delete", "slo", "again", "-n", place)
    second = shared.made(place, "again", objective="99.9%")
    assert first["metadata"]["uid"] != second["metadata"]["uid"]
    if shared.output == "operator":
        # The first one's rules may be collected by the server after the second one's are wanted.
        shared.api.wait(
            rule_path(place, "again"),
            lambda obj: obj is not None and obj["metadata"]["ownerReferences"][0]["uid"] == second["metadata"]["uid"],
        )
    assert shared.rules(place, "again") is not None


@RULES_ONLY
def test_a_copy_of_one_of_our_objects_lives_as_long_as_the_owner_it_names(shared: World, place: str) -> None:
    """Labels say who owns an object, so a copy of them is a claim. It is never believed against a living owner."""
    shared.made(place, "original")
    original = shared.api.get(rule_path(place, "original"))
    assert original is not None
    copy: Object = {
        **{key: original[key] for key in ("apiVersion", "kind", "spec")},
        "metadata": {"name": "my-copy", "namespace": place, "labels": original["metadata"]["labels"]},
    }
    shared.apply(copy)
    path = rule_path(place) + "/my-copy"
    before = version(shared, path)
    shared.made(place, "original", objective="99%")
    mark = shared.mark()
    shared.restart()
    shared.leading()
    assert shared.writes(mark, quiet=2) == []
    assert version(shared, path) == before
    # Without its owner it is an orphan like any other: instance ours, owner gone.
    shared.plane.kubectl("delete", "slo", "original", "-n", place)
    shared.api.gone(path)


@RULES_ONLY
def test_two_installations_keep_to_their_own(
    shared: World, place: str, tmp_path: Path, control_plane: ControlPlane
) -> None:
    theirs = shared.namespace(f"test-{uuid.uuid4().hex[:8]}")
    settings = Config.from_data({"instance": "b", "namespaces": [theirs]})
    where = Installation(NAMESPACE, ACCOUNT, "b", (theirs,))
    rights = manifests(own_kinds(), written_kinds(shipped(settings)), where)
    control_plane.apply(rights)
    # The first serves every namespace; told otherwise it leaves the second's alone.
    shared.operator.stop()
    first = OperatorProcess(control_plane, tmp_path / "a", {"namespaces": [place]})
    second = OperatorProcess(control_plane, tmp_path / "b", {"instance": "b", "namespaces": [theirs]})
    try:
        with first, second:
            shared.apply(slo(place, "one"), slo(theirs, "one"))
            shared.ready(place, "one")
            shared.ready(theirs, "one")
            instances = {
                namespace: shared.api.get(rule_path(namespace, "one"))["metadata"]["labels"][conventions.LABEL_INSTANCE]
                for namespace in (place, theirs)
            }
            assert instances == {place: "default", theirs: "b"}
            mark = shared.mark()
            second.stop()
            second.start()
            shared.apply(slo(theirs, "one", objective="99%"))
            shared.ready(theirs, "one")
            assert {record.namespace for record in shared.writes(mark)} == {theirs}
    finally:
        # The account is everybody's, and other tests take its rights away.
        for one in rights:
            if one["kind"] == "RoleBinding":
                name, namespace = (one["metadata"][part] for part in ("name", "namespace"))
                control_plane.kubectl("delete", "rolebinding", name, "-n", namespace)
        shared.operator.start()
        shared.leading()


@RULES_ONLY
def test_after_a_switch_of_output_the_new_is_there_before_the_old_goes(shared: World, place: str) -> None:
    for name in ("one", "two"):
        shared.made(place, name)
    settings = shared.operator_config
    plain = yaml.safe_load(settings.read_text())
    for output in ("configMap", "operator"):
        mark = shared.mark()
        shared.operator.stop()
        settings.write_text(yaml.safe_dump({"prometheus": {"output": output}}))
        shared.operator.start()
        shared.output = output
        for name in ("one", "two"):
            eventually(lambda n=name: shared.rules(place, n) is not None, what="the new")
        shared.output = "configMap" if output == "operator" else "operator"
        for name in ("one", "two"):
            eventually(lambda n=name: shared.rules(place, n) is None, what="the end of the old")
        shared.output = "operator"
        writes = [one for one in shared.writes(mark, quiet=2) if one.subresource != "status"]
        news = "configmaps" if output == "configMap" else "prometheusrules"
        first_old = next(n for n, one in enumerate(writes) if one.resource != news)
        made = {one.name for one in writes[:first_old] if one.namespace in (place, MONITORING)}
        assert made & ({AGGREGATE} if output == "configMap" else {"binnacle-slo-one", "binnacle-slo-two"}), writes
        # What is not known at the start is applied as something new, and looked at where the server has it already.
        assert all(one.ok or one.code == 409 for one in writes), writes
        for name in ("one", "two"):
            status = shared.ready(place, name)["status"]
            assert [one["kind"] for one in status["children"]] == [
                "ConfigMap" if output == "configMap" else "PrometheusRule"
            ]
    assert counted(shared.counter.settle(shared.mark(), quiet=2, user=USER), user=USER) == []
    settings.write_text(yaml.safe_dump(plain))
    shared.restart()
    shared.leading()


def test_users_objects_are_free_to_go_at_once(shared: World, place: str) -> None:
    shared.made(place, "free")
    live = shared.api.get(slo_path(place, "free"))
    assert live is not None
    assert "finalizers" not in live["metadata"]
    shared.plane.kubectl("delete", "slo", "free", "-n", place)
    assert shared.api.get(slo_path(place, "free")) is None
    eventually(lambda: shared.rules(place, "free") is None)
    held = shared.api.get(config_map_path(AGGREGATE)) if shared.output == "configMap" else None
    assert held is None or f"slo.{place}.free.yaml" not in held["data"]
