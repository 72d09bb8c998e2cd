"""Events: few, bounded, and never in the way."""

import asyncio

from binnacle.cluster.client import Client
from binnacle.cluster.recorder import EventRecorder
from binnacle.control.ports import Clock
from binnacle.errors import TransientError
from binnacle.intent.refs import Key
from cluster.objects import slo
from servers.cluster import Cluster
from servers.waiting import eventually_async


class FakeClient:
    """Counts; refuses when told to."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.refuses = False

    async def request(self, method: str, call: object, *, body: bytes) -> dict:
        if self.refuses:
            raise TransientError("no")
        self.sent.append(body)
        return {}


class StandingClock:
    def __init__(self, real: Clock) -> None:
        self.time = 0.0
        self.now = real.now

    def monotonic(self) -> float:
        return self.time


async def drain(recorder: EventRecorder) -> None:
    task = asyncio.create_task(recorder.run())
    for _ in range(2000):
        await asyncio.sleep(0)
    task.cancel()


async def test_one_event_for_an_object_and_reason_in_ten_minutes(clock: Clock) -> None:
    client, standing = FakeClient(), StandingClock(clock)
    recorder = EventRecorder(client, standing, "pod")  # type: ignore[arg-type] # the parts that are used
    key = Key("SLO", "shop", "s")
    for message in ("one", "two"):
        recorder.warn(key, "u1", "Reason", message)
    recorder.warn(key, "u1", "Other", "x")
    recorder.warn(key, "u2", "Reason", "x")
    await drain(recorder)
    assert len(client.sent) == 3
    standing.time = 599
    recorder.warn(key, "u1", "Reason", "x")
    await drain(recorder)
    assert len(client.sent) == 3
    standing.time = 600
    recorder.warn(key, "u1", "Reason", "x")
    await drain(recorder)
    assert len(client.sent) == 4


async def test_a_flood_is_dropped_and_a_refusal_ends_nothing(clock: Clock) -> None:
    client = FakeClient()
    recorder = EventRecorder(client, clock, "pod")  # type: ignore[arg-type] # the parts that are used
    for number in range(20_000):
        recorder.warn(Key("SLO", "shop", "s"), f"u{number}", "Reason", "x")
    await drain(recorder)
    assert len(client.sent) == 256
    client.refuses = True
    recorder.warn(Key("SLO", "shop", "s"), "late", "Reason", "x")
    await drain(recorder)
    client.refuses = False
    recorder.warn(Key("SLO", "shop", "s"), "later", "Reason", "x")
    await drain(recorder)
    assert len(client.sent) == 257


async def test_kubectl_shows_the_event_at_the_resource(
    cluster: Cluster, client: Client, clock: Clock, namespace: str, crds_applied: tuple[str, ...]
) -> None:
    cluster.apply(slo(namespace, "s"))
    uid = cluster.get("slo", "s", "-n", namespace)["metadata"]["uid"]
    recorder = EventRecorder(client, clock, "p" * 300)
    task = asyncio.create_task(recorder.run())
    recorder.warn(Key("SLO", namespace, "s"), uid, "NameTaken", "é" * 5000)
    await eventually_async(lambda: cluster.get("events.events.k8s.io", "-n", namespace)["items"])
    task.cancel()
    (event,) = cluster.get("events.events.k8s.io", "-n", namespace)["items"]
    assert event["type"] == "Warning"
    assert event["reason"] == "NameTaken"
    assert 1000 < len(event["note"].encode()) <= 1024
    assert event["regarding"]["uid"] == uid
    assert "NameTaken" in cluster.kubectl("describe", "slo", "s", "-n", namespace).stdout
