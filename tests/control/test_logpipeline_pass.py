"""One poisoned log pipeline among a hundred good ones: everybody's bytes stay, its own are those of its last good version."""

from __future__ import annotations

import copy
from datetime import date
from typing import Any

import pytest

from binnacle.api.config import Config
from binnacle.control.onepass import Earlier, Pass, run
from binnacle.control.toolchain import shipped
from compile.logpipelines import plain_pipeline

TOOLS = shipped(Config.from_data({"prometheus": {"output": "configMap"}}))
GOOD = [
    plain_pipeline(f"p{number}", f"team-{number % 7}", stages=[{"name": "s", "parse": {"format": "json"}}])
    for number in range(100)
]
MAIL = {"name": "t", "input": ["a@b.de"], "output": [{"message": "a@b.de"}]}
ROUTE = {"route": {"when": [{"field": "a", "exists": True}], "outputs": ["loki"]}}


def passed(bodies: list[dict[str, Any]], earlier: Pass | None = None, *, files: bool = False) -> Pass:
    before = Earlier()
    if earlier is not None:
        before = Earlier(
            objects=[one.body for one in earlier.objects], files={one.path: one.text for one in earlier.files}
        )
    return run(TOOLS, bodies, date(2026, 1, 1), files=files, earlier=before)


def texts(outcome: Pass) -> dict[str, Any]:
    return {one.path: one.text for one in outcome.files} | {one.ref.name: one.body["data"] for one in outcome.objects}


@pytest.fixture(scope="module", params=[False, True], ids=["objects", "files"])
def before(request: pytest.FixtureRequest) -> tuple[Pass, bool]:
    outcome = passed(GOOD, files=request.param)
    assert all(one.valid for one in outcome.desired.values())
    return outcome, request.param


@pytest.mark.parametrize(
    "spec",
    [
        {"stages": [{"name": "s", "multiline": {"start": "("}}]},
        {"stages": [{"name": "a", **ROUTE}, {"name": "s", "parse": {"format": "json"}}]},
        {"outputs": [{"name": "x", "loki": {"tenant": "other"}}]},
        {"tests": [MAIL]},
        {"unknown": 1},
    ],
    ids=["stage", "order", "output", "test", "model"],
)
def test_nobody_notices_a_poisoned_one(before: tuple[Pass, bool], spec: dict[str, Any]) -> None:
    earlier, files = before
    bodies = copy.deepcopy(GOOD)
    bodies[42]["spec"] |= spec
    after = passed(bodies, earlier, files=files)
    (key,) = [key for key, one in after.desired.items() if not one.valid]
    assert (key.namespace, key.name) == ("team-0", "p42")
    assert texts(after) == texts(earlier)
