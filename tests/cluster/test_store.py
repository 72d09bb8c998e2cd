"""The Store port on a real API server."""

import json

import pytest

from binnacle.api.reasons import Reason
from binnacle.cluster.store import KubernetesStore
from binnacle.errors import ConflictError, SpecError, TransientError
from binnacle.intent.refs import Key, ObjectRef
from cluster.objects import config_map, rule, slo
from servers.audit import WriteCounter
from servers.cluster import Cluster

GROUPS = [
    {"name": "a", "rules": [{"record": "x", "expr": "1"}]},
    {"name": "b", "rules": [{"record": "y", "expr": "2"}]},
]


def ref(body: dict) -> ObjectRef:
    return ObjectRef(body["apiVersion"], body["kind"], body["metadata"]["namespace"], body["metadata"]["name"])


async def test_apply_creates_changes_and_is_one_write(
    store: KubernetesStore, namespace: str, write_counter: WriteCounter
) -> None:
    before = write_counter.mark()
    first = await store.apply(config_map(namespace, "c", {"a": "1"}))
    second = await store.apply(config_map(namespace, "c", {"a": "2", "b": "1"}))
    third = await store.apply(config_map(namespace, "c", {"b": "1"}))
    assert first["metadata"]["uid"] == third["metadata"]["uid"]
    assert second["data"] == {"a": "2", "b": "1"}
    assert third["data"] == {"b": "1"}
    assert [write.verb for write in write_counter.settle(before) if write.namespace == namespace] == ["patch"] * 3


async def test_an_equal_apply_changes_nothing(store: KubernetesStore, namespace: str) -> None:
    body = config_map(namespace, "c", {"a": "1"})
    assert (await store.apply(body))["metadata"]["resourceVersion"] == (await store.apply(body))["metadata"][
        "resourceVersion"
    ]


@pytest.mark.parametrize("kind", ["ConfigMap", "PrometheusRule"])
async def test_what_is_to_be_new_never_touches_what_is_there(
    store: KubernetesStore, namespace: str, prometheus_operator_crds: tuple[str, ...], kind: str
) -> None:
    one, other = (
        (config_map(namespace, "c", {"a": "1"}), config_map(namespace, "c", {"a": "2", "b": "1"}))
        if kind == "ConfigMap"
        else (rule(namespace, "r", GROUPS), rule(namespace, "r", GROUPS[1:]))
    )
    made = await store.apply(one, new=True)
    for body in (one, other):
        with pytest.raises(ConflictError):
            await store.apply(body, new=True)
    assert await store.get(ref(one)) == made
    # Nothing of it stays in who manages which field: what is applied afterwards takes away what it does not have.
    changed = await store.apply(other)
    assert {key: changed[key] for key in ("data", "spec") if key in changed} == {
        key: other[key] for key in ("data", "spec") if key in other
    }
    assert [one["manager"] for one in changed["metadata"]["managedFields"]] == ["binnacle"]


async def test_what_others_changed_and_added_goes_and_their_labels_stay(
    store: KubernetesStore, cluster: Cluster, namespace: str
) -> None:
    body = config_map(namespace, "c", {"a": "1"}, annotations={"binnacle.dev/hash": "h"})
    await store.apply(body)
    edit = {
        "metadata": {
            "labels": {"app.kubernetes.io/managed-by": "me", "team": "shop"},
            "annotations": {"binnacle.dev/hash": "other", "note": "mine"},
        },
        "data": {"a": "changed", "extra": "x"},
        "binaryData": {"bin": "AAAA"},
    }
    cluster.kubectl("patch", "configmap", "c", "-n", namespace, "--type=merge", "-p", json.dumps(edit))
    live = await store.apply(body)
    assert live == await store.get(ref(body))
    assert live["data"] == {"a": "1"}
    assert "binaryData" not in live
    assert live["metadata"]["labels"] == {**body["metadata"]["labels"], "team": "shop"}
    assert live["metadata"]["annotations"] == {"binnacle.dev/hash": "h", "note": "mine"}


