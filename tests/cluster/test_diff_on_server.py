"""`binnacle diff` on a real API server: it foretells what an apply then does, with few rights, and writes nothing."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cli.running import Runner
from servers.audit import WriteCounter, counted
from servers.controlplane import ControlPlane
from servers.operator import NAMESPACE, OperatorProcess
from servers.waiting import eventually

QUICKSTART = Path(__file__).resolve().parents[2] / "examples" / "quickstart"
RULES = "binnacle-default-rules"


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Runner:
    return Runner(capsys, monkeypatch)


@pytest.fixture
def files(namespace: str, tmp_path: Path) -> Path:
    """The quickstart, in the test's own namespace."""
    folder = tmp_path / "files"
    shutil.copytree(QUICKSTART, folder)
    for path in folder.glob("*.yaml"):
        text = path.read_text().replace("namespace: shop", f"namespace: {namespace}")
        path.write_text(text.replace("name: shop\n---", f"name: {namespace}\n---"))
    return folder


def kinds(files: Path) -> set[str]:
    """The kinds of ours in the files."""
    texts = [path.read_text() for path in files.glob("*.yaml")]
    return {kind for text in texts for kind in re.findall(r"^kind: (\w+)$", text, re.MULTILINE)} - {"Namespace"}


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def told(run: Runner, files: Path, kubeconfig: Path, *arguments: str) -> dict[str, Any]:
    ended = run("diff", files, "--kubeconfig", kubeconfig, "--output", "json", *arguments)
    found: dict[str, Any] = json.loads(ended.out)
    return found | {"status": ended.status}


def changes(found: dict[str, Any]) -> set[tuple[str, ...]]:
    return {(one["action"], one["kind"], one["name"], one["owner"]["kind"]) for one in found["changes"]}


def errors(found: dict[str, Any]) -> list[tuple[str, str]]:
    return [(one["kind"], one["reason"]) for one in found["findings"] if one["severity"] == "error"]


def test_it_foretells_what_an_apply_does_and_writes_nothing(
    control_plane: ControlPlane,
    start_operator: Callable[..., OperatorProcess],
    write_counter: WriteCounter,
    run: Runner,
    files: Path,
    namespace: str,
) -> None:
    plane, admin = control_plane, control_plane.kubeconfig
    start_operator()

    def settled() -> bool:
        resources = plane.get("binnacle", "-n", namespace)["items"]
        return {one["kind"] for one in resources} == kinds(files) and all(
            {"type": "Ready", "status": "True"}.items() <= condition.items()
            and one["status"]["observedGeneration"] == one["metadata"]["generation"]
            for one in resources
            for condition in one["status"]["conditions"]
            if condition["type"] == "Ready"
        )

    before = told(run, files, admin)
    assert (before["status"], before["notes"], errors(before)) == (0, [], [])
    assert {one["action"] for one in before["changes"]} == {"Create"}
    plane.kubectl("apply", "-f", str(files))
    eventually(settled)

    mark = write_counter.mark()
    same = told(run, files, admin, "--exit-code")
    assert (same["status"], same["changes"]) == (0, [])
    context = files.parent / "context.yaml"
    context.write_text("grafana: {url: 'https://grafana.example', namespace: monitoring}\n")
    boards = told(run, files, admin, "--context", str(context))["changes"]
    shared = [one["action"] for one in boards if one["owner"] == {"kind": "SLO", "namespace": "", "name": ""}]
    assert shared == ["Create", "Create"], "what there is for all SLOs"
    edit(files / "checkout-slo.yaml", "99.9%", "99.95%")
    edit(files / "payments-alertpolicy.yaml", "#payments", "#other")
    edit(files / "checkout-dashboard.yaml", "title: Failing now", "title: Failing")
    changed = told(run, files, admin, "--exit-code")
    dashboard = plane.get("configmap", "-n", "monitoring", "-l", f"binnacle.dev/namespace={namespace}")["items"][0]
    assert changed["status"] == 1
    assert changes(changed) == {
        ("Update", "SLO", "checkout", "SLO"),
        ("Update", "ConfigMap", RULES, "SLO"),
        ("Update", "AlertPolicy", "payments", "AlertPolicy"),
        ("Update", "ConfigMap", "binnacle-default-alertmanager", "AlertPolicy"),
        ("Update", "Dashboard", "checkout", "Dashboard"),
        ("Update", "ConfigMap", dashboard["metadata"]["name"], "Dashboard"),
    }
    records = write_counter.settle(mark)
    # The API server keeps its own objects.
    assert [one for one in counted(records) if one.user != "system:apiserver"] == []
    # Else the count of nothing would mean nothing: the dry runs were seen.
    assert {record.resource for record in records if record.dry_run} >= {"slos", "dashboards"}

    (rules,) = [one["diff"] for one in changed["changes"] if one["name"] == RULES]
    foretold = [line[1:] for line in rules.splitlines() if line.startswith("+") and "expr" in line]
    plane.kubectl("apply", "-f", str(files))
    eventually(settled)
    live = plane.get("configmap", RULES, "-n", "monitoring")["data"]
    assert foretold
    assert [line for line in foretold if not any(line in text for text in live.values())] == []
    assert told(run, files, admin)["changes"] == []

    # Who reads what changes is compared too.
    edit(files / "checkout-slo.yaml", "name: checkout\n", "name: other\n")
    plane.kubectl("delete", "slo", "checkout", "-n", namespace)
    eventually(settled_without_slo(plane, namespace))
    back = told(run, files / "checkout-slo.yaml", admin)
    assert ("Create", "SLO", "other", "SLO") in changes(back)
    edit(files / "checkout-slo.yaml", "name: other\n", "name: checkout\n")
    back = told(run, files / "checkout-slo.yaml", admin)
    assert ("Update", "ConfigMap", dashboard["metadata"]["name"], "Dashboard") in changes(back)


