"""Rules as files and objects: names, labels, round trips, shards, and strings that want to break out."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from binnacle.api.config import Config
from binnacle.errors import SpecError
from binnacle.intent.refs import Key
from binnacle.intent.rules import Alert, Pairs, Recording, RuleGroup, RuleSet, pairs
from binnacle.promql import build as q
from binnacle.targets import rulefile
from binnacle.targets.base import AggregateKey, Output, Owner, Share
from binnacle.targets.prometheus_rules import PrometheusRules
from binnacle.targets.registry import TARGETS
from binnacle.targets.sharding import place
from binnacle.targets.yamltext import scalar
from targets.assembling import assemble

TARGET = PrometheusRules()
OWNER = Owner(Key("SLO", "shop", "avail"), "uid-1")
AGGREGATE = AggregateKey("rules", "monitoring")


def config(output: str, **prometheus: Any) -> Config:
    return Config.from_data({"prometheus": {"output": output, **prometheus}})


MAPS = config("configMap")

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
HOSTILE = st.one_of(
    TEXT,
    st.text("'\"\\:#-[]{}>|&*!%@`,? \n\r\t\x00\x85\u2028\ufeff\U0001f600ayno~0", max_size=20),
    st.sampled_from(["yes", "NO", "null", "~", "1", "0x1f", "1e3", "2026-01-01", "12:30:45", "<<", "=", "- a", "? a"]),
)


@given(HOSTILE)
def test_any_string_survives_as_a_yaml_scalar(text: str) -> None:
    line = scalar(text)
    assert "\n" not in line
    assert yaml.load(f"a: {line}\n", yaml.CSafeLoader) == {"a": text}
    assert yaml.safe_load(f"{scalar(text)}: 1\n" if text else "'': 1") == {text: 1}


def labels() -> st.SearchStrategy[Pairs]:
    return st.dictionaries(st.from_regex(r"[a-z]{1,5}", fullmatch=True), HOSTILE, max_size=3).map(pairs)


RULES = st.one_of(
    st.builds(
        Recording, st.sampled_from(["a:b", "c"]), HOSTILE.map(lambda text: q.sel("x", q.eq("l", text))), labels()
    ),
    st.builds(
        Alert,
        HOSTILE.filter(bool),
        HOSTILE.map(lambda text: q.sel("x", q.eq("l", text))),
        st.sampled_from([0, 60_000, 90_000]),
        st.sampled_from([0, 300_000]),
        labels(),
        labels(),
    ),
)
SETS = st.builds(
    lambda groups: RuleSet(tuple(groups)),
    st.lists(
        st.builds(
            RuleGroup,
            st.sampled_from(["short", "long"]),
            st.lists(RULES, min_size=1, max_size=3).map(tuple),
            st.sampled_from([None, 240_000]),
            st.booleans(),
        ),
        min_size=1,
        max_size=3,
    ),
)


@given(SETS)
def test_a_rule_file_says_what_a_prometheus_rule_says(rules: RuleSet) -> None:
    (share,) = TARGET.render((rules,), OWNER, MAPS)
    (output,) = TARGET.render((rules,), OWNER, config("operator"))
    assert isinstance(share, Share)
    assert isinstance(output, Output)
    assert yaml.load(share.fragment, yaml.CSafeLoader) == output.body["spec"]
    assert share.marks == output.marks
    assert json.loads(json.dumps(output.body)) == output.body


def rule_set(threshold: float = 1) -> RuleSet:
    alert = Alert("A", q.gt(q.sel("up"), q.num(threshold)), labels=pairs({"severity": "info"}))
    meta = RuleGroup("meta", (Recording("r", q.call("vector", q.num(1))),), stamped=True)
    return RuleSet((RuleGroup("short", (alert,)), RuleGroup("long", (Recording("s", q.sel("up")),), 240_000), meta))


def test_groups_carry_the_identity_and_one_the_version() -> None:
    (one,) = TARGET.render((rule_set(1),), OWNER, MAPS)
    (other,) = TARGET.render((rule_set(2),), OWNER, MAPS)
    assert one.marks[:2] == other.marks[:2] == ("slo.shop.avail.short", "slo.shop.avail.long")
    assert one.marks[2].startswith("slo.shop.avail.meta.")
    assert one.marks[2] != other.marks[2]
    assert one == TARGET.render((rule_set(1),), OWNER, MAPS)[0]


def test_a_prometheus_rule_is_owned_labelled_and_stamped() -> None:
    ours = config("operator", ruleLabels={"release": "stack"})
    (output,) = TARGET.render((rule_set(),), OWNER, ours)
    assert isinstance(output, Output)
    metadata = output.body["metadata"]
    assert (metadata["name"], metadata["namespace"]) == ("binnacle-slo-avail", "shop")
    assert metadata["labels"] == {
        "app.kubernetes.io/managed-by": "binnacle",
        "binnacle.dev/instance": "default",
        "binnacle.dev/kind": "SLO",
        "binnacle.dev/namespace": "shop",
        "binnacle.dev/name": "avail",
        "release": "stack",
    }
    assert metadata["ownerReferences"][0]["uid"] == "uid-1"
    assert metadata["annotations"]["binnacle.dev/hash"]
    assert output.owner == OWNER.key
    assert TARGET.metadata_keys(ours) == (frozenset({"release"}), frozenset())


def test_nothing_to_say_is_no_object() -> None:
    assert TARGET.render((), OWNER, MAPS) == ()
    assert TARGET.files((), OWNER, MAPS) == ()


def test_a_file_is_named_after_its_resource() -> None:
    (file,) = TARGET.files((rule_set(),), OWNER, MAPS)
    assert file.path == "prometheus/rules/slo.shop.avail.yaml"


def test_every_target_has_its_own_name() -> None:
    assert len({target.name for target in TARGETS}) == len(TARGETS)


KEYS = st.builds(
    Key,
    st.sampled_from(["SLO", "AlertPolicy"]),
    st.sampled_from(["a", "a-b", "b"]),
    st.from_regex(r"[a-z]([a-z0-9-]{0,3}[a-z0-9])?", fullmatch=True),
)
SHARES = st.dictionaries(KEYS, st.one_of(HOSTILE, st.integers(0, 880_000).map(lambda size: "x" * size)), max_size=5)


@given(SHARES)
@settings(max_examples=40)
def test_what_is_assembled_comes_apart_again(shares: dict[Key, str]) -> None:
    outputs, placed = assemble(TARGET, AGGREGATE, shares, {}, MAPS)
    again: dict[Key, str] = {}
    for output in outputs:
        body = json.loads(json.dumps(output.body))
        assert sum(len(text.encode()) for text in body["data"].values()) <= 900_000
        shard = TARGET.shard_of(body, MAPS)
        assert output.ref == TARGET.shard_ref(AGGREGATE, shard, MAPS)
        found = TARGET.split(body)
        assert all(placed[key] == shard for key in found)
        again |= found
    assert again == shares


@given(SHARES, SHARES)
@settings(max_examples=40)
def test_shares_stay_where_they_are(before: dict[Key, str], after: dict[Key, str]) -> None:
    _, placed = assemble(TARGET, AGGREGATE, before, {}, MAPS)
    same = {**before, **{key: text for key, text in after.items() if key not in before}}
    _, again = assemble(TARGET, AGGREGATE, same, placed, MAPS)
    assert all(again[key] == placed[key] for key in before)


@given(
    st.dictionaries(st.integers(0, 30), st.integers(1, 10), max_size=20),
    st.dictionaries(st.integers(0, 30), st.integers(0, 4)),
)
def test_no_shard_is_fuller_than_allowed(sizes: dict[int, int], placed: dict[int, int]) -> None:
    result = place(sizes, placed, 10)
    assert result.keys() == sizes.keys()
    for shard in set(result.values()):
        assert sum(sizes[key] for key, where in result.items() if where == shard) <= 10


def test_an_empty_aggregate_keeps_its_first_object() -> None:
    (output,), placed = assemble(TARGET, AGGREGATE, {}, {}, MAPS)
    assert output.ref.name == "binnacle-default-rules"
    assert output.body["data"] == {}
    assert placed == {}


def test_foreign_keys_are_left_out() -> None:
    assert TARGET.split({"data": {"mine.yaml": "x", "slo.a.b.txt": "x", "pod.a.b.yaml": "x"}}) == {}
    assert TARGET.split({}) == {}


@pytest.mark.parametrize("output", ["configMap", "operator"])
def test_what_fits_no_object_is_refused(output: str) -> None:
    alert = Alert("A", q.sel("up"), annotations=pairs({f"a{number}": "x" * 10_000 for number in range(100)}))
    with pytest.raises(SpecError) as refused:
        TARGET.render((RuleSet((RuleGroup("short", (alert,)),)),), OWNER, config(output))
    assert refused.value.reason == "OutputTooLarge"


def test_promtool_reads_hostile_strings(promtool: Callable[..., Any], tmp_path: Path) -> None:
    nasty = 'it\'s "quoted" \\ \n\t: # - {a: b} \u2028 \U0001f600 %'
    alert = Alert(
        "A", q.sel("up", q.eq("l", nasty)), 60_000, labels=pairs({"l": nasty}), annotations=pairs({"n": nasty})
    )
    groups = rulefile.groups_of([RuleSet((RuleGroup("short", (alert,), 90_000),))], OWNER.key)
    (tmp_path / "rules.yaml").write_text(rulefile.text_of(groups, OWNER.key), encoding="utf-8")
    test = {
        "rule_files": ["rules.yaml"],
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": f"up{{l={json.dumps(nasty, ensure_ascii=False)}}}", "values": "1x5"}],
                "alert_rule_test": [
                    {
                        "eval_time": "4m",
                        "alertname": "A",
                        "exp_alerts": [{"exp_labels": {"l": nasty}, "exp_annotations": {"n": nasty}}],
                    }
                ],
            }
        ],
    }
    (tmp_path / "test.yaml").write_text(yaml.safe_dump(test, allow_unicode=True), encoding="utf-8")
    promtool("test", "rules", "test.yaml", cwd=tmp_path)
