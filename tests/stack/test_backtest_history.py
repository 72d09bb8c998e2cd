"""`binnacle backtest` over a history in a real Prometheus that is known exactly: figures, gaps, and when alerts fire."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from cli.running import Runner
from servers.prometheus import Prometheus, PrometheusLine
from stack.history import DAY, FAILED, Instance, Outage, Traffic

END = 1_767_830_400.0  # 2026-01-08T00:00:00Z
UNTIL = "2026-01-08"
BEGIN = END - 6 * DAY - 1800
SINCE = END - 2 * DAY
OUTAGE = Outage(END - DAY + 3600, END - DAY + 3600 + 2400, 0.5)
GAP = (END - DAY / 2, END - DAY / 2 + 3 * 3600)
TOLERANCE = 0.0005
SLO = {
    "apiVersion": "binnacle.dev/v1alpha1",
    "kind": "SLO",
    "metadata": {"name": "search", "namespace": "shop"},
    "spec": {
        "service": "search",
        "objective": "99%",
        "window": {"rolling": "3d"},
        "indicator": {"ratio": {"errors": f'http_requests_total{{code="{FAILED}"}}', "total": "http_requests_total"}},
        "groupBy": ["region"],
        "alerting": {"noData": {"action": "Alert"}},
    },
}
POLICY = {
    "apiVersion": "binnacle.dev/v1alpha1",
    "kind": "AlertPolicy",
    "metadata": {"name": "search", "namespace": "shop"},
    "spec": {
        "rules": [
            {
                "name": "SearchFails",
                "summary": "Searches fail",
                "ratio": {
                    "errors": f'http_requests_total{{code="{FAILED}"}}',
                    "total": "http_requests_total",
                    "groupBy": ["region"],
                    "window": "5m",
                },
                "severity": "warning",
                "above": "20%",
                "for": "5m",
            }
        ]
    },
}


@pytest.fixture(scope="module")
def traffic() -> Traffic:
    instances = [
        Instance({"instance": "1"}, {"region": "eu"}, outages=(OUTAGE,)),
        Instance({"instance": "2"}, {"region": "us"}),
    ]
    return Traffic("http_requests_total", instances, begin=BEGIN, end=END, share=0.002)


@pytest.fixture
def prometheus(
    traffic: Traffic, prometheus_line: PrometheusLine, start_prometheus: Callable[..., Prometheus], tmp_path: Path
) -> Prometheus:
    def in_gap(line: str) -> bool:
        return 'region="us"' in line and GAP[0] < float(line.rsplit(" ", 1)[1]) <= GAP[1]

    text = "".join(f"{line}\n" for line in traffic.openmetrics().splitlines() if not in_gap(line))
    prometheus_line.create_blocks(text, tmp_path / "data")
    return start_prometheus(data=tmp_path / "data")


def backtest(binnacle: Runner, url: str, folder: Path, *more: str) -> tuple[int, str, str]:
    path = folder / "resources.yaml"
    path.write_text(yaml.safe_dump_all([SLO, POLICY]))
    ended = binnacle("backtest", path, "--prometheus", url, "--since", "2d", "--until", UNTIL, *more)
    return ended.status, ended.out, ended.err


def unix(stamp: str) -> float:
    return dt.datetime.fromisoformat(stamp).timestamp()


def test_history_is_replayed_as_it_was(
    traffic: Traffic,
    prometheus: Prometheus,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    binnacle = Runner(capsys, monkeypatch)
    status, out, err = backtest(binnacle, prometheus.url, tmp_path, "--output", "json")
    assert status == 0, err
    said = json.loads(out)
    (slo,) = said["slos"]
    eu, us = slo["groups"]
    assert (eu["labels"], us["labels"]) == ({"region": "eu"}, {"region": "us"})

    # Figures, against the counters themselves.
    assert eu["events"] == pytest.approx(traffic.growth(SINCE, END, region="eu"), rel=TOLERANCE)
    assert eu["errors"] == pytest.approx(traffic.growth(SINCE, END, codes=(FAILED,), region="eu"), rel=TOLERANCE)
    ratio = traffic.error_ratio(END - 3 * DAY, END, region="eu")
    assert eu["budgetRemaining"] == pytest.approx(1 - ratio / 0.01, abs=0.001)
    assert eu["gaps"] == []
    assert eu["since"] is None, "there is all the history that was asked for"

    # A gap counts for nothing, and is told.
    (gap,) = us["gaps"]
    assert (unix(gap["from"]), unix(gap["to"])) == (pytest.approx(GAP[0], abs=600), pytest.approx(GAP[1], abs=600))
    seen = traffic.growth(SINCE, GAP[0], region="us") + traffic.growth(GAP[1], END, region="us")
    assert us["events"] == pytest.approx(seen, rel=0.001)
    (missing,) = us["alerts"]
    assert (missing["alert"], missing["severity"]) == ("SLONoData", "warning")
    assert unix(missing["from"]) == pytest.approx(GAP[0] + 900, abs=600)

    # The outage pages soon, and the page ends soon after it.
    pages = [alert for alert in eu["alerts"] if alert["severity"] == "critical"]
    assert len(pages) == 1
    assert OUTAGE.start < unix(pages[0]["from"]) <= OUTAGE.start + 900
    assert OUTAGE.end < unix(pages[0]["to"]) <= OUTAGE.end + 3600
    assert "fast" in pages[0]["why"]

    # An alert rule waits for its five minutes, and a minute is the step.
    (policy,) = said["alertPolicies"]
    (fired,) = policy["alerts"]
    assert fired["labels"]["region"] == "eu"
    assert OUTAGE.start + 300 < unix(fired["from"]) <= OUTAGE.start + 900
    assert OUTAGE.end < unix(fired["to"]) <= OUTAGE.end + 420


def test_the_tables_say_the_same(
    prometheus: Prometheus, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    status, out, err = backtest(Runner(capsys, monkeypatch), prometheus.url, tmp_path)
    assert status == 0, err
    assert "SLO shop/search" in out
    assert "region=eu" in out
    assert "burns: fast" in out
    assert "region=us: 1 gap without data, 3h" in out
    assert "SearchFails" in out
