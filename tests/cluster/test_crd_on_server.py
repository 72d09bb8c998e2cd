"""The CRD on a real API server: taken without a warning, explained, and refusing what the models refuse."""

import json
import random
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from api.slo_cases import BAD, GOOD, Case, good_slo
from binnacle.api.conditions import Condition, ConditionStatus, ConditionType, set_conditions
from binnacle.api.crd import render_crds
from binnacle.api.findings import Finding, Severity
from binnacle.api.reasons import Reason
from binnacle.api.registry import KINDS, parse
from binnacle.api.slo import AlertStatus, CostStatus, GroupsStatus, SLOStatus
from binnacle.api.status import Child, EffectiveValue, findings_for_status
from binnacle.api.values import AlertSeverity
from cluster.admission import refusals
from servers.cluster import Cluster

pytestmark = pytest.mark.usefixtures("crds_applied")


def test_the_crd_is_taken_without_a_warning(cluster: Cluster, tmp_path: Path) -> None:
    for name, text in render_crds().items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    applied = cluster.kubectl("apply", "--server-side", "--force-conflicts", "--validate=strict", "-f", str(tmp_path))
    assert applied.stderr == ""
    for info in KINDS.values():
        status = cluster.get("crd", f"{info.plural}.{info.group}")["status"]
        conditions = {one["type"]: one["status"] for one in status["conditions"]}
        assert conditions["Established"] == "True"
        assert conditions["NamesAccepted"] == "True"
        # NonStructuralSchema and KubernetesAPIApprovalPolicyConformant are there only when they complain.
        assert set(conditions) == {"Established", "NamesAccepted"}


def test_good_slos_are_taken(cluster: Cluster, namespace: str) -> None:
    assert refusals(cluster, namespace, [one.object() for one in GOOD]) == {}


def test_the_examples_of_the_reference_are_taken_where_kubectl_is(cluster: Cluster, namespace: str) -> None:
    examples = Path(__file__).resolve().parents[2] / "examples" / "minimal"
    tried = cluster.kubectl(
        *("apply", "-n", namespace, "--dry-run=server", "--validate=strict", "-o", "name", "-f", str(examples))
    )
    assert len(tried.stdout.splitlines()) == len(KINDS)
    assert tried.stderr == ""


@pytest.fixture(scope="module")
def said(cluster: Cluster, crds_applied: tuple[str, ...]) -> dict[str, str]:
    """What the server says of every bad SLO, asked in one go."""
    return refusals(cluster, "default", [one.object() for one in BAD])


@pytest.mark.parametrize("bad", BAD, ids=lambda one: one.name)
def test_a_bad_slo_is_refused_at_its_field_in_words(bad: Case, said: dict[str, str]) -> None:
    text = said[bad.object()["metadata"]["name"]]
    assert bad.server in text
    assert (bad.field or bad.path) in text


def test_the_server_and_the_models_agree_on_values(cluster: Cluster, namespace: str) -> None:
    chance = random.Random(20261120)

    def number(digits: int) -> str:
        return str(chance.randrange(10 ** chance.randint(1, digits)))

    def duration() -> str:
        units = [unit for unit in ("y", "w", "d", "h", "m", "s", "ms") if chance.random() < 0.3]
        if chance.random() < 0.1:
            chance.shuffle(units)
        return "".join(f"{chance.choice((number(2), number(9), '24', '60', '0'))}{unit}" for unit in units)

    def percentage() -> str:
        return f"{number(4)}{chance.choice(('', f'.{number(9)}'))}{chance.choice(('%', '%', '%', ''))}"

    objects = []
    for index in range(250):
        one = good_slo(f"value-{index}")
        one["spec"]["objective"] = percentage() if chance.random() < 0.5 else "99%"
        one["spec"]["window"]["rolling"] = duration() if chance.random() < 0.5 else "30d"
        rate = one["spec"]["alerting"]["burnRates"][0]
        rate["long"], rate["short"] = (duration(), duration()) if chance.random() < 0.3 else ("1h", "5m")
        objects.append(one)
    refused = refusals(cluster, namespace, objects)
    for one in objects:
        model, findings = parse(one)
        assert (model is None) == (one["metadata"]["name"] in refused), (one["spec"], findings, refused)
    assert 0 < len(refused) < len(objects)


