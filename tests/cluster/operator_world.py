"""An operator at work on a real control plane, and what the tests of its behaviour ask about both.

Reads go over HTTP in this process, not through kubectl: what is timed is the operator. Changes by hand go through kubectl,
as a person makes them.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from binnacle.targets import conventions
from cluster.gate import Gate
from servers.audit import WriteCounter, WriteRecord, counted
from servers.background import Background
from servers.controlplane import ControlPlane
from servers.fixtures import STAND_INS
from servers.http import fetch
from servers.operator import NAMESPACE, USER, OperatorProcess, sweep
from servers.waiting import PATIENCE, eventually

Object = dict[str, Any]

MONITORING = "monitoring"
AGGREGATE = "binnacle-default-rules"
OWNER_KEYS = (conventions.LABEL_KIND, conventions.LABEL_NAMESPACE, conventions.LABEL_NAME)


def slo(namespace: str, name: str, **spec: Any) -> Object:
    """A valid SLO; `spec` replaces its members, and `...` takes one away."""
    whole = {
        "service": name,
        "objective": "99.9%",
        "window": {"rolling": "30d"},
        "indicator": {"ratio": {"errors": 'http_requests_total{code=~"5.."}', "total": "http_requests_total"}},
        **spec,
    }
    return {
        "apiVersion": conventions.API_VERSION,
        "kind": "SLO",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {key: value for key, value in whole.items() if value is not ...},
    }


BAD = {"indicator": {"ratio": {"errors": 'http_requests_total{code=~"5.."', "total": "http_requests_total"}}}
"""A part of a spec that the API server takes and the compiler refuses: the PromQL lacks a brace."""


def slo_path(namespace: str, name: str = "") -> str:
    """Path of an SLO, or of all of a namespace."""
    return f"/apis/{conventions.API_VERSION}/namespaces/{namespace}/slos/{name}".rstrip("/")


def rule_path(namespace: str, name: str = "") -> str:
    """Path of the PrometheusRule of an SLO, or of all of a namespace."""
    child = f"binnacle-slo-{name}" if name else ""
    return f"/apis/monitoring.coreos.com/v1/namespaces/{namespace}/prometheusrules/{child}".rstrip("/")


def config_map_path(name: str = "", namespace: str = MONITORING) -> str:
    """Path of a ConfigMap, or of all of a namespace."""
    return f"/api/v1/namespaces/{namespace}/configmaps/{name}".rstrip("/")


def condition(obj: Mapping[str, Any] | None, kind: str) -> Mapping[str, Any]:
    """The condition of this type; empty when there is none."""
    conditions = ((obj or {}).get("status") or {}).get("conditions", ())
    return next((one for one in conditions if one["type"] == kind), {})


def ready(obj: Mapping[str, Any] | None) -> bool:
    """Whether Ready is True for the generation that is there."""
    if obj is None:
        return False
    observed = (obj.get("status") or {}).get("observedGeneration")
    return observed == obj["metadata"]["generation"] and condition(obj, "Ready").get("status") == "True"


def stalled(obj: Mapping[str, Any] | None, reason: str) -> bool:
    """Whether it is Stalled for this reason, for the generation that is there."""
    if obj is None:
        return False
    observed = (obj.get("status") or {}).get("observedGeneration")
    return observed == obj["metadata"]["generation"] and condition(obj, "Stalled").get("reason") == reason


def ours(obj: Mapping[str, Any]) -> Object:
    """All that the operator is to keep as it is: its labels, annotations and owners, and everything outside metadata."""
    metadata = obj["metadata"]
    return {
        "labels": {k: v for k, v in metadata.get("labels", {}).items() if k in conventions.COMMON_LABELS},
        "hash": metadata.get("annotations", {}).get(conventions.ANNOTATION_HASH),
        "owners": metadata.get("ownerReferences"),
        "content": {key: value for key, value in obj.items() if key != "metadata"},
    }


class Api:
    """The API server as the administrator reads it: objects, and every version that a watch delivers."""

    def __init__(self, plane: ControlPlane) -> None:
        kubeconfig = json.loads(plane.kubeconfig.read_text())
        user = kubeconfig["users"][0]["user"]
        self._host = urlsplit(plane.url)
        self._tls = ssl.create_default_context(cadata=plane.endpoint()[1].decode())
        pair = plane.directory / "admin.pem"
        pair.touch(mode=0o600)
        pair.write_bytes(b"".join(base64.b64decode(user[f"client-{part}-data"]) for part in ("certificate", "key")))
        self._tls.load_cert_chain(pair)
        self.url = plane.url

    def get(self, path: str) -> Object | None:
        """An object or a list; None when it is not there."""
        answer = fetch(f"{self.url}{path}", tls=self._tls)
        if answer.status == 404:
            return None
        assert answer.status == 200, answer.body.decode()
        value: Object = json.loads(answer.body)
        return value

    def merge(self, path: str, patch: Object) -> None:
        """Change an object as `kubectl patch` does."""
        answer = fetch(
            f"{self.url}{path}",
            json_body=patch,
            method="PATCH",
            tls=self._tls,
            content_type="application/merge-patch+json",
        )
        assert answer.status == 200, answer.body.decode()

    def delete(self, path: str) -> None:
        """Delete an object; one that is not there is fine."""
        answer = fetch(f"{self.url}{path}", method="DELETE", tls=self._tls)
        assert answer.status in (200, 202, 404), answer.body.decode()

    def wait(
        self, path: str, holds: Callable[[Object | None], bool], *, limit: float = PATIENCE, what: str = ""
    ) -> Object:
        """The object once the condition holds of it."""
        last: Object | None = None

        def look() -> bool:
            nonlocal last
            last = self.get(path)
            return holds(last)

        try:
            eventually(look, limit=limit, what=what or path)
        except TimeoutError as error:
            raise AssertionError(f"{error}\n{json.dumps(last, indent=1)}") from error
        return last or {}

    def gone(self, path: str, *, limit: float = PATIENCE) -> None:
        """Wait until there is no such object."""
        self.wait(path, lambda obj: obj is None, limit=limit, what=f"the end of {path}")

    def connection(self) -> http.client.HTTPSConnection:
        """A connection of the administrator's, for many requests; to be closed."""
        return http.client.HTTPSConnection(str(self._host.hostname), self._host.port, context=self._tls)

    def record(self, path: str) -> Recording:
        """Begin to record every version of the objects of a collection, from now on."""
        listed = self.get(path)
        assert listed is not None, path
        connection = self.connection()
        connection.request("GET", f"{path}?watch=1&resourceVersion={listed['metadata']['resourceVersion']}")
        return Recording(connection)


