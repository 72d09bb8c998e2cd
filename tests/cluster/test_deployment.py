"""What runs the operator in a cluster: true to the code, taken where pods are restricted, and enough on a read-only root."""

from __future__ import annotations

import base64
import copy
import inspect
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml
from prometheus_client import CollectorRegistry

from binnacle.api.config import Config
from binnacle.cli.operator import operator as command
from binnacle.cluster.health import HealthServer
from binnacle.cluster.installing import rights, webhook_manifests
from binnacle.cluster.rbac import Installation
from binnacle.cluster.run import Options
from binnacle.control.metrics import Metrics
from cluster.operator_world import slo
from cluster.webhook_calls import Mounted
from servers.cluster import Cluster
from servers.controlplane import ControlPlane
from servers.find import find
from servers.http import fetch
from servers.operator import NAMESPACE, OperatorProcess, install, sweep
from servers.process import clean_environment, free_port
from servers.skips import unavailable
from servers.waiting import PATIENCE, eventually

ROOT = Path(__file__).resolve().parents[2]
MANIFESTS = ROOT / "manifests"
Object = dict[str, Any]


def manifest(file: str, kind: str) -> Object:
    """The one object of this kind in a file of `manifests/`."""
    (found,) = (one for one in yaml.safe_load_all((MANIFESTS / file).read_text()) if one["kind"] == kind)
    assert isinstance(found, dict)
    return found


DEPLOYMENT = manifest("operator.yaml", "Deployment")
POLICY = manifest("networkpolicy.yaml", "NetworkPolicy")
TEMPLATE = DEPLOYMENT["spec"]["template"]
(CONTAINER,) = TEMPLATE["spec"]["containers"]
LABELS = TEMPLATE["metadata"]["labels"]
CONFIG = Config.from_data({})


def open_ports(rules: list[Object]) -> list[int]:
    return [port["port"] for rule in rules for port in rule["ports"]]


async def test_probes_ask_what_is_answered_where_it_listens() -> None:
    (port,) = CONTAINER["ports"]
    address = inspect.signature(command).parameters["health_address"].default
    assert address == f"0.0.0.0:{port['containerPort']}"
    assert Options(CONFIG).health_port == port["containerPort"]
    probes = {name: CONTAINER[f"{name}Probe"]["httpGet"] for name in ("startup", "liveness", "readiness")}
    assert {probe["port"] for probe in probes.values()} == {port["name"]}
    server = HealthServer(Metrics(CollectorRegistry()))
    url = f"http://127.0.0.1:{await server.start('127.0.0.1', 0)}"
    try:

        async def status(path: str) -> int:
            async with aiohttp.ClientSession() as session, session.get(f"{url}{path}") as answer:
                return answer.status

        # A replica that waits for the API server is alive, and not ready.
        assert await status(probes["startup"]["path"]) == 200
        assert await status(probes["liveness"]["path"]) == 200
        assert await status(probes["readiness"]["path"]) == 503
    finally:
        await server.stop()


def test_the_policy_opens_the_ports_that_are_served_and_asked() -> None:
    service = webhook_manifests(CONFIG, Installation(), b"")[0]
    (served,) = service["spec"]["ports"]
    address = inspect.signature(command).parameters["webhook_address"].default
    assert address == f"0.0.0.0:{served['targetPort']}"
    assert open_ports(POLICY["spec"]["ingress"]) == [CONTAINER["ports"][0]["containerPort"], served["targetPort"]]
    assert set(open_ports(POLICY["spec"]["egress"])) == {53, 443, 6443, 9090, 9093}
    assert POLICY["spec"]["policyTypes"] == ["Ingress", "Egress"]
    # Only where no pod is at the other end is a port open to all.
    unnamed = [
        rule for way in ("ingress", "egress") for rule in POLICY["spec"][way] if not rule.keys() & {"from", "to"}
    ]
    assert [open_ports([rule]) for rule in unnamed] == [[served["targetPort"]], [443, 6443]]


