"""A Kubernetes cluster as tests see it: a kubeconfig and kubectl, wherever the cluster comes from."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from servers.process import clean_environment
from servers.waiting import PATIENCE, eventually

Manifest = Mapping[str, Any]


class KubectlError(Exception):
    """kubectl said no; the message is its standard error."""

    def __init__(self, arguments: tuple[str, ...], code: int, stderr: str) -> None:
        super().__init__(f"kubectl {' '.join(arguments)} ended with {code}: {stderr.strip()}")
        self.code = code
        self.stderr = stderr


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who a kubeconfig speaks as: a bearer token, or a client certificate with its key (PEM)."""

    token: str = ""
    certificate: bytes = b""
    key: bytes = b""


def write_kubeconfig(
    path: Path, *, server: str, authority: bytes, user: Credentials, namespace: str = "default"
) -> Path:
    """Write a kubeconfig with everything in it (no paths), readable by its owner alone; returns ``path``."""
    secret: dict[str, str] = {"token": user.token} if user.token else {}
    if user.certificate:
        secret = {"client-certificate-data": _base64(user.certificate), "client-key-data": _base64(user.key)}
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "clusters": [{"name": "test", "cluster": {"server": server, "certificate-authority-data": _base64(authority)}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test", "namespace": namespace}}],
        "users": [{"name": "test", "user": secret}],
    }
    path.touch(mode=0o600)
    path.write_text(json.dumps(document, indent=1))
    return path


class Cluster:
    """A cluster reached through the administrator's kubeconfig.

    Args:
        kubeconfig: the administrator's.
        kubectl: the program.
        directory: a folder of the cluster's own for kubeconfigs and kubectl's cache.
    """

    def __init__(self, kubeconfig: Path, *, kubectl: Path, directory: Path) -> None:
        self.kubeconfig = kubeconfig
        self.directory = directory
        self._kubectl = kubectl

    def kubectl(
        self,
        *arguments: str,
        input: str | None = None,  # noqa: A002 - as subprocess.run calls it
        kubeconfig: Path | None = None,
        check: bool = True,
        timeout: float = PATIENCE,
    ) -> subprocess.CompletedProcess[str]:
        """Run kubectl as the administrator, or as whoever ``kubeconfig`` speaks for.

        Raises:
            KubectlError: it ended with another code than 0 and ``check`` is set.
        """
        environment = clean_environment(self.directory, KUBECACHEDIR=str(self.directory / "kubectl-cache"))
        ended = subprocess.run(
            [str(self._kubectl), "--kubeconfig", str(kubeconfig or self.kubeconfig), *arguments],
            input=input,
            capture_output=True,
            text=True,
            env=environment,
            timeout=timeout,
        )
        if check and ended.returncode != 0:
            raise KubectlError(arguments, ended.returncode, ended.stderr)
        return ended

    def get(self, *arguments: str, kubeconfig: Path | None = None) -> dict[str, Any]:
        """What ``kubectl get … -o json`` prints: an object, or a List with ``items``."""
        answer = json.loads(self.kubectl("get", *arguments, "-o", "json", kubeconfig=kubeconfig).stdout)
        assert isinstance(answer, dict)
        return answer

    def exists(self, *arguments: str) -> bool:
        """Whether ``kubectl get …`` finds the named object."""
        return self.kubectl("get", *arguments, "--ignore-not-found", "-o", "name").stdout.strip() != ""

    def ends(self, namespace: str) -> bool:
        """Whether a namespace is on its way out: nothing can be made in it, and soon it can be made anew."""
        found = self.kubectl("get", "namespace", namespace, "-o", "jsonpath={.status.phase}", "--ignore-not-found")
        return found.stdout == "Terminating"

    def apply(self, what: Path | Manifest | Iterable[Manifest], *, kubeconfig: Path | None = None) -> None:
        """Server-side apply of a file, a folder, or objects."""
        flags = ("apply", "--server-side", "--force-conflicts", "-f")
        if isinstance(what, Path):
            self.kubectl(*flags, str(what), kubeconfig=kubeconfig)
            return
        items = [what] if isinstance(what, Mapping) else list(what)
        document = json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
        self.kubectl(*flags, "-", input=document, kubeconfig=kubeconfig)

    def server_version(self) -> str:
        """The API server's version, such as ``v1.36.3``."""
        return str(json.loads(self.kubectl("get", "--raw", "/version").stdout)["gitVersion"])

    def endpoint(self) -> tuple[str, bytes]:
        """The API server's URL and the certificate (PEM) that signs its own, from the administrator's kubeconfig."""
        shown = json.loads(self.kubectl("config", "view", "--raw", "--minify", "--flatten", "-o", "json").stdout)
        entry = shown["clusters"][0]["cluster"]
        return entry["server"], base64.b64decode(entry.get("certificate-authority-data", ""))

    def service_account_token(self, namespace: str, name: str, *, seconds: int = 3600) -> str:
        """A token of an existing ServiceAccount, through the TokenRequest API."""
        return self.kubectl("create", "token", name, "-n", namespace, f"--duration={seconds}s").stdout.strip()

    def service_account_kubeconfig(
        self, namespace: str, name: str, *, server: str | None = None, path: Path | None = None
    ) -> Path:
        """A kubeconfig that speaks as an existing ServiceAccount, with a token of its own.

        ``server`` replaces the URL, for a proxy in front; it must pass TLS through, on 127.0.0.1 or localhost.
        """
        url, authority = self.endpoint()
        path = path or self.directory / f"{namespace}.{name}.kubeconfig"
        user = Credentials(token=self.service_account_token(namespace, name))
        return write_kubeconfig(path, server=server or url, authority=authority, user=user, namespace=namespace)

    def install_crds(self, *paths: Path, limit: float = PATIENCE) -> tuple[str, ...]:
        """Apply CustomResourceDefinitions and wait until they are served; their names."""
        files = [argument for path in paths for argument in ("-f", str(path))]
        applied = self.kubectl("apply", "--server-side", "--force-conflicts", *files, "-o", "name").stdout.split()
        self.kubectl("wait", "--for=condition=Established", f"--timeout={limit:g}s", *applied, timeout=limit + 10)
        names = tuple(name.partition("/")[2] for name in applied)
        # Established comes a moment before the API's list of kinds has it.
        eventually(
            lambda: all(self.kubectl("get", name, "-A").returncode == 0 for name in names),
            limit=limit,
            what=f"serving {', '.join(names)}",
        )
        return names

    def remove_crds(self, *names: str, limit: float = PATIENCE) -> None:
        """Delete CustomResourceDefinitions with all their objects, and wait until they are gone."""
        wanted = ("crd", *names, "--ignore-not-found", f"--timeout={limit:g}s")
        self.kubectl("delete", *wanted, timeout=limit + 10)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
