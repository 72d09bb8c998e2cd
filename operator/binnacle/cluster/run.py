"""The operator as a whole: the loop on a Kubernetes API server, from the first connection to the orderly stop."""

import asyncio
import contextlib
import functools
import logging
import secrets
import signal
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import aiohttp
from prometheus_client import CollectorRegistry, Info, ProcessCollector, disable_created_metrics

from binnacle import __version__
from binnacle.api.config import Config
from binnacle.api.registry import KINDS
from binnacle.cluster import deployment
from binnacle.cluster.client import Client
from binnacle.cluster.connection import Connection, connect
from binnacle.cluster.fence import Fence
from binnacle.cluster.health import PORT as HEALTH_PORT
from binnacle.cluster.health import HealthServer
from binnacle.cluster.heap import give_back, settle_in
from binnacle.cluster.lease import KubernetesLeaseGuard, LeaseTimes
from binnacle.cluster.leaseobject import LeaseObject
from binnacle.cluster.platform import resolve
from binnacle.cluster.rbac import Installation, manifests, render
from binnacle.cluster.recorder import EventRecorder
from binnacle.cluster.rights import Rights, lease_reference, needed
from binnacle.cluster.source import KubernetesSource, require
from binnacle.cluster.store import KubernetesStore
from binnacle.cluster.watches import plan
from binnacle.cluster.webhook import objects as webhook_objects
from binnacle.cluster.webhook.server import PATH as WEBHOOK_PATH
from binnacle.cluster.webhook.server import WebhookServer
from binnacle.control.admission import Admission
from binnacle.control.clock import SystemClock
from binnacle.control.controller import Controller, Ports, Settings
from binnacle.control.desired import Toolchain
from binnacle.control.metrics import Metrics, WebhookMetrics
from binnacle.control.ports import Clock, Observer
from binnacle.control.toolchain import shipped
from binnacle.errors import TransientError
from binnacle.targets import conventions
from binnacle.targets.base import Resource

log = logging.getLogger(__name__)

CONNECTIONS = 32
"""Sockets for reads and writes at any time; watches and the lease have their own."""

ObserverFactory = Callable[[Config, Clock], AbstractAsyncContextManager[Mapping[str, Observer]]]


@dataclass(frozen=True, slots=True)
class WebhookOptions:
    """How the validating webhook is served.

    Attributes:
        certificates: the folder of `tls.crt` and `tls.key`.
        host, port: its address; port 0 takes a free one.
    """

    certificates: Path
    host: str = "0.0.0.0"  # noqa: S104 - the API server comes from another host
    port: int = webhook_objects.PORT


@dataclass(frozen=True, slots=True)
class Options:
    """How the operator is run.

    Attributes:
        config: the administrator's configuration; `auto` is resolved at start.
        kubeconfig: path, or None for the pod's own ServiceAccount or the user's default.
        namespace: where the Lease lives; None is the pod's own.
        health_host, health_port: address of /healthz, /readyz, /metrics and /debug/key; port 0 takes a free one.
        lease: when the right to write changes hands.
        resync_period: seconds between listings that find what watches missed.
        observe_period: seconds between looks at the backends; None takes a quarter of the reload period, 1 to 30.
        webhook: how the validating webhook is served; None for none.
    """

    config: Config
    kubeconfig: str | None = None
    namespace: str | None = None
    health_host: str = "0.0.0.0"  # noqa: S104 - probes and scrapes come from other hosts
    health_port: int = HEALTH_PORT
    lease: LeaseTimes = field(default_factory=LeaseTimes)
    resync_period: float = 600.0
    observe_period: float | None = None
    webhook: WebhookOptions | None = None

    def settings(self) -> Settings:
        """Return the loop's settings."""
        period = self.observe_period
        if period is None:
            period = min(30.0, max(1.0, self.config.reload_period.ms / 4000))
        return Settings(resync_period=self.resync_period, observe_period=period)


