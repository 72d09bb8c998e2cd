"""What a cluster needs in order to call the webhook: the Service, the configuration of the call, and a certificate.

The configuration is fail-open (`Ignore`): what the webhook refuses is refused by the compiler too, a moment later and in status,
and nothing that is applied changes until it is mended. To be without alerts because an operator is away would be the
greater harm.
"""

import base64
from collections.abc import Iterable
from typing import Any, Final

from binnacle.api.meta import GROUP, VERSION
from binnacle.cluster.rbac import LABELS, Installation
from binnacle.cluster.webhook.server import PATH
from binnacle.targets import conventions
from binnacle.targets.base import Resource

PORT: Final = 9443
"""Of the pods, as in controller-runtime: above what needs a privilege, and known to firewalls of clusters."""
WEBHOOK: Final = f"validate.{GROUP}"
"""Its name in the API server's messages and metrics."""

_CERT_MANAGER: Final = "cert-manager.io"
_SECONDS: Final = 5


def manifests(
    kinds: Iterable[Resource], where: Installation, authority: bytes | None, port: int = PORT
) -> list[dict[str, Any]]:
    """Return the objects, in the order in which they are applied.

    Args:
        kinds: our own kinds.
        where: the installation.
        authority: the CA's certificate (PEM) that signs the webhook's; None leaves that to cert-manager, and there is a
            Certificate for it to issue, from a CA that outlives it.
        port: of the pods.
    """
    name = f"binnacle-{where.instance}-webhook"
    called: dict[str, Any] = {"service": {"namespace": where.namespace, "name": name, "path": PATH, "port": 443}}
    metadata: dict[str, Any] = {"name": f"binnacle-{where.instance}", "labels": LABELS}
    issued: list[dict[str, Any]] = []
    if authority is None:
        # The leaf is renewed often and the CA hardly ever, so the API server's trust does not change with each renewal.
        metadata["annotations"] = {f"{_CERT_MANAGER}/inject-ca-from": f"{where.namespace}/{name}"}
        issued = _certificates(name, where.namespace)
    else:
        called["caBundle"] = base64.b64encode(authority).decode()
    return [_service(name, where, port), *issued, _configuration(metadata, called, kinds, where)]


def _configuration(
    metadata: dict[str, Any], called: dict[str, Any], kinds: Iterable[Resource], where: Installation
) -> dict[str, Any]:
    webhook: dict[str, Any] = {
        "name": WEBHOOK,
        "clientConfig": called,
        "rules": [
            {
                "apiGroups": [GROUP],
                "apiVersions": [VERSION],
                "operations": ["CREATE", "UPDATE"],
                # Without subresources: the operator's own writes of status never come by.
                "resources": sorted(kind.plural for kind in kinds),
                "scope": "Namespaced",
            }
        ],
        "failurePolicy": "Ignore",
        "matchPolicy": "Equivalent",
        "sideEffects": "None",
        "timeoutSeconds": _SECONDS,
        "admissionReviewVersions": ["v1"],
        "matchConditions": [
            # The generation moves with the spec; to compare the specs themselves may cost more than CEL is allowed.
            {
                "name": "spec-changes",
                "expression": "request.operation == 'CREATE' || object.metadata.generation != oldObject.metadata.generation",
            },
            {"name": "stays", "expression": "!has(object.metadata.deletionTimestamp)"},
        ],
    }
    if where.namespaces:
        label = {"key": "kubernetes.io/metadata.name", "operator": "In", "values": sorted(where.namespaces)}
        webhook["namespaceSelector"] = {"matchExpressions": [label]}
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": metadata,
        "webhooks": [webhook],
    }


def _service(name: str, where: Installation, port: int) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": where.namespace, "labels": LABELS},
        "spec": {
            "selector": {**LABELS, conventions.LABEL_INSTANCE: where.instance},
            "ports": [{"name": "webhook", "port": 443, "targetPort": port, "protocol": "TCP"}],
        },
    }


def _certificates(name: str, namespace: str) -> list[dict[str, Any]]:
    authority = f"{name}-ca"

    def one(kind: str, called: str, spec: dict[str, Any]) -> dict[str, Any]:
        metadata = {"name": called, "namespace": namespace, "labels": LABELS}
        return {"apiVersion": f"{_CERT_MANAGER}/v1", "kind": kind, "metadata": metadata, "spec": spec}

    return [
        one("Issuer", f"{authority}-self-signed", {"selfSigned": {}}),
        one(
            "Certificate",
            authority,
            {
                "isCA": True,
                "commonName": authority,
                "secretName": authority,
                "duration": "87600h",
                "privateKey": {"algorithm": "ECDSA", "size": 256},
                "issuerRef": {"kind": "Issuer", "name": f"{authority}-self-signed"},
            },
        ),
        one("Issuer", authority, {"ca": {"secretName": authority}}),
        one(
            "Certificate",
            name,
            {
                "secretName": name,
                "dnsNames": [f"{name}.{namespace}.svc"],
                "duration": "2160h",
                "privateKey": {"algorithm": "ECDSA", "size": 256, "rotationPolicy": "Always"},
                "usages": ["server auth"],
                "issuerRef": {"kind": "Issuer", "name": authority},
            },
        ),
    ]
