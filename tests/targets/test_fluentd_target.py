"""The aggregate of log pipelines: put together and taken apart, shards, one that is poisoned, and the files of a folder."""

from dataclasses import dataclass
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from binnacle.check.fluentd.grammar import parse
from binnacle.check.fluentd.lint import lint
from binnacle.compile.world import Compiled
from binnacle.control.desired import Toolchain
from binnacle.control.onepass import Earlier, Pass, run
from binnacle.errors import SpecError
from binnacle.intent.pipeline import Enrich, Loki, Pipeline, Stdout
from binnacle.intent.refs import Key
from binnacle.targets.base import AggregateKey, Owner
from binnacle.targets.fluentd.pipelines import entry, written
from binnacle.targets.fluentd.target import Fluentd
from targets.assembling import assemble
from targets.pipelines import KEY, config, everywhere, pipelines, plain

TARGET = Fluentd()
CONFIG = config()
AGGREGATE = AggregateKey("fluentd", "monitoring")
TODAY = date(2026, 1, 1)
ENTRY = "fluentd/binnacle.conf"


@settings(max_examples=15, deadline=None)
@given(st.lists(pipelines(), min_size=1, max_size=3), st.booleans())
def test_what_is_assembled_comes_apart_again(made: list[Pipeline], as_files: bool) -> None:
    keys = [Key("LogPipeline", namespace, "app") for namespace in ("shop", "shop-a", "a")][: len(made)]
    shares = {}
    for key, pipeline in zip(keys, made, strict=True):
        (share,) = TARGET.render((pipeline,), Owner(key), CONFIG)
        assert share == TARGET.files((pipeline,), Owner(key), CONFIG)[0]
        assert share.facts == {"configHash": written(key, pipeline, CONFIG).version}
        assert share.marks[0] in share.fragment
        shares[key] = share.fragment
    if as_files:
        files = TARGET.assemble_files(AGGREGATE, shares, CONFIG)
        again = {one.owner: one.fragment for file in files for one in TARGET.split_file(file.path, file.text, CONFIG)}
    else:
        outputs, placed = assemble(TARGET, AGGREGATE, shares, {}, CONFIG)
        assert set(placed) == set(shares)
        again = {key: text for output in outputs for key, text in TARGET.split(output.body).items()}
    assert again == shares


def test_an_entry_includes_the_pipelines_of_all_shards() -> None:
    large = plain(Enrich("e", ((("x",), "y" * 100_000),)))
    keys = [Key("LogPipeline", "shop", f"p{number}") for number in range(20)]
    shares = {key: TARGET.render((large,), Owner(key), CONFIG)[0].fragment for key in keys}
    outputs, placed = assemble(TARGET, AGGREGATE, shares, {}, CONFIG)
    assert [output.ref.name for output in outputs] == [f"binnacle-default-fluentd{shard}" for shard in ("", "-1", "-2")]
    assert all(sum(map(len, output.body["data"].values())) <= 900_000 for output in outputs)
    rest = keys[1:]
    fewer, again = assemble(TARGET, AGGREGATE, {key: shares[key] for key in rest}, placed, CONFIG)
    assert all(again[key] == placed[key] for key in rest)
    # All ConfigMaps are mounted into one folder.
    folder = {name: text for output in fewer for name, text in output.body["data"].items()}
    parsed = parse(folder["binnacle.conf"], files=folder, name="binnacle.conf")
    assert sorted(parsed.included) == sorted(name for name in folder if name != "binnacle.conf")
    trusted = entry(CONFIG, "x").trusted.union(*(written(key, large, CONFIG).trusted for key in rest))
    assert lint(parsed, trusted=trusted) == ()


def test_an_empty_aggregate_still_loads_and_has_a_quarantine() -> None:
    (output,), placed = assemble(TARGET, AGGREGATE, {}, {}, CONFIG)
    assert placed == {}
    text = output.body["data"]["binnacle.conf"]
    parsed = parse(text, files={"binnacle.conf": text})
    assert [label.argument for label in parsed.root.all("label")] == ["@ERROR", "@FLUENT_LOG"]
    assert len(text) < TARGET.keys.reserved
    assert TARGET.split(output.body) == {}


def test_files_of_others_are_left_alone() -> None:
    for path in (
        ENTRY,
        "fluentd/other.conf",
        "x/logpipeline.shop.a.conf",
        "fluentd/slo.shop.a.yaml",
        "fluentd/logpipeline.a.conf",
    ):
        assert TARGET.split_file(path, "x", CONFIG) == ()


def test_a_pipeline_that_fits_no_object_is_refused() -> None:
    with pytest.raises(SpecError) as refused:
        TARGET.render((plain(Enrich("e", ((("x",), "y" * 900_000),))),), Owner(KEY), CONFIG)
    assert refused.value.reason == "OutputTooLarge"


# One that is poisoned among a hundred: a kind as small as it can be, whose pipelines stand in a table.


@dataclass(frozen=True)
class Spec:
    suspend: bool = False
    mode: Any = None


@dataclass(frozen=True)
class Model:
    name: str
    spec: Spec = Spec()


def passed(made: dict[str, Pipeline], earlier: Earlier | None = None, *, files: bool = False) -> Pass:
    tools = Toolchain(
        parse=lambda body: (Model(body["metadata"]["name"]), []),
        compilers={"LogPipeline": lambda model, world: Compiled((made[model.name],), ())},
        targets=(TARGET,),
        config=CONFIG,
    )
    bodies = [{"kind": "LogPipeline", "metadata": {"name": name, "namespace": "shop"}} for name in made]
    return run(tools, bodies, TODAY, files=files, earlier=earlier)


POISON = {
    "a name that leads elsewhere": plain(outputs=(Stdout("../x"),)),
    "too large": plain(Enrich("e", ((("x",), "y" * 900_000),))),
    "an index that is a template": plain(outputs=(Loki("loki", "http://loki", tenant="${tag}"),)),
    "a label that is none": plain(outputs=(Loki("loki", "http://loki", (("@type", "exec"),)),)),
}


def parts(outcome: Pass) -> dict[str, str]:
    return {name: text for one in outcome.objects for name, text in one.body["data"].items()} | {
        one.path.removeprefix("fluentd/"): one.text for one in outcome.files
    }


@pytest.mark.parametrize("files", [False, True])
@pytest.mark.parametrize("what", POISON)
def test_one_poisoned_pipeline_among_a_hundred_changes_no_byte_of_the_others(what: str, files: bool) -> None:
    good = {f"p{number:03d}": plain(Enrich("e", ((("x",), f"x{number}"),))) for number in range(100)}
    good["p049"] = everywhere("x")
    before = passed({**good, "p050-poison": plain()}, files=files)
    earlier = Earlier(objects=[one.body for one in before.objects], files={one.path: one.text for one in before.files})
    after = passed({**good, "p050-poison": POISON[what]}, earlier, files=files)
    (finding,) = after.desired[Key("LogPipeline", "shop", "p050-poison")].findings
    assert finding.severity == "error"
    assert parts(after) == parts(before)
    assert "logpipeline.shop.p050-poison.conf" in parts(after)
    without = parts(passed(good, files=files))
    assert {name: text for name, text in parts(after).items() if "poison" not in name} == without
