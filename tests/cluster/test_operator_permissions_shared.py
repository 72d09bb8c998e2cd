"""Rights on the files that many share, taken away: told at each resource that waits for them, and made up for."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from cluster.operator_world import (
    AGGREGATE,
    MONITORING,
    Cut,
    World,
    Worlds,
    condition,
    config_map_path,
    rights_without,
    slo,
    slo_path,
)
from cluster.test_operator_permissions import made_up, told


@pytest.fixture(scope="module")
def limited(worlds: Worlds, line: Cut) -> Iterator[World]:
    with worlds("configMap", server=line.url) as made:
        yield made


@pytest.fixture
def place(limited: World) -> str:
    return limited.namespace(f"test-{uuid.uuid4().hex[:8]}")


def refused(limited: World, place: str, name: str, verb: str, what: str) -> None:
    """Wait until the condition names the verb and the file, or the kind where it is watched."""
    told(limited, place, name, verb, f"configmaps{what} in namespace {MONITORING}")


def test_patch_of_a_shared_file(limited: World, place: str) -> None:
    limited.made(place, "bystander")
    limited.made(place, "one")
    before = limited.rules(place, "one")
    with rights_without(limited.plane, "configmaps", "patch", backend=MONITORING):
        limited.apply(slo(place, "one", objective="99%"))
        refused(limited, place, "one", "patch", f" {AGGREGATE}")
        assert limited.rules(place, "one") == before
        # What is in the file is served; nothing of it waits.
        assert condition(limited.api.get(slo_path(place, "bystander")), "Ready")["status"] == "True"
    made_up(limited, place, "one")
    assert limited.rules(place, "one") != before


@pytest.mark.parametrize("verb", ["list", "watch"])
def test_list_and_watch_of_shared_files(limited: World, line: Cut, place: str, verb: str) -> None:
    limited.made(place, "one")
    with rights_without(limited.plane, "configmaps", verb, backend=MONITORING):
        if verb == "list":
            limited.restart()
            limited.leading()
        else:
            line.cut()
        refused(limited, place, "one", verb, "")
    made_up(limited, place, "one")
    limited.watching()
    limited.plane.kubectl("delete", "configmap", AGGREGATE, "-n", MONITORING)
    limited.api.wait(config_map_path(AGGREGATE), lambda obj: obj is not None)
