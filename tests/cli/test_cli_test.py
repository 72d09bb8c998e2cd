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


def test_why_nothing_ran_is_said_once_and_is_no_success_under_strict(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    path = tmp_path / "slo.yaml"
    path.write_text(
        "apiVersion: binnacle.dev/v1alpha1\n"
        "kind: SLO\n"
        "metadata: {name: paying, namespace: shop}\n"
        "spec: {service: shop, objective: 99%, window: {rolling: 7d}, "
        "indicator: {ratio: {errors: 'f_total', total: 'a_total'}}}\n"
    )
    assert run([str(path)]) == 0
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert sum(line.startswith("not run") for line in lines) > 5
    assert lines.count("promtool is not on the PATH") == 1
    assert sum(line.startswith("It comes with Prometheus") for line in lines) == 1
    assert run([str(path), "--strict"]) == 1
