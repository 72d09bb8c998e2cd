"""What the loop counts of itself."""

import math
import random

import pytest
import yaml
from prometheus_client import CollectorRegistry

from binnacle.control.cache import Cache
from binnacle.control.metrics import RESULTS, Metrics, WebhookMetrics
from binnacle.control.queue import WorkQueue
from binnacle.errors import TransientError
from control.memory_world import MemoryCluster, Running, thing
from control.test_queue import ManualClock
from servers.fixtures import REPOSITORY


def test_work_that_hangs_is_seen_while_it_hangs() -> None:
    registry, clock = CollectorRegistry(), ManualClock()
    queue: WorkQueue[str] = WorkQueue(clock, random.Random(1), Metrics(registry).queue("q"))
    labels = {"name": "q", "controller": "q"}

    def shown(name: str) -> float | None:
        return registry.get_sample_value(f"workqueue_{name}", labels)

    assert shown("longest_running_processor_seconds") == shown("unfinished_work_seconds") == 0
    for key in "ab":
        queue.add(key)
        queue.pop()
        clock.at += 10
    assert (shown("longest_running_processor_seconds"), shown("unfinished_work_seconds")) == (20, 30)
    queue.done("a")
    assert (shown("longest_running_processor_seconds"), shown("unfinished_work_seconds")) == (10, 10)


@pytest.mark.parametrize("message", ["", 'a "quoted" one', '"reason":"Forged","status":"True","type":"Stalled"'])
def test_stalled_resources_are_counted_by_the_reason_of_their_status(message: str) -> None:
    cache = Cache()

    def condition(kind: str, status: str, reason: str) -> dict[str, str]:
        return {"type": kind, "status": status, "reason": reason, "message": message}

    for number, said in enumerate(("Stalled", "Stalled", "Live")):
        body = thing(f"r{number}", text="x")
        body["status"] = {
            "conditions": [condition("Ready", "False", "Stalled"), condition(said, "True", "NameTaken")],
            "message": message,
        }
        cache.put_resource({**body, "metadata": {**body["metadata"], "uid": str(number), "resourceVersion": "1"}})
    assert cache.stalled() == {("SLO", "NameTaken"): 2}


async def test_work_that_fails_is_an_error_and_all_ends_are_shown_from_the_start() -> None:
    cluster = MemoryCluster()
    async with Running(cluster) as run:
        registry = run.controller.metrics.registry

        def ended(result: str) -> float | None:
            return registry.get_sample_value(
                "controller_runtime_reconcile_total", {"controller": "SLO", "result": result}
            )

        assert [ended(result) for result in RESULTS] == [0, 0, 0, 0]
        cluster.fail["apply"] = [TransientError("away")]
        cluster.put(thing("a", text="hello"))
        cluster.put(thing("b", text="hello"))
        await run.settle()
        assert (ended("success"), ended("error")) == (1, 1)
        errors = registry.get_sample_value("controller_runtime_reconcile_errors_total", {"controller": "SLO"})
        assert errors == 1


def test_the_metrics_of_the_webhook_are_there_where_it_is_off() -> None:
    """What the operator's own MetricSet declares of it, which else would say of itself that metrics are missing."""
    registry = CollectorRegistry()
    WebhookMetrics(registry).begin("/validate", ["SLO"])
    series = [sample for family in registry.collect() for sample in family.samples]
    declared = yaml.safe_load((REPOSITORY / "manifests/monitoring/metricset.yaml").read_text())["spec"]["metrics"]
    names = {
        f"{one['name']}_bucket" if one["type"] == "histogram" else one["name"]
        for one in declared
        if "webhook" in one["name"] or one["name"].startswith("certwatcher")
    }
    assert len(names) == 7
    assert names <= {one.name for one in series}
    # No alert takes nothing for something: what is not known compares with no number.
    (ends,) = (one.value for one in series if one.name == "webhook_certificate_not_after_seconds")
    assert math.isnan(ends)
    assert {one.value for one in series if one.name.endswith("_total")} == {0.0}
