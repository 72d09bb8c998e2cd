"""One SLO all the way: kubectl, the operator under its own rights, its rules in a real Prometheus, and a true status.

A month of traffic is written as history, and what the operator's rules have recorded of it; the last minutes of an outage
run live. The tests share one such world for each line of Prometheus; each finds and leaves it at rest.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from binnacle.observe import rounding
from servers.audit import WriteCounter, WriteRecord, counted
from servers.controlplane import ControlPlane
from servers.errors import ServerFailedError
from servers.http import fetch
from servers.operator import USER, OperatorProcess, sweep
from servers.pace import paced
from servers.prometheus import Prometheus, PrometheusLine
from servers.target import MetricsTarget
from servers.waiting import PATIENCE, eventually
from stack import reloader
from stack.history import DAY, Instance, Outage, Traffic, record

QUICKSTART = Path(__file__).resolve().parents[2] / "examples" / "quickstart" / "checkout-slo.yaml"
"""The SLO of the quickstart. Its neighbours are applied with it in tests/cluster/test_operator_smoke.py; here each write counts."""
OBJECTIVE = Decimal("0.999")
PERIOD = "slo:period_error:ratio"
INCREMENTS = "slo:events:increase5m"
WINDOW = 30 * DAY
LONG_EVERY = 240
"""Seconds between two records of the window's share of errors."""
RECENT = 2 * 3600
"""Seconds before the live part for which every series is recorded."""
AWAY = 90
"""Seconds that a Prometheus may be away in a test, on a busy machine: no record is due in them."""
OUTAGE = 1800
"""Seconds that the outage has lasted when the live part begins."""
PATIENT = "120s"
"""Reload period that gives the test time to write history between an apply and the loading of the rules."""
SHORT = "2s"
"""Reload period with a look at Prometheus each second, and a verdict after four."""


@dataclass
class Spine:
    """A cluster, a Prometheus, the operator between them, and what was seen on the way here."""

    cluster: ControlPlane
    prometheus: Prometheus
    traffic: Traffic
    writes: WriteCounter
    directory: Path
    began: float = 0.0
    """When the live part began (Unix seconds): the end of the history."""
    files: dict[str, str] = field(default_factory=dict)
    until_rules: float = 0.0
    """Seconds from `kubectl apply` to the rule object."""
    first_writes: list[WriteRecord] = field(default_factory=list)
    operator: OperatorProcess | None = None

    def operate(self, reload_period: str) -> OperatorProcess:
        """Run the operator, in place of the one that runs, and wait until it writes no more."""
        if self.operator is not None:
            self.operator.stop()
        mark = self.writes.mark()
        self.operator = OperatorProcess(
            self.cluster,
            self.directory / f"operator-{time.monotonic_ns()}",
            {"prometheus": {"url": self.prometheus.url, "output": "configMap"}, "reloadPeriod": reload_period},
        ).start()
        self.writes.settle(mark, user=USER)
        return self.operator

    def status(self) -> dict[str, Any]:
        return dict(self.cluster.get("slo", "checkout", "-n", "shop").get("status", {}))

    def condition(self, name: str) -> dict[str, Any]:
        """A condition of the SLO; empty where it is absent."""
        return next((one for one in self.status().get("conditions", ()) if one["type"] == name), {})

    def wait(self, name: str, status: str, reason: str, limit: float = PATIENCE) -> dict[str, Any]:
        """The condition, once it says this."""

        def said() -> dict[str, Any]:
            found = self.condition(name)
            assert (found.get("status"), found.get("reason")) == (status, reason), found
            return found

        return eventually(said, limit=limit, what=f"{name}={status}/{reason}")

    def count(self, mark: int, quiet: float = 1.0) -> list[tuple[str, str, str]]:
        """The operator's writes since the mark, once there were none for `quiet` seconds."""
        self.writes.settle(mark, user=USER, quiet=quiet)
        return [(one.verb, one.resource, one.subresource) for one in counted(self.writes.since(mark), user=USER)]


STATUS = ("patch", "slos", "status")
RULES = ("patch", "configmaps", "")