def settled_without_slo(plane: ControlPlane, namespace: str) -> Callable[[], bool]:
    """The dashboard has lost its link to the SLO."""

    def lost() -> bool:
        found = plane.get("dash", "checkout", "-n", namespace)["status"]
        return any(one["path"] == "spec.links[slo].slo" for one in found.get("findings", ()))

    return lost


def account(plane: ControlPlane, namespace: str, name: str, *rules: dict[str, list[str]]) -> Path:
    """A ServiceAccount with these rights in a namespace, and its kubeconfig."""
    metadata = {"name": name, "namespace": namespace}
    group = "rbac.authorization.k8s.io"
    role = {"apiVersion": f"{group}/v1", "kind": "Role", "metadata": metadata, "rules": list(rules)}
    binding = {
        "apiVersion": f"{group}/v1",
        "kind": "RoleBinding",
        "metadata": metadata,
        "roleRef": {"apiGroup": group, "kind": "Role", "name": name},
        "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": namespace}],
    }
    plane.apply([{"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}, role, binding])
    return plane.service_account_kubeconfig(namespace, name)


def test_few_rights_are_enough_and_too_few_are_named(
    control_plane: ControlPlane, crds_applied: tuple[str, ...], run: Runner, files: Path, namespace: str
) -> None:
    assert crds_applied
    nobody = account(control_plane, namespace, "nobody")
    ended = run("diff", files, "--kubeconfig", nobody)
    assert (ended.status, ended.out) == (2, "")
    assert (
        f"your kubeconfig has no permission to list alertpolicies of binnacle.dev in namespace {namespace}" in ended.err
    )

    control_plane.kubectl("apply", "-f", str(files / "shop-metricset.yaml"))
    control_plane.kubectl("label", "mset", "shop", "team=somebody-elses", "-n", namespace)
    reader = {"apiGroups": ["binnacle.dev"], "resources": ["*"], "verbs": ["get", "list"]}
    found = told(run, files, account(control_plane, namespace, "reader", reader))
    assert (found["status"], errors(found)) == (0, [])
    # What it may not see is said, and left out.
    assert {one["kind"] for one in found["changes"]} == kinds(files) - {"MetricSet"}
    unseen, *untried = found["notes"]
    assert "no permission to list configmaps in namespace monitoring: what is there is not compared" in unseen
    (slo,) = [one for one in untried if f"SLO {namespace}/checkout" in one]
    assert "no permission to create slos of binnacle.dev" in slo


def test_what_the_server_would_refuse_or_somebody_else_has_is_an_error(
    control_plane: ControlPlane, crds_applied: tuple[str, ...], run: Runner, files: Path, namespace: str
) -> None:
    assert crds_applied
    plane = control_plane
    for name in ("monitoring", NAMESPACE):
        plane.kubectl("create", "namespace", name, check=False)
    created = told(run, files, plane.kubeconfig)["changes"]
    (board,) = [one["name"] for one in created if one["owner"]["kind"] == "Dashboard" and one["kind"] == "ConfigMap"]
    plane.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": board, "namespace": "monitoring"}})
    try:
        edit(files / "checkout-slo.yaml", "  name: checkout\n", "  name: checkout\n  labels: {team: 'not a label!'}\n")
        found = told(run, files, plane.kubeconfig)
    finally:
        plane.kubectl("delete", "configmap", board, "-n", "monitoring")
    assert found["status"] == 1
    # The dashboard links the SLO, which would not come: that is an error of its own.
    assert set(errors(found)) >= {("Dashboard", "NameTaken"), ("SLO", "ApplyRefused")}
    objects = {one["owner"]["kind"] for one in found["changes"] if one["kind"] == "ConfigMap"}
    assert objects == kinds(files) - {"SLO", "Dashboard"}
    (refused,) = [one for one in found["findings"] if one["reason"] == "ApplyRefused"]
    assert "metadata.labels" in refused["message"]
    assert refused["file"].endswith("checkout-slo.yaml")