@dataclass(frozen=True, slots=True)
class Version:
    """One version of an object as a watch delivered it, and when (monotonic seconds)."""

    kind: str
    body: Object
    at: float


class Recording:
    """Every version of the objects of one collection, while it is open."""

    def __init__(self, connection: http.client.HTTPSConnection) -> None:
        self._connection = connection
        self._response = connection.getresponse()
        assert self._response.status == 200, self._response.read()
        self._versions: list[Version] = []
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def versions(self, name: str | None = None) -> list[Version]:
        """What was delivered so far, of one object where a name is given."""
        with self._changed:
            return [one for one in self._versions if name is None or one.body["metadata"]["name"] == name]

    def wait(self, holds: Callable[[Version], bool], *, limit: float = PATIENCE, after: float = 0.0) -> Version:
        """The first version that came after `after` and of which the condition holds."""
        deadline = time.monotonic() + limit
        with self._changed:
            while True:
                for one in self._versions:
                    if one.at > after and holds(one):
                        return one
                left = deadline - time.monotonic()
                if left <= 0:
                    raise AssertionError(f"no such version within {limit:g} s; there were {self._versions[-3:]}")
                self._changed.wait(left)

    def _read(self) -> None:
        with contextlib.suppress(OSError, ValueError, http.client.HTTPException, AttributeError):
            while line := self._response.readline():
                event = json.loads(line)
                with self._changed:
                    self._versions.append(Version(event["type"], event["object"], time.monotonic()))
                    self._changed.notify_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._connection.sock is not None:
            with contextlib.suppress(OSError):
                self._connection.sock.shutdown(socket.SHUT_RDWR)
        self._thread.join(5)
        self._response.close()
        self._connection.close()


