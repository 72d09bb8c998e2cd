"""Both lines of Prometheus load rules, evaluate them, read history, and refuse what is wrong."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from servers.errors import ServerFailedError
from servers.prometheus import Prometheus, PrometheusLine, PromtoolError, QueryError
from servers.target import MetricsTarget
from servers.waiting import eventually

Start = Callable[..., Prometheus]
Promtool = Callable[..., subprocess.CompletedProcess[str]]

RULES = {
    "groups": [
        {
            "name": "g",
            "interval": "1s",
            "rules": [
                {"record": "answer", "expr": "vector(42)"},
                {"alert": "Always", "expr": "answer == 42", "labels": {"severity": "page"}},
            ],
        }
    ]
}
BEGIN = 1_700_000_000
"""When the history begins: a round number of minutes, long past."""


def history(minutes: int) -> str:
    """A counter that grows by 1 a second, one sample a minute."""
    lines = [f'requests_total{{job="a"}} {60 * minute} {BEGIN + 60 * minute}' for minute in range(minutes)]
    return "\n".join(["# TYPE requests counter", *lines, "# EOF", ""])


def test_the_lines_differ_in_what_a_range_holds(
    start_prometheus: Start, prometheus_line: PrometheusLine, tmp_path: Path
) -> None:
    prometheus_line.create_blocks(history(10), tmp_path / "data")
    prometheus = start_prometheus(data=tmp_path / "data")
    # 60 s back from a sample: both ends lie exactly on samples.
    held = prometheus.value("count_over_time(requests_total[1m])", at=BEGIN + 300)
    assert held == (1 if prometheus_line.left_open else 2)
    assert prometheus_line.left_open == (prometheus_line.name == "3.x")
    assert prometheus_line.version.startswith("2." if prometheus_line.name == "2.42" else "3.")


def test_a_rule_that_is_written_and_loaded_is_evaluated_and_fires(start_prometheus: Start) -> None:
    prometheus = start_prometheus()
    assert prometheus.rules() == []
    prometheus.write_rules("first", RULES)
    prometheus.reload()
    prometheus.wait_evaluated()

    assert [(rule["group"], rule["name"], rule["health"]) for rule in prometheus.rules()] == [
        ("g", "answer", "ok"),
        ("g", "Always", "ok"),
    ]
    eventually(lambda: prometheus.value("answer") == 42)
    firing = eventually(lambda: [alert for alert in prometheus.alerts() if alert["state"] == "firing"])
    assert firing[0]["labels"] == {"alertname": "Always", "severity": "page"}


def test_a_wrong_rule_file_is_refused_and_the_old_one_stays(start_prometheus: Start) -> None:
    prometheus = start_prometheus()
    prometheus.write_rules("rules", RULES)
    prometheus.reload()
    prometheus.write_rules("rules", "groups: [{name: g, rules: [{record: x, expr: 'sum('}]}]")
    with pytest.raises(ServerFailedError, match="refused the reload"):
        prometheus.reload()
    assert [rule["name"] for rule in prometheus.rules()] == ["answer", "Always"]


def test_a_wrong_rule_file_at_the_start_is_told(start_prometheus: Start, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("groups: [{name: g, rules: [{record: x, expr: 'sum('}]}]")
    with pytest.raises(ServerFailedError, match=r"wrong\.yaml"):
        start_prometheus(rule_files=[wrong])


def test_a_refused_query_says_why(start_prometheus: Start) -> None:
    prometheus = start_prometheus()
    with pytest.raises(QueryError, match="parse error"):
        prometheus.query("sum(")
    with pytest.raises(LookupError, match="0 values"):
        prometheus.value("nothing")


def test_history_and_what_rules_would_have_made_of_it(
    start_prometheus: Start, prometheus_line: PrometheusLine, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    prometheus_line.create_blocks(history(30), data)
    prometheus = start_prometheus(data=data)
    rules = prometheus.write_rules(
        "history",
        {
            "groups": [
                {"name": "h", "rules": [{"record": "requests:increase5m", "expr": "increase(requests_total[5m])"}]}
            ]
        },
    )
    prometheus_line.create_blocks_from_rules(
        start=BEGIN + 600, end=BEGIN + 1200, rules=[rules], url=prometheus.url, data=data
    )
    prometheus.stop()
    prometheus.start()

    series = prometheus.query_range("requests:increase5m", start=BEGIN + 660, end=BEGIN + 1140, step=60)
    assert [len(one.points) for one in series] == [9]
    assert all(value == pytest.approx(300, rel=0.01) for _, value in series[0].points)


def test_features_are_switched_on(start_prometheus: Start) -> None:
    prometheus = start_prometheus(features=["native-histograms"])
    assert prometheus.value("vector(1)") == 1


def test_it_scrapes_what_the_test_says(start_prometheus: Start) -> None:
    with MetricsTarget(lambda: "traffic_total 7\n") as target:
        prometheus = start_prometheus(scrape={"app": [target.address]})
        eventually(lambda: prometheus.value('traffic_total{job="app"}') == 7)
        target.metrics = lambda: "traffic_total 9\n"
        eventually(lambda: prometheus.value("traffic_total") == 9)
        target.down = True
        eventually(lambda: prometheus.value('up{job="app"}') == 0)


def test_promtool_checks_and_refuses(promtool: Promtool, tmp_path: Path) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text("groups: [{name: g, rules: [{record: a, expr: '1'}]}]")
    assert "1 rules found" in promtool("check", "rules", str(rules)).stdout
    rules.write_text("groups: [{name: g, rules: [{record: a, expr: 'sum('}]}]")
    with pytest.raises(PromtoolError, match="parse"):
        promtool("check", "rules", str(rules))
