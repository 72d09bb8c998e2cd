"""Rights taken away while the operator runs: told by name within seconds, and made up for once they are back."""

import time
import uuid
from collections.abc import Iterator

import pytest

from cluster.objects import foreign_rule
from cluster.operator_world import Cut, World, Worlds, condition, rights_without, rule_path, slo, slo_path
from servers.http import fetch
from servers.operator import NAMESPACE
from servers.pace import paced
from servers.waiting import eventually

TOLD = 5.0
"""Seconds from the need for a right to the words that it is missing."""
UNNEEDED = 40.0
"""Seconds from a right's end to the words that it is missing, where nothing needs it: it is looked for each half minute."""


@pytest.fixture(scope="module")
def limited(worlds: Worlds, line: Cut) -> Iterator[World]:
    with worlds("operator", server=line.url) as made:
        yield made


@pytest.fixture
def place(limited: World) -> str:
    return limited.namespace(f"test-{uuid.uuid4().hex[:8]}")


def told(limited: World, place: str, name: str, verb: str, what: str) -> None:
    """Wait until the condition names the verb and what it is missing for."""
    began = time.monotonic()
    stalled = limited.stalled(place, name, "PermissionDenied", limit=paced(TOLD))
    message = condition(stalled, "Stalled")["message"]
    print(f"{verb}: told after {time.monotonic() - began:.2f} s: {message}")
    assert f"to {verb} {what}" in message


def refused(limited: World, place: str, name: str, verb: str) -> None:
    """Wait until the condition names the verb and the resource."""
    where = "in all namespaces" if verb in ("list", "watch") else f"binnacle-slo-{name} in namespace {place}"
    told(limited, place, name, verb, f"prometheusrules of monitoring.coreos.com {where}")


def lacks(limited: World, resource: str, verb: str, group: str, *, within: float = TOLD) -> None:
    """Wait until the metric says so."""
    series = f'missing_rights{{group="{group}",resource="{resource}",verb="{verb}"}}'
    eventually(lambda: limited.operator.metrics()[series] == 1.0, limit=paced(within), what=series)


def lacks_nothing(limited: World) -> None:
    def none() -> bool:
        metrics = limited.operator.metrics()
        return not any(value for series, value in metrics.items() if series.startswith("missing_rights{"))

    eventually(none, what="no right missing")
    assert fetch(f"{limited.operator.url}/readyz").body == b"ok\n"


def event(limited: World, namespace: str, name: str, words: str) -> None:
    """Wait for an Event about an object."""
    path = f"/apis/events.k8s.io/v1/namespaces/{namespace}/events"

    def told() -> list[str]:
        items = (limited.api.get(path) or {})["items"]
        return [one for one in items if one["regarding"]["name"] == name and words in one["note"]]

    eventually(told, what=f"an Event about {name}")


def made_up(limited: World, place: str, name: str) -> None:
    began = time.monotonic()
    limited.ready(place, name)
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
        eventually(lambda: words in limited.operator.log, limit=paced(TOLD), what="the log")
        lacks(limited, "prometheusrules", "delete", "monitoring.coreos.com")
        event(limited, place, "one", words)
    limited.api.gone(rule_path(place, "one"))
    lacks_nothing(limited)


def test_patch_of_status(limited: World, place: str) -> None:
    with rights_without(limited.plane, "slos/status", "patch"):
        limited.apply(slo(place, "one"))
        limited.api.wait(rule_path(place, "one"), lambda obj: obj is not None)
        words = f"no permission to patch slos/status of binnacle.dev one in namespace {place}"
        eventually(lambda: words in limited.operator.log, limit=paced(TOLD), what="the log")
        failures = limited.operator.metrics()['rest_client_requests_total{code="403",method="PATCH"}']
        assert failures >= 1
        lacks(limited, "slos/status", "patch", "binnacle.dev")
        event(limited, place, "one", words)
    made_up(limited, place, "one")
    lacks_nothing(limited)


