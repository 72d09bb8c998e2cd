"""The Source port on a real API server: what is there, what happens, what is missed, and what is refused."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import yaml

from binnacle.cluster.client import Client
from binnacle.cluster.connection import Connection, connect
from binnacle.cluster.source import KubernetesSource, require
from binnacle.cluster.watches import Phase, Watch, children_selector
from binnacle.control.ports import Event, Gone, Present, Synced, Trouble
from binnacle.errors import SpecError
from binnacle.targets.base import Resource
from cluster.gate import Gate
from cluster.objects import CONFIG_MAP, INSTANCE, OURS, RULE, SLO, config_map, rule, slo
from servers.cluster import Cluster
from servers.controlplane import ControlPlane
from servers.pace import paced
from servers.waiting import PATIENCE, eventually_async

CHILDREN = children_selector(INSTANCE)


class Follower:
    """Reads a source's events and keeps what they say."""

    def __init__(self, source: KubernetesSource):
        self.source = source
        self.events: list[tuple[float, Event]] = []
        self.objects: dict[str, dict] = {}

    async def follow(self) -> None:
        async for event in self.source.events():
            self.events.append((time.monotonic(), event))
            match event:
                case Present(body):
                    self.objects[body["metadata"]["uid"]] = body
                case Gone(_, uid):
                    self.objects.pop(uid, None)

    def names(self, kind: str) -> list[str]:
        return sorted(body["metadata"]["name"] for body in self.objects.values() if body["kind"] == kind)

    def kinds(self, type_: type) -> list[str]:
        return [event.kind for _, event in self.events if isinstance(event, type_)]

    async def until(self, condition: Callable[[], object], limit: float = PATIENCE) -> None:
        await eventually_async(condition, limit=limit, every=0.01)


@contextlib.asynccontextmanager
async def following(connection: Connection, *watches: Watch) -> AsyncIterator[Follower]:
    async with connection.session(8) as session:
        follower = Follower(KubernetesSource(connection, Client(session), watches))
        task = asyncio.create_task(follower.follow())
        try:
            yield follower
            assert not task.done() or task.result() is None
        finally:
            follower.source.stop()
            async with asyncio.timeout(PATIENCE):
                await task


def account(cluster: Cluster, namespace: str, *rules: dict) -> Path:
    """A ServiceAccount with these rules in its namespace; its kubeconfig."""
    subject = {"kind": "ServiceAccount", "name": "operator", "namespace": namespace}
    metadata = {"name": "operator", "namespace": namespace}
    api = "rbac.authorization.k8s.io"
    cluster.apply(
        [
            {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata},
            {"apiVersion": f"{api}/v1", "kind": "Role", "metadata": metadata, "rules": list(rules)},
            {
                "apiVersion": f"{api}/v1",
                "kind": "RoleBinding",
                "metadata": metadata,
                "subjects": [subject],
                "roleRef": {"apiGroup": api, "kind": "Role", "name": "operator"},
            },
        ]
    )
    return cluster.service_account_kubeconfig(namespace, "operator")


def may(resource: Resource, *verbs: str) -> dict:
    return {"apiGroups": [resource.group], "resources": [resource.plural], "verbs": list(verbs)}


async def test_what_is_there_comes_before_synced_and_edits_and_deletes_follow(
    cluster: Cluster, connection: Connection, namespace: str, crds_applied: tuple[str, ...]
) -> None:
    cluster.apply([slo(namespace, f"s{n}") for n in range(20)])
    async with following(connection, Watch(SLO, namespace), Watch(CONFIG_MAP, namespace, CHILDREN)) as seen:
        await seen.until(lambda: set(seen.kinds(Synced)) == {"SLO", "ConfigMap"})
        first = [event for _, event in seen.events]
        synced = first.index(Synced(SLO.api_version, "SLO"))
        assert sum(isinstance(event, Present) and event.body["kind"] == "SLO" for event in first[:synced]) == 20
        assert all(body["apiVersion"] == SLO.api_version for body in seen.objects.values() if body["kind"] == "SLO")

        cluster.apply(slo(namespace, "s3", "99%"))
        await seen.until(lambda: any(body["spec"]["objective"] == "99%" for body in seen.objects.values()))
        cluster.kubectl("delete", "slo", "s7", "-n", namespace)
        await seen.until(lambda: "s7" not in seen.names("SLO"))
        gone = [event for _, event in seen.events if isinstance(event, Gone)]
        assert [(event.ref.kind, event.ref.namespace, event.ref.name) for event in gone] == [("SLO", namespace, "s7")]

        cluster.apply(config_map(namespace, "ours", {}))
        cluster.kubectl("create", "configmap", "theirs", "-n", namespace)
        await seen.until(lambda: seen.names("ConfigMap"))
        assert seen.names("ConfigMap") == ["ours"]
        stamps = await seen.source.stamps()
        assert {stamp.uid for stamp in stamps} == set(seen.objects)
        assert all(seen.objects[stamp.uid]["metadata"]["resourceVersion"] == stamp.resource_version for stamp in stamps)
        states = seen.source.watches()
        assert all(state.phase is Phase.RUNNING and state.healthy and state.synced for state in states.values())
        label = next(iter(OURS))
        cluster.kubectl("label", "configmap", "ours", "-n", namespace, f"{label}-")
        await seen.until(lambda: not seen.names("ConfigMap"))


