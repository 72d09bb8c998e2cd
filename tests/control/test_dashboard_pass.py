"""Dashboards beside each other: one that is wrong changes nothing of the others, and of two with one title one is there."""

from __future__ import annotations

import random
from datetime import date
from typing import Any

import pytest

from binnacle.api.config import Config
from binnacle.api.reasons import Reason
from binnacle.control.onepass import Pass, run
from binnacle.control.toolchain import shipped
from compile.dashboards import good_dashboard, key_of, panel, plain_dashboard, row

TODAY = date(2026, 1, 1)
TOOLS = shipped(Config.from_data({"prometheus": {"output": "configMap"}}))
WRONG = [{"name": "a", "promql": "sum("}]

POISONED = {
    "no PromQL": plain_dashboard("poison", rows=[row(panel(queries=WRONG))]),
    "a folder of others": plain_dashboard("poison", folder="other"),
    "too large": plain_dashboard(
        "poison",
        rows=[
            row(
                *(
                    panel(
                        f"p{number}",
                        queries=[{"name": f"q{one}", "promql": f'x{{a="{"y" * 4000}"}}'} for one in range(8)],
                    )
                    for number in range(30)
                )
            )
        ],
    ),
    "no dashboard": {**plain_dashboard("poison"), "spec": {"title": 7}},
    "a panel of its own": plain_dashboard("poison", rows=[row(panel("bad", queries=WRONG), panel("good"))]),
    "a title of another": plain_dashboard("zz-poison", title="Checkout d5"),
}


def hundred() -> list[dict[str, Any]]:
    return [plain_dashboard(f"d{number}") for number in range(100)]


def passed(bodies: list[dict[str, Any]], *, files: bool = False) -> Pass:
    return run(TOOLS, bodies, TODAY, files=files)


def bytes_by_owner(outcome: Pass) -> dict[object, object]:
    written: dict[object, object] = {one.owner: one.text for one in outcome.files}
    return written | {(one.ref, one.owner): one.body for one in outcome.objects}


@pytest.mark.parametrize("what", POISONED)
@pytest.mark.parametrize("files", [False, True])
def test_one_poisoned_dashboard_among_a_hundred_changes_no_byte_of_the_others(what: str, files: bool) -> None:
    poison = POISONED[what]
    alone = bytes_by_owner(passed(hundred(), files=files))
    outcome = passed([*hundred()[:50], poison, *hundred()[50:]], files=files)
    among = bytes_by_owner(outcome)
    assert {key: value for key, value in among.items() if key in alone} == alone
    own = len(among) - len(alone)
    wants = outcome.desired[key_of(poison)]
    assert wants.quarantined or (files and what == "too large")
    assert own == wants.valid


def test_of_two_with_one_title_the_first_by_name_is_there_in_any_order() -> None:
    bodies = [plain_dashboard(name, title="Same") for name in ("b", "c", "a")] + [
        plain_dashboard("d", title="Same", folder="shop x"),
        {**plain_dashboard("a", title="Same"), "metadata": {"name": "a", "namespace": "other"}},
    ]
    first = passed(bodies)
    for seed in range(6):
        random.Random(seed).shuffle(bodies)
        assert passed(bodies).objects == first.objects
    assert {str(one.owner) for one in first.objects} == {"Dashboard/shop/a", "Dashboard/shop/d", "Dashboard/other/a"}
    for name in ("b", "c"):
        wants = first.desired[key_of(plain_dashboard(name))]
        assert [one.reason for one in wants.findings] == [Reason.DUPLICATE_TITLE]
        assert wants.withdrawn
    assert not first.left, "nothing of them is to stay from before"


def test_a_suspended_dashboard_is_left_as_it_is() -> None:
    bodies = [plain_dashboard("a", title="Same"), plain_dashboard("b", title="Same", suspend=True)]
    outcome = passed(bodies)
    assert outcome.left == {key_of(bodies[1]): Reason.COMPILE_FAILED}


def test_status_tells_the_size_for_objects_and_files_alike() -> None:
    body = good_dashboard()
    for files in (False, True):
        wants = passed([body], files=files).desired[key_of(body)]
        assert wants.facts is not None
        assert wants.facts["size"] > 1000
        assert wants.marks == ()
