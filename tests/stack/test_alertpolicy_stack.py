"""From a metric to a message: real Prometheus, real Alertmanager, a webhook on the loopback interface."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from binnacle.control.ports import Expectation, Liveness, Observed
from binnacle.observe.alertmanager import AlertmanagerObserver
from binnacle.observe.backend import open_session
from compile.policies import alertmanager_file, config, one_pass, policy_body
from servers.alertmanager import Alertmanager, AlertmanagerLine, Webhook
from servers.http import fetch
from servers.prometheus import Prometheus
from servers.waiting import eventually

# The two levels of a rule may reach Alertmanager one after the other: it must wait before it tells the lower one.
FAST = {"groupBy": ["alertname"], "groupWait": "3s", "groupInterval": "1s", "repeatInterval": "1m"}
IDENTITY = {"binnacle_kind": "AlertPolicy", "binnacle_name": "payments", "binnacle_route": "payments"}


def policy(hook: Webhook, namespace: str = "shop", **more: Any) -> dict[str, Any]:
    spec = {
        "interval": "1s",
        "rules": [
            {
                "name": "Broken",
                "threshold": {"gauge": "up", "groupBy": ["job"]},
                "levels": [
                    {"name": "page", "severity": "critical", "below": "0.5"},
                    {"name": "warn", "severity": "warning", "below": "0.9"},
                ],
                "summary": "{{ $labels.job }} is at {{ $value }}",
                "runbook": {"url": "https://runbooks.example/broken"},
            }
        ],
        "receivers": [
            {"name": name, "webhook": {"url": hook.url(f"{namespace}-{name}")}} for name in ("oncall", "default")
        ],
        "defaultReceivers": ["default"],
        "routes": [{"name": "page", "matchers": ['severity="critical"'], "receivers": ["oncall"]}],
        "grouping": FAST,
        **more,
    }
    return policy_body("payments", namespace, **spec)


def test_alerts_reach_their_own_receivers_and_no_others(running_alertmanager: AlertmanagerLine, tmp_path: Path) -> None:
    with Webhook() as hook:
        greedy = {"name": "all", "source": ['severity="critical"'], "target": ['severity!="critical"']}
        bodies = [policy(hook, "shop"), policy(hook, "bank", inhibit=[greedy])]
        chosen = config(
            alertmanager={
                "version": running_alertmanager.name,
                "base": {
                    "route": {"receiver": "ops", "group_wait": "0s"},
                    "receivers": [{"name": "ops", "webhook_configs": [{"url": hook.url("ops")}]}],
                },
            }
        )
        with Alertmanager(running_alertmanager, tmp_path, alertmanager_file(bodies, chosen)) as server:
            server.send(
                {"alertname": "A", "severity": "critical", "binnacle_namespace": "shop", **IDENTITY},
                {"alertname": "B", "severity": "info", "binnacle_namespace": "shop", **IDENTITY},
                {"alertname": "C", "severity": "critical", "binnacle_namespace": "bank", **IDENTITY},
                {"alertname": "D", "severity": "critical", "binnacle_namespace": "other", **IDENTITY},
                {"alertname": "E", "severity": "critical"},
                {"alertname": "F", "severity": "info", "binnacle_namespace": "bank", **IDENTITY},
            )
            eventually(lambda: len({one["alertname"] for _, one in _all(hook)}) == 5)
            # The page of the bank hushes what is the bank's, and what is the shop's is told.
            eventually(lambda: _hushed(server) == ["F"])
            assert sorted({(path, one["alertname"]) for path, one in _all(hook)}) == [
                ("/bank-oncall", "C"),
                ("/ops", "D"),
                ("/ops", "E"),
                ("/shop-default", "B"),
                ("/shop-oncall", "A"),
            ]
            # A policy that is broken later breaks nothing: what it cannot say is left out of the file.
            bad = policy(hook, "bank", routes=[{"name": "page", "receivers": ["nobody"]}])
            server.write(alertmanager_file([bodies[0], bad], chosen))
            server.reload()


def _all(hook: Webhook) -> list[tuple[str, dict[str, str]]]:
    return [(path, alert["labels"]) for path, message in list(hook.messages) for alert in message["alerts"]]


def _hushed(server: Alertmanager) -> list[str]:
    """Names of the alerts that Alertmanager knows and holds back because of others."""
    alerts = json.loads(fetch(f"{server.url}/api/v2/alerts").body)
    return sorted(one["labels"]["alertname"] for one in alerts if one["status"]["inhibitedBy"])


def test_from_a_metric_to_the_webhook(
    start_prometheus: Callable[..., Prometheus], running_alertmanager: AlertmanagerLine, tmp_path: Path
) -> None:
    with Webhook() as hook:
        chosen = config(alertmanager={"version": running_alertmanager.name})
        body = policy(hook)
        with Alertmanager(running_alertmanager, tmp_path / "alertmanager", alertmanager_file([body], chosen)) as server:
            prometheus = start_prometheus(
                # Nobody listens there: the target is down.
                scrape={"api": ["127.0.0.1:1"]},
                config={"alerting": {"alertmanagers": [{"static_configs": [{"targets": [server.address]}]}]}},
            )
            (rules,) = (one for one in one_pass([body], chosen).files if one.path.startswith("prometheus/rules/"))
            prometheus.write_rules("policy", rules.text)
            prometheus.reload()
            eventually(lambda: hook.alerts("shop-oncall"))
            first = hook.alerts("shop-oncall")[0]
            assert first == {
                "alertname": "Broken",
                "job": "api",
                "severity": "critical",
                "binnacle_namespace": "shop",
                **IDENTITY,
            }
            (message,) = {
                (one["annotations"]["summary"], one["annotations"]["runbook_url"])
                for path, body in hook.messages
                if path == "/shop-oncall"
                for one in body["alerts"]
            }
            assert message == ("api is at 0", "https://runbooks.example/broken")
            # The lower level fires too and is hushed by the higher one.
            firing = {one["labels"]["severity"] for one in prometheus.alerts() if one["state"] == "firing"}
            assert firing == {"critical", "warning"}
            eventually(lambda: _hushed(server) == ["Broken"])
            assert hook.alerts("shop-default") == []


async def test_it_is_read_back_whether_the_routing_is_loaded(
    running_alertmanager: AlertmanagerLine, tmp_path: Path
) -> None:
    with Webhook() as hook:
        base = config(alertmanager={"version": running_alertmanager.name})
        old = policy(hook)
        more = {"receivers": [*old["spec"]["receivers"], {"name": "new", "webhook": {"url": hook.url("new")}}]}
        new = {**old, "spec": {**old["spec"], **more}}
        with Alertmanager(running_alertmanager, tmp_path, alertmanager_file([old], base)) as server:
            observer_config = config(alertmanager={"url": server.url, "version": running_alertmanager.name})
            async with open_session() as session:
                observer = AlertmanagerObserver(observer_config, session)

                async def look(body: dict[str, Any]) -> Observed:
                    (wants,) = one_pass([body], observer_config).desired.items()
                    marks = tuple(mark.name for mark in wants[1].marks if mark.backend == "alertmanager")
                    assert marks
                    return (await observer.observe([Expectation(wants[0], marks, None)]))[wants[0]]

                assert (await look(old)).liveness is Liveness.LOADED
                found = await look(new)
                assert found.liveness is Liveness.MISSING
                assert "it lacks item receivers/shop/payments/new." in found.message
                server.write(alertmanager_file([new], base))
                server.reload()
                assert (await look(new)).liveness is Liveness.LOADED
                # Edits that change no name: where a receiver sends to, and one more route.
                for edit in (
                    {"receivers": [*old["spec"]["receivers"], {"name": "new", "webhook": {"url": hook.url("newer")}}]},
                    {"routes": [*old["spec"]["routes"], {"name": "rest", "receivers": ["new"]}]},
                ):
                    new = {**new, "spec": {**new["spec"], **edit}}
                    found = await look(new)
                    assert found.liveness is Liveness.MISSING
                    assert "another version of the routing" in found.message
                    server.write(alertmanager_file([new], base))
                    server.reload()
                    assert (await look(new)).liveness is Liveness.LOADED
