"""The control plane is a real one: versions, rights, garbage collection, namespaces, restarts."""

from __future__ import annotations

import pytest

from servers.cluster import Cluster, KubectlError
from servers.controlplane import ControlPlane
from servers.pace import paced
from servers.waiting import eventually


def config_map(namespace: str, name: str, **metadata: object) -> dict[str, object]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": namespace, "name": name, **metadata}}


def allow(namespace: str, account: str, *, verbs: list[str], resources: list[str]) -> list[dict[str, object]]:
    meta = {"namespace": namespace, "name": account}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": account}
    subject = {"kind": "ServiceAccount", "namespace": namespace, "name": account}
    rbac = "rbac.authorization.k8s.io/v1"
    rules = [{"apiGroups": [""], "resources": resources, "verbs": verbs}]
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta},
        {"apiVersion": rbac, "kind": "Role", "metadata": meta, "rules": rules},
        {"apiVersion": rbac, "kind": "RoleBinding", "metadata": meta, "roleRef": role, "subjects": [subject]},
    ]


def test_the_server_and_kubectl_are_of_the_pinned_version(control_plane: ControlPlane) -> None:
    assert control_plane.server_version().startswith("v1.36.")
    assert "Client Version: v1.36." in control_plane.kubectl("version").stdout


def test_a_service_account_may_what_rbac_says_and_nothing_else(cluster: Cluster, namespace: str) -> None:
    cluster.apply(allow(namespace, "reader", verbs=["get", "list"], resources=["configmaps"]))
    cluster.apply(config_map(namespace, "seen"))
    reader = cluster.service_account_kubeconfig(namespace, "reader")

    assert cluster.get("configmap", "seen", "-n", namespace, kubeconfig=reader)["metadata"]["name"] == "seen"
    with pytest.raises(KubectlError, match=rf"User \"system:serviceaccount:{namespace}:reader\" cannot patch"):
        cluster.apply(config_map(namespace, "other"), kubeconfig=reader)
    with pytest.raises(KubectlError, match="cannot list resource"):
        cluster.get("secrets", "-n", namespace, kubeconfig=reader)


def test_a_dependent_goes_with_its_owner(cluster: Cluster, namespace: str) -> None:
    cluster.apply(config_map(namespace, "owner"))
    uid = cluster.get("configmap", "owner", "-n", namespace)["metadata"]["uid"]
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": uid}
    cluster.apply(config_map(namespace, "dependent", ownerReferences=[reference]))

    cluster.kubectl("delete", "configmap", "owner", "-n", namespace)
    eventually(lambda: not cluster.exists("configmap", "dependent", "-n", namespace), what="garbage collection")


def test_a_namespace_that_is_deleted_ends(cluster: Cluster) -> None:
    cluster.kubectl("create", "namespace", "short-lived")
    cluster.apply(config_map("short-lived", "inside"))

    cluster.kubectl("delete", "namespace", "short-lived")
    assert not cluster.exists("namespace", "short-lived")


def test_a_namespace_gets_its_default_service_account(cluster: Cluster, namespace: str) -> None:
    eventually(lambda: cluster.exists("serviceaccount", "default", "-n", namespace))


def test_a_restart_of_the_api_server_keeps_what_is_stored(control_plane: ControlPlane, namespace: str) -> None:
    control_plane.apply(config_map(namespace, "kept"))
    before = control_plane.get("configmap", "kept", "-n", namespace)["metadata"]
    url, pid = control_plane.url, control_plane.pids["kube-apiserver"]

    control_plane.stop_apiserver()
    with pytest.raises(KubectlError, match="refused"):
        control_plane.get("configmap", "kept", "-n", namespace)
    control_plane.start_apiserver()

    assert control_plane.url == url
    assert control_plane.pids["kube-apiserver"] != pid
    assert control_plane.get("configmap", "kept", "-n", namespace)["metadata"] == before


def test_a_killed_api_server_comes_back(control_plane: ControlPlane, namespace: str) -> None:
    control_plane.kill_apiserver()
    assert "kube-apiserver" not in control_plane.pids
    control_plane.start_apiserver()
    assert control_plane.exists("namespace", namespace)


def test_the_stand_in_takes_any_rule(
    cluster: Cluster, namespace: str, prometheus_operator_crds: tuple[str, ...]
) -> None:
    assert "prometheusrules.monitoring.coreos.com" in prometheus_operator_crds
    spec = {"groups": [{"name": "g", "rules": [{"record": "a:b", "expr": "vector(1)"}]}]}
    meta = {"namespace": namespace, "name": "rules"}
    cluster.apply({"apiVersion": "monitoring.coreos.com/v1", "kind": "PrometheusRule", "metadata": meta, "spec": spec})
    assert cluster.get("prometheusrule", "rules", "-n", namespace)["spec"] == spec


def test_a_child_of_a_new_kind_goes_with_its_owner(
    control_plane: ControlPlane, namespace: str, prometheus_operator_crds: tuple[str, ...]
) -> None:
    meta = {"namespace": namespace, "name": "owner"}
    control_plane.apply(
        {"apiVersion": "monitoring.coreos.com/v1", "kind": "PrometheusRule", "metadata": meta, "spec": {}}
    )
    uid = control_plane.get("prometheusrule", "owner", "-n", namespace)["metadata"]["uid"]
    reference = {"apiVersion": "monitoring.coreos.com/v1", "kind": "PrometheusRule", "name": "owner", "uid": uid}
    control_plane.apply(config_map(namespace, "dependent", ownerReferences=[reference]))

    control_plane.kubectl("delete", "prometheusrule", "owner", "-n", namespace)
    # Sooner than the collector looks for new kinds by itself, each half minute.
    eventually(
        lambda: not control_plane.exists("configmap", "dependent", "-n", namespace),
        limit=paced(10),
        what="garbage collection",
    )


def test_the_stand_in_is_gone_for_whoever_did_not_ask(cluster: Cluster) -> None:
    assert not cluster.exists("crd", "prometheusrules.monitoring.coreos.com")