@pytest.fixture(scope="module")
def spine(
    control_plane: ControlPlane,
    crds_applied: tuple[str, ...],
    prometheus_line: PrometheusLine,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Spine]:
    """The world after an apply, a month, and an outage that lasts."""
    control_plane.ensure_running()
    directory = tmp_path_factory.mktemp("spine")
    began = float(int(time.time()))
    instances = [
        Instance(
            {"job": "checkout", "instance": f"checkout-{number}:8080"},
            {"service": "checkout"},
            (
                Outage(began - 11 * DAY, began - 11 * DAY + 1500, 0.2),
                Outage(began - OUTAGE, began + DAY, 0.3),
            ),
        )
        for number in range(3)
    ]
    traffic = Traffic("http_requests_total", instances, begin=began - WINDOW - RECENT - 3600, end=began, share=0.0002)
    with ExitStack() as stack:
        targets = [stack.enter_context(MetricsTarget(traffic.live(number))) for number in range(len(instances))]
        jobs = [
            {
                "job_name": "checkout",
                "scrape_interval": "10s",
                "static_configs": [
                    {"targets": [target.address], "labels": {"instance": instance.labels["instance"]}}
                    for target, instance in zip(targets, instances, strict=True)
                ],
            }
        ]
        writes = WriteCounter(control_plane.audit_log)
        prometheus = Prometheus(prometheus_line, directory / "prometheus")
        made = Spine(control_plane, prometheus, traffic, writes, directory, began)
        stack.callback(lambda: made.operator and made.operator.stop())
        # The operator takes its rules away before it is stopped.
        stack.callback(eventually, lambda: not reloader.mounted(control_plane))
        stack.callback(control_plane.kubectl, "delete", "-f", str(QUICKSTART), "--ignore-not-found", "--wait=false")
        prometheus.start()
        stack.callback(prometheus.stop)
        sweep(control_plane)
        made.operate(PATIENT)
        eventually(lambda: not control_plane.ends("shop"), what="the end of an earlier namespace")
        eventually(lambda: not reloader.mounted(control_plane), what="the end of rules of an earlier test")
        writes.prove(control_plane)

        mark, applied = writes.mark(), time.monotonic()
        control_plane.kubectl("apply", "-f", str(QUICKSTART))
        made.files = eventually(lambda: reloader.mounted(control_plane))
        made.until_rules = time.monotonic() - applied

        prometheus.stop()
        prometheus_line.create_blocks(traffic.openmetrics(), prometheus.data)
        record(
            prometheus_line,
            reloader.paths(made.files, prometheus),
            end=began,
            recent=RECENT,
            data=prometheus.data,
            directory=directory / "recording",
        )
        prometheus.configure(scrape_configs=jobs)
        prometheus.start()
        made.wait("Live", "True", "RulesLoaded")
        writes.settle(mark, user=USER)
        made.first_writes = counted(writes.since(mark), user=USER)
        yield made


def test_the_rule_object_comes_within_seconds(spine: Spine) -> None:
    assert spine.until_rules < paced(5)
    assert list(spine.files) == ["slo.shop.checkout.yaml"]


def test_the_recorded_share_of_errors_is_that_of_the_raw_data(spine: Spine) -> None:
    """Against what was counted in the thirty days before the last increment that the record is made of."""
    evaluated = spine.prometheus.value(f"timestamp({PERIOD})", spine.began)
    increment = spine.prometheus.value(f"timestamp({INCREMENTS})", evaluated)
    assert evaluated - increment < 300
    assert spine.began - evaluated < LONG_EVERY
    recorded = spine.prometheus.value(PERIOD, evaluated)
    exact = spine.traffic.error_ratio(increment - WINDOW, increment)
    print(f"{spine.prometheus.line.name}: recorded {recorded:.8f}, exact {exact:.8f}, {recorded / exact - 1:+.4%}")
    assert recorded == pytest.approx(exact, rel=0.001)
    remaining = spine.prometheus.value("slo:period_error_budget_remaining:ratio", spine.began)
    assert remaining == pytest.approx(1 - exact / 0.001, abs=0.001)


