"""The generated rights: enough for everything the operator does, and nothing more."""

import asyncio
import itertools

import pytest
import yaml

from binnacle.api.reasons import Reason
from binnacle.cluster.client import Client
from binnacle.cluster.connection import connect
from binnacle.cluster.lease import KubernetesLeaseGuard
from binnacle.cluster.leaseobject import LeaseObject
from binnacle.cluster.rbac import Installation, manifests, render
from binnacle.cluster.recorder import EVENT
from binnacle.cluster.refusals import Call
from binnacle.cluster.source import KubernetesSource, require
from binnacle.cluster.store import KubernetesStore
from binnacle.cluster.watches import Watch
from binnacle.control.ports import Clock, Synced, Trouble
from binnacle.errors import TransientError
from binnacle.intent.refs import Key, ObjectRef
from binnacle.targets import conventions
from binnacle.targets.base import Resource
from cluster.objects import CONFIG_MAP, RULE, SLO, config_map, rule, slo
from servers.cluster import Cluster
from servers.waiting import PATIENCE

VERBS = ("get", "list", "watch", "create", "patch", "update", "delete", "deletecollection")


def installation(namespace: str, *served: str) -> Installation:
    return Installation(namespace=namespace, account="operator", instance=namespace, namespaces=served)


@pytest.mark.parametrize("served", [(), ("a", "b")])
def test_no_wildcard_no_secrets_nothing_of_the_cluster_in_namespaced_mode(served: tuple[str, ...]) -> None:
    objects = manifests(
        [SLO], [RULE, Resource("v1", "ConfigMap", "configmaps", "monitoring")], installation("sys", *served)
    )
    rules = [rule for item in objects for rule in item.get("rules", [])]
    for value in itertools.chain.from_iterable((*r["apiGroups"], *r["resources"], *r["verbs"]) for r in rules):
        assert "*" not in value
        assert "secret" not in value
    cluster_wide = {item["kind"] for item in objects if item["kind"].startswith("Cluster")}
    assert cluster_wide == (set() if served else {"ClusterRole", "ClusterRoleBinding"})
    places = {item["metadata"]["namespace"] for item in objects if item["kind"] == "Role"}
    assert places == {"sys", "monitoring", *served}
    for item in objects:
        if "configmaps" in str(item.get("rules")):
            assert item["metadata"]["namespace"] == "monitoring"


def test_the_file_says_the_same_as_the_objects() -> None:
    objects = manifests([SLO], [RULE], Installation())
    assert list(yaml.safe_load_all(render(objects))) == objects
    assert "&id" not in render(objects)


@pytest.mark.parametrize("namespaced", [False, True])
async def test_the_rights_are_enough(
    cluster: Cluster,
    namespace: str,
    clock: Clock,
    crds_applied: tuple[str, ...],
    prometheus_operator_crds: tuple[str, ...],
    namespaced: bool,
) -> None:
    children = [RULE, Resource("v1", "ConfigMap", "configmaps", namespace)]
    where = installation(namespace, *([namespace] if namespaced else []))
    cluster.apply([*manifests([SLO], children, where), slo(namespace, "s")])
    served = namespace if namespaced else None
    async with (
        await connect(str(cluster.service_account_kubeconfig(namespace, "operator"))) as connection,
        connection.session(8) as session,
        connection.api_client() as api,
    ):
        client = Client(session)
        await require(client, [SLO])
        source = KubernetesSource(
            connection, client, [Watch(SLO, served), Watch(RULE, served), Watch(CONFIG_MAP, namespace)]
        )
        missing = {"SLO", "PrometheusRule", "ConfigMap"}
        async with asyncio.timeout(PATIENCE):
            async for event in source.events():
                assert not isinstance(event, Trouble), event
                missing -= {event.kind} if isinstance(event, Synced) else set()
                if not missing:
                    break
        assert await source.stamps()

        store = KubernetesStore(client, [SLO, RULE, CONFIG_MAP])
        for body in (rule(namespace, "r", []), config_map(namespace, "c", {"a": "1"})):
            live = await store.apply(body)
            extra = {**body, "metadata": {**body["metadata"], "labels": {**body["metadata"]["labels"], "x": "y"}}}
            await store.apply(extra)
            ref = ObjectRef(body["apiVersion"], body["kind"], namespace, body["metadata"]["name"])
            assert await store.get(ref) is not None
            await store.delete(ref, live["metadata"]["uid"])
        resource = await store.get(ObjectRef(SLO.api_version, SLO.kind, namespace, "s"))
        assert resource is not None
        assert await store.write_status(
            Key("SLO", namespace, "s"), resource["metadata"]["uid"], {"observedGeneration": 1}
        )

        event_body = {
            "apiVersion": EVENT.api_version, "kind": "Event", "metadata": {"name": "e", "namespace": namespace},
            "eventTime": "2026-01-01T00:00:00.000000Z", "type": "Warning", "reason": "R", "action": "A",
            "reportingController": "binnacle.dev/operator", "reportingInstance": "p",
            "regarding": {"kind": "SLO", "namespace": namespace, "name": "s"},
        }  # fmt: skip
        await client.request("POST", Call("create", EVENT, namespace), body=conventions.canonical(event_body))

        records = LeaseObject(api, clock, namespace, conventions.lease_name(where.instance), 15)
        guard = KubernetesLeaseGuard(records, clock, "me", lambda: None)
        task = asyncio.create_task(guard.run())
        await asyncio.wait_for(guard.acquired(), PATIENCE)
        assert await guard._renewed()
        await guard.release()
        record = await records.read()
        assert record is not None
        assert record.holder == ""
        task.cancel()


