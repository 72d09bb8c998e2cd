"""Which test servers exist, and where each one's source is pinned."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

TOOLS = Path(__file__).resolve().parents[2] / "tools"


def _without_v(version: str) -> str:
    return version.removeprefix("v")


def _no_variables(_version: str) -> tuple[str, ...]:
    return ()


@dataclass(frozen=True, slots=True)
class GoModule:
    """One folder of ``tools/``: an upstream project pinned by ``go.mod`` and ``go.sum``.

    ``binaries`` maps a program's name to its Go package; ``upstream`` is the required module whose version
    the programs have, ``released`` turns that into the version they report, and ``variables`` tells what the linker
    must set so that they do (a program built as a dependency does not know its own version).
    """

    name: str
    upstream: str
    binaries: Mapping[str, str]
    released: Callable[[str], str] = _without_v
    variables: Callable[[str], tuple[str, ...]] = _no_variables
    tags: tuple[str, ...] = ()
    tools: Path = field(default=TOOLS)

    @property
    def directory(self) -> Path:
        """The folder with ``go.mod`` and ``go.sum``."""
        return self.tools / self.name

    @property
    def version(self) -> str:
        """The version that the programs report, such as ``1.36.3``."""
        text = (self.directory / "go.mod").read_text()
        found = re.search(rf"^(?:require)?\s+{re.escape(self.upstream)}\s+(v\S+)", text, re.MULTILINE)
        if found is None:
            raise LookupError(f"{self.directory}/go.mod requires no {self.upstream}")
        return self.released(found.group(1))

    @property
    def minor(self) -> str:
        """The version without its patch level, such as ``1.36``."""
        return self.version.rsplit(".", 1)[0]

    @property
    def ldflags(self) -> tuple[str, ...]:
        """What the linker is told: no symbol tables, and the version."""
        return ("-s", "-w", *(f"-X={variable}" for variable in self.variables(self.version)))


def _kubernetes_version(version: str) -> tuple[str, ...]:
    # The package is the one `component-base/version` reads; hack/lib/version.sh of the upstream sets the same.
    major, minor = version.split(".")[:2]
    package = "k8s.io/component-base/version"
    return (
        f"{package}.gitVersion=v{version}",
        f"{package}.gitMajor={major}",
        f"{package}.gitMinor={minor}",
        f"{package}.gitTreeState=clean",
    )


def _prometheus_released(version: str) -> str:
    # As a Go module Prometheus 3.15.0 is called v0.315.0 (RELEASE.md of the upstream).
    _, joined, patch = version.removeprefix("v").split(".")
    major, minor = divmod(int(joined), 100)
    return f"{major}.{minor}.{patch}"


def _prometheus_version(version: str) -> tuple[str, ...]:
    return (f"github.com/prometheus/common/version.Version={version}",)


ETCD = GoModule(
    name="etcd",
    upstream="go.etcd.io/etcd/server/v3",
    binaries={"etcd": "go.etcd.io/etcd/server/v3"},
)
KUBERNETES = GoModule(
    name="kubernetes",
    upstream="k8s.io/kubernetes",
    binaries={
        "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
        "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
        "kubectl": "k8s.io/kubernetes/cmd/kubectl",
    },
    variables=_kubernetes_version,
)
PROMETHEUS = GoModule(
    name="prometheus",
    upstream="github.com/prometheus/prometheus",
    binaries={
        "prometheus": "github.com/prometheus/prometheus/cmd/prometheus",
        "promtool": "github.com/prometheus/prometheus/cmd/promtool",
    },
    released=_prometheus_released,
    variables=_prometheus_version,
    # Discovery of every cloud there is would be most of the build; tests scrape loopback addresses only.
    tags=("remove_all_sd",),
)
ALERTMANAGER = GoModule(
    name="alertmanager",
    upstream="github.com/prometheus/alertmanager",
    binaries={
        "alertmanager": "github.com/prometheus/alertmanager/cmd/alertmanager",
        "amtool": "github.com/prometheus/alertmanager/cmd/amtool",
    },
    variables=_prometheus_version,
)


@dataclass(frozen=True, slots=True)
class DebianPackage:
    """A program taken from Debian, for the older of two lines; ``version`` is what it must report."""

    name: str
    version: re.Pattern[str]


DEBIAN_PROMETHEUS = DebianPackage("prometheus", re.compile(r"\b2\.\d+\.\d+"))
DEBIAN_BLACKBOX = DebianPackage("prometheus-blackbox-exporter", re.compile(r"\b0\.2\d\.\d+"))
DEBIAN_ALERTMANAGER = DebianPackage("prometheus-alertmanager", re.compile(r"\b0\.2[5-9]\.\d+"))


@dataclass(frozen=True, slots=True)
class Server:
    """One program that tests can ask for by ``name``.

    ``program`` is its file name where it lives; ``assets`` says whether ``KUBEBUILDER_ASSETS`` may hold it,
    ``any_version`` whether it need not be of the pinned minor version there.
    """

    name: str
    program: str
    source: GoModule | DebianPackage
    assets: bool = False
    any_version: bool = False


SERVERS: Mapping[str, Server] = {
    server.name: server
    for server in (
        Server("etcd", "etcd", ETCD, assets=True, any_version=True),
        Server("kube-apiserver", "kube-apiserver", KUBERNETES, assets=True),
        Server("kube-controller-manager", "kube-controller-manager", KUBERNETES, assets=True),
        Server("kubectl", "kubectl", KUBERNETES, assets=True),
        Server("prometheus3", "prometheus", PROMETHEUS),
        Server("promtool3", "promtool", PROMETHEUS),
        Server("prometheus2", "prometheus", DEBIAN_PROMETHEUS),
        Server("promtool2", "promtool", DEBIAN_PROMETHEUS),
        Server("blackbox", "prometheus-blackbox-exporter", DEBIAN_BLACKBOX),
        Server("alertmanager31", "alertmanager", ALERTMANAGER),
        Server("amtool31", "amtool", ALERTMANAGER),
        Server("alertmanager25", "prometheus-alertmanager", DEBIAN_ALERTMANAGER),
        Server("amtool25", "amtool", DEBIAN_ALERTMANAGER),
    )
}
