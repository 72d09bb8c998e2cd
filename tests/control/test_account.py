"""Why a key is as it is, and the log of what was done: what people see who debug."""

import asyncio
import logging

import pytest

from binnacle.control.ports import Liveness, Observed
from binnacle.errors import TransientError
from binnacle.intent.refs import Key
from binnacle.targets.base import AggregateKey
from control.memory_world import MemoryCluster, Running, ScriptedObserver, thing

A = Key("SLO", "shop", "a")


@pytest.fixture
def cluster() -> MemoryCluster:
    return MemoryCluster()


def lines(caplog: pytest.LogCaptureFixture, message: str) -> list[dict[str, str]]:
    return [vars(record) for record in caplog.records if record.getMessage() == message]


async def test_work_that_did_something_is_one_line_and_a_look_is_none(
    cluster: MemoryCluster, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "binnacle")
    async with Running(cluster) as run:
        cluster.put(thing("a", text="hello"))
        await run.settle()
        (line,) = lines(caplog, "reconciled")
        assert line["key"] == "SLO/shop/a"
        assert line["wrote"] == "apply ConfigMap shop/binnacle-slo-a, status Applied"
        caplog.clear()
        run.controller._enqueue_everything()
        await run.settle()
        assert caplog.records == []
        cluster.remove(next(ref for ref in cluster.objects if ref.name == "a"))
        await run.settle()
        (line,) = lines(caplog, "reconciled")
        assert line["wrote"] == "delete ConfigMap shop/binnacle-slo-a"
        assert run.controller.journal.of(A) is None


async def test_a_failure_is_one_line_with_what_was_done_before_it_and_when_it_is_tried_again(
    cluster: MemoryCluster, caplog: pytest.LogCaptureFixture
) -> None:
    cluster.fail["status"] = [TransientError("the server is busy", retry_after=30)]
    async with Running(cluster) as run:
        cluster.put(thing("a", text="hello"))
        await run.settle()
        (line,) = lines(caplog, "reconcile failed")
        assert line["error"] == "the server is busy"
        assert line["wrote"] == "apply ConfigMap shop/binnacle-slo-a"
        assert line["retry"] == "30.0s"
        text = run.controller.account(A)
        assert "failed 1 times in a row" in text
        assert "error: the server is busy" in text
        assert "due in 29." in text or "due in 30." in text


async def test_an_account_says_what_is_there_what_was_read_and_where_the_key_is(cluster: MemoryCluster) -> None:
    async with Running(cluster) as run:
        cluster.put(thing("a", text="x", reads="b", note="secret words"))
        cluster.put(thing("b", share="part"))
        await run.settle()
        text = run.controller.account(A)
        assert "queue: nothing to do" in text
        assert "generation 1" in text
        assert "Ready=True Applied" in text
        assert "reads:\n    SLO/shop/b" in text
        assert "ConfigMap shop/binnacle-slo-a: uid" in text
        assert "secret words" not in text
        other = run.controller.account(Key("SLO", "shop", "b"))
        assert "read by:\n    SLO/shop/a" in other
        assert "share of things@monitoring: written" in other
        assert "aggregate: 1 shares, assembled" in run.controller.account(AggregateKey("things", "monitoring"))
        assert "not in the cache" in run.controller.account(Key("SLO", "shop", "nobody"))


async def test_a_long_account_is_cut(cluster: MemoryCluster) -> None:
    async with Running(cluster) as run:
        cluster.put(thing("a", text="x"))
        for number in range(80):
            cluster.put(thing(f"r{number}", text="x", reads="a"))
        await run.settle()
        assert "… and 30 more" in run.controller.account(A)


async def test_compiling_and_backends_have_metrics(cluster: MemoryCluster) -> None:
    observer = ScriptedObserver()
    observer.answers[A] = Observed(Liveness.MISSING, "not there")
    async with Running(cluster, observer=observer) as run:
        cluster.put(thing("a", text="x"))
        await run.settle()
        registry = run.controller.metrics.registry
        async with asyncio.timeout(5):
            while registry.get_sample_value("backend_resources", {"backend": "prometheus", "liveness": "missing"}) != 1:
                await asyncio.sleep(0.01)
        assert registry.get_sample_value("backend_resources", {"backend": "prometheus", "liveness": "loaded"}) == 0
        assert (registry.get_sample_value("backend_observe_seconds_count", {"backend": "prometheus"}) or 0) >= 1
        assert (registry.get_sample_value("compile_seconds_count", {"kind": "SLO"}) or 0) >= 1