async def test_nothing_more_is_allowed(cluster: Cluster, namespace: str, crds_applied: tuple[str, ...]) -> None:
    children = [RULE, Resource("v1", "ConfigMap", "configmaps", namespace)]
    where = installation(namespace, namespace)
    cluster.apply(manifests([SLO], children, where))
    subject = f"system:serviceaccount:{namespace}:operator"

    def allowed(verb: str, what: str, place: str) -> bool:
        name, _, subresource = what.partition("/")
        options = (f"--subresource={subresource}", "-n", place, f"--as={subject}")
        answer = cluster.kubectl("auth", "can-i", verb, name, *options, check=False)
        return answer.stdout.strip() == "yes"

    def verbs(what: str, place: str) -> set[str]:
        return {verb for verb in VERBS if allowed(verb, what, place)}

    assert verbs("slos.binnacle.dev", namespace) == {"get", "list", "watch"}
    assert verbs("slos.binnacle.dev/status", namespace) == {"patch"}
    assert verbs("configmaps", namespace) == {"get", "list", "watch", "create", "patch", "delete"}
    assert verbs("secrets", namespace) == set()
    assert verbs("events.events.k8s.io", namespace) == {"create"}
    assert verbs("leases.coordination.k8s.io", namespace) == {"create"}
    assert verbs("configmaps", "default") == set()
    assert verbs("slos.binnacle.dev", "default") == set()


async def test_a_missing_right_is_named_for_each_call(
    cluster: Cluster, namespace: str, crds_applied: tuple[str, ...]
) -> None:
    cluster.apply(
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "nobody", "namespace": namespace}}
    )
    async with (
        await connect(str(cluster.service_account_kubeconfig(namespace, "nobody"))) as connection,
        connection.session(4) as session,
    ):
        client = Client(session)
        store = KubernetesStore(client, [SLO, CONFIG_MAP])
        ref = ObjectRef("v1", "ConfigMap", namespace, "c")
        calls = {
            "get configmaps c": store.get(ref),
            "patch configmaps c": store.apply(config_map(namespace, "c", {})),
            "delete configmaps c": store.delete(ref, "u"),
            "patch slos/status of binnacle.dev s": store.write_status(Key("SLO", namespace, "s"), "u", {}),
            "list slos of binnacle.dev": KubernetesSource(connection, client, [Watch(SLO, namespace)]).stamps(),
        }
        for named, call in calls.items():
            with pytest.raises(TransientError) as caught:
                await call
            assert caught.value.reason == Reason.PERMISSION_DENIED
            assert f"{named} in namespace {namespace}" in str(caught.value)
