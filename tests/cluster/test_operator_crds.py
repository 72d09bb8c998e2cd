"""Resource definitions that change under a running operator: a newer release's, another's, and one that goes and comes back."""

import contextlib
import itertools
import json
import uuid
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from cluster.operator_world import Object, World, Worlds, condition, ours, rule_path, slo, slo_path
from servers.fixtures import REPOSITORY, STAND_INS
from servers.http import fetch
from servers.waiting import eventually

OWN = "slos.binnacle.dev"
THEIRS = "prometheusrules.monitoring.coreos.com"


@pytest.fixture(scope="module")
def running(worlds: Worlds) -> Iterator[World]:
    with worlds("operator") as made:
        yield made


@pytest.fixture
def place(running: World) -> str:
    running.watching()
    name = running.namespace(f"test-{uuid.uuid4().hex[:8]}")
    for one in ("one", "two"):
        running.made(name, one)
    return name


@pytest.fixture
def newer(running: World) -> Iterator[None]:
    """The SLOs of a later release, with a field that this operator does not know; the server stores it already."""
    change(running, OWN, "add", "spec/properties/future", {"type": "string", "maxLength": 8})
    named = f"probe-{uuid.uuid4().hex[:8]}"
    probe = slo("default", named, future="x", suspend=True)

    def stored() -> bool:
        running.apply(probe)
        return "future" in (running.api.get(slo_path("default", named)) or {"spec": {}})["spec"]

    try:
        eventually(stored, every=0.5, what="the new field being stored")
        running.plane.kubectl("delete", "slo", named, "-n", "default")
        yield
    finally:
        running.plane.install_crds(REPOSITORY / "crds")


def change(w: World, name: str, operation: str, field: str, value: Any) -> None:
    """Change a member of the schema of a definition's first version."""
    path = f"/spec/versions/0/schema/openAPIV3Schema/properties/{field}"
    patch = [{"op": operation, "path": path, "value": value}]
    w.plane.kubectl("patch", "crd", name, "--type=json", "-p", json.dumps(patch))


def rules(w: World, place: str) -> list[Object]:
    return [ours(one) for one in (w.api.get(rule_path(place)) or {})["items"]]


def test_a_later_release_of_our_own_kind(running: World, place: str, newer: None) -> None:
    w = running
    w.watching()
    before, mark = rules(w, place), w.mark()
    # Who uses the new field is told that this operator does not know it, and keeps what is applied.
    # The API server prunes the field until it has taken the new schema in, on its way in and on its way out to watches,
    # for each of its handlers at another moment; so it is written until it is told of, each time as something new.
    numbers = itertools.count()

    def told() -> Object | None:
        w.apply(slo(place, "one", future=f"x{next(numbers)}"))
        with contextlib.suppress(AssertionError):
            return w.stalled(place, "one", "UnknownField", limit=5)
        return None

    stalled = eventually(told, what="a word of the new field")
    assert "spec.future" in json.dumps(stalled["status"]["findings"])
    # Everybody else goes on as ever.
    w.made(place, "two", objective="99%")
    after = rules(w, place)
    assert after[0] == before[0]
    assert after[1] != before[1]
    w.apply(slo(place, "one"))
    w.ready(place, "one")
    written = Counter((one.name, one.subresource) for one in w.writes(mark, namespace=place))
    # For each time that the field was written a status, and one for each of the few times of asking what it is, where the watch
    # left the field out and the answer to our own write did not; and one at the end.
    assert 2 <= written.pop(("one", "status")) <= 5 * next(numbers)
    assert written == {("binnacle-slo-two", ""): 1, ("two", "status"): 1}


def test_a_definition_that_changes_writes_nothing_and_hides_nothing(running: World, place: str) -> None:
    w = running
    mark, lists = w.mark(), w.operator.metrics()
    for name, field in ((OWN, "spec/description"), (THEIRS, "spec/description")):
        change(w, name, "add", field, f"Changed {uuid.uuid4().hex}.")
    # The server ends the watches of a kind that it serves anew, within a minute at the latest.
    w.plane.kubectl("delete", "prometheusrule", "binnacle-slo-one", "-n", place)
    w.api.wait(rule_path(place, "one"), lambda obj: obj is not None)
    w.made(place, "two", objective="99%")
    w.watching()
    written = [(one.name, one.subresource) for one in w.writes(mark, namespace=place)]
    assert sorted(written) == [("binnacle-slo-one", ""), ("binnacle-slo-two", ""), ("two", "status")]
    assert w.operator.metrics().keys() >= lists.keys()


def test_a_kind_that_goes_and_comes_back(running: World, place: str) -> None:
    w = running
    before = rules(w, place)
    w.plane.remove_crds(THEIRS)
    eventually(lambda: "prometheusrules in all namespaces: absent" in health(w), what="a word of it")
    w.apply(slo(place, "one", objective="99%"))
    told = w.api.wait(slo_path(place, "one"), refused)
    assert "does not know prometheusrules" in condition(told, "Ready")["message"]
    assert w.operator.process.running
    w.plane.install_crds(*sorted(STAND_INS.glob("monitoring.coreos.com_prometheusrules*.yaml")))
    w.ready(place, "one")
    w.api.wait(rule_path(place, "two"), lambda obj: obj is not None)
    after = rules(w, place)
    assert [one["labels"] for one in after] == [one["labels"] for one in before]
    assert after[1] == before[1]


def health(w: World) -> str:
    return fetch(f"{w.operator.url}/healthz").body.decode()


def refused(obj: Object | None) -> bool:
    """Whether the resource says, of the spec that is there, that what it wants is not taken."""
    if obj is None or obj.get("status", {}).get("observedGeneration") != obj["metadata"]["generation"]:
        return False
    return condition(obj, "Ready").get("reason") == "ApplyRefused"
