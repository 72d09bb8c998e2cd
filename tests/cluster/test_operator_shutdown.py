"""An operator that is told to stop while all its work waits for answers: it ends in the time that a pod has, and safely."""

from __future__ import annotations

import os
import signal
import time
import uuid
from collections.abc import Iterator

import pytest
import yaml
from aiohttp import web

from cluster.operator_world import World, Worlds, slo
from servers import faults, sufferings
from servers.faults import Asked, Exchange, Faulty, Suffering
from servers.operator import REPOSITORY
from servers.pace import paced
from servers.waiting import eventually

WORKERS = 16
"""Reconciles at the same time."""


@pytest.fixture(scope="module")
def world(worlds: Worlds, proxy: Faulty) -> Iterator[World]:
    with worlds("operator", server=proxy.url) as made:
        made.namespace(f"test-{uuid.uuid4().hex[:8]}")
        yield made


def pod_has() -> float:
    """The seconds that a pod has from SIGTERM to SIGKILL."""
    objects = yaml.safe_load_all((REPOSITORY / "manifests" / "operator.yaml").read_text())
    (pod,) = (one["spec"]["template"]["spec"] for one in objects if one["kind"] == "Deployment")
    return float(pod["terminationGracePeriodSeconds"])


@pytest.mark.parametrize("then", [sufferings.half_open, faults.passed], ids=["gone", "there"])
def test_it_ends_in_time_with_every_worker_waiting_for_an_answer_and_leaves_the_lease_alone(
    world: World, proxy: Faulty, then: Suffering
) -> None:
    last = False
    holders: set[str] = set()
    """Whom the Lease was to name, as far as anybody asked for it: what gets no answer never comes to the API server."""

    def suffers(asked: Asked) -> bool:
        return last or asked.verb == "patch" or asked.resource == "leases"

    async def suffering(exchange: Exchange) -> web.StreamResponse:
        if exchange.asked.resource == "leases" and exchange.asked.verb == "update":
            holders.add((await exchange.request.json())["spec"].get("holderIdentity") or "")
        if exchange.asked.verb == "patch":
            return await sufferings.half_open(exchange)
        return await (then if last else faults.passed)(exchange)

    if not world.operator.process.running:
        world.operator.start()
    world.leading()
    leader = world.holder()
    assert leader
    with proxy.suffering(suffers, suffering):
        world.watching()  # the streams have begun anew
        world.apply(*(slo(world.place, f"{uuid.uuid4()}") for _ in range(2 * WORKERS)))
        eventually(lambda: proxy.hits["patch"] >= WORKERS, what="a write of every worker")
        last = True
        os.kill(world.operator.process.pid, signal.SIGTERM)
        began = time.monotonic()
        eventually(lambda: not world.operator.process.running, what="the end of the operator")
        took = time.monotonic() - began
        print(f"ended after {took:.1f} s")
        assert took <= paced(pod_has() - 10), world.operator.process.tail()
        # The API server may still be doing what it was asked for: no other replica may write before that is over.
        assert holders == {leader}
        assert world.holder() == leader
