"""What the kubelet, Prometheus and people ask of a replica: /healthz, /readyz, /metrics, /debug/key."""

from collections.abc import Callable, Mapping
from ipaddress import ip_address
from typing import Final

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from binnacle.api.registry import KINDS
from binnacle.cluster.watches import Phase, Watch, WatchState
from binnacle.control.metrics import Metrics
from binnacle.intent.refs import Key
from binnacle.targets import conventions
from binnacle.targets.base import AggregateKey

PORT: Final = 8080
"""Where it listens unless told otherwise."""
LIVE: Final = "/healthz"
READY: Final = "/readyz"


class HealthServer:
    """Answers probes and scrapes; leader or not makes no difference.

    Liveness: every watch is running or retrying. An API server that is away does not fail it, a restart would not
    help; a watch that nobody tries to repair does. Readiness: the caches are synced.

    `/debug/key?kind=SLO&namespace=shop&name=checkout` (`?aggregate=rules&namespace=monitoring` for what many share) says
    why a key is as it is. It names what exists in namespaces, so it answers on the loopback only: to whoever may forward
    a port to the pod or run a command in it.

    It serves from the first moment, alive and not ready; `attend` tells it whom to ask once there is a loop.

    Args:
        metrics: its registry is shown, its watch ages and cache sizes are set at each scrape.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._watches: Callable[[], Mapping[Watch, WatchState]] = dict
        self._ready: Callable[[], str] = lambda: "the API server has not answered yet"
        self._counts: Callable[[], Mapping[str, int]] = dict
        self._stalled: Callable[[], Mapping[tuple[str, str], int]] = dict
        self._account: Callable[[Key | AggregateKey], str] = lambda _key: "there is no loop yet\n"
        self._lacks: Callable[[], str] = str
        self._runner: web.AppRunner | None = None

    def attend(
        self,
        watches: Callable[[], Mapping[Watch, WatchState]],
        ready: Callable[[], str],
        counts: Callable[[], Mapping[str, int]] = dict,
        account: Callable[[Key | AggregateKey], str] = str,
        stalled: Callable[[], Mapping[tuple[str, str], int]] = dict,
        lacks: Callable[[], str] = str,
    ) -> None:
        """Answer for a loop from now on.

        Args:
            watches: how each watch is doing.
            ready: whether the caches are synced; the text says what is missing, empty when nothing is.
            counts: objects in the caches by kind.
            account: says why a key is as it is.
            stalled: stalled resources by kind and reason.
            lacks: says which rights are missing, a line for each.
        """
        self._watches, self._ready, self._counts, self._account = watches, ready, counts, account
        self._stalled, self._lacks = stalled, lacks

    async def start(self, host: str, port: int) -> int:
        """Listen; returns the port (useful with port 0). Raises `OSError` when the address is taken."""
        application = web.Application()
        application.router.add_get(LIVE, self._healthz)
        application.router.add_get(READY, self._readyz)
        application.router.add_get("/metrics", self._show_metrics)
        application.router.add_get("/debug/key", self._debug_key)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port)
        await site.start()
        address: tuple[str, int] = self._runner.addresses[0][:2]
        return address[1]

    async def stop(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _healthz(self, _: web.Request) -> web.Response:
        states = self._watches()
        lines = [
            f"[{'+' if state.healthy else '-'}] {watch}: {state.phase}{f': {state.error}' if state.error else ''}"
            for watch, state in states.items()
        ]
        healthy = all(state.healthy for state in states.values())
        return web.Response(status=200 if healthy else 503, text="\n".join(lines) + "\n")

    async def _readyz(self, _: web.Request) -> web.Response:
        missing = self._ready()
        # Without a right it does all that it may: taken out of service it would do less.
        return web.Response(status=503 if missing else 200, text=f"{missing or 'ok'}\n{self._lacks()}")

    async def _debug_key(self, request: web.Request) -> web.Response:
        if not _is_loopback(request.remote):
            return web.Response(status=403, text="Answered on the loopback only: kubectl port-forward, then curl.\n")
        asked = request.query
        kind = next((one for one in KINDS if one.lower() == asked.get("kind", "").lower()), "")
        if kind and asked.get("namespace") and asked.get("name"):
            return web.Response(text=self._account(Key(kind, asked["namespace"], asked["name"])))
        if asked.get("aggregate") and asked.get("namespace"):
            return web.Response(text=self._account(AggregateKey(asked["aggregate"], asked["namespace"])))
        usage = f"Ask with kind ({', '.join(KINDS)}), namespace and name, or with aggregate and namespace.\n"
        return web.Response(status=400, text=usage)

    async def _show_metrics(self, _: web.Request) -> web.Response:
        self._show_watches()
        for kind, count in self._counts().items():
            self._metrics.cache_objects.labels(kind).set(count)
        self._metrics.stalled.clear()  # a reason that nobody has any more goes
        for (kind, reason), count in self._stalled().items():
            self._metrics.stalled.labels(kind, reason).set(count)
        text = generate_latest(self._metrics.registry)
        return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE_LATEST})

    def _show_watches(self) -> None:
        """Show how the watches are doing, by kind.

        A kind of others that the API server does not know is nothing to wait for. One of ours is.
        """
        metrics = self._metrics
        for gauge in (metrics.watch_age, metrics.watches, metrics.watches_running):
            gauge.clear()
        kinds: dict[str, list[WatchState]] = {}
        for watch, state in self._watches().items():
            if state.phase is not Phase.ABSENT or watch.resource.group == conventions.API_GROUP:
                kinds.setdefault(watch.resource.kind, []).append(state)
        for kind, states in kinds.items():
            metrics.watches.labels(kind).set(len(states))
            metrics.watches_running.labels(kind).set(sum(state.phase is Phase.RUNNING for state in states))
            metrics.watch_age.labels(kind).set(max(state.activity_age for state in states))


def _is_loopback(address: str | None) -> bool:
    try:
        return address is not None and ip_address(address).is_loopback
    except ValueError:
        return False
