"""How the operator runs in a cluster: two replicas that may do next to nothing, and whom they may talk to.

What the pods do without: a user of root's, capabilities, new privileges, a root that can be written, a volume that can be.
The namespace takes no pod that asks for more (Pod Security Standards, level `restricted`).
"""

from typing import Any, Final

from binnacle import __version__
from binnacle.api.config import Config
from binnacle.cluster import health
from binnacle.cluster.rbac import LABELS, Installation
from binnacle.cluster.webhook import objects as webhook
from binnacle.targets import conventions

IMAGE: Final = f"binnacle-operator:{__version__}"
"""As the Containerfile is built; it is in no registry, so it has none in front."""
CONFIG: Final = "/etc/binnacle/config.yaml"
USER: Final = 65532
"""Nobody in particular: a number that images without a user of their own agree on."""
METRICS_PORT: Final = "metrics"
"""What scrape jobs call the port of health and metrics; manifests/monitoring does."""
LEVEL: Final = "restricted"

_DNS: Final = 53
_API_SERVER: Final = (443, 6443)
"""Of the Service, and of the API servers behind it: some networks judge a packet before the one is replaced, most after."""
_PROMETHEUS: Final = 9090
_ALERTMANAGER: Final = 9093


def namespace(where: Installation) -> dict[str, Any]:
    """Return the operator's namespace, which takes pods of the level `restricted` only."""
    enforced = {f"pod-security.kubernetes.io/{mode}": LEVEL for mode in ("enforce", "audit", "warn")}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": where.namespace, "labels": enforced}}


def manifests(where: Installation) -> list[dict[str, Any]]:
    """Return the Deployment and its PodDisruptionBudget.

    The administrator's configuration is no part of it, so that applying it again never replaces that: the pods wait for a
    ConfigMap `binnacle-<instance>-config` with a key `config.yaml`.
    """
    spec = {"maxUnavailable": 1, "selector": {"matchLabels": _pods(where)}}
    budget = {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": _metadata(where), "spec": spec}
    return [_deployment(where), budget]


def network_policy(where: Installation, config: Config) -> dict[str, Any]:
    """Return whom the pods may talk to, and who may talk to them.

    Args:
        where: the installation.
        config: says in which namespaces the backends are.
    """
    # Neither the API server nor nodes are pods, so no selector names them: it is to be reached by port alone.
    egress = [
        _peer("to", "kube-system", ("UDP", _DNS), ("TCP", _DNS), pods={"k8s-app": "kube-dns"}),
        {"ports": [_port("TCP", port) for port in _API_SERVER]},
        _peer("to", config.prometheus.namespace, ("TCP", _PROMETHEUS)),
        _peer("to", config.alertmanager.namespace, ("TCP", _ALERTMANAGER)),
    ]
    # Probes come from the pod's own node, which a policy never keeps out.
    ingress = [
        _peer("from", config.prometheus.namespace, ("TCP", health.PORT)),
        {"ports": [_port("TCP", webhook.PORT)]},
    ]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": _metadata(where),
        "spec": {
            "podSelector": {"matchLabels": _pods(where)},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": ingress,
            "egress": egress,
        },
    }


def _deployment(where: Installation) -> dict[str, Any]:
    spread = [
        {
            "maxSkew": 1,
            "topologyKey": key,
            # A cluster of one node, or of one zone, has both replicas there.
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": _pods(where)},
        }
        for key in ("kubernetes.io/hostname", "topology.kubernetes.io/zone")
    ]
    template = {
        "metadata": {"labels": _pods(where)},
        "spec": {
            "serviceAccountName": where.account,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": USER,
                "runAsGroup": USER,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "enableServiceLinks": False,
            "terminationGracePeriodSeconds": 30,
            "topologySpreadConstraints": spread,
            "containers": [_container()],
            "volumes": [{"name": "config", "configMap": {"name": f"{_name(where)}-config"}}],
        },
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _metadata(where),
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": _pods(where)},
            # The new one has warm caches before an old one goes.
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "template": template,
        },
    }


def _container() -> dict[str, Any]:
    return {
        "name": "operator",
        "image": IMAGE,
        "imagePullPolicy": "IfNotPresent",
        "args": ["operator", "--config", CONFIG, "--log-format", "json"],
        "ports": [{"name": METRICS_PORT, "containerPort": health.PORT, "protocol": "TCP"}],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        # Served from the first moment, before the API server has answered.
        "startupProbe": _probe(health.LIVE, 2, 30),
        # It fails when nobody has tried to repair a watch for a minute. A minute more, because a process that is only slow
        # gains nothing by a new start.
        "livenessProbe": _probe(health.LIVE, 10, 6),
        "readinessProbe": _probe(health.READY, 5, 2),
        # The limit is half as much again as docs/performance.md has for 10,000 resources.
        # There is none of CPU: who is throttled may lose the Lease.
        "resources": {"requests": {"cpu": "100m", "memory": "160Mi"}, "limits": {"memory": "384Mi"}},
        # One file and not the folder: the webhook's certificates are mounted beside it. It is read at the start only.
        "volumeMounts": [{"name": "config", "mountPath": CONFIG, "subPath": "config.yaml", "readOnly": True}],
    }


def _probe(path: str, period: int, failures: int) -> dict[str, Any]:
    return {
        "httpGet": {"path": path, "port": METRICS_PORT},
        "periodSeconds": period,
        "timeoutSeconds": 5,
        "failureThreshold": failures,
    }


def _peer(
    way: str, place: str, *ports: tuple[str, int], pods: dict[str, str] | None = None
) -> dict[str, list[dict[str, Any]]]:
    """Return a rule for ports of the pods of a namespace, or of those with these labels."""
    peer: dict[str, Any] = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": place}}}
    if pods:
        peer["podSelector"] = {"matchLabels": pods}
    return {way: [peer], "ports": [_port(*port) for port in ports]}


def _port(protocol: str, port: int) -> dict[str, Any]:
    return {"protocol": protocol, "port": port}


def _name(where: Installation) -> str:
    return f"binnacle-{where.instance}"


def _metadata(where: Installation) -> dict[str, Any]:
    return {"name": _name(where), "namespace": where.namespace, "labels": LABELS}


def _pods(where: Installation) -> dict[str, str]:
    """Labels of the pods, by which the webhook's Service finds them, too."""
    return {**LABELS, conventions.LABEL_INSTANCE: where.instance}
