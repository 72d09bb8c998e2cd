"""`binnacle import`: what goes to standard output, to standard error, into files, and the exit status."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from cli.running import Runner, process
from convert.corpus import DATA, FILES

SLOTH = DATA / "sloth-file.yaml"


@pytest.fixture
def binnacle(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Runner:
    return Runner(capsys, monkeypatch)


def documents(text: str) -> list[Any]:
    return list(yaml.load_all(text, yaml.CSafeLoader))


@pytest.mark.parametrize("name", FILES)
def test_what_comes_out_goes_through_check(binnacle: Runner, name: str) -> None:
    ended = binnacle("import", FILES[name], DATA / name)
    assert documents(ended.out)
    checked = binnacle("check", "-", stdin=ended.out)
    assert checked.status == 0, checked.out


def test_resources_go_out_and_the_report_to_standard_error(binnacle: Runner) -> None:
    ended = binnacle("import", "sloth", SLOTH)
    assert ended.status == 0
    assert [one["metadata"]["name"] for one in documents(ended.out)] == [
        "checkout-availability",
        "checkout-latency",
        "checkout-probes",
        "checkout-wifi",
    ]
    assert f"# checkout/availability, {SLOTH}:7" in ended.out
    assert f"{SLOTH}:7 checkout/availability → SLO checkout-availability\n" in ended.err
    assert "  lost    warning slos[0].alerting.page_alert.labels.routing_key: All alerts" in ended.err
    assert "4 SLOs imported; fields: " in ended.err


def test_standard_input_and_options(binnacle: Runner) -> None:
    ended = binnacle("import", "sloth", "-", "--namespace", "shop", "--window", "4w", stdin=SLOTH.read_text())
    assert {(one["metadata"]["namespace"], one["spec"]["window"]["rolling"]) for one in documents(ended.out)} == {
        ("shop", "28d")
    }


def test_files_and_a_report_as_json(binnacle: Runner, tmp_path: Path) -> None:
    out, report = tmp_path / "out", tmp_path / "report.json"
    ended = binnacle("import", "openslo", DATA / "openslo-v1.yaml", "-o", out, "--report", report)
    assert ended.status == 1
    assert f"SLOs imported into {out}; fields: " in ended.err
    assert ended.out == ""
    assert sorted(path.name for path in out.iterdir()) == [
        "slo.default.cpu.yaml",
        "slo.default.raw-errors.yaml",
        "slo.default.web-availability-excellent.yaml",
        "slo.default.web-availability-good.yaml",
    ]
    said = json.loads(report.read_text())
    assert said["imported"] == 4
    assert sum(said["fields"].values()) == len(said["report"])
    errors = [one for one in said["report"] if one["severity"] == "error"]
    assert {one["path"] for one in errors} >= {"spec.indicator.spec.thresholdMetric.metricSource"}
    assert all(one["line"] and one["file"] == str(DATA / "openslo-v1.yaml") for one in said["report"])
    # Where the report goes elsewhere only what is wrong is told.
    assert "  carried " not in ended.err
    assert "thresholdMetric" in ended.err


def test_a_report_as_text(binnacle: Runner, tmp_path: Path) -> None:
    report = tmp_path / "report.txt"
    binnacle("import", "pyrra", DATA / "pyrra.yaml", "--report", report)
    assert "carried         spec.target: The objective is 99.9%." in report.read_text()


@pytest.mark.parametrize(
    ("tool", "text", "said"),
    [
        ("sloth", "", "There is no document in it."),
        ("sloth", "# nothing but a comment\n", "There is no document in it."),
        ("sloth", "version: [", "YAML"),
        ("sloth", "version: prometheus/v1\nservice: a\nservice: b\nslos: []\n", "service is written twice"),
        ("pyrra", SLOTH.read_text(), "This is a document of sloth, not of pyrra."),
        ("openslo", "just text", "it is not a map of fields"),
    ],
)
def test_bad_files_are_findings(binnacle: Runner, tmp_path: Path, tool: str, text: str, said: str) -> None:
    (tmp_path / "bad.yaml").write_text(text)
    ended = binnacle("import", tool, tmp_path / "bad.yaml")
    assert (ended.status, ended.out) == (1, "")
    assert said in ended.err


def test_other_documents_are_passed_over_with_a_note(binnacle: Runner, tmp_path: Path) -> None:
    (tmp_path / "mixed.yaml").write_text(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n---\n" + SLOTH.read_text()
    )
    ended = binnacle("import", "sloth", tmp_path)
    assert ended.status == 0
    assert "The document ConfigMap is not of sloth and is passed over" in ended.err


def test_an_empty_folder_is_no_good_news(binnacle: Runner, tmp_path: Path) -> None:
    ended = binnacle("import", "sloth", tmp_path)
    assert ended.status == 1
    assert "There is no file to read." in ended.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("import", "grafana", SLOTH),
        ("import", "sloth"),
        ("import", "sloth", "no-such-file.yaml"),
        ("import", "sloth", SLOTH, "--window", "1h"),
        ("import", "sloth", SLOTH, "--window", "30"),
        ("import", "sloth", SLOTH, "--namespace", "No_Good"),
        ("import", "sloth", SLOTH, "--report", "/no/such/folder/report.json"),
    ],
)
def test_wrong_usage(binnacle: Runner, arguments: tuple[object, ...]) -> None:
    assert binnacle(*arguments).status == 2


def test_what_a_file_says_cannot_steer_the_terminal(binnacle: Runner, tmp_path: Path) -> None:
    text = SLOTH.read_text().replace("name: availability", 'name: "a\\e[2J\\nb: c"')
    (tmp_path / "slo.yaml").write_text(text)
    ended = binnacle("import", "sloth", tmp_path / "slo.yaml")
    assert "\x1b" not in ended.out + ended.err
    assert len(documents(ended.out)) == 4


def test_the_report_is_the_same_in_a_process_of_its_own() -> None:
    ended = process("import", "pyrra", DATA / "pyrra.yaml")
    assert ended.returncode == 0, ended.stderr
    assert "4 SLOs imported" in ended.stderr