async def run_operator(options: Options, observer: ObserverFactory) -> bool:
    """Run until SIGTERM or SIGINT, or until the lease is lost.

    Args:
        options: how.
        observer: gives the observers for a configuration, by backend.

    Returns:
        Whether the end was an orderly one; a lost lease is not, nor a defect in what keeps it.

    Raises:
        SpecError: no usable configuration, or our kinds are not installed.
    """
    settle_in()
    clock = SystemClock()
    # A second series for each counter and histogram, which nobody asks for; the library knows it as a switch for all.
    disable_created_metrics()  # type: ignore[no-untyped-call] # the library has no types for it
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    ProcessCollector(registry=registry)
    Info("binnacle_build", "Which Binnacle this is.", registry=registry).info({"version": __version__})
    stop, lost, refused = asyncio.Event(), asyncio.Event(), asyncio.Event()

    def on_lost() -> None:
        lost.set()
        stop.set()

    def answered(method: str, code: str, seconds: float) -> None:
        metrics.request(method, code, seconds)
        if code == "403":
            refused.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with (
        await connect(options.kubeconfig, answered) as connection,
        connection.session(CONNECTIONS, unacknowledged=options.lease.margin) as session,
        _health(options, metrics) as health,
    ):
        client = Client(session)
        config = await _until_answered(lambda: _prepare(options.config, client), stop)
        if config is None:
            return True
        async with observer(config, clock) as watching:
            await _serve(
                options,
                config,
                connection,
                session,
                watching,
                metrics,
                health,
                clock,
                stop,
                on_lost,
                refused,
            )
    return not lost.is_set()


@asynccontextmanager
async def _health(options: Options, metrics: Metrics) -> AsyncIterator[HealthServer]:
    """Serve health from the first moment: an API server that is away at the start must not get the pod restarted."""
    health = HealthServer(metrics)
    port = await health.start(options.health_host, options.health_port)
    log.info("serving health and metrics on port %d", port)
    try:
        yield health
    finally:
        await health.stop()


async def _prepare(config: Config, client: Client) -> Config:
    await require(client, own_kinds())
    return await resolve(config, client)


async def _until_answered(ask: Callable[[], Coroutine[Any, Any, Config]], stop: asyncio.Event) -> Config | None:
    """Return the answer; None when told to stop while waiting. An API server that is away at the start is waited for."""
    pause = 1.0
    while not stop.is_set():
        try:
            return await ask()
        except TransientError as error:
            log.warning("waiting for the API server: %s", error)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await stop.wait()
        pause = min(pause * 2, 15.0)
    return None


def own_kinds() -> tuple[Resource, ...]:
    """Return our kinds as the API server serves them."""
    return tuple(Resource(info.api_version, info.kind, info.plural) for info in KINDS.values())


def written_kinds(tools: Toolchain) -> tuple[Resource, ...]:
    """Return every kind of object that the targets may write."""
    return tuple(dict.fromkeys(child for target in tools.targets for child in target.resources(tools.config)))


def rights(config: Config, where: Installation) -> list[dict[str, Any]]:
    """Return the objects that give an operator with this configuration its rights, and no more than it needs.

    Args:
        config: the administrator's; what is `auto` may become either, so there are rights for both.
        where: the installation; its instance and namespaces are those of the configuration.
    """
    return manifests(own_kinds(), written_kinds(shipped(config)), _configured(config, where))


def webhook_manifests(
    config: Config, where: Installation, authority: bytes | None, port: int = webhook_objects.PORT
) -> list[dict[str, Any]]:
    """Return the objects by which the API server calls the webhook.

    Args:
        config: the administrator's.
        where: the installation; its instance and namespaces are those of the configuration.
        authority: the CA's certificate (PEM) that signs the webhook's; None has cert-manager issue one.
        port: of the pods.
    """
    return webhook_objects.manifests(own_kinds(), _configured(config, where), authority, port)


def _configured(config: Config, where: Installation) -> Installation:
    return replace(where, instance=config.instance, namespaces=tuple(config.namespaces))


def shipped_manifests() -> dict[str, str]:
    """Return the files of `manifests/`: an installation with the default configuration, and its rights."""
    where, config = Installation(), Config.from_data({})
    objects = rights(config, where)
    files = {
        "namespace.yaml": [deployment.namespace(where)],
        "operator.yaml": deployment.manifests(where),
        "networkpolicy.yaml": [deployment.network_policy(where, config)],
        "rbac.yaml": [one for one in objects if _where(one) in ("", where.namespace)],
        # Apart, because these namespaces are the backends' own: they are not made here, and not deleted with the rest.
        "rbac-outputs.yaml": [one for one in objects if _where(one) not in ("", where.namespace)],
    }
    return {
        name: f"# Generated by `make generate`; do not edit.\n{_TO_FIT.get(name, '')}{render(those)}"
        for name, those in files.items()
    }


