"""`binnacle test`: outcomes, formats, exit status."""

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from binnacle.cli.main import main

POLICY = """\
apiVersion: binnacle.dev/v1alpha1
kind: AlertPolicy
metadata: {name: payments, namespace: shop}
spec:
  rules:
  - name: Down
    summary: gone
    expression: {promql: 'up == 0'}
    severity: warning
  receivers:
  - name: team
    webhook: {url: "http://hook.example/alerts"}
  routes:
  - {name: all, matchers: ['severity="warning"'], receivers: [team]}
  routingTests:
  - {name: reaches-the-team, labels: {severity: warning}, receivers: [%s]}
"""


def run(arguments: list[str]) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["test", *arguments])
    return int(ended.value.code or 0)


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY % "team")
    return path


def test_what_holds_passes(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([str(policy)]) == 0
    printed = capsys.readouterr().out
    assert "passed  reaches-the-team" in printed
    assert "1 passed" in printed


def test_what_does_not_hold_fails_and_says_what_came(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    policy.write_text(POLICY % "")
    assert run([str(policy)]) == 1
    printed = capsys.readouterr().out
    assert "failed  reaches-the-team" in printed
    assert "team" in printed


def test_json_and_junit_are_for_programs(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([str(policy), "--output", "json"]) == 0
    [result] = json.loads(capsys.readouterr().out)
    assert (result["name"], result["test"], result["outcome"]) == ("payments", "reaches-the-team", "passed")
    assert run([str(policy), "--output", "junit"]) == 0
    suites = ET.fromstring(capsys.readouterr().out)
    assert [case.get("name") for case in suites.iter("testcase")] == ["reaches-the-team"]


def test_a_resource_that_is_wrong_fails_the_command(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    policy.write_text(policy.read_text().replace("kind: AlertPolicy", "kind: AlertPolizei"))
    assert run([str(policy)]) == 1
    assert "AlertPolizei" in capsys.readouterr().err
