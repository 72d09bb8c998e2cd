"""Two replicas: one writes, the other stands by, and what is edited in between is applied once."""

import datetime as dt
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cluster.operator_world import World, Worlds, ready, slo, slo_path
from servers.http import fetch
from servers.operator import OperatorProcess
from servers.pace import paced

ORDERLY = 2.0
"""Seconds from the end of the leader to the successor's first write, after an orderly stop."""
CRASH = 20.0
"""The same after kill -9."""
TRIES = 3
"""The machine is shared with other work: the best of so many counts."""


@pytest.fixture(scope="module")
def led(worlds: Worlds) -> Iterator[World]:
    with worlds("operator") as made:
        made.namespace(f"test-{uuid.uuid4().hex[:8]}")
        yield made


@pytest.fixture
def standby(led: World, tmp_path: Path) -> Iterator[OperatorProcess]:
    with OperatorProcess(led.plane, tmp_path / "standby") as made:
        yield made


def takeover(led: World, standby: OperatorProcess, end: Callable[[OperatorProcess], None]) -> float:
    """End the leader with an edit waiting; returns the seconds from its end to the successor's first write."""
    name = f"slo-{uuid.uuid4().hex[:6]}"
    led.made(led.place, name)
    assert fetch(f"{standby.url}/readyz").status == 200, "a standby is ready"
    assert standby.metrics()['leader_election_master_status{name="binnacle-default"}'] == 0.0
    mark = led.mark()
    end(led.operator)
    ended = dt.datetime.now(dt.UTC)
    led.apply(slo(led.place, name, objective="99%"))
    led.api.wait(
        slo_path(led.place, name),
        ready,
    )
    writes = led.writes(mark, quiet=2, namespace=led.place)
    assert [(one.resource, one.subresource) for one in writes if one.name in (name, f"binnacle-slo-{name}")] == [
        ("prometheusrules", ""),
        ("slos", "status"),
    ]
    assert len(writes) == 2, writes
    return (writes[0].at - ended).total_seconds()


def test_a_standby_writes_nothing_and_takes_over_at_once_after_an_orderly_stop(
    led: World, standby: OperatorProcess
) -> None:
    took = []
    leader, waiting = led.operator, standby
    while not took or (min(took) > ORDERLY and len(took) < TRIES):
        led.operator = leader
        took.append(takeover(led, waiting, OperatorProcess.stop))
        leader.start()
        leader, waiting = waiting, leader
    led.operator = leader
    print(f"orderly: first write after {took} s")
    assert min(took) <= paced(ORDERLY)
    # The one that was there first leads again for the next test.
    leader.stop()
    led.operator = waiting
    led.leading()


def test_an_orderly_stop_gives_the_lease_back(led: World) -> None:
    assert led.holder()
    began = time.monotonic()
    led.operator.stop()
    print(f"stopped after {time.monotonic() - began:.2f} s")
    assert led.holder() == ""
    led.operator.start()
    led.leading()


def test_a_standby_takes_over_from_a_leader_that_was_killed(led: World, standby: OperatorProcess) -> None:
    took = takeover(led, standby, OperatorProcess.kill)
    print(f"killed: first write after {took:.2f} s")
    assert took <= paced(CRASH)
    led.operator.start()
    standby.stop()
    led.leading()
