"""Which rights are missing, as a real API server says, for every verb of the generated roles; and what is told of it."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from binnacle.api.config import Config
from binnacle.cluster import rights as rights_module
from binnacle.cluster.client import Client
from binnacle.cluster.connection import connect
from binnacle.cluster.installing import own_kinds, rights, written_kinds
from binnacle.cluster.rbac import Installation
from binnacle.cluster.rights import Right, Rights, needed
from binnacle.control.metrics import Metrics
from binnacle.control.toolchain import shipped
from binnacle.errors import TransientError
from control.memory_world import Guard
from servers.controlplane import ControlPlane
from servers.waiting import PATIENCE, eventually_async

Object = dict[str, Any]


@pytest.fixture(params=["all namespaces", "two namespaces"])
def where(request: pytest.FixtureRequest, control_plane: ControlPlane) -> Iterator[Installation]:
    control_plane.ensure_running()
    unique = uuid.uuid4().hex[:8]
    served = (f"one-{unique}", f"two-{unique}") if request.param == "two namespaces" else ()
    names = [f"{part}-{unique}" for part in ("home", "prometheus", "alertmanager", "grafana", "fluentd")]
    control_plane.apply(
        [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in (*names, *served)]
    )
    yield Installation(namespace=names[0], instance=f"i{unique}", namespaces=served)
    control_plane.ensure_running()
    control_plane.kubectl("delete", "namespace", *names, *served, "--wait=false")
    control_plane.kubectl("delete", "clusterrole,clusterrolebinding", "--ignore-not-found", f"binnacle-i{unique}")


def configured(where: Installation) -> Config:
    backends = {
        backend: {"namespace": where.namespace.replace("home", backend)}
        for backend in ("prometheus", "alertmanager", "grafana", "fluentd")
    }
    backends["prometheus"]["output"] = "operator"
    return Config.from_data({"instance": where.instance, "namespaces": list(where.namespaces), **backends})


class Told:
    """What is told beside the metric."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.refused = asyncio.Event()
        self.guard = Guard()
        self.registry = CollectorRegistry()

    def report(self, reason: str, message: str) -> None:
        assert reason == "PermissionDenied"
        self.events.append(message)

    def looking(self, client: Any, wanted: tuple[Right, ...]) -> Rights:
        return Rights(client, wanted, Metrics(self.registry), self.guard, self.report, self.refused)

    def shown(self) -> float:
        families = [family for family in self.registry.collect() if family.name == "missing_rights"]
        return sum(sample.value for family in families for sample in family.samples)


@asynccontextmanager
async def asking(plane: ControlPlane, where: Installation, directory: Path) -> AsyncIterator[Client]:
    path = plane.service_account_kubeconfig(where.namespace, where.account, path=directory / "kubeconfig")
    async with await connect(str(path)) as connection, connection.session(2) as session:
        yield Client(session)


def without(objects: list[Object], verb: str) -> list[Object]:
    """The objects that give the rights, without a verb wherever they give it."""
    lacking = []
    for one in objects:
        rules = [
            {**rule, "verbs": [given for given in rule["verbs"] if given != verb]} for rule in one.get("rules", ())
        ]
        lacking.append({**one, "rules": [rule for rule in rules if rule["verbs"]]} if "rules" in one else one)
    return lacking


async def test_each_verb_that_is_taken_away_is_found_and_nothing_else(
    control_plane: ControlPlane, where: Installation, tmp_path: Path
) -> None:
    config = configured(where)
    given = rights(config, where)
    wanted = needed(own_kinds(), written_kinds(shipped(config)), where)
    verbs = sorted({right.verb for right in wanted})
    assert verbs == ["create", "delete", "get", "list", "patch", "update", "watch"]
    told = Told()
    await asyncio.to_thread(control_plane.apply, given)
    async with asking(control_plane, where, tmp_path) as client:
        looking = told.looking(client, wanted)

        async def found(missing: set[Right]) -> None:
            """Look until that is missing, and nothing else: the authorizer learns of roles by a watch."""
            async with asyncio.timeout(PATIENCE):
                await looking.look()
                while looking.unknown or set(looking.missing) != missing:
                    await asyncio.sleep(0.1)
                    await looking.look()

        await found(set())
        for verb in verbs:
            lacking = {right for right in wanted if right.verb == verb}
            await asyncio.to_thread(control_plane.apply, without(given, verb))
            await found(lacking)
            assert told.shown() == len(lacking)
            lines = looking.account().splitlines()
            assert len(lines) == len(lacking)
            assert all(f"no permission to {verb} " in line for line in lines)
            await asyncio.to_thread(control_plane.apply, given)
            await found(set())
            assert (told.shown(), looking.account()) == (0, "")
    assert told.events