def test_all_name_the_same_pods() -> None:
    metric_set = yaml.safe_load((MANIFESTS / "monitoring" / "metricset.yaml").read_text())["spec"]["target"]
    service = webhook_manifests(CONFIG, Installation(), b"")[0]
    budget = manifest("operator.yaml", "PodDisruptionBudget")
    assert DEPLOYMENT["spec"]["selector"]["matchLabels"] == LABELS
    assert budget["spec"]["selector"]["matchLabels"] == LABELS
    assert POLICY["spec"]["podSelector"]["matchLabels"] == LABELS
    for spread in TEMPLATE["spec"]["topologySpreadConstraints"]:
        assert spread["labelSelector"]["matchLabels"] == LABELS
    assert service["spec"]["selector"].items() <= LABELS.items()
    assert metric_set["selector"]["matchLabels"].items() <= LABELS.items()
    assert metric_set["port"] == CONTAINER["ports"][0]["name"]
    account = next(one for one in rights(CONFIG, Installation()) if one["kind"] == "ServiceAccount")["metadata"]
    assert TEMPLATE["spec"]["serviceAccountName"] == account["name"]
    assert {one["metadata"]["namespace"] for one in (DEPLOYMENT, POLICY, budget)} == {account["namespace"]}
    # A child index that finds them would delete them as orphans.
    assert "app.kubernetes.io/managed-by" not in {**LABELS, **DEPLOYMENT["metadata"]["labels"]}


def test_nothing_that_is_mounted_can_be_written() -> None:
    assert CONTAINER["securityContext"]["readOnlyRootFilesystem"] is True
    assert all(mount["readOnly"] for mount in CONTAINER["volumeMounts"])
    assert all("configMap" in volume for volume in TEMPLATE["spec"]["volumes"])


def test_the_image_runs_as_the_user_of_the_pod() -> None:
    context = TEMPLATE["spec"]["securityContext"]
    text = (ROOT / "Containerfile").read_text()
    assert f"USER {context['runAsUser']}:{context['runAsGroup']}" in text
    assert 'ENTRYPOINT ["binnacle"]' in text
    assert re.findall(r"^USER .*", text, re.MULTILINE)[-1:] == re.findall(r"^USER .*", text, re.MULTILINE)


def pod(change: Callable[[Object], object] = lambda _: None) -> str:
    """A Pod as the Deployment's controller would make it, changed."""
    spec = copy.deepcopy(TEMPLATE["spec"])
    change(spec)
    metadata = {"name": "operator", "namespace": NAMESPACE, "labels": LABELS}
    return json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})


def container(spec: Object) -> Object:
    found = spec["containers"][0]
    assert isinstance(found, dict)
    return found


WEAKER: dict[str, tuple[Callable[[Object], object], str]] = {
    "root": (lambda spec: spec["securityContext"].update(runAsNonRoot=False), "runAsNonRoot"),
    "seccomp": (lambda spec: spec["securityContext"].pop("seccompProfile"), "seccompProfile"),
    "privileges": (lambda spec: container(spec)["securityContext"].pop("allowPrivilegeEscalation"), "PrivilegeEscalation"),
    "capabilities": (lambda spec: container(spec)["securityContext"].pop("capabilities"), "capabilities"),
    "host": (lambda spec: spec.update(hostNetwork=True), "host namespaces"),
    "volume": (lambda spec: spec["volumes"].append({"name": "h", "hostPath": {"path": "/"}}), "hostPath"),
}  # fmt: skip


def test_the_namespace_takes_the_pod_and_refuses_weaker_ones(cluster: Cluster, crds_applied: tuple[str, ...]) -> None:
    install(cluster)
    create = ("create", "--dry-run=server", "-f", "-")
    assert "created" in cluster.kubectl(*create, input=pod()).stdout
    for name, (change, named) in WEAKER.items():
        ended = cluster.kubectl(*create, input=pod(change), check=False)
        assert ended.returncode != 0, name
        assert 'violates PodSecurity "restricted' in ended.stderr, name
        assert named in ended.stderr, name


