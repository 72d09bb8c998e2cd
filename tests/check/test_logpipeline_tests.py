"""The tests that a log pipeline carries: what they compare, what is said, and that a pipeline which fails one is not applied."""

from __future__ import annotations

from typing import Any

import pytest

from binnacle.api.logpipeline import LogPipeline
from binnacle.check.base import Checked
from binnacle.check.logpipeline import check_logpipeline, prove_logpipeline
from binnacle.compile.logpipeline import compile_logpipeline
from compile.logpipelines import LOKI, make_world, plain_pipeline

JSON = {"name": "json", "parse": {"format": "json"}}
LINE = '{"n":5,"f":1.5,"b":true,"l":[1,{"x":"a@b.de","y":1}],"k":{"a":null}}'


def model(test: dict[str, Any], **spec: Any) -> LogPipeline:
    body = plain_pipeline(**{"stages": [JSON], **spec}, tests=[{"name": "t", "input": [LINE], **test}])
    return LogPipeline.model_validate(body)


def checked(test: dict[str, Any], **spec: Any) -> Checked:
    pipeline = model(test, **spec)
    world = make_world()
    return check_logpipeline(pipeline, compile_logpipeline(pipeline, world), world)


def message(test: dict[str, Any], **spec: Any) -> str:
    found = checked(test, **spec)
    assert found.refused
    (finding,) = found.findings
    assert (finding.severity, finding.reason, finding.path) == ("error", "TestFailed", "spec.tests[t]")
    return finding.message


@pytest.mark.parametrize(
    "output",
    [
        {},
        {"n": 5},
        {"n": 5.0, "f": 1.5, "b": True},
        {"l": [1, {"x": "[EMAIL]"}]},
        {"k": {}},
    ],
)
def test_fields_that_are_not_named_do_not_matter(output: dict[str, Any]) -> None:
    assert checked({"output": [output]}) == Checked(facts={"tests": {"passed": 1, "total": 1}, "testsSummary": "1/1"})


@pytest.mark.parametrize(
    ("test", "says"),
    [
        ({"output": [{"n": 6}]}, "Record 1 at loki: n is 5, and 6 was expected."),
        ({"output": [{"n": "5"}]}, 'n is 5, and "5" was expected.'),
        ({"output": [{"b": 1}]}, "b is true, and 1 was expected."),
        ({"output": [{"l": [1, {"x": "a@b.de"}]}]}, 'l[1].x is "[EMAIL]", and "a@b.de" was expected.'),
        ({"output": [{"l": [1]}]}, "l is [1, "),
        ({"output": [{"z": 1}]}, "there is no field z; 1 was expected."),
        ({"output": [{"k": {"b": 1}}]}, "there is no field k.b; 1 was expected."),
        ({"output": [{"n": 5}], "exact": True}, "there is a field f that was not expected."),
        ({"output": []}, "0 records expected at loki, and 1 record came. The first that was not expected: {"),
        ({"output": [{}, {}]}, "2 records expected at loki, and 1 record came."),
        ({"output": [], "at": "nowhere"}, "There is no output nowhere."),
    ],
)
def test_what_differs_is_said(test: dict[str, Any], says: str) -> None:
    if test.get("at"):
        assert checked(test).findings[0].path == "spec.tests[t].at"
        assert checked(test).findings[0].message == says
        return
    assert says in message(test)


def test_what_went_to_quarantine_is_said() -> None:
    strict = {"name": "strict", "parse": {"format": "json", "onError": "Quarantine"}}
    said = message({"input": ["no json", "{}"], "output": [{}, {}]}, stages=[strict])
    assert said.endswith("1 record went to quarantine (NotParsed).")


def test_one_looks_at_the_output_that_gets_all_or_at_another() -> None:
    route = {"name": "to", "route": {"when": [{"field": "n", "equals": 5}], "outputs": ["loki"]}}
    spec: dict[str, Any] = {"stages": [JSON, route], "outputs": [LOKI, {"name": "rest", "stdout": {}}]}
    lines = ['{"n":5}', '{"n":6}']
    assert not checked({"input": lines, "output": [{"n": 5}, {"n": 6}]}, **spec).refused
    assert not checked({"input": lines, "at": "loki", "output": [{"n": 5}]}, **spec).refused
    assert "at rest" in message({"input": lines, "output": [{"n": 5}]}, **spec)


def test_a_test_that_cannot_run_is_unproved_and_refuses_nothing() -> None:
    gone = {"name": "gone", "elasticsearch": {"index": "other"}}
    found = checked({"at": "gone", "output": []}, outputs=[LOKI, gone])
    assert not found.refused
    assert found.facts["tests"] == {"passed": 0, "total": 1, "unproved": 1}
    (finding,) = found.findings
    assert (finding.severity, finding.reason, finding.path) == ("warning", "TestNotRun", "spec.tests[t]")
    assert finding.message == "The test was not run: the output gone is left out."
    assert finding.fix
    pipeline = model({"output": []}, outputs=[gone])
    world = make_world()
    (result,) = prove_logpipeline(pipeline, compile_logpipeline(pipeline, world), world)
    assert result.unproved == "the pipeline does not compile"
    assert check_logpipeline(pipeline, compile_logpipeline(pipeline, world), world).findings == ()
    route = {"name": "to", "route": {"when": [{"field": "n", "equals": 5}], "outputs": ["loki"]}}
    (finding,) = checked({"output": []}, stages=[JSON, route]).findings
    assert (finding.reason, finding.fix) == ("TestNotRun", "Say at which output to look (at).")


def test_tests_that_would_take_too_long_are_not_run_by_the_operator_and_are_by_the_command() -> None:
    patterns = [{"name": f"p{number}", "regex": rf"[0-9]+x{number}"} for number in range(30)]
    stage = {"name": "slow", "redact": {"patterns": patterns}}
    found = checked({"input": ["1" * 1500] * 2, "output": []}, stages=[stage])
    assert not found.refused
    assert found.facts["tests"]["unproved"] == 1
    (finding,) = found.findings
    assert (finding.severity, finding.reason, finding.path) == ("warning", "TestNotRun", "spec.tests[t]")
    assert "binnacle test" in finding.fix
    pipeline, world = model({"input": ["1" * 1500] * 2, "output": []}, stages=[stage]), make_world()
    (result,) = prove_logpipeline(pipeline, compile_logpipeline(pipeline, world), world)
    assert (result.unproved, result.message[:18]) == ("", "0 records expected")
    assert checked({"input": ["1" * 200] * 4, "output": []}, stages=[stage]).refused


def test_without_tests_there_is_nothing_to_say() -> None:
    pipeline = LogPipeline.model_validate(plain_pipeline())
    world = make_world()
    assert check_logpipeline(pipeline, compile_logpipeline(pipeline, world), world) == Checked()
