"""Several processes that compile one set of resources: all of it comes, whoever ends before its time."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from binnacle.api.config import Config
from binnacle.control.onepass import Keep, run
from binnacle.control.toolchain import shipped
from binnacle.folder import crew
from binnacle.folder.crew import together
from compile.building import RATIO

KEYS = tuple(range(500))


def make_slo_body(name: str, **spec: Any) -> dict[str, Any]:
    base = {"service": name, "objective": "99.9%", "window": {"rolling": "30d"}, "indicator": RATIO}
    return {
        "apiVersion": "binnacle.dev/v1alpha1",
        "kind": "SLO",
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {**base, **spec},
    }


@pytest.fixture
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crew, "_cores", lambda: 2)


@pytest.mark.usefixtures("two_cores")
def test_each_key_is_made_once_and_elsewhere() -> None:
    found = list(together(KEYS, lambda key: (key * key, os.getpid())))
    assert sorted((key, made[0]) for key, made in found) == [(key, key * key) for key in KEYS]
    pids = {made[1] for _, made in found}
    assert len(pids) == 2
    assert os.getpid() not in pids


@pytest.mark.usefixtures("two_cores")
@pytest.mark.parametrize("trouble", ["killed", "raises"])
def test_what_a_copy_owes_is_made_here(trouble: str) -> None:
    here = os.getpid()

    def make(key: int) -> int:
        if key == 250 and os.getpid() != here:
            if trouble == "killed":
                os.kill(os.getpid(), signal.SIGKILL)
            raise RuntimeError
        return key * key

    assert dict(together(KEYS, make)) == {key: key * key for key in KEYS}


def test_few_are_made_here() -> None:
    assert {made for _, made in together(KEYS[:10], lambda _key: os.getpid())} == {os.getpid()}


@pytest.mark.usefixtures("two_cores")
@pytest.mark.parametrize("files", [False, True])
@pytest.mark.parametrize("keep", [Keep.TEXTS, Keep.FINDINGS])
def test_a_crew_makes_the_same_as_one_alone(keep: Keep, files: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wrong resources, resources that know of each other, and those that claim the same name among them."""
    monkeypatch.setattr(crew, "_WORTH", 2)
    bodies: list[Mapping[str, Any]] = [make_slo_body(f"service-{number}") for number in range(8)]
    bodies[2] = make_slo_body("service-2", objective="100%")
    bodies[3] = make_slo_body("service-3", dependsOn=[{"name": "service-1", "inhibit": True}])
    bodies[4] = make_slo_body("service-4", suspend=True)
    bodies[5] = make_slo_body("service-5", dependsOn=[{"name": "nobody"}])
    bodies += [
        {
            "apiVersion": "binnacle.dev/v1alpha1",
            "kind": "Dashboard",
            "metadata": {"name": name, "namespace": "shop"},
            "spec": {
                "title": "The same",
                "rows": [
                    {
                        "name": "all",
                        "panels": [{"name": "up", "type": "stat", "queries": [{"name": "a", "promql": "up"}]}],
                    }
                ],
            },
        }
        for name in ("one", "other")
    ]
    tools = shipped(Config.from_data({"prometheus": {"output": "operator"}}))
    today = date(2026, 1, 1)
    alone = run(tools, bodies, today, files=files, keep=keep)
    made = run(tools, bodies, today, files=files, keep=keep, crew=together)
    # All but the world, which each pass has of its own.
    assert replace(made, world=alone.world) == alone
    whole = run(tools, bodies, today, files=files)
    assert alone.left == whole.left
    assert {key: wants.findings for key, wants in alone.desired.items()} == {
        key: wants.findings for key, wants in whole.desired.items()
    }
    assert any(wants.findings for wants in alone.desired.values())
    if keep is Keep.TEXTS:
        assert [file.path for file in alone.files] == (
            [file.path for file in whole.files]
            if files
            else [f"{one.ref.kind.lower()}.{one.ref.namespace}.{one.ref.name}.yaml" for one in whole.objects]
        )