def section() -> tuple[list[str], str]:
    """The commands of `docs/operating.md`, Installing, and its kustomization."""
    text = (ROOT / "docs" / "operating.md").read_text()
    (part,) = re.findall(r"^## Installing\n(.*?)^## ", text, re.DOTALL | re.MULTILINE)
    (commands,) = re.findall(r"```console\n(.*?)```", part, re.DOTALL)
    (overlay,) = re.findall(r"```yaml\n(.*?)```", part, re.DOTALL)
    return [line.removeprefix("$ ") for line in commands.splitlines()], overlay


def test_what_is_said_of_installing_installs(cluster: Cluster, tmp_path: Path) -> None:
    commands, overlay = section()
    here = tmp_path / "here"
    here.mkdir()
    for name in ("crds", "manifests"):
        (here / name).mkdir()
        for file in (ROOT / name).glob("*.yaml"):
            (here / name / file.name).write_text(file.read_text())
    (here / "config.yaml").write_text("{}\n")
    (here / "kustomization.yaml").write_text(overlay)
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "kubectl").symlink_to(find("kubectl"))
    (programs / "binnacle").symlink_to(Path(sys.executable).parent / "binnacle")
    environment = clean_environment(tmp_path, KUBECONFIG=str(cluster.kubeconfig), PATH=f"{programs}:/usr/bin:/bin")

    def shell(line: str, *, good: bool = True) -> str:
        ended = subprocess.run(
            ["bash", "-c", f"set -o pipefail; {line}"],
            cwd=here, env=environment, capture_output=True, text=True, timeout=PATIENCE,
        )  # fmt: skip
        assert (ended.returncode == 0) is good, (line, ended.stdout, ended.stderr)
        return ended.stdout + ended.stderr

    install(cluster)
    *commands, rollout = commands
    # There is nothing that could run a pod.
    assert "rollout status deployment binnacle-default" in rollout
    (strict,) = (line for line in commands if "--validate=strict" in line)
    try:
        for line in commands:
            assert "Warning" not in shell(line), line
        made = cluster.get("deployment", "binnacle-default", "-n", NAMESPACE)
        (image,) = {one["image"] for one in made["spec"]["template"]["spec"]["containers"]}
        assert image == "registry.example.com/binnacle-operator:0.1.0"
        (volume,) = made["spec"]["template"]["spec"]["volumes"]
        read = cluster.get("configmap", volume["configMap"]["name"], "-n", NAMESPACE)["data"]
        assert read == {CONTAINER["volumeMounts"][0]["subPath"]: "{}\n"}
        # The validation is on.
        wrong = here / "manifests" / "networkpolicy.yaml"
        wrong.write_text(wrong.read_text().replace("podSelector:", "podSelectors: {}\n  podSelector:", 1))
        assert "podSelectors" in shell(f"{strict} --dry-run=server", good=False)
    finally:
        for kind in ("deployment", "poddisruptionbudget", "networkpolicy"):
            cluster.kubectl("delete", kind, "binnacle-default", "-n", NAMESPACE, "--ignore-not-found")


READ_ONLY = """
while read -r _ _ _ _ point options _; do
    mount -o "remount,bind,${options/#rw/ro}" "$(printf %b "$point")" 2> /dev/null
done < /proc/self/mountinfo
exec setpriv --bounding-set=-all --inh-caps=-all --no-new-privs -- "$@"
"""
"""Makes every mount read-only, and goes on without capabilities as the command it is given."""


def narrowed() -> tuple[str, ...]:
    """What to put before a command that is to run as the Deployment's container does; skips where that cannot be."""
    within = (
        "unshare", "--mount", *(() if os.geteuid() == 0 else ("--map-root-user",)), "--propagation", "private",
        "bash", "-c", READ_ONLY, "read-only",
    )  # fmt: skip
    try:
        ended = subprocess.run([*within, "true"], capture_output=True, text=True, timeout=PATIENCE)
    except FileNotFoundError as error:
        unavailable(f"no mount namespace can be made here: {error}")
    if ended.returncode != 0:
        unavailable(f"no mount namespace can be made here: {ended.stderr.strip()}")
    return within


