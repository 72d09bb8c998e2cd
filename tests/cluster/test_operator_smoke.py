"""The operator on a real API server: from `kubectl apply` to the objects of the backends and true statuses."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from binnacle.api.meta import API_VERSION
from binnacle.api.registry import KINDS
from servers.audit import WriteCounter, counted
from servers.controlplane import ControlPlane
from servers.operator import USER, OperatorProcess
from servers.waiting import eventually

QUICKSTART = Path(__file__).resolve().parents[2] / "examples" / "quickstart"


@pytest.mark.usefixtures("prometheus_operator_crds")
def test_the_quickstart_becomes_objects_and_ready_resources(
    control_plane: ControlPlane, start_operator: Callable[..., OperatorProcess], write_counter: WriteCounter
) -> None:
    # Where the backends are, and so what they all read.
    control_plane.kubectl("create", "namespace", "monitoring", check=False)
    start_operator()
    eventually(lambda: not control_plane.ends("shop"), what="the end of an earlier namespace")
    mark = write_counter.mark()
    control_plane.kubectl("apply", "-f", str(QUICKSTART))
    documents = [one for path in sorted(QUICKSTART.glob("*.yaml")) for one in yaml.safe_load_all(path.read_text())]
    resources = [one for one in documents if one["apiVersion"] == API_VERSION]

    def ready(kind: str, name: str) -> bool:
        status = control_plane.get(kind.lower(), name, "-n", "shop").get("status", {})
        return any(one["type"] == "Ready" and one["status"] == "True" for one in status.get("conditions", ()))

    for one in resources:
        eventually(lambda one=one: ready(one["kind"], one["metadata"]["name"]))  # type: ignore[misc]
    rule = control_plane.get("prometheusrule", "binnacle-slo-checkout", "-n", "shop")
    assert rule["spec"]["groups"]
    routing = control_plane.get("configmap", "binnacle-default-alertmanager", "-n", "monitoring")
    assert "shop/payments/oncall" in routing["data"]["alertmanager.yaml"]
    write_counter.settle(mark, user=USER)
    writes = Counter(
        (write.resource, write.subresource)
        for write in counted(write_counter.since(mark), user=USER, namespace="shop")
        if write.verb == "patch"
    )
    of_kind = Counter(KINDS[one["kind"]].plural for one in resources)
    statuses = {name: count for (name, part), count in writes.items() if part == "status"}
    assert statuses.keys() == of_kind.keys()
    # What refers to another is compiled again when that one comes later in the file.
    assert all(of_kind[name] <= count <= 2 * of_kind[name] for name, count in statuses.items()), statuses
    assert writes["prometheusrules", ""] == of_kind["slos"] + of_kind["alertpolicies"] + of_kind["metricsets"]
    control_plane.kubectl("delete", "namespace", "shop", "--wait=false")
