"""A storm of edits, as fast as a real API server takes them: the right end, and no more work than there were edits."""

from __future__ import annotations

import contextlib
import http.client
import json
import queue
import threading
import time
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cluster.operator_world import Api, World, ready, slo, slo_path, world
from servers.controlplane import ControlPlane
from servers.waiting import eventually

SLOS = 50
ROUNDS = 12
WRITERS = 8


@pytest.mark.parametrize("output", ["operator", "configMap"])
def test_a_storm_of_edits_ends_right_with_bounded_work(
    control_plane: ControlPlane, crds_applied: tuple[str, ...], tmp_path: Path, output: str
) -> None:
    names = [f"storm-{number:02}" for number in range(SLOS)]
    with world(control_plane, tmp_path, output, arguments=("--resync-period", "1h")) as made:
        place = made.namespace(f"test-{uuid.uuid4().hex[:8]}")
        made.apply(*(slo(place, name) for name in names))
        settled(made, place)
        mark, before = made.mark(), reconciles(made)
        depths: list[float] = []
        over = threading.Event()
        watcher = threading.Thread(target=depth, args=(made, depths, over))
        watcher.start()
        try:
            seconds = storm(made.api, place, names)
        finally:
            over.set()
            watcher.join()
        settled(made, place)
        edits = SLOS * ROUNDS
        told = f"{edits} edits in {seconds:.1f} s, at most {max(depths):.0f} keys waiting"
        for name in names:
            assert "0.987" in json.dumps(made.rules(place, name)), f"{name} is not as it was edited last; {told}"
        writes = Counter((one.resource, one.subresource, one.name) for one in made.writes(mark, quiet=3))
        assert max(times for (_, subresource, _), times in writes.items() if subresource) <= ROUNDS, told
        assert sum(writes.values()) <= 2 * edits, told
        # An edit is one reason to look, and a part of a shared file is another one once the file is written.
        assert reconciles(made) - before <= 2 * edits + 2 * SLOS, told
        # Each SLO waits once at most, and each shared file.
        assert max(depths) <= SLOS + 5, told
        mark = made.mark()
        assert made.writes(mark, quiet=2) == [], told


def settled(made: World, place: str) -> None:
    def all_ready() -> bool:
        listed = made.api.get(slo_path(place)) or {"items": []}
        return len(listed["items"]) == SLOS and all(map(ready, listed["items"]))

    eventually(all_ready, every=0.5, what="every SLO ready")


def storm(api: Api, place: str, names: list[str]) -> float:
    """Edit every SLO again and again, the rounds one after the other; seconds that it took."""
    free: queue.SimpleQueue[http.client.HTTPSConnection] = queue.SimpleQueue()

    def edit(name: str, objective: str) -> None:
        body = json.dumps({"spec": {"objective": objective}})
        connection = free.get()
        connection.request("PATCH", slo_path(place, name), body, {"Content-Type": "application/merge-patch+json"})
        answer = connection.getresponse()
        said = answer.read()
        free.put(connection)
        assert answer.status == 200, said

    with contextlib.ExitStack() as stack:
        for _ in range(WRITERS):
            free.put(stack.enter_context(contextlib.closing(api.connection())))
        pool = stack.enter_context(ThreadPoolExecutor(WRITERS))
        started = time.monotonic()
        for turn in range(ROUNDS):
            objective = "98.7%" if turn == ROUNDS - 1 else f"99.{100 + turn}%"
            list(pool.map(edit, names, [objective] * len(names)))
        return time.monotonic() - started


def depth(made: World, depths: list[float], over: threading.Event) -> None:
    while True:
        depths.append(made.operator.metrics()['workqueue_depth{controller="binnacle",name="binnacle"}'])
        if over.wait(0.1):
            return


def reconciles(made: World) -> float:
    series = made.operator.metrics().items()
    return sum(value for name, value in series if name.startswith("controller_runtime_reconcile_total{"))
