"""`binnacle backfill` on a real Prometheus: after it, a new SLO knows the history of its metrics, and nothing twice."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from cli.running import Runner, write
from servers.prometheus import Prometheus, PrometheusLine
from stack.history import DAY, FAILED, Instance, Outage, Traffic

END = 1_767_830_400.0  # 2026-01-08T00:00:00Z
UNTIL = "2026-01-08"
BEGIN = END - 4 * DAY
# One in maintenance, one not.
OUTAGES = (Outage(END - DAY + 600, END - DAY + 2400, 0.5), Outage(END - DAY / 2, END - DAY / 2 + 2400, 0.5))
LABELS = 'slo="search",slo_namespace="shop"'


def slo(window: dict[str, Any]) -> dict[str, Any]:
    ratio = {"errors": f'http_requests_total{{code="{FAILED}"}}', "total": "http_requests_total"}
    spec = {
        "service": "search",
        "objective": "99%",
        "window": window,
        "groupBy": ["region"],
        "indicator": {"ratio": ratio},
        # Of the first hour of each day nothing counts.
        "maintenance": [{"schedule": "nightly"}],
        "schedules": [
            {"name": "nightly", "timeZone": "Etc/UTC", "times": [{"startTime": "00:00", "endTime": "01:00"}]}
        ],
    }
    return {
        "apiVersion": "binnacle.dev/v1alpha1",
        "kind": "SLO",
        "metadata": {"name": "search", "namespace": "shop"},
        "spec": spec,
    }


@pytest.mark.parametrize(
    "window", [{"rolling": "3d"}, {"calendar": "Month", "timeZone": "Etc/UTC"}], ids=["rolling", "calendar"]
)
def test_history_is_filled_in_once(
    window: dict[str, Any],
    prometheus_line: PrometheusLine,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    binnacle = Runner(capsys, monkeypatch)
    instances = [
        Instance({"instance": "1"}, {"region": "eu"}, outages=OUTAGES),
        Instance({"instance": "2"}, {"region": "us"}),
    ]
    traffic = Traffic("http_requests_total", instances, begin=BEGIN, end=END, share=0.002)
    data, blocks = tmp_path / "data", tmp_path / "blocks"
    prometheus_line.create_blocks(traffic.openmetrics(), data)
    (tmp_path / "promtool").symlink_to(prometheus_line.promtool_program)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    path = write(tmp_path, slo(window))

    def fill(url: str, since: str) -> str:
        ended = binnacle("backfill", path, "--prometheus", url, "-o", blocks, "--since", since, "--until", UNTIL)
        assert ended.status == 0, ended.err
        for block in blocks.iterdir():
            shutil.move(block, data / block.name)
        return ended.out

    # The last two days first, then the day before them: what was filled in is left alone, and of maintenance there is nothing.
    for number, (since, said) in enumerate(
        [("2d", "2d missing, from 2026-01-05"), ("3d", "in 3 pieces"), ("3d", "Nothing is counted")]
    ):
        with Prometheus(prometheus_line, tmp_path / f"run-{number}", data=data) as running:
            assert said in fill(running.url, since)
    with Prometheus(prometheus_line, tmp_path / "look", data=data) as running:
        for region in ("eu", "us"):
            for which, codes in {"errors": (FAILED,), "events": None}.items():
                query = f'sum(sum_over_time(slo:{which}:increase5m{{{LABELS},region="{region}"}}[3d]))'
                (value,) = running.query(query, at=END)
                chosen = {} if codes is None else {"codes": codes}
                counted = traffic.growth(END - 3 * DAY, END - 300, region=region, **chosen)
                masked = sum(
                    traffic.growth(at, at + 3600, region=region, **chosen)
                    for at in (END - 3 * DAY, END - 2 * DAY, END - DAY)
                )
                assert value.value == pytest.approx(counted - masked, rel=0.005), (region, which)