def test_the_page_fires_in_the_outage_and_not_before(spine: Spine) -> None:
    rules = [rule for group in groups_of(spine.files) for rule in group["rules"] if rule.get("alert")]
    (page,) = [rule for rule in rules if rule["labels"]["severity"] == "critical"]

    def firing() -> dict[str, Any]:
        (alert,) = [one for one in spine.prometheus.alerts() if one["labels"]["severity"] == "critical"]
        assert alert["state"] == "firing"
        return alert

    alert = eventually(firing)
    assert alert["labels"] == {
        "alertname": "SLOErrorBudgetBurn",
        "severity": "critical",
        "slo": "checkout",
        "slo_namespace": "shop",
        "slo_service": "checkout",
        "binnacle_kind": "SLO",
        "binnacle_namespace": "shop",
        "binnacle_name": "checkout",
        "binnacle_route": "payments",
    }
    assert alert["annotations"]["summary"] == "checkout: SLO shop/checkout burns its error budget"
    assert re.search(
        r"(29|30)(\.\d+)?% over 5m \(limit of both: 1\.44%, 14\.4 times the allowed rate\)",
        alert["annotations"]["burning"],
    )
    assert re.fullmatch(r"-?\d+(\.\d+)?%", alert["annotations"]["budget_remaining"])

    outage = spine.began - OUTAGE
    (calm, burning) = (
        spine.prometheus.query_range(page["expr"], start=start, end=end, step=60)
        for start, end in ((spine.began - RECENT + 600, outage), (outage, spine.began))
    )
    assert calm == []
    (series,) = burning
    # Three of ten requests fail: 1.44% of an hour is reached after 2.9 minutes.
    assert 120 < series.points[0][0] - outage < 360
    assert len(series.points) > (OUTAGE - 360) / 60


def test_kubectl_shows_the_recorded_figures(spine: Spine) -> None:
    def agree() -> dict[str, str]:
        header, row = spine.cluster.kubectl("get", "slo", "-A").stdout.splitlines()
        columns = dict(zip(header.split(), row.split(), strict=True))
        error = spine.prometheus.value(PERIOD)
        remaining = spine.prometheus.value("slo:period_error_budget_remaining:ratio")
        assert columns["SLI"] == rounding.sli(error, OBJECTIVE, columns["SLI"])
        assert columns["BUDGET"] == rounding.budget_remaining(remaining, columns["BUDGET"])
        assert abs(Decimal(columns["SLI"].rstrip("%")) / 100 - (1 - Decimal(error))) <= Decimal("0.00001")
        assert abs(Decimal(columns["BUDGET"].rstrip("%")) / 100 - Decimal(remaining)) <= Decimal("0.01")
        return columns

    columns = eventually(agree)
    print(columns)
    assert columns == {
        **columns,
        "NAMESPACE": "shop",
        "NAME": "checkout",
        "SERVICE": "checkout",
        "OBJECTIVE": "99.9%",
        "WINDOW": "30d",
        "READY": "True",
    }


def test_a_new_slo_costs_its_rules_and_two_statuses(spine: Spine) -> None:
    assert [(one.verb, one.resource, one.subresource) for one in spine.first_writes] == [RULES, STATUS, STATUS]
    assert all(one.ok for one in spine.first_writes)


def test_a_restart_of_the_operator_writes_nothing_and_forgets_nothing(spine: Spine) -> None:
    before, mark = spine.status(), spine.writes.mark()
    spine.operate(SHORT)
    wait_for_looks(spine.prometheus, 3)
    assert spine.count(mark) == []
    assert spine.status() == before
    assert {"sli", "budgetRemaining", "burnRate"} <= before.keys()


