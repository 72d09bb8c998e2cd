"""One pass: every resource by itself, aggregates with the last good share of what is left out."""

import copy
import random
from collections.abc import Mapping
from datetime import date
from typing import Any

import pytest

from api.slo_cases import good_slo, put
from binnacle.api.config import Config
from binnacle.api.reasons import Reason
from binnacle.control.desired import Toolchain
from binnacle.control.onepass import Earlier, Pass, run
from binnacle.control.toolchain import shipped
from binnacle.intent.refs import Key

TODAY = date(2026, 11, 21)
Object = dict[str, Any]


def tools(output: str) -> Toolchain:
    return shipped(Config.from_data({"prometheus": {"output": output}}))


def changed(name: str, path: str, value: object) -> Object:
    obj = copy.deepcopy(good_slo(name))
    put(path, value)(obj)
    return obj


def bad(name: str) -> Object:
    return changed(name, "spec.indicator.ratio.errors", "x{")


def shares(outcome: Pass) -> Mapping[str, str]:
    data: dict[str, str] = {}
    for one in outcome.objects:
        assert one.ref.kind == "ConfigMap"
        data |= one.body["data"]
    return data


def key(name: str) -> Key:
    return Key("SLO", "shop", name)


@pytest.mark.parametrize("output", ["operator", "configMap"])
@pytest.mark.parametrize("files", [False, True])
def test_the_order_of_resources_does_not_matter(output: str, files: bool) -> None:
    slos = [good_slo(f"slo-{number}") for number in range(12)]
    first = run(tools(output), slos, TODAY, files=files)
    random.Random(7).shuffle(slos)
    second = run(tools(output), slos, TODAY, files=files)
    assert (first.objects, first.files) == (second.objects, second.files)
    assert first.objects or first.files
    assert not (first.objects and first.files)


@pytest.mark.parametrize("output", ["operator", "configMap"])
def test_one_that_does_not_compile_changes_no_byte_of_the_others(output: str) -> None:
    good = [good_slo("a"), good_slo("c")]
    alone = run(tools(output), good, TODAY)
    among = run(tools(output), [good[0], bad("b"), good[1]], TODAY)
    assert among.objects == alone.objects
    assert list(among.desired) == [key("a"), key("b"), key("c")]
    assert among.left == {key("b"): Reason.COMPILE_FAILED}
    assert [one.reason for one in among.desired[key("b")].findings] == [Reason.PROMQL_SYNTAX]


@pytest.mark.parametrize(
    ("path", "value", "reason"), [("spec.suspend", True, Reason.SUSPENDED), ("spec.mode", "DryRun", Reason.DRY_RUN)]
)
@pytest.mark.parametrize("files", [False, True])
def test_what_the_loop_would_not_apply_is_left_out(path: str, value: object, reason: Reason, files: bool) -> None:
    outcome = run(tools("operator"), [changed("a", path, value)], TODAY, files=files)
    assert outcome.left == {key("a"): reason}
    assert (outcome.objects, outcome.files) == ((), ())
    assert outcome.desired[key("a")].valid


def test_what_is_left_out_keeps_its_share_of_an_aggregate() -> None:
    before = run(tools("configMap"), [good_slo(name) for name in "abcde"], TODAY)
    earlier = [one.body for one in before.objects]
    now = [bad("a"), changed("b", "spec.suspend", True), changed("c", "spec.objective", "99%")]
    after = run(tools("configMap"), now, TODAY, earlier=Earlier(earlier, frozenset({key("d")})))
    old, new = shares(before), shares(after)
    # Those left out and the unread one stay, the edited one follows its edit, and the one that is gone goes.
    assert {name: new.get(name) == text for name, text in old.items()} == {
        "slo.shop.a.yaml": True,
        "slo.shop.b.yaml": True,
        "slo.shop.c.yaml": False,
        "slo.shop.d.yaml": True,
        "slo.shop.e.yaml": False,
    }
    assert "slo.shop.e.yaml" not in new


def test_nobodys_share_goes_where_not_every_name_is_known() -> None:
    before = run(tools("configMap"), [good_slo(name) for name in "ab"], TODAY)
    earlier = Earlier([one.body for one in before.objects], all_wanted=True)
    assert shares(run(tools("configMap"), [], TODAY, earlier=earlier)) == shares(before)


def test_other_objects_of_an_earlier_run_are_passed_over() -> None:
    strange: list[Object] = [
        {"kind": "ConfigMap", "metadata": {"name": "x"}, "data": {"slo.shop.a.yaml": "theirs"}},
        {"kind": "ConfigMap", "metadata": {"name": "x", "labels": {"binnacle.dev/aggregate": "unknown"}}, "data": {}},
        {"kind": "ConfigMap", "metadata": {"name": "x", "labels": {"binnacle.dev/aggregate": "rules"}}, "data": None},
    ]
    assert run(tools("configMap"), [bad("a")], TODAY, earlier=Earlier(strange, all_wanted=True)).objects == ()
