"""An operator beside a Prometheus in trouble: `Live` tells, Ready stays, memory is bounded, and no other work is slower.

The proxy of the API server's faults stands in front of a real Prometheus. While a fault lasts a resource is made, one is edited, one is
deleted, the file that all share is deleted by hand, and, in a test of its own, the operator starts. By default two of the faults are
met, those that cost the operator most; with `BINNACLE_FULL` each is.
"""

from __future__ import annotations

import math
import os
import re
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from binnacle.targets import conventions
from cluster.operator_signs import Signs
from cluster.operator_world import AGGREGATE, MONITORING, Object, World, condition, config_map_path, ready, world
from compile.policies import policy_body
from servers import sufferings
from servers.controlplane import ControlPlane
from servers.faults import Faulty, Suffering
from servers.pace import paced
from servers.prometheus import Prometheus, PrometheusLine
from servers.waiting import eventually
from stack import reloader

FULL = bool(os.environ.get("BINNACLE_FULL"))
GROWTH = 64
"""MiB by which the operator's memory may grow while it reads what should not be."""
PROMPT = 2.5
"""Seconds within which each reconcile must end: half of what makes a status say that work is under way."""
ANSWER = 9.0
"""Seconds that a reconcile takes on no machine, unless it waits for the backend: that gives up after ten."""


@dataclass(frozen=True)
class Fault:
    """One row: what becomes of every request, and what `Live` then says of it (a pattern); None where it is no news."""

    how: Suffering
    said: str | None


FAULTS = {
    "down": Fault(sufferings.cut, "ended the connection without a proper answer"),
    "half open": Fault(sufferings.half_open, "did not finish its answer within 10 s"),
    "slow": Fault(sufferings.slow(30.0), "did not finish its answer within 10 s"),
    "5xx": Fault(sufferings.answered(503, "ServiceUnavailable", "not now"), "answered 503"),
    "5xx in bursts": Fault(sufferings.bursts(500, 502, 503, 504), None),
    "429": Fault(sufferings.answered(429, "TooMany", "later", **{"Retry-After": "3600"}), "answered 429"),
    "garbage": Fault(sufferings.garbage, "not an answer of the Prometheus API"),
    "torn": Fault(sufferings.torn, "broke off in the middle of its answer"),
    "truncated": Fault(sufferings.halved, "not an answer of the Prometheus API"),
    "endless": Fault(sufferings.endless, "answered with more than|did not finish its answer"),
}
COSTLY = ("half open", "endless")


def policy(namespace: str, name: str, below: str = "0.5") -> Object:
    rule = {
        "name": "Down",
        "threshold": {"gauge": "up", "groupBy": ["job"]},
        "levels": [{"name": "page", "severity": "critical", "below": below}],
        "summary": "{{ $labels.job }} is down",
        "runbook": {"url": "https://runbooks.example/down"},
    }
    return policy_body(name, namespace, interval="1s", rules=[rule])


def policy_path(namespace: str, name: str) -> str:
    return f"/apis/{conventions.API_VERSION}/namespaces/{namespace}/alertpolicies/{name}"


@dataclass
class Watched:
    """An operator, the Prometheus that it asks, and the proxy between the two."""

    w: World
    prometheus: Prometheus
    proxy: Faulty
    place: str

    def load(self) -> None:
        reloader.reload(reloader.mounted(self.w.plane), self.prometheus)

    def live(self, name: str, reason: str) -> Object:
        path = policy_path(self.place, name)
        return self.w.api.wait(path, lambda obj: condition(obj, "Live").get("reason") == reason)

    def memory(self, what: str) -> int:
        """MiB: `VmRSS` now, `VmHWM` at the most since `forget_peak`."""
        text = Path(f"/proc/{self.w.operator.process.pid}/status").read_text()
        return int(re.findall(rf"^{what}:\s+(\d+) kB$", text, re.MULTILINE)[0]) // 1024

    def forget_peak(self) -> None:
        Path(f"/proc/{self.w.operator.process.pid}/clear_refs").write_text("5")


@pytest.fixture(scope="module")
def watched(
    control_plane: ControlPlane, crds_applied: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Watched]:
    control_plane.ensure_running()
    directory = tmp_path_factory.mktemp("watched")
    with Prometheus(PrometheusLine.find("3.x"), directory / "prometheus") as prometheus:
        itself = {"job_name": "itself", "static_configs": [{"targets": [prometheus.url.removeprefix("http://")]}]}
        prometheus.configure(scrape_configs=[itself])
        prometheus.reload()
        with Faulty(prometheus.url) as proxy:
            config = {"prometheus": {"url": proxy.url, "output": "configMap"}, "reloadPeriod": "2s"}
            with world(control_plane, directory / "operator", "configMap", config=config) as made:
                yield Watched(made, prometheus, proxy, made.namespace(f"test-{uuid.uuid4().hex[:8]}"))


def rows() -> list[str]:
    return list(FAULTS) if FULL else list(COSTLY)


