"""Log pipelines on the command line: their tests run, what they do is said, and what fails is refused everywhere alike."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from cli.running import Runner, write
from compile.logpipelines import LOKI, good_pipeline, plain_pipeline

LINES = {"name": "mail", "input": ["a@b.de"], "output": [{"message": "[EMAIL]"}]}
WRONG = {"name": "leak", "input": ["a@b.de"], "output": [{"message": "a@b.de"}]}
CONTEXT = "elasticsearch: {url: 'https://es.monitoring.svc'}\n"


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Runner:
    return Runner(capsys, monkeypatch)


def test_tests_are_run_and_told(run: Runner, tmp_path: Path) -> None:
    path = write(tmp_path, plain_pipeline(tests=[LINES]))
    ended = run("test", path)
    assert ended.status == 0
    assert "passed  mail" in ended.out
    path = write(tmp_path, plain_pipeline(tests=[LINES, WRONG]))
    ended = run("test", path)
    assert ended.status == 1
    assert 'Record 1 at loki: message is "[EMAIL]", and "a@b.de" was expected.' in ended.out
    assert "error[TestFailed]" in ended.err
    outcomes = [one["outcome"] for one in json.loads(run("test", path, "--output", "json").out)]
    assert outcomes == ["passed", "failed"]
    (suite,) = ET.fromstring(run("test", path, "--output", "junit").out)
    assert (suite.get("name"), suite.get("tests"), suite.get("failures")) == ("LogPipeline/shop/checkout", "2", "1")


def test_a_pipeline_that_fails_its_test_is_not_rendered(run: Runner, tmp_path: Path) -> None:
    good = write(tmp_path, plain_pipeline(tests=[LINES]))
    assert "logpipeline.shop.checkout.conf" in run("render", good).out
    ended = run("render", write(tmp_path, plain_pipeline(tests=[WRONG])))
    assert ended.status == 1
    assert "logpipeline.shop.checkout.conf" not in ended.out
    assert "TestFailed" in ended.err


def test_a_finding_is_told_at_its_line(run: Runner, tmp_path: Path) -> None:
    stages = [{"name": "s", "filter": {"drop": [{"field": "a", "matches": "("}]}}]
    ended = run("check", write(tmp_path, plain_pipeline(stages=stages)), "--output", "json")
    (finding,) = json.loads(ended.out)
    assert (finding["reason"], finding["path"]) == ("RegexSyntax", "spec.stages[s].filter.drop[0].matches")
    assert finding["line"] > 1


def explained(run: Runner, tmp_path: Path, body: dict[str, Any]) -> dict[str, dict[str, Any]]:
    context = tmp_path / "context.yaml"
    context.write_text(CONTEXT)
    (tmp_path / "in").mkdir(exist_ok=True)
    ended = run("explain", write(tmp_path / "in", body), "--context", context, "--output", "json")
    (one,) = json.loads(ended.out)
    return {section["title"]: section for section in one["sections"]}


def test_a_pipeline_is_explained(run: Runner, tmp_path: Path) -> None:
    found = explained(run, tmp_path, good_pipeline())
    assert found["What is read"]["table"]["rows"] == [["app", "checkout-*", "app but proxy"]]
    stages = {row[1]: row[3] for row in found["What happens to each record"]["table"]["rows"]}
    assert list(stages) == ["join", "parse", "env", "private", "noise", "(environment)", "audit"]
    assert stages["noise"] == "drops records where level is debug"
    assert stages["audit"] == "copies records where type is not app to audit"
    outputs = {row[0]: row[1:] for row in found["Where records go"]["table"]["rows"]}
    assert outputs["audit"] == ["Elasticsearch at https://es.monitoring.svc:9200, index shop_audit", "what audit sends"]
    assert outputs["look"] == ["the log of the collector", "every record that passes"]
    assert "email" in " ".join(found["What is hidden"]["said"])
    assert found["How it is tested"]["said"] == ["Tests of its own: 1 of 1 hold."]


def test_a_pipeline_without_redaction_says_so(run: Runner, tmp_path: Path) -> None:
    body = plain_pipeline(redaction={"enabled": False, "reason": "synthetic data"}, outputs=[LOKI])
    said = explained(run, tmp_path, body)["What is hidden"]["said"]
    assert said == ["The redaction that every pipeline has is switched off: synthetic data", "Nothing."]