_TO_FIT = {
    "operator.yaml": (
        "# To fit, in an overlay of yours: the image's registry. docs/operating.md (Installing) shows how.\n"
        "# The pods wait for a ConfigMap binnacle-default-config with your config.yaml in it.\n"
    ),
    "networkpolicy.yaml": (
        "# To fit, in an overlay of yours: namespaces and ports of Prometheus and Alertmanager, the labels of the cluster's DNS,\n"
        "# the addresses of the API server. docs/operating.md (Installing) says what each rule is for.\n"
    ),
}


def _where(body: Mapping[str, Any]) -> str:
    return str(body["metadata"].get("namespace", ""))


async def _serve(
    options: Options,
    config: Config,
    connection: Connection,
    session: aiohttp.ClientSession,
    observers: Mapping[str, Observer],
    metrics: Metrics,
    health: HealthServer,
    clock: Clock,
    stop: asyncio.Event,
    on_lost: Callable[[], None],
    refused: asyncio.Event,
) -> None:
    tools = shipped(config)
    kinds = own_kinds()
    children = written_kinds(tools)
    namespace = options.namespace or connection.namespace
    host = socket.gethostname()
    source = KubernetesSource(
        connection,
        Client(session),
        plan(config, kinds, children),
        listed=lambda kind: metrics.watch_lists.labels(kind).inc(),
        streamed=lambda kind: metrics.watch_streams.labels(kind).inc(),
    )
    name = conventions.lease_name(config.instance)
    async with connection.api_client() as api:
        guard = KubernetesLeaseGuard(
            LeaseObject(api, clock, namespace, name, options.lease.duration, metrics.request),
            clock,
            f"{host}_{secrets.token_hex(8)}",
            on_lost,
            options.lease,
        )
        fence = Fence(guard.left, options.lease.margin)
        writing = Client(session, fence=fence)
        recorder = EventRecorder(writing, clock, host)
        lacking = Rights(
            Client(session),
            needed(kinds, children, _configured(config, Installation(namespace=namespace))),
            metrics,
            guard,
            functools.partial(recorder.warn_about, lease_reference(namespace, name)),
            refused,
        )
        controller = Controller(
            tools,
            Ports(
                source=source,
                store=KubernetesStore(writing, (*kinds, *children)),
                guard=guard,
                recorder=recorder,
                clock=clock,
                observers=observers,
            ),
            [(resource.api_version, resource.kind) for resource in (*kinds, *children)],
            metrics,
            options.settings(),
        )
        metrics.leader.labels(name).set_function(lambda: float(guard.held()))
        async with _webhook(options.webhook, controller, metrics, clock) as webhook_missing:
            health.attend(
                source.watches,
                lambda: webhook_missing() if controller.ready else "caches are not synced yet",
                controller.cache.counts,
                controller.account,
                controller.cache.stalled,
                lacking.account,
            )
            async with _beside(on_lost, guard.run(), recorder.run(), lacking.run(), give_back(controller, clock)):
                try:
                    await controller.run(stop)
                finally:
                    # Where nothing is written any more, the next replica need not wait for the lease to run out.
                    if not controller.broken_off and fence.settled:
                        await guard.release()


@asynccontextmanager
async def _webhook(
    options: WebhookOptions | None, controller: Controller, metrics: Metrics, clock: Clock
) -> AsyncIterator[Callable[[], str]]:
    """Serve the webhook where it is wanted, leader or not, until the loop has ended; gives what keeps it from answering."""
    counted = WebhookMetrics(metrics.registry)
    counted.begin(WEBHOOK_PATH, KINDS)
    if options is None:
        yield str
        return
    admission = Admission(controller.tools, controller.cache, lambda: controller.ready, clock.today)
    server = WebhookServer(admission.judge, options.certificates, counted, clock)
    async with server.serving(options.host, options.port):
        yield lambda: server.missing


@asynccontextmanager
async def _beside(failed: Callable[[], None], *works: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run `works` beside what is within; `failed` is called when one ends by an error, which nobody else would see."""

    def ended(task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("the operator ends: a part of it failed", exc_info=error)
            failed()

    tasks = [asyncio.create_task(work) for work in works]
    for task in tasks:
        task.add_done_callback(ended)
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