def test_a_file_cannot_be_written_there(tmp_path: Path) -> None:
    (tmp_path / "there").write_text("as it was")
    for place in (tmp_path / "there", tmp_path / "new", Path("/tmp/binnacle-probe"), Path("/dev/shm/binnacle-probe")):
        ended = subprocess.run(
            [*narrowed(), sys.executable, "-c", f"open({str(place)!r}, 'w')"],
            capture_output=True, text=True, timeout=PATIENCE,
        )  # fmt: skip
        assert "Read-only file system" in ended.stderr, (place, ended.stderr)
    assert (tmp_path / "there").read_text() == "as it was"


@pytest.mark.usefixtures("prometheus_operator_crds", "crds_applied")
def test_the_operator_works_where_nothing_can_be_written(control_plane: ControlPlane, tmp_path: Path) -> None:
    sweep(control_plane)
    mounted, port = Mounted(tmp_path / "certificates"), free_port()
    mounted.rotate()
    operator = OperatorProcess(
        control_plane,
        tmp_path / "operator",
        within=narrowed(),
        arguments=[
            "--webhook", "--webhook-address", f"127.0.0.1:{port}", "--webhook-certificates", str(mounted.directory),
        ],
    )  # fmt: skip
    authority_in_a_file(operator.kubeconfig)
    with operator:
        works(control_plane, operator)
    assert "Read-only file system" not in operator.log
    assert "Traceback" not in operator.log


def authority_in_a_file(kubeconfig: Path) -> None:
    """Have the API server's authority beside the kubeconfig, as a pod has it: the client writes down what is inside of one."""
    document = json.loads(kubeconfig.read_text())
    (cluster,) = (entry["cluster"] for entry in document["clusters"])
    file = kubeconfig.with_name("ca.crt")
    file.write_bytes(base64.b64decode(cluster.pop("certificate-authority-data")))
    cluster["certificate-authority"] = str(file)
    kubeconfig.write_text(json.dumps(document))


def works(control_plane: ControlPlane, operator: OperatorProcess) -> None:
    """Nothing may be written by the operator and it has no capability; it makes, changes and deletes, and serves its webhook."""
    proc = Path("/proc") / str(operator.process.pid)
    mounts = [line.split() for line in (proc / "mountinfo").read_text().splitlines()]
    assert mounts
    # As a path reaches them: one that lies under a later mount keeps its own flag, and nobody gets there.
    seen = {point: os.statvfs(proc / "root" / point.lstrip("/")).f_flag for point in (mount[4] for mount in mounts)}
    assert [point for point, flags in seen.items() if not flags & os.ST_RDONLY] == []
    status = dict(re.findall(r"^(Cap\w+|NoNewPrivs):\s*(\w+)", (proc / "status").read_text(), re.MULTILINE))
    assert status.pop("NoNewPrivs") == "1"
    assert {name: int(value, 16) for name, value in status.items()} == dict.fromkeys(status, 0)
    place = "read-only"
    control_plane.kubectl("create", "namespace", place)
    try:
        for objective in ("99.9%", "99%"):
            control_plane.apply(slo(place, "s", objective=objective))
            eventually(lambda: is_ready(control_plane, place), what="the SLO Ready")
        assert "99" in json.dumps(control_plane.get("prometheusrule", "binnacle-slo-s", "-n", place))
        control_plane.kubectl("delete", "slo", "s", "-n", place)
        gone = lambda: not control_plane.exists("prometheusrule", "binnacle-slo-s", "-n", place)  # noqa: E731 - one line
        eventually(gone, what="the end of the rules")
        assert fetch(f"{operator.url}/readyz").body == b"ok\n", "the webhook serves, too"
    finally:
        control_plane.kubectl("delete", "namespace", place, "--wait=false")


def is_ready(plane: ControlPlane, place: str) -> bool:
    found = plane.get("slo", "s", "-n", place)
    status = found.get("status", {})
    conditions = {one["type"]: one["status"] for one in status.get("conditions", ())}
    return conditions.get("Ready") == "True" and status.get("observedGeneration") == found["metadata"]["generation"]