def work_goes_on(watched: Watched, gone: str) -> None:
    """Edit, create and delete a policy, and delete the file that all share; each is done before the next begins."""
    w, place = watched.w, watched.place
    before = shared(w)
    w.apply(policy(place, "one", below="0.25"))
    w.api.wait(policy_path(place, "one"), ready)
    assert shared(w) != before
    w.apply(policy(place, "new"))
    w.api.wait(policy_path(place, "new"), ready)
    w.plane.kubectl("delete", "alertpolicy", gone, "-n", place)
    path = config_map_path(AGGREGATE)
    names = {f"alertpolicy.{place}.{name}.yaml" for name in ("one", "bystander", "new")}
    held = w.api.wait(path, lambda obj: obj is not None and obj["data"].keys() == names)["data"]
    w.plane.kubectl("delete", "configmap", AGGREGATE, "-n", MONITORING)
    w.api.wait(path, lambda obj: obj is not None and obj["data"] == held)


@pytest.mark.parametrize("fault", rows())
def test_row(watched: Watched, fault: str) -> None:
    w, place, row = watched.w, watched.place, FAULTS[fault]
    gone = f"gone-{fault.replace(' ', '-')}"
    w.plane.kubectl("delete", "alertpolicy", "--all", "-n", place)
    w.apply(*(policy(place, name) for name in ("one", "bystander", gone)))
    for name in ("one", "bystander", gone):
        w.api.wait(policy_path(place, name), ready)
    watched.load()
    for name in ("one", "bystander", gone):
        w.api.wait(policy_path(place, name), settled)
    before = w.operator.metrics()
    watched.forget_peak()
    memory, mark = watched.memory("VmRSS"), w.mark()
    with watched.proxy.suffering(lambda _asked: True, row.how):
        work_goes_on(watched, gone)
        # Behind the proxy it goes on: what it has of the rules is no news when it can be asked again.
        watched.load()
        if row.said is None:
            eventually(lambda: sum(watched.proxy.hits.values()) >= 12, what="some looks")
        else:
            for name in ("one", "bystander", "new"):
                told = watched.live(name, "BackendUnreachable")
                assert re.search(row.said, condition(told, "Live")["message"])
                assert condition(told, "Live")["status"] == "Unknown"
                assert ready(told)
            assert w.operator.metrics()['backend_resources{backend="prometheus",liveness="unreachable"}'] == 3
        signs = Signs(before, w.operator.metrics(), "", "", ())
        prompt = min(max(PROMPT, math.floor(paced(PROMPT))), ANSWER)
        assert signs.slower("controller_runtime_reconcile_time_seconds", str(float(prompt))) == 0
        assert signs.grown("controller_runtime_reconcile_errors_total") == 0
        grown = watched.memory("VmHWM") - memory
        print(f"{fault}: {grown} MiB")
        assert grown <= GROWTH
    for name in ("one", "bystander", "new"):
        w.api.wait(policy_path(place, name), settled)
    done = Counter((one.resource, one.name, one.subresource) for one in w.writes(mark) if one.ok)
    # For the edit, the new one, the one that goes, and what was deleted by hand.
    assert done.pop(("configmaps", AGGREGATE, "")) == 4
    # Its own news, on a slow machine that the file is waited for, that the backend does not answer any more, and that it does again.
    assert done.pop(("alertpolicies", "one", "status")) <= 4
    assert done.pop(("alertpolicies", "new", "status")) <= 4
    assert done.pop(("alertpolicies", "bystander", "status"), 0) == (0 if row.said is None else 2)
    # The one that goes may hear of the backend before it does.
    assert done.pop(("alertpolicies", gone, "status"), 0) <= (0 if row.said is None else 1)
    assert not done


@pytest.mark.parametrize("fault", rows())
def test_start(watched: Watched, fault: str) -> None:
    """An operator that starts meanwhile works as ever: it knows of the backend what status says, and learns that it is away."""
    w, place, row = watched.w, watched.place, FAULTS[fault]
    w.apply(policy(place, "one"), policy(place, "bystander"))
    for name in ("one", "bystander"):
        w.api.wait(policy_path(place, name), ready)
    watched.load()
    for name in ("one", "bystander"):
        w.api.wait(policy_path(place, name), settled)
    mark = w.mark()
    with watched.proxy.suffering(lambda _asked: True, row.how):
        w.restart()
        w.leading()
        w.apply(policy(place, "one", below="0.125"))
        w.api.wait(policy_path(place, "one"), ready)
        watched.load()
        if row.said is not None:
            for name in ("one", "bystander"):
                assert ready(watched.live(name, "BackendUnreachable"))
    for name in ("one", "bystander"):
        w.api.wait(policy_path(place, name), settled)
    done = Counter((one.resource, one.name, one.subresource) for one in w.writes(mark, namespace=place) if one.ok)
    assert done.pop(("alertpolicies", "one", "status")) <= 3
    assert done.pop(("alertpolicies", "bystander", "status"), 0) <= 2
    assert not {name for _, name, _ in done} & {"one", "bystander"}


def settled(obj: Object | None) -> bool:
    """Whether all that there is to know is known, and good."""
    return ready(obj) and all(condition(obj, kind).get("status") == "True" for kind in ("Live", "DataPresent"))


def shared(w: World) -> Any:
    return (w.api.get(config_map_path(AGGREGATE)) or {})["data"]
