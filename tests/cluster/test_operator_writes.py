"""What the operator writes, counted at the API server's audit log: what changed and one status, and at rest nothing."""

import uuid
from collections.abc import Iterator

import pytest

from cluster.operator_world import World, Worlds, config_map_path, slo, slo_path
from servers.audit import WriteRecord
from servers.operator import USER
from servers.waiting import eventually


@pytest.fixture(scope="module", params=["operator", "configMap"])
def busy(request: pytest.FixtureRequest, worlds: Worlds) -> Iterator[World]:
    """An operator that resyncs every second, for each place where rules can go."""
    with worlds(request.param, arguments=("--resync-period", "1s")) as made:
        yield made


@pytest.fixture
def place(busy: World) -> str:
    """A namespace of the test's own."""
    return busy.namespace(f"test-{uuid.uuid4().hex[:8]}")


def summary(records: list[WriteRecord]) -> list[tuple[str, str]]:
    return [(record.verb, "/".join(filter(None, (record.resource, record.subresource)))) for record in records]


def child_write(busy: World) -> tuple[str, str]:
    return ("patch", "prometheusrules" if busy.output == "operator" else "configmaps")


STATUS = ("patch", "slos/status")


def test_a_new_resource_costs_its_child_and_one_status(busy: World, place: str) -> None:
    mark = busy.mark()
    busy.made(place, "new")
    assert summary(busy.writes(mark, quiet=2)) == [child_write(busy), STATUS]


def test_an_edit_costs_what_changed_and_one_status(busy: World, place: str) -> None:
    busy.made(place, "edited")
    before = busy.rules(place, "edited")
    mark = busy.mark()
    busy.made(place, "edited", objective="99.5%")
    assert summary(busy.writes(mark, quiet=2)) == [child_write(busy), STATUS]
    assert busy.rules(place, "edited") != before


def test_an_edit_that_changes_no_rule_costs_one_status(busy: World, place: str) -> None:
    busy.made(place, "same", window={"rolling": "30d"})
    before = busy.rules(place, "same")
    mark = busy.mark()
    busy.made(place, "same", window={"rolling": "720h"})
    assert summary(busy.writes(mark, quiet=2)) == [STATUS]
    assert busy.rules(place, "same") == before


def test_labels_and_annotations_on_the_resource_cost_nothing(busy: World, place: str) -> None:
    busy.made(place, "tracked")
    mark = busy.mark()
    busy.plane.kubectl("annotate", "slo", "tracked", "-n", place, "argocd.argoproj.io/tracking-id=shop:SLO:tracked")
    busy.plane.kubectl("label", "slo", "tracked", "-n", place, "team=shop")
    assert busy.writes(mark) == []


def test_a_bad_edit_costs_one_status_and_its_repair_one_more(busy: World, place: str) -> None:
    busy.made(place, "broken")
    before = busy.rules(place, "broken")
    mark = busy.mark()
    broken = {"ratio": {"errors": "http_requests_total{", "total": "http_requests_total"}}
    busy.apply(slo(place, "broken", indicator=broken))
    busy.stalled(place, "broken", "PromQLSyntax")
    assert summary(busy.writes(mark)) == [STATUS]
    busy.made(place, "broken")
    assert summary(busy.writes(mark)) == [STATUS, STATUS]
    assert busy.rules(place, "broken") == before


def test_three_resyncs_a_relist_and_a_restart_cost_nothing(busy: World, place: str) -> None:
    busy.apply(*(slo(place, f"quiet-{number}") for number in range(3)))
    for number in range(3):
        busy.ready(place, f"quiet-{number}")
    busy.writes(busy.mark())

    mark = busy.mark()
    eventually_resynced(busy, 3)
    assert busy.writes(mark) == [], "three resyncs"

    busy.plane.restart_apiserver()
    busy.recovered()
    eventually_resynced(busy, 1)
    assert busy.writes(mark) == [], "a relist"

    busy.restart()
    busy.leading()
    eventually_resynced(busy, 1)
    assert busy.writes(mark, quiet=2) == [], "a restart"

    # It is not quiet because it is deaf.
    busy.made(place, "quiet-0", objective="99%")
    assert summary(busy.writes(mark)) == [child_write(busy), STATUS]


def eventually_resynced(busy: World, times: int) -> None:
    """Wait until the operator has listed everything so many times more."""
    before = busy.operator.metrics()['resyncs_total{result="success"}']
    eventually(lambda: busy.operator.metrics()['resyncs_total{result="success"}'] >= before + times, what="a resync")


def test_many_resources_at_once_share_the_writes_of_their_aggregate(busy: World, place: str) -> None:
    if busy.output != "configMap":
        expected = [child_write(busy), STATUS] * 20
    mark = busy.mark()
    names = [f"many-{number}" for number in range(20)]
    busy.apply(*(slo(place, name) for name in names))
    for name in names:
        busy.ready(place, name)
    writes = busy.writes(mark, quiet=2)
    statuses = [record for record in writes if record.subresource == "status"]
    assert sorted(record.name for record in statuses) == sorted(names)
    children = [record for record in writes if record.subresource != "status"]
    if busy.output == "operator":
        assert sorted(summary(writes)) == sorted(expected)
        return
    assert {record.name for record in children} == {"binnacle-default-rules"}
    applied = min(one.at for one in busy.counter.since(mark) if (one.resource, one.namespace) == ("slos", place))
    seconds = (children[-1].at - applied).total_seconds()
    print(f"20 new resources: {len(children)} writes of the aggregate in {seconds:.2f} s")
    # Each is sent a second after a share has changed, and arrives some time later: how much later is the machine's affair.
    assert len(children) <= seconds / 0.99
    assert len(busy.api.get(config_map_path("binnacle-default-rules"))["data"]) >= 20


def test_nothing_is_put_on_the_objects_of_users(busy: World, place: str) -> None:
    busy.made(place, "mine")
    live = busy.made(place, "mine", objective="99.5%")
    metadata = live["metadata"]
    assert metadata.keys() <= {
        "creationTimestamp",
        "generation",
        "managedFields",
        "name",
        "namespace",
        "resourceVersion",
        "uid",
    }
    managers = {(entry["manager"], entry.get("subresource", "")) for entry in metadata["managedFields"]}
    assert managers == {("kubectl", ""), ("binnacle-status", "status")}
    assert busy.api.get(slo_path(place, "mine"))["metadata"].get("finalizers") is None
    writes = [record for record in busy.counter.since(0) if record.user == USER and record.resource == "slos"]
    assert {record.subresource for record in writes} == {"status"}