@dataclass
class World:
    """A control plane with an operator on it.

    Attributes:
        output: where rules go, as `prometheus.output` of the configuration spells it.
    """

    plane: ControlPlane
    api: Api
    counter: WriteCounter
    output: str
    directory: Path
    operator: OperatorProcess
    _namespaces: list[str] = field(default_factory=list)

    def mark(self) -> int:
        """Now, as a place in the audit log."""
        return self.counter.mark()

    def writes(
        self, mark: int, *, quiet: float = 1.0, limit: float = PATIENCE, namespace: str | None = None
    ) -> list[WriteRecord]:
        """The operator's writes since the mark, once there are no more; only those in `namespace` when it is given.

        Other tests' namespaces may be on their way out meanwhile, and the operator tidies up in them.
        """
        return counted(self.counter.settle(mark, quiet=quiet, limit=limit, user=USER), user=USER, namespace=namespace)

    def holder(self) -> str:
        """Who holds the Lease; empty when nobody does."""
        lease = self.api.get(f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases/binnacle-default")
        return str((lease or {}).get("spec", {}).get("holderIdentity") or "")

    def namespace(self, name: str) -> str:
        """Make a namespace; it is deleted at the end of the world."""
        self.plane.kubectl("create", "namespace", name)
        self._namespaces.append(name)
        return name

    @property
    def place(self) -> str:
        """The first namespace that was made."""
        return self._namespaces[0]

    def apply(self, *objects: Object) -> None:
        """Apply objects as the administrator, all in one call."""
        self.plane.apply(objects)

    def ready(self, namespace: str, name: str, *, limit: float = PATIENCE) -> Object:
        """The SLO, once it is ready."""
        return self.api.wait(slo_path(namespace, name), ready, limit=limit)

    def stalled(self, namespace: str, name: str, reason: str, *, limit: float = PATIENCE) -> Object:
        """The SLO, once it is stalled for this reason."""
        return self.api.wait(slo_path(namespace, name), lambda obj: stalled(obj, reason), limit=limit)

    def made(self, namespace: str, name: str, **spec: Any) -> Object:
        """Apply an SLO and return it once it is ready."""
        self.apply(slo(namespace, name, **spec))
        return self.ready(namespace, name)

    def rules(self, namespace: str, name: str) -> Any:
        """What is applied of an SLO: the spec of its PrometheusRule, or its rule file; None when there is nothing."""
        if self.output == "operator":
            return (self.api.get(rule_path(namespace, name)) or {}).get("spec")
        return ((self.api.get(config_map_path(AGGREGATE)) or {}).get("data") or {}).get(f"slo.{namespace}.{name}.yaml")

    def child(self, namespace: str, name: str) -> str:
        """Path of the object that holds the rules of an SLO."""
        return rule_path(namespace, name) if self.output == "operator" else config_map_path(AGGREGATE)

    @property
    def operator_config(self) -> Path:
        """The file of the administrator's configuration; read at each start."""
        return self.directory / "config.yaml"

    def restart(self) -> None:
        """Stop the operator in order and start it again."""
        self.operator.stop()
        self.operator.start()

    def leading(self, limit: float = PATIENCE) -> None:
        """Wait until the operator holds the Lease."""
        name = 'leader_election_master_status{name="binnacle-default"}'
        eventually(lambda: self.operator.metrics()[name] == 1.0, limit=limit, what="holding the Lease")

    def recovered(self) -> None:
        """Wait until the operator works again after the API server was away.

        On a busy machine that may last longer than the Lease; the operator has then ended, and whoever runs it (a
        Deployment, or this) starts it again.
        """
        eventually(lambda: not self.operator.process.running or self._is_watching(), what="the watches")
        if not self.operator.process.running:
            self.operator.start()
        self.watching()
        self.leading()

    def watching(self, limit: float = PATIENCE) -> None:
        """Wait until all of the operator's watches are running."""
        eventually(self._is_watching, limit=limit, what="the watches")

    def _is_watching(self) -> bool:
        lines = fetch(f"{self.operator.url}/healthz").body.decode().splitlines()
        return all(re.match(r"\[\+\] .*: (running|absent)\b", line) for line in lines)

    def close(self) -> None:
        """End the operator and leave nothing behind that another world would see."""
        self.operator.stop()
        self.plane.ensure_running()
        # Another operator must not find what is only on its way out.
        sweep(self.plane)
        if self._namespaces:
            self.plane.kubectl("delete", "namespace", *self._namespaces, "--ignore-not-found", "--wait=false")


@contextlib.contextmanager
def rule_kinds(plane: ControlPlane, *, served: bool) -> Iterator[None]:
    """prometheus-operator's kinds for a while, where `served`."""
    if not served:
        yield
        return
    names = plane.install_crds(*sorted(STAND_INS.glob("monitoring.coreos.com_*.yaml")))
    try:
        yield
    finally:
        plane.ensure_running()
        plane.remove_crds(*names)


@contextlib.contextmanager
def world(
    plane: ControlPlane,
    directory: Path,
    output: str,
    *,
    config: Mapping[str, Any] | None = None,
    arguments: Sequence[str] = (),
    server: str | None = None,
) -> Iterator[World]:
    """An operator on a control plane that has prometheus-operator's kinds where `output` is `operator`, else not."""
    plane.ensure_running()
    sweep(plane)
    with rule_kinds(plane, served=output == "operator"):
        operator = OperatorProcess(plane, directory, config, arguments=arguments, server=server)
        operator.start()
        counter = WriteCounter(plane.audit_log)
        counter.prove(plane)
        made = World(plane, Api(plane), counter, output, directory, operator)
        made.leading()
        try:
            yield made
        finally:
            made.close()


Worlds = Callable[..., contextlib.AbstractContextManager[World]]
"""What the fixture `worlds` is: `worlds(output, **arguments of world)`."""


class Cut:
    """A gate in front of an API server, for tests that have no event loop; `cut` ends every connection through it."""

    def __init__(self, target: str) -> None:
        self._gate = Gate(target)
        self._background = Background()

    @property
    def url(self) -> str:
        """The gate's URL."""
        return self._gate.url

    def cut(self) -> None:
        """End every connection; new ones are let through."""

        async def once() -> None:
            self._gate.close()
            self._gate.open()

        self._background.run(once())

    def __enter__(self) -> Self:
        self._background.__enter__()
        self._background.run(self._gate.__aenter__())
        return self

    def __exit__(self, *problem: object) -> None:
        self._background.run(self._gate.__aexit__(None, None, None))
        self._background.__exit__(*problem)


@contextlib.contextmanager
def rights_without(plane: ControlPlane, resource: str, *verbs: str, backend: str = "") -> Iterator[None]:
    """Take verbs on a resource away from the operator for a while.

    Args:
        plane: the control plane.
        resource: its plural, with a subresource behind a slash.
        verbs: what it may not be done to.
        backend: namespace of a backend whose Role gives them; else the ClusterRole does.
    """
    place = ("-n", backend) if backend else ()
    path = ("role", "binnacle-default-outputs") if backend else ("clusterrole", "binnacle-default")
    role = plane.get(*path, *place)
    rules = [
        {**rule, "verbs": [verb for verb in rule["verbs"] if resource not in rule["resources"] or verb not in verbs]}
        for rule in role["rules"]
    ]

    def write(rules: Sequence[Mapping[str, Any]]) -> None:
        # A rule must have a verb.
        kept = [rule for rule in rules if rule["verbs"]]
        plane.kubectl("patch", *path, *place, "--type=merge", "-p", json.dumps({"rules": kept}))

    write(rules)
    try:
        for verb in verbs:
            _allowed(plane, resource, verb, "no", backend)
        yield
    finally:
        plane.ensure_running()
        write(role["rules"])
        for verb in verbs:
            _allowed(plane, resource, verb, "yes", backend)


def _allowed(plane: ControlPlane, resource: str, verb: str, expected: str, namespace: str) -> None:
    """Wait until the API server gives this answer: its authorizer learns of roles by a watch."""
    groups = {"prometheusrules": ".monitoring.coreos.com", "slos": ".binnacle.dev", "slos/status": ".binnacle.dev"}
    name, _, subresource = resource.partition("/")
    what = [f"{name}{groups.get(resource, '')}", *([f"--subresource={subresource}"] if subresource else [])]
    question = ("auth", "can-i", verb, *what, "-n", namespace or "default", f"--as={USER}")
    eventually(lambda: plane.kubectl(*question, check=False).stdout.strip() == expected)