async def test_removing_what_is_extra_leaves_nothing_behind_that_blocks_later_removal(
    store: KubernetesStore, cluster: Cluster, namespace: str, prometheus_operator_crds: tuple[str, ...]
) -> None:
    body = rule(namespace, "r", GROUPS)
    await store.apply(body)
    added = {"spec": {"groups": [*GROUPS, {"name": "c", "rules": []}], "foreign": True}}
    cluster.kubectl("patch", "prometheusrule", "r", "-n", namespace, "--type=merge", "-p", json.dumps(added))
    assert (await store.apply(body))["spec"] == {"groups": GROUPS}
    assert (await store.apply(rule(namespace, "r", GROUPS[1:])))["spec"] == {"groups": GROUPS[1:]}


async def test_delete_spares_another_object_of_the_same_name(store: KubernetesStore, namespace: str) -> None:
    body = config_map(namespace, "c", {"a": "1"})
    old = (await store.apply(body))["metadata"]["uid"]
    await store.delete(ref(body), old)
    await store.delete(ref(body), old)
    assert await store.get(ref(body)) is None
    new = (await store.apply(body))["metadata"]["uid"]
    await store.delete(ref(body), old)
    live = await store.get(ref(body))
    assert live is not None
    assert live["metadata"]["uid"] == new != old


async def test_status_is_written_whole_and_alone(
    store: KubernetesStore, cluster: Cluster, namespace: str, crds_applied: tuple[str, ...]
) -> None:
    cluster.apply(slo(namespace, "s"))
    key = Key("SLO", namespace, "s")
    before = cluster.get("slo", "s", "-n", namespace)
    uid = before["metadata"]["uid"]
    condition = {
        "type": "Ready",
        "status": "Unknown",
        "reason": "Progressing",
        "message": "",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }
    live = await store.write_status(
        key, uid, {"observedGeneration": 1, "conditions": [condition, {**condition, "type": "Live"}]}
    )
    assert live is not None
    assert live["metadata"]["generation"] == before["metadata"]["generation"]
    live = await store.write_status(key, uid, {"observedGeneration": 1, "conditions": [condition]})
    assert live is not None
    assert [found["type"] for found in live["status"]["conditions"]] == ["Ready"]
    assert live["spec"] == before["spec"]
    assert not live["metadata"].get("annotations")
    assert not live["metadata"].get("finalizers")


async def test_status_of_what_is_gone_or_another_by_now(
    store: KubernetesStore, cluster: Cluster, namespace: str, crds_applied: tuple[str, ...]
) -> None:
    key = Key("SLO", namespace, "s")
    assert await store.write_status(key, "11111111-0000-0000-0000-000000000000", {"observedGeneration": 1}) is None
    cluster.apply(slo(namespace, "s"))
    assert await store.write_status(key, "11111111-0000-0000-0000-000000000000", {"observedGeneration": 1}) is None


async def test_a_body_that_the_server_refuses_is_the_authors_business(store: KubernetesStore, namespace: str) -> None:
    for broken in ({"not a key": "1"}, {"a": 1}):
        with pytest.raises(SpecError) as caught:
            await store.apply(config_map(namespace, "c", broken))  # type: ignore[arg-type] # that is the point
        assert caught.value.reason == Reason.APPLY_REFUSED
    with pytest.raises(SpecError) as caught:
        await store.apply({**config_map(namespace, "c", {}), "unknown": 1})
    assert caught.value.reason == Reason.APPLY_REFUSED
    assert "unknown" in caught.value.message
    with pytest.raises(SpecError) as caught:
        await store.apply(config_map(namespace, "c", {"a": "x" * 3_200_000}))
    assert caught.value.reason == Reason.OUTPUT_TOO_LARGE


async def test_a_namespace_that_is_not_there_may_come(store: KubernetesStore) -> None:
    with pytest.raises(TransientError, match="not found") as caught:
        await store.apply(config_map("nowhere", "c", {}))
    assert caught.value.reason == Reason.APPLY_REFUSED


async def test_an_object_that_is_another_by_now_is_a_conflict(store: KubernetesStore, namespace: str) -> None:
    await store.apply(config_map(namespace, "c", {"a": "1"}))
    with pytest.raises(ConflictError):
        await store.apply(config_map(namespace, "c", {"a": "2"}, resourceVersion="1"))


async def test_a_kind_that_no_target_writes_is_refused_here(store: KubernetesStore) -> None:
    with pytest.raises(SpecError):
        await store.get(ObjectRef("v1", "Secret", "default", "s"))
