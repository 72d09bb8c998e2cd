"""The operator as a process of its own, with its own account and its generated rights, as a cluster runs it."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from binnacle.api.registry import KINDS
from servers.audit import service_account_user
from servers.cluster import Cluster
from servers.http import fetch
from servers.process import ServerProcess, free_port
from servers.waiting import PATIENCE, eventually

REPOSITORY = Path(__file__).resolve().parents[2]
NAMESPACE = "binnacle-system"
ACCOUNT = "binnacle"
USER = service_account_user(NAMESPACE, ACCOUNT)
"""Who the operator is in the audit log."""


class OperatorProcess:
    """`binnacle operator` on a cluster, under its ServiceAccount and the rights of `manifests/`.

    Args:
        cluster: where; Binnacle's CRDs are applied.
        directory: for its configuration and its log.
        config: the administrator's configuration.
        namespaces: serve only these.
        arguments: further command line arguments.
        within: a command that runs the one it is given, to narrow what the process may do.
        home: its own namespace; the rights of `manifests/` are given only where that is the usual one.
        server: address of the API server where it is not the cluster's own (a proxy).
    """

    def __init__(
        self,
        cluster: Cluster,
        directory: Path,
        config: Mapping[str, Any] | None = None,
        *,
        namespaces: Sequence[str] = (),
        arguments: Sequence[str] = (),
        within: Sequence[str] = (),
        home: str = NAMESPACE,
        server: str | None = None,
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        if home == NAMESPACE:
            install(cluster)
        settings = directory / "config.yaml"
        settings.write_text(yaml.safe_dump(dict(config or {})))
        self.port = free_port()
        # Of its own: two replicas of one account are told apart by their tokens.
        self.kubeconfig = cluster.service_account_kubeconfig(
            home, ACCOUNT, server=server, path=directory / "kubeconfig"
        )
        self.process = ServerProcess(
            "operator",
            [
                *within,
                sys.executable,
                *("-m", "binnacle.cli.main", "operator"),
                *("--kubeconfig", str(self.kubeconfig)),
                *("--lease-namespace", home),
                *("--config", str(settings)),
                *("--health-address", f"127.0.0.1:{self.port}"),
                *(part for namespace in namespaces for part in ("--namespace", namespace)),
                *arguments,
            ],
            log=directory / "operator.log",
            env={
                "PATH": os.environ.get("PATH", os.defpath),
                "HOME": str(directory),
                "PYTHONPATH": str(REPOSITORY / "operator"),
                "PYTHONWARNINGS": "default",
            },
            grace=20.0,
        )

    def start(self, limit: float = PATIENCE) -> OperatorProcess:
        """Start it and wait until its caches are synced; it may still wait for the Lease."""
        self.process.start()
        self.process.wait_ready(lambda: fetch(f"{self.url}/readyz").status == 200, limit)
        return self

    @property
    def url(self) -> str:
        """Address of its health endpoints."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        """What it has logged so far."""
        return self.process.log.read_text(errors="replace")

    def metrics(self) -> dict[str, float]:
        """Its metrics: `name{labels}` as printed -> value."""
        lines = fetch(f"{self.url}/metrics").body.decode().splitlines()
        return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[:1] != "#")}

    def stop(self) -> None:
        """Stop it in order."""
        self.process.stop()

    def kill(self) -> None:
        """End it as a crash would: the Lease is not given back."""
        self.process.kill()

    def __enter__(self) -> OperatorProcess:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


def install(cluster: Cluster) -> None:
    """Apply what an installation needs beside its CRDs and its pods, all in one call: namespaces, the account and its rights."""
    files = [REPOSITORY / "manifests" / f"{name}.yaml" for name in ("namespace", "rbac", "rbac-outputs")]
    objects = [one for file in files for one in yaml.safe_load_all(file.read_text()) if one]
    cluster.apply([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "monitoring"}}, *objects])


def sweep(cluster: Cluster) -> None:
    """Remove every resource of ours and what was made for it in the backends' namespaces, whichever test left it.

    An operator tidies up after what it finds, and that would count as its writes in a test that has nothing to do with it.
    """
    kinds = ",".join(f"{info.plural}.{info.group}" for info in KINDS.values())
    made = ("configmap", "--all-namespaces", "-l", "app.kubernetes.io/managed-by=binnacle")
    # kubectl may wait for ever for what goes with its namespace at the same time.
    for what in ((kinds, "--all", "--all-namespaces"), made):
        cluster.kubectl("delete", *what, "--wait=false", "--ignore-not-found")
    left = ((kinds, "--all-namespaces"), made)
    eventually(lambda: not any(cluster.kubectl("get", *what, "-o", "name").stdout for what in left), every=0.2)