def test_a_right_that_nothing_needs_yet(limited: World, place: str) -> None:
    limited.made(place, "one")
    with rights_without(limited.plane, "prometheusrules", "delete"):
        lacks(limited, "prometheusrules", "delete", "monitoring.coreos.com", within=UNNEEDED)
        ready = fetch(f"{limited.operator.url}/readyz")
        assert ready.status == 200, "it does all that it may"
        assert (
            "no permission to delete prometheusrules of monitoring.coreos.com in all namespaces" in ready.body.decode()
        )
        assert condition(limited.api.get(slo_path(place, "one")), "Ready")["status"] == "True", "who needs it says so"
        event(limited, NAMESPACE, "binnacle-default", "no permission to")
    lacks_nothing(limited)


def test_get_of_rules(limited: World, place: str) -> None:
    """Whose a name is that is taken cannot be told without looking, and nothing is written then."""
    theirs = foreign_rule(place, "two")
    with rights_without(limited.plane, "prometheusrules", "get"):
        limited.made(place, "one")
        limited.apply(theirs, slo(place, "two"))
        refused(limited, place, "two", "get")
        assert (limited.api.get(rule_path(place, "two")) or {})["spec"] == theirs["spec"]
    limited.stalled(place, "two", "NameTaken")


@pytest.mark.parametrize("verb", ["list", "watch"])
def test_list_and_watch_of_rules(limited: World, line: Cut, place: str, verb: str) -> None:
    """A stream that is open goes on; a watch is needed when it ends, a list at the start."""
    limited.made(place, "one")
    with rights_without(limited.plane, "prometheusrules", verb):
        if verb == "list":
            limited.restart()
            limited.leading()
        else:
            line.cut()
        refused(limited, place, "one", verb)
        limited.apply(slo(place, "two"))
        refused(limited, place, "two", verb)
        assert limited.api.get(rule_path(place, "two")) is None, "what is there already is not known"
    made_up(limited, place, "one")
    made_up(limited, place, "two")
    limited.watching()
    # The watch is really back: a change by hand is seen.
    limited.plane.kubectl("delete", "prometheusrule", "binnacle-slo-one", "-n", place)
    limited.api.wait(rule_path(place, "one"), lambda obj: obj is not None)


def test_list_of_resources(limited: World, place: str) -> None:
    """Nobody can be told but the administrator. Rules whose owner is not known are not taken for orphans."""
    limited.made(place, "kept")
    limited.made(place, "lost")
    before = limited.api.get(rule_path(place, "kept"))
    mark = limited.mark()
    with rights_without(limited.plane, "slos", "list"):
        limited.restart()
        limited.leading()
        words = "no permission to list slos of binnacle.dev in all namespaces"
        eventually(lambda: words in limited.operator.log, limit=paced(TOLD), what="the log")
        limited.plane.kubectl("delete", "slo", "lost", "-n", place)
        assert limited.writes(mark, quiet=2, namespace=place) == []
        assert limited.api.get(rule_path(place, "kept")) == before
    limited.watching()
    limited.made(place, "new")
    limited.api.gone(rule_path(place, "lost"))
    assert limited.api.get(rule_path(place, "kept")) == before


def test_a_watch_of_resources_that_is_refused_makes_no_ghosts(limited: World, line: Cut, place: str) -> None:
    """The operator does not hear that a resource goes. The server collects its rules, and they stay collected."""
    limited.made(place, "ghost")
    with rights_without(limited.plane, "slos", "watch"):
        line.cut()
        words = "no permission to watch slos of binnacle.dev in all namespaces"
        eventually(lambda: words in limited.operator.log, limit=paced(TOLD), what="the log")
        mark = limited.mark()
        limited.plane.kubectl("delete", "slo", "ghost", "-n", place)
        limited.api.gone(rule_path(place, "ghost"))
        assert [one for one in limited.writes(mark, quiet=2, namespace=place) if one.subresource != "status"] == []
        assert limited.api.get(slo_path(place, "ghost")) is None
    limited.watching()
    limited.made(place, "ghost")
    assert limited.api.get(rule_path(place, "ghost")) is not None