async def test_many_objects_are_listed_in_pages(cluster: Cluster, connection: Connection, namespace: str) -> None:
    cluster.apply([config_map(namespace, f"c{n}", {}) for n in range(520)])
    async with following(connection, Watch(CONFIG_MAP, namespace, CHILDREN)) as seen:
        await seen.until(lambda: seen.kinds(Synced))
        assert len(seen.objects) == 520
        assert len(await seen.source.stamps()) == 520


async def test_a_restart_of_the_api_server_loses_nothing(
    control_plane: ControlPlane, connection: Connection, namespace: str, crds_applied: tuple[str, ...]
) -> None:
    control_plane.apply([slo(namespace, "stays"), slo(namespace, "goes")])
    async with following(connection, Watch(SLO, namespace)) as seen:
        await seen.until(lambda: seen.kinds(Synced))
        await asyncio.to_thread(control_plane.stop_apiserver)
        # A stream that has ended is asked for again before there is anything to say of it.
        (watch,) = seen.source.watches()
        await seen.until(lambda: "cannot reach the API server" in seen.source.watches()[watch].error)
        state = seen.source.watches()[watch]
        assert state.phase is Phase.RETRYING
        assert state.healthy
        await asyncio.to_thread(control_plane.start_apiserver)
        await asyncio.to_thread(control_plane.kubectl, "delete", "slo", "goes", "-n", namespace)
        await asyncio.to_thread(control_plane.apply, slo(namespace, "comes"))
        await seen.until(lambda: "comes" in seen.names("SLO"))
        there = {stamp.uid for stamp in await seen.source.stamps()}
        assert {uid for uid, body in seen.objects.items() if body["metadata"]["name"] == "stays"} <= there
        await seen.until(lambda: seen.names("SLO") == ["comes", "stays"])
        assert seen.kinds(Trouble) == []


@pytest.mark.parametrize(("granted", "missing"), [((), "list"), (("get", "list"), "watch")])
async def test_a_missing_permission_is_told_within_five_seconds_and_ends_when_it_is_given(
    cluster: Cluster, namespace: str, crds_applied: tuple[str, ...], granted: tuple[str, ...], missing: str
) -> None:
    cluster.apply(slo(namespace, "s"))
    kubeconfig = account(
        cluster, namespace, may(CONFIG_MAP, "get", "list", "watch"), *([may(SLO, *granted)] if granted else [])
    )
    async with await connect(str(kubeconfig)) as connection:
        promised = paced(5)
        async with following(connection, Watch(SLO, namespace), Watch(CONFIG_MAP, namespace)) as seen:
            await seen.until(lambda: seen.kinds(Trouble), promised)
            trouble = next(event for _, event in seen.events if isinstance(event, Trouble))
            assert trouble.kind == "SLO"
            assert trouble.reason == "PermissionDenied"
            assert f"{missing} slos of binnacle.dev in namespace {namespace}" in trouble.message
            await seen.until(lambda: seen.kinds(Synced))
            assert seen.kinds(Synced) == ["ConfigMap"]
            state = seen.source.watches()[Watch(SLO, namespace)]
            assert state.healthy
            assert not state.synced
            account(cluster, namespace, may(CONFIG_MAP, "get", "list", "watch"), may(SLO, "get", "list", "watch"))
            await seen.until(lambda: "SLO" in seen.kinds(Synced))
            assert seen.names("SLO") == ["s"]
            # One refusal is one trouble, however often it is tried again; and no false end of it in between.
            assert seen.kinds(Trouble) == ["SLO"]
            assert seen.kinds(Synced).count("SLO") == 1


async def test_a_permission_taken_away_is_told_and_does_not_disturb_the_other_watches(
    control_plane: ControlPlane, namespace: str, crds_applied: tuple[str, ...]
) -> None:
    everything = (may(CONFIG_MAP, "get", "list", "watch"), may(SLO, "get", "list", "watch"))
    kubeconfig = account(control_plane, namespace, *everything)
    async with (
        await connect(str(kubeconfig)) as connection,
        following(connection, Watch(SLO, namespace), Watch(CONFIG_MAP, namespace, CHILDREN)) as seen,
    ):
        await seen.until(lambda: set(seen.kinds(Synced)) == {"SLO", "ConfigMap"})
        account(control_plane, namespace, may(CONFIG_MAP, "get", "list", "watch"))
        await asyncio.to_thread(control_plane.restart_apiserver)  # a running stream is not cut by itself
        await seen.until(lambda: seen.kinds(Trouble) == ["SLO"])
        await asyncio.to_thread(control_plane.apply, config_map(namespace, "c", {}))
        await seen.until(lambda: seen.names("ConfigMap") == ["c"])
        account(control_plane, namespace, *everything)
        await asyncio.to_thread(control_plane.apply, slo(namespace, "s"))
        await seen.until(lambda: seen.names("SLO") == ["s"])
        await seen.until(lambda: seen.kinds(Synced).count("SLO") == 2)


