"""The operator on a real API server: from `kubectl apply` to the rule object and a true status."""

from collections.abc import Callable
from pathlib import Path

import pytest

from servers.audit import WriteCounter, counted
from servers.controlplane import ControlPlane
from servers.operator import USER, OperatorProcess
from servers.waiting import eventually

QUICKSTART = Path(__file__).resolve().parents[2] / "examples" / "quickstart"


@pytest.mark.usefixtures("prometheus_operator_crds")
def test_the_quickstart_becomes_a_rule_object_and_a_ready_slo(
    control_plane: ControlPlane, start_operator: Callable[..., OperatorProcess], write_counter: WriteCounter
) -> None:
    start_operator()
    mark = write_counter.mark()
    control_plane.kubectl("apply", "-f", str(QUICKSTART))

    def ready() -> bool:
        slo = control_plane.get("slo", "checkout", "-n", "shop")
        return any(one["type"] == "Ready" and one["status"] == "True" for one in slo["status"]["conditions"])

    eventually(ready, limit=10)
    rule = control_plane.get("prometheusrule", "binnacle-slo-checkout", "-n", "shop")
    assert rule["spec"]["groups"]
    write_counter.settle(mark, user=USER)
    writes = counted(write_counter.since(mark), user=USER, namespace="shop")
    assert [(write.verb, write.resource, write.subresource) for write in writes] == [
        ("patch", "prometheusrules", ""),
        ("patch", "slos", "status"),
    ]
    control_plane.kubectl("delete", "namespace", "shop", "--wait=false")