def test_steady_traffic_causes_no_writes_and_a_backend_away_makes_live_unknown_and_nothing_else(spine: Spine) -> None:
    spine.operate(SHORT)
    spine.traffic.end_outages()
    mark = spine.writes.mark()
    wait_for_looks(spine.prometheus, 25)
    # What is recorded each four minutes may come into this half minute, and with it other figures.
    quiet = spine.count(mark)
    assert quiet in ([], [STATUS])

    # Figures must not change meanwhile for their own reasons, and an evaluation missed by Prometheus would be a hole in them.
    eventually(
        lambda: 5 < time.time() - spine.prometheus.value(f"timestamp({PERIOD})") < LONG_EVERY - AWAY,
        limit=2 * LONG_EVERY,
        every=1,
    )
    before, mark = spine.status(), spine.writes.mark()
    gone = time.monotonic()
    spine.prometheus.stop()
    away = spine.wait("Live", "Unknown", "BackendUnreachable")
    assert time.monotonic() - gone > 3.5
    assert away["message"] == f"Prometheus at {spine.prometheus.url} cannot be reached: the connection is refused."
    assert spine.count(mark, quiet=3) == [STATUS]
    during = spine.status()
    assert without_live(during) == without_live(before)
    assert spine.condition("DataPresent")["reason"] == "BackendUnreachable"
    assert spine.condition("Ready")["status"] == "True"

    spine.prometheus.start()
    spine.wait("Live", "True", "RulesLoaded")
    assert spine.count(mark) == [STATUS, STATUS]
    assert spine.condition("DataPresent")["reason"] == "MetricsFound"
    after = spine.status()
    assert without_live(after).keys() == without_live(before).keys()


def test_rules_that_prometheus_does_not_take_stall_the_slo_until_it_does(spine: Spine) -> None:
    spine.operate(SHORT)
    eventually(lambda: spine.prometheus.value(PERIOD), limit=2 * LONG_EVERY, every=1, what="a record of the window")
    old = reloader.mounted(spine.cluster)
    try:
        edited = time.monotonic()
        spine.cluster.kubectl(
            *("patch", "slo", "checkout", "-n", "shop", "--type=merge", "-p", '{"spec": {"objective": "99.8%"}}')
        )
        new = eventually(lambda: (now := reloader.mounted(spine.cluster)) != old and now)
        mark = next(group["name"] for group in groups_of(new) if ".meta." in group["name"])
        stalled = spine.wait("Stalled", "True", "BackendRefused")
        assert time.monotonic() - edited > 4
        assert stalled["message"] == (
            f"Prometheus still has another version of the rules loaded; it lacks rule group {mark}."
        )
        assert spine.condition("Live")["status"] == "False"
        # What is recorded is of the old objective; what is shown is of the one beside it.
        shown, error = spine.status(), spine.prometheus.value(PERIOD)
        assert shown["budgetRemaining"] == rounding.budget_remaining(1 - error / 0.002, shown["budgetRemaining"])
        assert spine.condition("Ready")["status"] == "False"

        broken = {"other.yaml": "groups: [{name: other, rules: [{record: 'no name', expr: '('}]}]"}
        with pytest.raises(ServerFailedError):
            reloader.reload(new | broken, spine.prometheus)

        def says_so() -> bool:
            return "last attempt to load its configuration failed" in spine.condition("Stalled")["message"]

        eventually(says_so)
        print(spine.condition("Stalled")["message"])

        reloader.reload(new, spine.prometheus)
        spine.wait("Ready", "True", "Applied")
        spine.wait("Live", "True", "RulesLoaded")
        assert spine.condition("Stalled") == {}
    finally:
        spine.cluster.apply(QUICKSTART)
        eventually(lambda: reloader.mounted(spine.cluster) == old)
        reloader.reload(old, spine.prometheus)
        spine.wait("Live", "True", "RulesLoaded")


def groups_of(files: dict[str, str]) -> list[dict[str, Any]]:
    return [group for text in files.values() for group in yaml.safe_load(text)["groups"]]


def without_live(status: dict[str, Any]) -> dict[str, Any]:
    """Return a status without what its backend says: whether it has the rules, and whether the metrics are there."""
    ours = [one for one in status["conditions"] if one["type"] not in ("Live", "DataPresent")]
    return {**status, "conditions": ours}


def wait_for_looks(prometheus: Prometheus, number: int) -> None:
    """Return once Prometheus has listed its rules that many more times: each look of the operator asks once."""

    def listed() -> float:
        text = fetch(f"{prometheus.url}/metrics").body.decode()
        found = re.findall(
            r'^prometheus_http_requests_total\{code="200",handler="/api/v1/rules"\} (\S+)$', text, re.MULTILINE
        )
        return float(found[0]) if found else 0.0

    begun = listed()
    eventually(lambda: listed() >= begun + number, every=0.2, what=f"{number} looks")
