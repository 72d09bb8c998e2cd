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
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from prometheus_client import CollectorRegistry, Info, ProcessCollector, disable_created_metrics

from binnacle import __version__
from binnacle.api.config import Config
from binnacle.api.registry import KINDS
from binnacle.cluster.client import Client
from binnacle.cluster.connection import Connection, connect
from binnacle.cluster.fence import Fence
from binnacle.cluster.health import PORT as HEALTH_PORT
from binnacle.cluster.health import HealthServer
from binnacle.cluster.heap import give_back, settle_in
from binnacle.cluster.installing import configured, own_kinds, written_kinds
from binnacle.cluster.lease import KubernetesLeaseGuard, LeaseTimes
from binnacle.cluster.leaseobject import LeaseObject
from binnacle.cluster.platform import resolve
from binnacle.cluster.rbac import Installation
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
from binnacle.control.metrics import Metrics, WebhookMetrics
from binnacle.control.ports import Clock, Observer
from binnacle.control.toolchain import shipped
from binnacle.errors import TransientError
from binnacle.targets import conventions

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
    process = _Process(options, _metrics())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, process.stop.set)
    async with (
        await connect(options.kubeconfig, process.answered) as connection,
        connection.session(CONNECTIONS, unacknowledged=options.lease.margin) as session,
        _health(options, process.metrics) as health,
    ):
        client = Client(session)
        config = await _until_answered(lambda: _prepare(options.config, client), process.stop)
        if config is None:
            return True
        async with observer(config, process.clock) as observers:
            await _serve(process, config, connection, session, observers, health)
    return not process.lost


@dataclass(slots=True)
class _Process:
    """What there is of an operator from its first moment to its last.

    Attributes:
        stop: set when it is to end.
        refused: set whenever the API server refuses a request.
        lost: the lease is, or the part of the program that keeps it.
    """

    options: Options
    metrics: Metrics
    clock: Clock = field(default_factory=SystemClock)
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    refused: asyncio.Event = field(default_factory=asyncio.Event)
    lost: bool = False

    def lose(self) -> None:
        """End, and not in order."""
        self.lost = True
        self.stop.set()

    def answered(self, method: str, code: str, seconds: float) -> None:
        """Take note of an answer of the API server."""
        self.metrics.request(method, code, seconds)
        if code == "403":
            self.refused.set()


def _metrics() -> Metrics:
    # A second series for each counter and histogram, which nobody asks for; the library knows it as a switch for all.
    disable_created_metrics()  # type: ignore[no-untyped-call] # the library has no types for it
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    Info("binnacle_build", "Which Binnacle this is.", registry=registry).info({"version": __version__})
    return Metrics(registry)


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


async def _serve(
    process: _Process,
    config: Config,
    connection: Connection,
    session: aiohttp.ClientSession,
    observers: Mapping[str, Observer],
    health: HealthServer,
) -> None:
    options, metrics, clock = process.options, process.metrics, process.clock
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
            process.lose,
            options.lease,
        )
        fence = Fence(guard.left, options.lease.margin)
        writing = Client(session, fence=fence)
        recorder = EventRecorder(writing, clock, host)
        lacking = Rights(
            Client(session),
            needed(kinds, children, configured(config, Installation(namespace=namespace))),
            metrics,
            guard,
            functools.partial(recorder.warn_about, lease_reference(namespace, name)),
            process.refused,
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
            async with _beside(process.lose, guard.run(), recorder.run(), lacking.run(), give_back(controller, clock)):
                try:
                    await controller.run(process.stop)
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
