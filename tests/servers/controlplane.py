"""A real Kubernetes control plane on loopback ports: etcd, the API server and the controllers that tests rely on."""

from __future__ import annotations

import json
import shutil
import ssl
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from servers.audit import POLICY
from servers.certificates import Authority, signing_pair
from servers.cluster import Cluster, Credentials, write_kubeconfig
from servers.faults import Faulty
from servers.find import find
from servers.http import fetch
from servers.process import ServerProcess, clean_environment, free_port
from servers.waiting import PATIENCE

CONTROLLERS = ("garbage-collector-controller", "namespace-controller", "serviceaccount-controller")


class ControlPlane(Cluster):
    """etcd, kube-apiserver and kube-controller-manager, with RBAC and an audit log of every write.

    Start it with ``with ControlPlane(directory) as plane`` or `start` and `stop`. The administrator's kubeconfig is
    ``plane.kubeconfig``. Everything is thrown away at the end except the logs in ``directory``.

    Args:
        directory: an empty folder of its own.
        apiserver_flags: further flags of kube-apiserver, or others for those set here, without the dashes.
        programs: the programs by name, where they are not to be looked for.
    """

    def __init__(
        self,
        directory: Path,
        *,
        apiserver_flags: Mapping[str, str] | None = None,
        programs: Mapping[str, Path] | None = None,
    ) -> None:
        chosen = programs or {}

        def program(name: str) -> str:
            return str(chosen.get(name) or find(name))

        self._programs = {name: program(name) for name in ("etcd", "kube-apiserver", "kube-controller-manager")}
        super().__init__(directory / "admin.kubeconfig", kubectl=Path(program("kubectl")), directory=directory)
        self._apiserver_flags = dict(apiserver_flags or {})
        self._serving = Authority("binnacle-test-serving")
        self._clients = Authority("binnacle-test-clients")
        self._admin = self._clients.issue("admin", groups=("system:masters",), purpose="client")
        self._port = 0
        self._processes: dict[str, ServerProcess] = {}

    @property
    def url(self) -> str:
        """The API server's URL, the same over restarts."""
        return f"https://127.0.0.1:{self._port}"

    @property
    def audit_log(self) -> Path:
        """The API server's audit log: JSON lines, one for each request that is not a read."""
        return self.directory / "audit.log"

    @property
    def pids(self) -> Mapping[str, int]:
        """The process id of each running server, by program name."""
        return {name: process.pid for name, process in self._processes.items() if process.running}

    def start(self) -> Self:
        """Start everything and return when the API server is ready and the controllers run.

        Raises:
            ServerFailedError: a server ended or was not ready in time; the message has the end of its log.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        try:
            self._start_etcd()
            self._write_credentials()
            self.start_apiserver()
            self._start_controllers()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Stop everything, the API server's clients first, and remove the data."""
        for name in ("kube-controller-manager", "kube-apiserver", "etcd"):
            if name in self._processes:
                self._processes[name].stop()
        shutil.rmtree(self.directory / "etcd", ignore_errors=True)

    def start_apiserver(self) -> None:
        """Start the API server, on the same port and data as before, and return when it is ready."""
        self._processes["kube-apiserver"].start()
        self._processes["kube-apiserver"].wait_ready(self._apiserver_ready)

    def stop_apiserver(self) -> None:
        """Stop the API server in order; its port then refuses connections."""
        self._processes["kube-apiserver"].stop()

    def kill_apiserver(self) -> None:
        """End the API server as a crash would."""
        self._processes["kube-apiserver"].kill()

    def restart_apiserver(self) -> None:
        """Stop and start the API server; watches break, resource versions go on."""
        self.stop_apiserver()
        self.start_apiserver()

    def restart_controllers(self) -> None:
        """End the controller manager and start it anew; it keeps nothing that a restart would lose."""
        self._processes["kube-controller-manager"].kill()
        self._run_controllers()

    def ensure_running(self) -> None:
        """Start again whatever does not run: a test may have stopped the API server and failed before starting it."""
        if not self._processes["kube-apiserver"].running:
            self.start_apiserver()
        if not self._processes["kube-controller-manager"].running:
            self._run_controllers()

    def install_crds(self, *paths: Path, limit: float = PATIENCE) -> tuple[str, ...]:
        """Apply CustomResourceDefinitions and wait until they are served and collected; their names.

        The garbage collector looks for new kinds every 30 s only. A restart shows them to it at once, so that no test
        has to wait that long for a child to follow its owner.
        """
        names = super().install_crds(*paths, limit=limit)
        self.restart_controllers()
        return names

    def endpoint(self) -> tuple[str, bytes]:
        """The API server's URL and the certificate (PEM) that signs its own."""
        return self.url, self._serving.certificate

    def admin_kubeconfig(self, path: Path, *, server: str | None = None) -> Path:
        """Write another administrator's kubeconfig, with ``server`` in place of the API server's URL."""
        user = Credentials(certificate=self._admin.certificate, key=self._admin.key)
        return write_kubeconfig(path, server=server or self.url, authority=self._serving.certificate, user=user)

    def faulty(self) -> Faulty:
        """A proxy in front of the API server that its clients trust, for a kubeconfig with its URL."""
        return Faulty(
            self.url, self._serving.certificate, self._serving.issue("proxy", hosts=("127.0.0.1",), purpose="server")
        )

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _add(self, name: str, flags: Mapping[str, str], *, grace: float) -> ServerProcess:
        command = [self._programs[name], *(f"--{flag}={value}" for flag, value in flags.items())]
        process = ServerProcess(
            name, command, log=self.directory / f"{name}.log", env=clean_environment(self.directory), grace=grace
        )
        self._processes[name] = process
        return process

    def _start_etcd(self) -> None:
        client, peer = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
        self._etcd_url = client
        etcd = self._add(
            "etcd",
            {
                "name": "test",
                "data-dir": str(self.directory / "etcd"),
                "listen-client-urls": client,
                "advertise-client-urls": client,
                "listen-peer-urls": peer,
                "initial-advertise-peer-urls": peer,
                "initial-cluster": f"test={peer}",
                # The data is thrown away: what the disk does must not slow a test.
                "unsafe-no-fsync": "true",
                "log-level": "warn",
            },
            grace=3,
        )
        etcd.start()
        etcd.wait_ready(lambda: fetch(f"{client}/health").status == 200)

    def _write_credentials(self) -> None:
        self._port = free_port()
        serving = self._serving.issue("kube-apiserver", hosts=("localhost", "127.0.0.1"), purpose="server")
        signer = signing_pair()
        for name, content in {
            "apiserver.crt": serving.certificate,
            "apiserver.key": serving.key,
            "clients-ca.crt": self._clients.certificate,
            "serving-ca.crt": self._serving.certificate,
            "tokens.pub": signer.certificate,
            "tokens.key": signer.key,
        }.items():
            path = self.directory / name
            path.touch(mode=0o600)
            path.write_bytes(content)
        (self.directory / "audit-policy.json").write_text(json.dumps(POLICY))
        self.admin_kubeconfig(self.kubeconfig)
        self._tls = ssl.create_default_context(cadata=self._serving.certificate.decode())
        self._add("kube-apiserver", self._flags(), grace=20)

    def _flags(self) -> dict[str, str]:
        return {
            "etcd-servers": self._etcd_url,
            "bind-address": "127.0.0.1",
            "advertise-address": "127.0.0.1",
            "secure-port": str(self._port),
            "cert-dir": str(self.directory / "serving"),
            "tls-cert-file": str(self.directory / "apiserver.crt"),
            "tls-private-key-file": str(self.directory / "apiserver.key"),
            "client-ca-file": str(self.directory / "clients-ca.crt"),
            "service-cluster-ip-range": "10.0.0.0/24",
            "authorization-mode": "RBAC",
            "allow-privileged": "true",
            "service-account-issuer": "https://kubernetes.default.svc",
            "service-account-key-file": str(self.directory / "tokens.pub"),
            "service-account-signing-key-file": str(self.directory / "tokens.key"),
            "audit-policy-file": str(self.directory / "audit-policy.json"),
            "audit-log-path": str(self.audit_log),
            # Written before the next request of the same client can come, and never rotated away under a reader.
            "audit-log-mode": "blocking",
            "audit-log-maxsize": "0",
            # Without it an orderly stop waits 60 s for the clients to end their watches.
            "shutdown-watch-termination-grace-period": "1s",
            "profiling": "false",
            **self._apiserver_flags,
        }

    def _apiserver_ready(self) -> bool:
        return fetch(f"{self.url}/readyz", tls=self._tls).status == 200

    def _start_controllers(self) -> None:
        kubeconfig = str(self.kubeconfig)
        self._controllers_port = free_port()
        self._add(
            "kube-controller-manager",
            {
                "kubeconfig": kubeconfig,
                "authentication-kubeconfig": kubeconfig,
                "authorization-kubeconfig": kubeconfig,
                "authorization-always-allow-paths": "/healthz",
                "leader-elect": "false",
                "bind-address": "127.0.0.1",
                "secure-port": str(self._controllers_port),
                "cert-dir": str(self.directory / "controllers"),
                "root-ca-file": str(self.directory / "serving-ca.crt"),
                "service-account-private-key-file": str(self.directory / "tokens.key"),
                "controllers": ",".join(CONTROLLERS),
                # Its own defaults (20 a second) make the end of a namespace take seconds.
                "kube-api-qps": "500",
                "kube-api-burst": "1000",
            },
            grace=3,
        )
        self._run_controllers()

    def _run_controllers(self) -> None:
        manager = self._processes["kube-controller-manager"]
        manager.start()
        tls = ssl.create_default_context()
        # The controller manager signs its own certificate for itself at each start.
        tls.check_hostname = False
        tls.verify_mode = ssl.CERT_NONE
        url = f"https://127.0.0.1:{self._controllers_port}/healthz"
        manager.wait_ready(lambda: fetch(url, tls=tls).status == 200)
