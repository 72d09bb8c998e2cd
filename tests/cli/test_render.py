"""`binnacle render`: the same bytes for the same input, and nothing touched that is not ours."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from api.slo_cases import good_slo, put
from cli.running import Runner, process, write

Object = dict[str, Any]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Runner:
    return Runner(capsys, monkeypatch)


def changed(name: str, path: str, value: object) -> Object:
    obj = copy.deepcopy(good_slo(name))
    put(path, value)(obj)
    return obj


def bad(name: str) -> Object:
    return changed(name, "spec.indicator.ratio.errors", "x{")


def tree(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}


def config_map(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text("prometheus: {output: configMap}\n")
    return path


# -- printing --------------------------------------------------------------------------------------------------------


def test_objects_are_printed_as_one_stream_for_kubectl(run: Runner, tmp_path: Path) -> None:
    ended = run("render", write(tmp_path, good_slo("b"), good_slo("a")))
    assert (ended.status, ended.err) == (0, "")
    objects = list(yaml.safe_load_all(ended.out))
    assert [one["metadata"]["name"] for one in objects] == ["binnacle-slo-a", "binnacle-slo-b"]
    assert {(one["apiVersion"], one["kind"]) for one in objects} == {("monitoring.coreos.com/v1", "PrometheusRule")}
    assert ended.out.startswith("---\n# prometheusrule.shop.binnacle-slo-a.yaml\napiVersion: ")


def test_files_are_printed_with_their_paths(run: Runner, tmp_path: Path) -> None:
    ended = run("render", write(tmp_path, good_slo("a")), "--format", "files")
    assert ended.out.startswith("---\n# prometheus/rules/slo.shop.a.yaml\n# SLO shop/a, written by Binnacle")
    assert [group["name"].split(".")[3] for group in yaml.safe_load(ended.out)["groups"]][:2] == ["short", "increments"]


def test_generated_tests_are_files_for_those_who_ask(run: Runner, tmp_path: Path) -> None:
    path = write(tmp_path, good_slo("a"))
    ended = run("render", path, "--format", "files", "--tests")
    assert ended.status == 0
    paths = [line.removeprefix("# ") for line in ended.out.splitlines() if line.startswith("# prometheus/")]
    assert paths == [
        "prometheus/rules/slo.shop.a.yaml",
        "prometheus/tests/slo.shop.a.traffic.yaml",
        "prometheus/tests/slo.shop.a.windows.yaml",
    ]
    tests = list(yaml.safe_load_all(ended.out))[1:]
    assert all(one["rule_files"] == ["../rules/slo.shop.a.yaml"] for one in tests)
    assert run("render", path, "--tests").status == 2


def test_the_configuration_decides_the_form(run: Runner, tmp_path: Path) -> None:
    ended = run("render", write(tmp_path, good_slo("a")), "--context", config_map(tmp_path))
    [aggregate] = yaml.safe_load_all(ended.out)
    assert (aggregate["kind"], aggregate["metadata"]["namespace"]) == ("ConfigMap", "monitoring")
    [(name, text)] = aggregate["data"].items()
    assert name == "slo.shop.a.yaml"
    # The rule file stands in the output line by line, so that a review can read it.
    assert "\n".join(f"    {line}" for line in text.splitlines()) in ended.out


def test_what_does_not_compile_is_left_out_and_told(run: Runner, tmp_path: Path) -> None:
    path = write(tmp_path, good_slo("a"), bad("b"))
    ended = run("render", path)
    assert ended.status == 1
    assert ended.out == run("render", write(tmp_path, good_slo("a"), name="alone.yaml")).out
    assert f"{path}:" in ended.err
    assert "error[PromQLSyntax]: SLO shop/b: " in ended.err or "error[PromQLSyntax]: SLO shop/b spec" in ended.err


@pytest.mark.parametrize(("path", "value"), [("spec.suspend", True), ("spec.mode", "DryRun")])
def test_what_the_operator_would_not_apply_is_left_out_with_a_note(
    run: Runner, tmp_path: Path, path: str, value: object
) -> None:
    ended = run("render", write(tmp_path, changed("a", path, value)))
    assert (ended.status, ended.out) == (0, "")
    assert "left out" in ended.err
    assert "info[" in ended.err


def test_standard_input(run: Runner, tmp_path: Path) -> None:
    path = write(tmp_path, good_slo("a"))
    assert run("render", "-", stdin=path.read_bytes()).out == run("render", path).out
    assert run("render", "-", stdin="").status == 0


def test_nothing_to_render_is_said(run: Runner, tmp_path: Path) -> None:
    ended = run("render", tmp_path)
    assert (ended.status, ended.out) == (0, "")
    assert "no resource of binnacle.dev" in ended.err


def test_a_path_that_is_not_there(run: Runner, tmp_path: Path) -> None:
    ended = run("render", tmp_path / "none")
    assert (ended.status, ended.out) == (2, "")
    assert "no such file or folder" in ended.err


@pytest.mark.parametrize("given", ["2026-02-30", "today", "21.11.2026"])
def test_a_date_that_is_none(run: Runner, tmp_path: Path, given: str) -> None:
    ended = run("render", write(tmp_path, good_slo("a")), "--date", given)
    assert (ended.status, ended.out) == (2, "")
    assert given in ended.err


def test_a_date_is_taken(run: Runner, tmp_path: Path) -> None:
    path = write(tmp_path, good_slo("a"))
    assert run("render", path, "--date", "2030-01-01").out == run("render", path).out


# -- the same bytes --------------------------------------------------------------------------------------------------


def test_the_same_input_gives_the_same_bytes_whatever_the_hash_seed_and_the_order(tmp_path: Path) -> None:
    slos = [changed(f"slo-{n}", "spec.labels", {f"label_{i}": str(n) for i in range(9)}) for n in range(6)]
    one = write(tmp_path / "one", *slos)
    files = [write(tmp_path / "many", slo, name=f"{n}.yaml") for n, slo in enumerate(reversed(slos))]
    for form in (["--context", config_map(tmp_path)], ["--format", "files"]):
        outputs = {
            process("render", *paths, *form, PYTHONHASHSEED=seed).stdout
            for paths, seed in (
                ([one], "0"),
                ([one], "1"),
                (files, "2"),
                (files[::-1], "3"),
                ([tmp_path / "many"], "4"),
            )
        }
        assert len(outputs) == 1
        assert outputs != {""}


# -- writing ---------------------------------------------------------------------------------------------------------


def test_the_layout_of_objects_and_of_files(run: Runner, tmp_path: Path) -> None:
    path = write(tmp_path / "in", good_slo("a"), good_slo("b", "other"))
    assert run("render", path, "-o", tmp_path / "objects").status == 0
    assert set(tree(tmp_path / "objects")) == {
        ".binnacle.json",
        "prometheusrule.other.binnacle-slo-b.yaml",
        "prometheusrule.shop.binnacle-slo-a.yaml",
    }
    assert run("render", path, "-o", tmp_path / "files", "--format", "files").status == 0
    assert set(tree(tmp_path / "files")) == {
        ".binnacle.json",
        "prometheus/rules/slo.other.b.yaml",
        "prometheus/rules/slo.shop.a.yaml",
    }


def test_a_second_run_writes_nothing_and_what_is_gone_is_removed(run: Runner, tmp_path: Path) -> None:
    path, out = write(tmp_path / "in", good_slo("a"), good_slo("b")), tmp_path / "out"
    assert run("render", path, "-o", out).err == f"{out}: 2 written, 0 unchanged, 0 removed\n"
    (out / "mine.yaml").write_text("mine")
    before = tree(out)
    assert run("render", path, "-o", out).err == f"{out}: 0 written, 2 unchanged, 0 removed\n"
    assert tree(out) == before
    write(tmp_path / "in", good_slo("b"))
    assert run("render", path, "-o", out).err == f"{out}: 0 written, 1 unchanged, 1 removed\n"
    assert set(tree(out)) == {".binnacle.json", "mine.yaml", "prometheusrule.shop.binnacle-slo-b.yaml"}


def test_a_file_in_the_way_is_an_error_and_nothing_is_written(run: Runner, tmp_path: Path) -> None:
    path, out = write(tmp_path / "in", good_slo("a"), good_slo("b")), tmp_path / "out"
    out.mkdir()
    theirs = out / "prometheusrule.shop.binnacle-slo-b.yaml"
    theirs.write_text("theirs")
    ended = run("render", path, "-o", out)
    assert (ended.status, ended.out) == (2, "")
    assert str(theirs) in ended.err
    assert "was not written by binnacle" in ended.err
    assert tree(out) == {theirs.name: "theirs"}


@pytest.mark.parametrize("arguments", [[], ["--format", "files"], ["--context", "CONFIG"]])
@pytest.mark.parametrize(
    "breaking",
    [
        lambda text: text.replace("name: b", "name: b\n  name: b"),
        lambda text: text.replace("objective: 99.9%\n", "objective: 100%\n"),
        lambda text: text.replace('http_requests_total{service="checkout"}', "sum(x"),
        lambda text: text.replace("spec:\n", "spec:\n  suspend: true\n"),
        lambda text: f"{text}\n\t- ]",
    ],
    ids=["duplicate-field", "invalid", "no-promql", "suspended", "no-yaml"],
)
def test_a_broken_resource_keeps_its_earlier_files(
    run: Runner, tmp_path: Path, arguments: list[str], breaking: Callable[[str], str]
) -> None:
    config_map(tmp_path)
    given = [str(tmp_path / "config.yaml") if one == "CONFIG" else one for one in arguments]
    write(tmp_path / "in", good_slo("a"), name="a.yaml")
    path, out = write(tmp_path / "in", good_slo("b"), name="b.yaml"), tmp_path / "out"
    assert run("render", tmp_path / "in", "-o", out, *given).status == 0
    before = tree(out)
    path.write_text(breaking(path.read_text()))
    ended = run("render", tmp_path / "in", "-o", out, *given)
    assert ended.status == (0 if "suspend" in path.read_text() else 1)
    assert tree(out) == before
    # Mended it changes again, and gone it goes.
    write(tmp_path / "in", changed("b", "spec.objective", "99%"), name="b.yaml")
    assert run("render", tmp_path / "in", "-o", out, *given).status == 0
    assert tree(out) != before
    path.unlink()
    assert run("render", tmp_path / "in", "-o", out, *given).status == 0
    assert not any("slo.shop.b" in text or "slo-b" in name for name, text in tree(out).items())


def test_all_broken_keep_what_they_share(run: Runner, tmp_path: Path) -> None:
    context, out = config_map(tmp_path), tmp_path / "out"
    path = write(tmp_path / "in", good_slo("a"), good_slo("b"))
    run("render", path, "-o", out, "--context", context)
    before = tree(out)
    write(tmp_path / "in", bad("a"), bad("b"))
    assert run("render", path, "-o", out, "--context", context).status == 1
    assert tree(out) == before


def test_a_folder_that_cannot_be_written(run: Runner, tmp_path: Path) -> None:
    path = write(tmp_path / "in", good_slo("a"))
    ended = run("render", path, "-o", path)
    assert ended.status == 2
    assert "is a file; name a folder" in ended.err
    ended = run("render", path, "-o", "/proc/binnacle")
    assert ended.status == 2
    assert "cannot be written" in ended.err


def test_hostile_names_reach_no_path(run: Runner, tmp_path: Path) -> None:
    names = ["../../x", "a/b", "a\nb", "..", "", " ", "A", "a.b", "\u202ea", "-", "x" * 300, "\x00"]
    path = write(tmp_path / "in", *(good_slo(name) for name in names), *(good_slo("a", name) for name in names))
    good = {
        "kubernetes": "prometheusrule.default.binnacle-slo-a.yaml",
        "files": "prometheus/rules/slo.default.a.yaml",
    }
    for form, file in good.items():
        ended = run("render", path, "-o", tmp_path / "out" / form, "--format", form)
        assert ended.status == 1
        # The empty namespace is the default one: the only good resource.
        assert set(tree(tmp_path / "out" / form)) == {".binnacle.json", file}
        assert not {"\x1b", "\u202e", "\x00"} & set(ended.err)
    assert {one.name for one in tmp_path.iterdir()} == {"in", "out"}