class Answering:
    """An API server that lists no rules, allows what it is asked for one by one (or does not), or refuses to be asked."""

    def __init__(self) -> None:
        self.refuses = False
        self.allows = True
        self.asked: list[str] = []

    async def request(self, _method: str, call: Any, *, body: bytes) -> Object:
        self.asked.append(call.resource.kind)
        if self.refuses:
            raise TransientError("the operator has no permission to create selfsubjectrulesreviews")
        return {"status": {"allowed": self.allows, "incomplete": True, "resourceRules": []}}


RIGHT = Right("", "binnacle.dev", "slos/status", "patch")


async def test_an_authorizer_that_cannot_list_its_rules_is_asked_for_each() -> None:
    client, told = Answering(), Told()
    looking = told.looking(client, (RIGHT,))
    await looking.look()
    assert looking.missing == ()
    assert client.asked == ["SelfSubjectRulesReview", "SelfSubjectAccessReview"]
    client.refuses = True
    await looking.look()
    assert looking.missing == ()
    assert "which rights are missing cannot be told" in looking.account()
    client.refuses = False
    await looking.look()
    assert looking.account() == ""


async def test_what_was_missing_before_it_led_is_told_by_an_event_once_it_does() -> None:
    client, told = Answering(), Told()
    looking = told.looking(client, (RIGHT,))
    client.allows = False
    told.guard.mine.clear()
    await looking.look()
    assert (looking.missing, told.events) == ((RIGHT,), [])
    told.guard.mine.set()
    for _ in range(2):
        await looking.look()
        assert told.events == [f"the operator has no permission to {RIGHT}"]
    client.allows = True
    await looking.look()
    client.allows = False
    await looking.look()
    assert len(told.events) == 2


@pytest.mark.parametrize("answer", [{}, {"status": None}, {"status": "Success"}, {"status": []}])
async def test_what_no_api_server_answers_makes_no_right_missing(answer: Object) -> None:
    class Another(Answering):
        async def request(self, _method: str, call: Any, *, body: bytes) -> Object:
            return answer

    told = Told()
    looking = told.looking(Another(), (RIGHT,))
    await looking.look()
    assert (looking.missing, told.shown(), told.events) == ((), 0, [])
    assert "no API server" in looking.account()


@pytest.mark.parametrize(
    ("rule", "gives"),
    [
        ({"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}, True),
        ({"verbs": ["patch"], "apiGroups": ["binnacle.dev"], "resources": ["*/status"]}, True),
        ({"verbs": ["patch"], "apiGroups": ["binnacle.dev"], "resources": ["slos"]}, False),
        ({"verbs": ["patch"], "apiGroups": [""], "resources": ["slos/status"]}, False),
        ({"verbs": ["get"], "apiGroups": ["binnacle.dev"], "resources": ["slos/status"]}, False),
        (
            {"verbs": ["patch"], "apiGroups": ["binnacle.dev"], "resources": ["slos/status"], "resourceNames": ["x"]},
            False,
        ),
        ({"verbs": None, "apiGroups": None, "resources": None}, False),
        ({"verbs": 1, "apiGroups": {}, "resources": [[]]}, False),
    ],
)
def test_which_rules_give_a_right(rule: Object, gives: bool) -> None:
    assert RIGHT.is_in([rule]) is gives


async def test_a_refusal_is_a_reason_to_look_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rights_module, "PERIOD_LACKING", 0.01)
    client, told = Answering(), Told()
    running = asyncio.create_task(told.looking(client, (RIGHT,)).run())
    try:
        await eventually_async(lambda: len(client.asked) == 2, what="the first look")
        told.refused.set()
        await eventually_async(lambda: len(client.asked) == 4, what="a look after a refusal")
    finally:
        running.cancel()
