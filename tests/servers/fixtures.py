"""The pytest fixtures around the test servers."""

from __future__ import annotations

import shutil
import subprocess
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from servers.alertmanager import LINES as ALERTMANAGER_LINES
from servers.alertmanager import AlertmanagerLine
from servers.audit import WriteCounter
from servers.cluster import Cluster
from servers.controlplane import ControlPlane
from servers.errors import ServerMissingError
from servers.find import find
from servers.operator import OperatorProcess, sweep
from servers.prometheus import LINES, Prometheus, PrometheusLine
from servers.skips import unavailable

REPOSITORY = Path(__file__).resolve().parents[2]
STAND_INS = REPOSITORY / "tests" / "data" / "crds"


@pytest.fixture(scope="session")
def _local_control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    # One for each xdist worker rather than one for all: tests count writes, stop the API server and change CRDs,
    # and none of that may reach a neighbour. It costs 4 s and 400 MB.
    try:
        plane = ControlPlane(tmp_path_factory.mktemp("control-plane"))
    except ServerMissingError as error:
        unavailable(str(error))
    with plane:
        yield plane


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    """The cluster chosen by ``--cluster``; a `ControlPlane` when that is ``local``."""
    kind, _, path = str(request.config.getoption("--cluster")).partition(":")
    if kind == "local":
        plane = request.getfixturevalue("_local_control_plane")
        assert isinstance(plane, Cluster)
        return plane
    try:
        kubectl = find("kubectl")
    except ServerMissingError as error:
        unavailable(str(error))
    directory = tmp_path_factory.mktemp("cluster")
    if kind == "kubeconfig":
        return Cluster(Path(path).expanduser().resolve(), kubectl=kubectl, directory=directory)
    if not _docker_works():
        unavailable("--cluster=kind needs a running Docker, and `docker info` says there is none")
    created = request.getfixturevalue("kind_cluster")
    return Cluster(Path(created.kubeconfig_path), kubectl=kubectl, directory=directory)


@pytest.fixture(scope="session")
def control_plane(cluster: Cluster) -> ControlPlane:
    """The local control plane, for tests that restart it or read its audit log."""
    if not isinstance(cluster, ControlPlane):
        unavailable("this test needs --cluster=local: it restarts the API server or reads its audit log")
    return cluster


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[str]:
    """A fresh namespace; it is deleted after the test without waiting for its end."""
    if isinstance(cluster, ControlPlane):
        cluster.ensure_running()
    name = f"test-{uuid.uuid4().hex[:10]}"
    cluster.kubectl("create", "namespace", name)
    yield name
    # The test may have left the API server stopped; that namespace then goes with the control plane.
    cluster.kubectl("delete", "namespace", name, "--wait=false", "--ignore-not-found", check=False)


@pytest.fixture
def write_counter(control_plane: ControlPlane) -> WriteCounter:
    """The audit log as a counter, proved by a control write before each test."""
    counter = WriteCounter(control_plane.audit_log)
    counter.prove(control_plane)
    return counter


@pytest.fixture(scope="session")
def crds_applied(cluster: Cluster) -> tuple[str, ...]:
    """The names of the CRDs of ``crds/``, applied and served."""
    folder = REPOSITORY / "crds"
    if not any(folder.glob("*.yaml")):
        pytest.fail(f"{folder} has no CRDs; they are generated")
    return cluster.install_crds(folder)


@pytest.fixture
def prometheus_operator_crds(cluster: Cluster) -> Iterator[tuple[str, ...]]:
    """The stand-ins for prometheus-operator's CRDs, served during one test and removed after it.

    Removed, because whether they are there decides how rules are written.
    """
    names = cluster.install_crds(*sorted(STAND_INS.glob("monitoring.coreos.com_*.yaml")))
    yield names
    cluster.remove_crds(*names)


@pytest.fixture
def start_operator(
    cluster: Cluster, crds_applied: tuple[str, ...], tmp_path: Path
) -> Iterator[Callable[..., OperatorProcess]]:
    """``start_operator(**arguments of OperatorProcess)``: a ready operator, stopped after the test.

    The cluster is swept before the test: what an earlier one left would be this operator's work.
    """
    sweep(cluster)
    started: list[OperatorProcess] = []

    def start(*, directory: Path | None = None, **arguments: object) -> OperatorProcess:
        place = directory or tmp_path / f"operator-{len(started)}"
        operator = OperatorProcess(cluster, place, **arguments)  # type: ignore[arg-type] # passed on as they come
        started.append(operator)
        return operator.start()

    yield start
    for operator in started:
        operator.stop()


@pytest.fixture(scope="session", params=LINES)
def prometheus_line(request: pytest.FixtureRequest) -> PrometheusLine:
    """Each line of Prometheus in turn: a test with it runs once on 2.42 and once on 3.x."""
    try:
        return PrometheusLine.find(request.param)
    except ServerMissingError as error:
        unavailable(str(error))


@pytest.fixture(scope="session")
def promtool(prometheus_line: PrometheusLine) -> Callable[..., subprocess.CompletedProcess[str]]:
    """``promtool(*arguments, input=, cwd=, check=)`` of each line in turn."""
    return prometheus_line.promtool


@pytest.fixture
def start_prometheus(prometheus_line: PrometheusLine, tmp_path: Path) -> Iterator[Callable[..., Prometheus]]:
    """``start_prometheus(**arguments of Prometheus)``: a ready Prometheus of each line, stopped after the test."""
    started: list[Prometheus] = []

    def start(*, directory: Path | None = None, **arguments: object) -> Prometheus:
        place = directory or tmp_path / f"prometheus-{len(started)}"
        prometheus = Prometheus(prometheus_line, place, **arguments)  # type: ignore[arg-type] # passed on as they come
        started.append(prometheus.start())
        return prometheus

    yield start
    for prometheus in started:
        prometheus.stop()


@pytest.fixture(scope="session", params=ALERTMANAGER_LINES)
def alertmanager_line(request: pytest.FixtureRequest) -> AlertmanagerLine:
    """Each line of Alertmanager in turn: a test with it runs once on 0.25 and once on 0.31."""
    try:
        return AlertmanagerLine.find(request.param)
    except ServerMissingError as error:
        unavailable(str(error))


@pytest.fixture(scope="session")
def running_alertmanager() -> AlertmanagerLine:
    """The line of Alertmanager that can be started: Debian's finds its templates only where the package is installed."""
    try:
        return AlertmanagerLine.find("0.31")
    except ServerMissingError as error:
        unavailable(str(error))


def _docker_works() -> bool:
    if shutil.which("docker") is None:
        return False
    try:
        return subprocess.run(["docker", "info"], capture_output=True, timeout=20).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False
