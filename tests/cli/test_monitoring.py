"""What is shipped to watch the operator is in order, tests itself, and each alert says what to do."""

import os
import re
from pathlib import Path

import pytest
import yaml

from cli.running import Runner
from servers.prometheus import PrometheusLine

pytestmark = pytest.mark.thorough

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "manifests" / "monitoring"
RULES = yaml.safe_load((FOLDER / "alertpolicy.yaml").read_text())["spec"]["rules"]
TESTS = yaml.safe_load((FOLDER / "alertpolicy.yaml").read_text())["spec"]["tests"]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Runner:
    return Runner(capsys, monkeypatch)


def test_there_is_nothing_to_say_against_it(run: Runner) -> None:
    checked = run("check", "--strict", FOLDER)
    assert checked.status == 0, checked.out + checked.err
    assert run("explain", FOLDER).status == 0


def test_its_tests_pass(
    run: Runner, prometheus_line: PrometheusLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "promtool").symlink_to(prometheus_line.promtool_program)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    tested = run("test", FOLDER / "alertpolicy.yaml")
    assert (tested.status, tested.out.split()[-2:]) == (0, [str(len(TESTS)), "passed"]), tested.out


def test_each_alert_says_what_it_is_and_what_to_do() -> None:
    sections = re.findall(r"^### (\w+)\n+(.+)", (ROOT / "docs" / "operating.md").read_text(), re.MULTILINE)
    described = {title for title, _ in sections}
    assert {rule["name"] for rule in RULES} <= described
    for rule in RULES:
        assert rule["summary"]
        assert rule["description"]
        assert rule["runbook"]["steps"]
        assert rule["runbook"]["url"].rpartition("#")[2] == rule["name"].lower()


def test_each_alert_fires_in_a_test_and_is_silent_in_the_others() -> None:
    names = {rule["name"] for rule in RULES}
    fired = [{one["rule"] for one in test.get("fires", ())} for test in TESTS]
    assert set().union(*fired) == names
    assert all(one | set(test["silent"]) == names for one, test in zip(fired, TESTS, strict=True))


def test_each_selector_is_of_the_operator_alone() -> None:
    job = "binnacle-system/binnacle/operator"
    for kind in ("alertpolicy", "dashboard", "slo"):
        text = (FOLDER / f"{kind}.yaml").read_text()
        selectors = re.findall(r"\b\w+(?:_\w+)+\{([^}]*)\}|\bup\{([^}]*)\}", text)
        assert selectors
        assert all(f'job="{job}"' in "".join(one) for one in selectors), kind
    metric_set = yaml.safe_load((FOLDER / "metricset.yaml").read_text())
    metadata, scrape = metric_set["metadata"], metric_set["spec"]["scrape"][0]
    assert f"{metadata['namespace']}/{metadata['name']}/{scrape['name']}" == job
