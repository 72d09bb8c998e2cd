"""What people are told of an SLO's incident: real alerts through a real Alertmanager to a webhook on the loopback interface."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from binnacle.intent import series
from compile.policies import alertmanager_file, config, one_pass, policy_body
from servers.alertmanager import Alertmanager, AlertmanagerLine, Webhook
from servers.http import fetch
from servers.prometheus import Prometheus, PrometheusLine
from servers.target import MetricsTarget
from servers.waiting import eventually
from stack.scrapes import Scrapes, openmetrics, record
from stack.shapes import HOUR

GROUPING = {
    "groupBy": ["alertname", "slo", "region", "severity"],
    "groupWait": "2s",
    "groupInterval": "1s",
    "repeatInterval": "1h",
}
"""One message for each alert, and time in which what hushes it may arrive."""


def slo_body(name: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "binnacle.dev/v1alpha1",
        "kind": "SLO",
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {
            "service": name,
            "objective": "99.9%",
            "window": {"rolling": "30d"},
            "groupBy": ["region"],
            "indicator": {"ratio": {"errors": "bad_total", "total": "all_total"}},
            "alerting": {"route": {"alertPolicy": "payments"}},
            **spec,
        },
    }


def policy_of(hook: Webhook) -> dict[str, Any]:
    """Tells the webhook everything, one message for each alert."""
    return policy_body(
        "payments",
        rules=[],
        receivers=[{"name": "team", "webhook": {"url": hook.url("team")}}],
        defaultReceivers=["team"],
        grouping=GROUPING,
    )


def burning(name: str, severity: str, region: str = "eu", namespace: str = "shop", **more: str) -> dict[str, str]:
    """The labels of an SLO's alert as Prometheus sends it."""
    return {
        "alertname": series.ALERT_BUDGET_BURN,
        series.SEVERITY: severity,
        series.SLO: name,
        series.SLO_NAMESPACE: namespace,
        series.SLO_SERVICE: name,
        series.BINNACLE_KIND: "SLO",
        series.BINNACLE_NAMESPACE: namespace,
        series.BINNACLE_NAME: name,
        series.BINNACLE_ROUTE: "payments",
        "region": region,
        **more,
    }


def test_who_depends_is_hushed_and_each_incident_is_one_message(
    running_alertmanager: AlertmanagerLine, tmp_path: Path
) -> None:
    """The database fails in one region: its page alone is told there, and everything in the others and of other SLOs is."""
    with Webhook() as hook:
        policy = policy_of(hook)
        needs = {"dependsOn": [{"name": "database", "inhibit": True}]}
        bodies = [policy, slo_body("database"), slo_body("checkout", **needs), slo_body("search")]
        chosen = config(alertmanager={"version": running_alertmanager.name})
        told = [
            burning("database", "critical"),
            burning("checkout", "critical", "us"),
            burning("search", "critical"),
            # Missing data is not what the database's burning explains.
            burning("checkout", "warning", alertname=series.ALERT_NO_DATA),
            burning("checkout", "warning", alertname=series.ALERT_BUDGET_SPENT, binnacle_budget_spent="50%"),
        ]
        hushed = [burning("checkout", "critical"), burning("checkout", "warning")]
        with Alertmanager(running_alertmanager, tmp_path, alertmanager_file(bodies, chosen)) as server:
            for _ in range(3):
                # Prometheus sends what fires again and again.
                server.send(*told, *hushed)
            eventually(lambda: len(hook.alerts("team")) >= len(told))
            eventually(lambda: _suppressed(server) == _sorted(hushed))
            assert _sorted(hook.alerts("team")) == _sorted(told)
            # A less severe source does not hush what is more severe.
            server.send(burning("database", "warning", "ap"), burning("checkout", "critical", "ap"))
            server.send(burning("checkout", "warning", "ap"))
            eventually(lambda: len(hook.alerts("team")) >= len(told) + 2)
            eventually(lambda: len(_suppressed(server)) == len(hushed) + 1)
            assert _sorted(hook.alerts("team")) == _sorted(
                [*told, burning("database", "warning", "ap"), burning("checkout", "critical", "ap")]
            )