async def test_credentials_that_are_refused_are_told_and_tried_again(
    cluster: Cluster, namespace: str, tmp_path: Path
) -> None:
    account(cluster, namespace, may(CONFIG_MAP, "list", "watch"))
    right = cluster.service_account_kubeconfig(namespace, "operator")
    access = yaml.safe_load(right.read_text())
    token = access["users"][0]["user"]["token"]
    access["users"][0]["user"]["token"] = "wrong"
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(yaml.safe_dump(access))
    cluster.apply(config_map(namespace, "c", {}))
    watch = Watch(CONFIG_MAP, namespace)
    async with await connect(str(kubeconfig)) as connection, following(connection, watch) as seen:
        await seen.until(lambda: seen.kinds(Trouble))
        assert "does not accept the credentials" in seen.source.watches()[watch].error
        assert seen.source.watches()[watch].healthy
        access["users"][0]["user"]["token"] = token
        kubeconfig.write_text(yaml.safe_dump(access))
        await seen.until(lambda: "c" in seen.names("ConfigMap"))
        await seen.until(lambda: seen.kinds(Synced))


async def test_what_vanished_while_history_was_forgotten_is_told(
    control_plane: ControlPlane, namespace: str, crds_applied: tuple[str, ...], tmp_path: Path
) -> None:
    control_plane.apply([slo(namespace, "stays"), slo(namespace, "goes")])
    async with Gate(control_plane.url) as gate:
        kubeconfig = control_plane.admin_kubeconfig(tmp_path / "gate.kubeconfig", server=gate.url)
        async with await connect(str(kubeconfig)) as connection, following(connection, Watch(SLO, namespace)) as seen:
            await seen.until(lambda: seen.kinds(Synced))
            gate.close()
            await asyncio.to_thread(control_plane.kubectl, "delete", "slo", "goes", "-n", namespace)
            # A restarted API server knows no version before its start: the watch is told 410 and lists anew.
            await asyncio.to_thread(control_plane.restart_apiserver)
            gate.open()
            await seen.until(lambda: len(seen.kinds(Synced)) == 2)
            assert seen.names("SLO") == ["stays"]
            assert [stamp.ref.name for stamp in await seen.source.stamps()] == ["stays"]


async def test_a_kind_that_is_not_there_is_empty_and_is_watched_when_it_comes(
    cluster: Cluster, connection: Connection, namespace: str, request: pytest.FixtureRequest
) -> None:
    async with following(connection, Watch(RULE, namespace)) as seen:
        await seen.until(lambda: seen.kinds(Synced) == ["PrometheusRule"])
        assert seen.source.watches()[Watch(RULE, namespace)].phase is Phase.ABSENT
        assert await seen.source.stamps() == ()
        request.getfixturevalue("prometheus_operator_crds")
        await asyncio.to_thread(cluster.apply, rule(namespace, "r", []))
        await seen.until(lambda: seen.names("PrometheusRule") == ["r"])


async def test_own_kinds_that_are_missing_are_named(client: Client, crds_applied: tuple[str, ...]) -> None:
    await require(client, [SLO])
    with pytest.raises(SpecError, match=r"nothings\.binnacle\.dev") as caught:
        await require(client, [SLO, Resource(SLO.api_version, "Nothing", "nothings")])
    assert "kubectl apply" in caught.value.fix
    with pytest.raises(SpecError, match=r"slos\.elsewhere\.dev"):
        await require(client, [Resource("elsewhere.dev/v1", "SLO", "slos")])


async def test_a_defect_ends_the_stream_with_its_error(connection: Connection, namespace: str) -> None:
    async with connection.session(4) as session:
        client = Client(session)
        source = KubernetesSource(connection, client, [Watch(SLO, namespace)])

        async def broken(_: str) -> frozenset[str]:
            raise ZeroDivisionError

        client.serves = broken  # type: ignore[method-assign]
        with pytest.raises(ZeroDivisionError):
            async for _ in source.events():
                pass


async def test_stopping_is_quick_and_leaves_no_task(
    connection: Connection, namespace: str, crds_applied: tuple[str, ...]
) -> None:
    before = asyncio.all_tasks()
    async with following(connection, Watch(SLO, namespace), Watch(CONFIG_MAP, namespace)) as seen:
        await seen.until(lambda: set(seen.kinds(Synced)) == {"SLO", "ConfigMap"})
        began = time.monotonic()
    assert time.monotonic() - began < paced(2)
    assert asyncio.all_tasks() == before