def test_an_unknown_field_is_pruned_or_refused_as_the_client_asks(cluster: Cluster, namespace: str) -> None:
    one = good_slo("unknown", namespace)
    one["spec"]["objektive"] = "99%"
    strict = cluster.kubectl("create", "-f", "-", input=json.dumps(one), check=False)
    assert 'unknown field "spec.objektive"' in strict.stderr
    cluster.kubectl("create", "--validate=ignore", "-f", "-", input=json.dumps(one))
    live = cluster.get("slo", "unknown", "-n", namespace)
    assert "objektive" not in live["spec"]
    assert live["status"] == {"observedGeneration": -1}
    model, findings = parse(live)
    assert findings == []
    assert model is not None


def test_explain_reads_well(cluster: Cluster) -> None:
    tree = cluster.kubectl("explain", "slo.spec", "--recursive").stdout
    for line in (
        "objective\t<string> -required-",
        "burnRates\t<[]Object>",
        "histogramType\t<string>",
        "enum: classic, native",
    ):
        assert line in tree
    for path in (
        "slo.spec",
        "slo.spec.alerting.burnRates",
        "slo.spec.indicator.ratio",
        "slo.status",
        "slo.status.conditions",
    ):
        page = cluster.kubectl("explain", path).stdout
        assert "<no description>" not in page, path
        fields = re.findall(r"^  (\w+)\t<", page, flags=re.MULTILINE)
        described = re.findall(r"^  \w+\t<.*\n(?:  enum: .*\n)?    \S", page, flags=re.MULTILINE)
        assert len(fields) == len(described) > 0, path


def test_the_columns_show_what_is_known(cluster: Cluster, namespace: str) -> None:
    cluster.apply(good_slo("shown", namespace))
    status = {
        "observedGeneration": 1,
        "sli": "99.95%",
        "budgetRemaining": "50%",
        "conditions": [
            {
                "type": "Ready",
                "status": "True",
                "reason": "Applied",
                "message": "",
                "lastTransitionTime": "2026-01-01T00:00:00Z",
            }
        ],
    }
    patch = json.dumps({"status": status})
    cluster.kubectl("patch", "slo", "shown", "-n", namespace, "--subresource=status", "--type=merge", "-p", patch)
    header, row = cluster.kubectl("get", "slo", "-n", namespace).stdout.splitlines()
    assert header.split() == ["NAME", "SERVICE", "OBJECTIVE", "WINDOW", "SLI", "BUDGET", "READY", "AGE"]
    assert row.split()[:-1] == ["shown", "checkout", "99.9%", "30d", "99.95%", "50%", "True"]
    monthly = good_slo("monthly", namespace)
    monthly["spec"]["window"] = {"calendar": "Month", "timeZone": "Europe/Berlin"}
    cluster.apply(monthly)
    assert cluster.kubectl("get", "slo", "monthly", "-n", namespace).stdout.splitlines()[1].split()[3] == "Month"
    assert "shown" in cluster.kubectl("get", "binnacle,observability", "-n", namespace, "-o", "name").stdout


def test_a_whole_status_is_stored_as_written(cluster: Cluster, namespace: str) -> None:
    cluster.apply(good_slo("full", namespace))
    condition = Condition(
        type=ConditionType.READY, status=ConditionStatus.TRUE, reason=Reason.APPLIED, message="All is applied."
    )
    finding = Finding(
        Severity.WARNING, Reason.WINDOW_TOO_LONG, "spec.alerting", "x" * 2000, fix="Shorten it.", column=3
    )
    status = SLOStatus(
        observed_generation=1,
        conditions=set_conditions((), [condition], datetime(2026, 11, 20, tzinfo=UTC)),
        children=(Child(kind="PrometheusRule", namespace=namespace, name="binnacle-slo-full", purpose="rules"),),
        effective=(EffectiveValue(name="prometheus.scrapeInterval", value="1m"),),
        sli="99.95%",
        budget_remaining="-12.5%",
        burn_rate="0.3",
        alerts=(
            AlertStatus(
                name="fast",
                severity=AlertSeverity.CRITICAL,
                factor="14.4",
                budget="2%",
                long="1h",
                short="5m",
                worst_case_detection="1m",
                detection_at_factor="1h7m",
            ),
        ),
        horizon="2028-06-05",
        groups=GroupsStatus(count=3, worst='region="eu"'),
        cost=CostStatus(rules=14, samples_per_minute=6514),
        **findings_for_status([finding] * 60),
    )
    patch = json.dumps({"status": status.to_status()})
    cluster.kubectl("patch", "slo", "full", "-n", namespace, "--subresource=status", "--type=merge", "-p", patch)
    live = cluster.get("slo", "full", "-n", namespace)["status"]
    assert live == status.to_status(), "nothing was pruned"
    assert SLOStatus.model_validate(live) == status
    assert live["findingsTotal"] == 60
