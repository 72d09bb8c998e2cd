"""Rights taken away while the operator runs: told by name within seconds, and made up for once they are back."""

import time
import uuid
from collections.abc import Iterator

import pytest

from cluster.operator_world import World, condition, rights_without, rule_path, slo, slo_path, world
from servers.controlplane import ControlPlane
from servers.waiting import eventually

pytestmark = pytest.mark.xdist_group("operator-permissions")

TOLD = 5.0
"""Seconds from the need for a right to the words that it is missing."""
MADE_UP = 30.0
"""Seconds from the right's return to the end of the work: the back-off of a few failures."""


@pytest.fixture(scope="module")
def limited(
    control_plane: ControlPlane, crds_applied: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    with world(control_plane, tmp_path_factory.mktemp("operator"), "operator") as made:
        yield made


@pytest.fixture
def place(limited: World) -> str:
    return limited.namespace(f"test-{uuid.uuid4().hex[:8]}")


def refused(limited: World, place: str, name: str, verb: str) -> None:
    """Wait until the condition names the verb and the resource."""
    began = time.monotonic()
    told = limited.stalled(place, name, "PermissionDenied", limit=TOLD)
    message = condition(told, "Stalled")["message"]
    print(f"{verb}: told after {time.monotonic() - began:.2f} s: {message}")
    where = "in all namespaces" if verb in ("list", "watch") else f"binnacle-slo-{name} in namespace {place}"
    assert f"to {verb} prometheusrules of monitoring.coreos.com {where}" in message


def made_up(limited: World, place: str, name: str) -> None:
    began = time.monotonic()
    limited.ready(place, name, limit=MADE_UP)
    print(f"made up for after {time.monotonic() - began:.2f} s")


def test_patch_of_rules(limited: World, place: str) -> None:
    limited.made(place, "one")
    before = limited.rules(place, "one")
    with rights_without(limited.plane, "prometheusrules", "patch"):
        limited.apply(slo(place, "one", objective="99%"))
        refused(limited, place, "one", "patch")
        assert limited.rules(place, "one") == before
    made_up(limited, place, "one")
    assert limited.rules(place, "one") != before


def test_create_of_rules(limited: World, place: str) -> None:
    with rights_without(limited.plane, "prometheusrules", "create"):
        limited.apply(slo(place, "one"))
        refused(limited, place, "one", "create")
    made_up(limited, place, "one")


def test_delete_of_rules(limited: World, place: str) -> None:
    limited.made(place, "one")
    # Nobody but us collects a child without its owner reference.
    limited.operator.stop()
    patch = '[{"op": "remove", "path": "/metadata/ownerReferences"}]'
    limited.plane.kubectl("patch", "prometheusrule", "binnacle-slo-one", "-n", place, "--type=json", "-p", patch)
    limited.plane.kubectl("delete", "slo", "one", "-n", place)
    with rights_without(limited.plane, "prometheusrules", "delete"):
        limited.operator.start()
        limited.leading()
        words = (
            f"no permission to delete prometheusrules of monitoring.coreos.com binnacle-slo-one in namespace {place}"
        )
        eventually(lambda: words in limited.operator.log, limit=TOLD, what="the log")
    limited.api.gone(rule_path(place, "one"), limit=MADE_UP)


def test_patch_of_status(limited: World, place: str) -> None:
    with rights_without(limited.plane, "slos/status", "patch"):
        limited.apply(slo(place, "one"))
        limited.api.wait(rule_path(place, "one"), lambda obj: obj is not None)
        words = f"no permission to patch slos/status of binnacle.dev one in namespace {place}"
        eventually(lambda: words in limited.operator.log, limit=TOLD, what="the log")
        failures = limited.operator.metrics()['rest_client_requests_total{code="403",method="PATCH"}']
        assert failures >= 1
    made_up(limited, place, "one")


def test_get_of_rules(limited: World, place: str) -> None:
    """Without looking first nothing is written: what is not known may be somebody else's."""
    with rights_without(limited.plane, "prometheusrules", "get"):
        limited.apply(slo(place, "one"))
        refused(limited, place, "one", "get")
        assert limited.api.get(rule_path(place, "one")) is None
    made_up(limited, place, "one")


@pytest.mark.parametrize("verb", ["list", "watch"])
def test_list_and_watch_of_rules(limited: World, place: str, verb: str) -> None:
    """A stream that is open goes on; the need comes when it ends, here with a restart of the API server."""
    limited.made(place, "one")
    with rights_without(limited.plane, "prometheusrules", verb):
        limited.plane.restart_apiserver()
        began = time.monotonic()
        limited.stalled(place, "one", "PermissionDenied", limit=TOLD + 10)
        refused(limited, place, "one", verb)
        print(f"{verb}: from the API server's return {time.monotonic() - began:.2f} s")
        limited.apply(slo(place, "two"))
        refused(limited, place, "two", verb)
    made_up(limited, place, "one")
    made_up(limited, place, "two")
    limited.watching()
    # The watch is really back: a change by hand is seen.
    limited.plane.kubectl("delete", "prometheusrule", "binnacle-slo-one", "-n", place)
    limited.api.wait(rule_path(place, "one"), lambda obj: obj is not None, limit=5)


def test_list_of_resources(limited: World, place: str) -> None:
    """Then there is nobody to tell but the administrator: the log and /healthz name it, and rules stay as they are."""
    limited.made(place, "one")
    mark = limited.mark()
    with rights_without(limited.plane, "slos", "list"):
        limited.plane.restart_apiserver()
        words = "no permission to list slos of binnacle.dev in all namespaces"
        eventually(lambda: words in limited.operator.log, limit=TOLD + 10, what="the log")
        limited.plane.kubectl("delete", "slo", "one", "-n", place)
        assert [one for one in limited.writes(mark) if one.subresource != "status"] == []
    limited.watching()
    limited.made(place, "two")
    assert limited.api.get(slo_path(place, "one")) is None
    limited.api.gone(rule_path(place, "one"), limit=MADE_UP)