def test_an_incident_is_one_message_of_one_severity_and_maintenance_is_silent(
    prometheus_line: PrometheusLine, running_alertmanager: AlertmanagerLine, tmp_path: Path
) -> None:
    """Everything has failed for three hours: page and ticket burn, and so does an SLO whose maintenance began just now."""
    now = time.time() // 60 * 60
    scrapes = Scrapes(now - 4 * HOUR, 4 * HOUR, 60)
    # Prometheus stores nothing that is older than its blocks, so they must end before it starts.
    raw = {
        'requests_total{region="eu",code="500"}': scrapes.counter(lambda since: 10.0 if since > HOUR else 0.0),
        'requests_total{region="eu",code="200"}': scrapes.counter(lambda since: 0.0 if since > HOUR else 10.0),
    }

    def failing() -> str:
        """What the service says of itself from now on."""
        count = 10 * (time.time() - now)
        return "".join(f'requests_total{{region="eu",code="{code}"}} {n}\n' for code, n in (("500", count), ("200", 7)))

    begun, ends = (datetime.fromtimestamp(now + minutes * 60, UTC) for minutes in (-5, 60))
    maintained = {
        "schedules": [{"name": "now", "start": f"{begun:%Y-%m-%dT%H:%M:%SZ}", "end": f"{ends:%Y-%m-%dT%H:%M:%SZ}"}],
        "maintenance": [{"schedule": "now"}],
    }
    indicator = {"indicator": {"ratio": {"errors": 'requests_total{code="500"}', "total": "requests_total"}}}
    bodies = [
        slo_body("checkout", **indicator),
        slo_body("maintained", **indicator, **maintained),
    ]
    with Webhook() as hook:
        chosen = config(alertmanager={"version": running_alertmanager.name})
        policy = policy_of(hook)
        files = [
            one for one in one_pass([policy, *bodies], chosen).files if one.path.startswith("prometheus/rules/slo")
        ]
        documents = [yaml.load(one.text, yaml.CSafeLoader) for one in files]
        assert len(documents) == len(bodies)
        prometheus_line.create_blocks(openmetrics(raw), tmp_path / "prometheus" / "data")
        record(prometheus_line, tmp_path / "prometheus", documents, scrapes, parts=["increments"])
        # Long windows are recorded each few minutes, which nobody needs to wait for.
        lately = Scrapes(scrapes.end - 600, 600, 60)
        record(prometheus_line, tmp_path / "prometheus", documents, lately, parts=["long"])
        routing = alertmanager_file([policy, *bodies], chosen)
        with Alertmanager(running_alertmanager, tmp_path / "alertmanager", routing) as server:
            targets = {"alertmanagers": [{"static_configs": [{"targets": [server.address]}]}]}
            with (
                MetricsTarget(failing) as target,
                Prometheus(
                    prometheus_line,
                    tmp_path / "prometheus",
                    config={"alerting": targets},
                    scrape={"api": [target.address]},
                ) as prometheus,
            ):
                for number, one in enumerate(files):
                    prometheus.write_rules(f"slo-{number}", one.text)
                prometheus.reload()
                eventually(lambda: hook.alerts("team"))
                # Evaluations enough for the ticket to have been told as well.
                page = 'count_over_time(ALERTS{severity="critical", alertstate="firing"}[10m]) >= 10'
                eventually(lambda: prometheus.query(page))
                firing = {
                    (one["labels"]["alertname"], one["labels"]["slo"], one["labels"]["severity"])
                    for one in prometheus.alerts()
                }
                told = {(one["alertname"], one["slo"], one["severity"]) for one in hook.alerts("team")}
                # The ticket's windows burn, too, and those of the SLO in maintenance.
                ticket = prometheus.value('last_over_time(slo:sli_error:ratio_rate2h{slo="checkout"}[1h])')
                hushed = prometheus.value('last_over_time(slo:sli_error:ratio_rate2h{slo="maintained"}[1h])')
    expected = {(series.ALERT_BUDGET_BURN, "checkout", "critical")}
    assert min(ticket, hushed) > 0.5
    assert (firing, told) == (expected, expected)


def _sorted(alerts: list[dict[str, str]]) -> list[list[tuple[str, str]]]:
    return sorted(sorted(one.items()) for one in alerts)


def _suppressed(server: Alertmanager) -> list[list[tuple[str, str]]]:
    """The alerts that Alertmanager holds back because of others."""
    alerts = json.loads(fetch(f"{server.url}/api/v2/alerts").body)
    return _sorted([one["labels"] for one in alerts if one["status"]["inhibitedBy"]])
