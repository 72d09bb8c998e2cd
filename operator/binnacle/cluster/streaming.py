"""One watch, kept alive: kopf streams it, and whatever ends the stream, it is begun again.

Every watch runs a kopf operator of its own. Inside one operator a single refused watch ends all of them, and a watch
task that ends in silence is never missed (nolar/kopf#1276); apart, a missing permission for one kind leaves the others
alone, each failure has a name, and the watchdog here begins again what kopf has forgotten.

What kopf does not tell is seen on its HTTP session: every attempt, whether a stream is open, and how many bytes have
come over it, which the API server's bookmarks keep growing about once a minute.

kopf marks no end of its first list. So whenever a list begins, the names of all objects are listed beside it, without
bodies; when each has been delivered, or has gone, and the stream is open, the watch counts as synced. After a second
list kopf tells nothing of what vanished in between; what was known and is not listed any more is told from here.
"""

import asyncio
import contextlib
import logging
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import aiohttp
import kopf
from kopf._core.reactor.inventory import ResourceMemories, ResourceMemory

from binnacle.api.reasons import Reason
from binnacle.cluster.client import Client, cause
from binnacle.cluster.connection import Connection
from binnacle.cluster.refusals import Call, refusal
from binnacle.cluster.watches import ATTEMPT_SECONDS, Phase, Watch, WatchState
from binnacle.control.backoff import doubled
from binnacle.control.ports import Gone, Present
from binnacle.errors import BinnacleError, SpecError, TransientError
from binnacle.intent.refs import ObjectRef

log = logging.getLogger(__name__)

_FIRST_BACKOFF = 1.0
_LAST_BACKOFF = 5.0
_ABSENT_SECONDS = 10.0
_WATCHDOG_SECONDS = 5.0
_REFUSED = frozenset({401, 403})
# An API server that has just started refuses what it allows a moment later. kopf tries again after a second.
_REFUSALS = 2
_RELIST_SECONDS = (1.0, 2.0, 5.0)
# The API server begins to answer a watch at once, whether or not there is anything to tell.
_ANSWER_SECONDS = 15.0
_SHORT_SECONDS = 1.0
# Objects of one page of a list: kopf has a task, a queue and the body of each at once, some 20 kB.
_PAGE = 100
# A stream and, while it lasts, one list and a few requests of discovery.
_CONNECTIONS = 4


class Streaming:
    """Keeps one watch going until cancelled.

    Args:
        watch: what to watch.
        connection: where; the watch has a session of its own, so that streams never wait for writes.
        client: for discovery and for the list beside kopf's.
        deliver: takes each event, in order for each object; must not block.
        synced: called each time a list has been delivered in full, after a reconnect with a new list too, and when a
            trouble has ended.
        trouble: called with a reason and a message when the API server refuses to let us watch.
        listed: called whenever a list begins.
        streamed: called whenever a stream begins.
        signals: called after kopf has started, which takes over SIGINT and SIGTERM of the loop, to put the process's
            own handlers back.
        clock: monotonic seconds.
        random: numbers in [0, 1), to spread attempts.
    """

    def __init__(
        self,
        watch: Watch,
        connection: Connection,
        client: Client,
        *,
        deliver: Callable[[Present | Gone], None],
        synced: Callable[[], None],
        trouble: Callable[[Reason, str], None],
        listed: Callable[[], None],
        streamed: Callable[[], None],
        signals: Callable[[], None],
        clock: Callable[[], float],
        random: Callable[[], float],
    ):
        self.watch = watch
        self._connection = connection
        self._client = client
        self._deliver = deliver
        self._tell_synced = synced
        self._tell_trouble = trouble
        self._tell_listed = listed
        self._tell_streamed = streamed
        self._signals = signals
        self._clock = clock
        self._random = random
        self._attempted = self._active = clock()
        self._phase = Phase.STARTING
        self._error = ""
        self._synced = self._troubled = False
        self._refusals = 0
        self._listed = self._told = False
        self._stream: aiohttp.ClientResponse | None = None
        self._received = 0
        self._began = clock() - _SHORT_SECONDS
        self._short = 0
        self._listing: asyncio.Task[None] | None = None
        self._known: dict[str, ObjectRef] = {}
        self._delivered: set[str] | None = None
        self._missing: set[str] = set()
        self._complete = asyncio.Event()

    def state(self) -> WatchState:
        """Return how the watch is doing now."""
        now = self._clock()
        stream = self._stream
        running = stream is not None and not stream.closed
        if stream is not None and stream.content.total_bytes != self._received:
            self._received, self._active = stream.content.total_bytes, now
        # A stream that has ended is being asked for again, which may last, and is not running meanwhile.
        phase = Phase.RETRYING if self._phase is Phase.RUNNING else self._phase
        return WatchState(
            phase=Phase.RUNNING if running else phase,
            attempt_age=now - self._attempted,
            activity_age=now - self._active,
            synced=self._synced and not self._troubled,
            error="" if running else self._error,
        )

    async def run(self) -> None:
        """Watch until cancelled; raises only what is a defect of this program."""
        failures = 0
        while True:
            began = self._clock()
            try:
                if await self._served():
                    await self._watch()
                    raise TransientError(f"the watch of {self.watch} ended without a word")
                self._phase, self._error = Phase.ABSENT, f"the API server does not know {self.watch.resource.plural}"
                self._bury(self._known)
                self._settled()
                await asyncio.sleep(_ABSENT_SECONDS)
                continue
            except BinnacleError as error:
                self._failed(str(error))
            finally:
                await self._stop_listing()
            failures = 0 if self._clock() - began > ATTEMPT_SECONDS else failures + 1
            await asyncio.sleep(self._pause(max(failures, 1)))

    async def _served(self) -> bool:
        resource = self.watch.resource
        if not resource.group:
            return True
        self._attempted = self._clock()
        return resource.plural in await self._client.serves(resource.api_version)

    async def _watch(self) -> None:
        """Run kopf until it fails; raises why."""
        namespace = self.watch.namespace
        tasks = await kopf.spawn_tasks(
            registry=self._registry(),
            settings=_settings(self.watch),
            memories=_NoMemories(),
            clusterwide=namespace is None,
            namespaces=[namespace] if namespace is not None else [],
        )
        self._signals()
        try:
            while not any(task.done() for task in tasks):
                await asyncio.wait(tasks, timeout=_WATCHDOG_SECONDS, return_when=asyncio.FIRST_COMPLETED)
                self._check_alive()
        finally:
            transport = self._transport()
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
            if transport is not None:
                # No farewell in TLS: a network that has lost its way would leave it unanswered. The first releases of Python 3.11
                # raise where the connection has been closed twice, which is the end of it too.
                with contextlib.suppress(AttributeError):
                    transport.abort()
        raise self._explain([end for end in ended if isinstance(end, Exception)])

    def _transport(self) -> asyncio.Transport | None:
        connection = self._stream.connection if self._stream is not None else None
        return connection.transport if connection is not None else None

    def _check_alive(self) -> None:
        if self._listing is not None and self._listing.done() and not self._listing.cancelled():
            self._listing.result()  # raises what is a defect
        if not self.state().healthy:
            raise TransientError(f"the watch of {self.watch} is stuck: no attempt for {ATTEMPT_SECONDS:.0f} s")

    def _registry(self) -> kopf.OperatorRegistry:
        registry = kopf.OperatorRegistry()
        resource = self.watch.resource
        version = resource.api_version.rpartition("/")[2]
        kopf.on.event(resource.group, version, resource.plural, id="deliver", registry=registry)(self._on_event)
        kopf.on.login(id="login", registry=registry)(self._login())
        return registry

    def _login(self) -> Callable[..., Any]:
        """One session for one run. A second login means that the server refuses it, refreshed credentials included."""
        sessions = iter([None])

        async def login(**_: Any) -> kopf.AiohttpSession | None:
            for _first in sessions:
                session = self._connection.session(_CONNECTIONS, self._observe)
                return kopf.AiohttpSession(server=self._connection.server, aiohttp_session=session)
            return None

        return login

    async def _observe(self, request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        """See kopf's requests pass by."""
        self._attempted = self._clock()
        mine = request.url.path.endswith(f"/{self.watch.resource.plural}")
        streaming = "watch" in request.url.query
        if mine and not streaming and "continue" not in request.url.query:
            self._begin_listing()
        if mine and streaming:
            await self._pace()
        try:
            # kopf waits for ever for the beginning of a stream: behind a network that has lost its way nobody would know.
            async with asyncio.timeout(_ANSWER_SECONDS if streaming else None):
                response = await send(request)
        except (aiohttp.ClientError, TimeoutError) as error:
            self._failed(f"cannot reach the API server to watch {self.watch}: {cause(error)}")
            raise
        if response.status in _REFUSED and mine:
            refused = refusal(self._call("watch" if streaming else "list"), response.status, None, b"")
            self._failed(str(refused))
            self._refusals += 1
            if self._refusals == _REFUSALS:
                self._troubled = True
                self._tell_trouble(Reason.PERMISSION_DENIED, str(refused))
        elif response.status >= 400:
            self._failed(f"the API server answered {response.status} to {request.method} {request.url.path}")
        elif mine and streaming:
            self._stream, self._received = response, 0
            self._active = self._clock()
            self._tell_streamed()
            if self._error:
                log.info("watching %s again", self.watch)
            self._phase, self._error, self._refusals = Phase.RUNNING, "", 0
            self._told = self._told and not self._troubled
            self._settle()
        return response

    async def _pace(self) -> None:
        """Begin streams that end at once ever more slowly: kopf asks again without a pause, and that may go on for ever."""
        self._short = self._short + 1 if self._clock() - self._began < _SHORT_SECONDS else 0
        if self._short > 1:
            await asyncio.sleep(self._pause(self._short - 1))
        self._attempted = self._began = self._clock()

    def _pause(self, failures: int) -> float:
        """Return the seconds to wait after so many failures in a row, not the same for all watches."""
        return doubled(failures - 1, _FIRST_BACKOFF, _LAST_BACKOFF) * (0.75 + self._random() / 2)

    def _failed(self, error: str) -> None:
        if error != self._error:
            log.warning("%s", error)
        self._phase, self._error = Phase.RETRYING, error

    def _explain(self, errors: list[Exception]) -> BinnacleError:
        """Say why kopf ended. What was seen on the wire is more exact than what kopf says of it."""
        if self._error:
            return TransientError(self._error)
        for error in errors:
            return TransientError(f"the watch of {self.watch} failed: {type(error).__name__}: {error}")
        return TransientError(f"the watch of {self.watch} ended without a word")

    async def _on_event(self, event: Mapping[str, Any], **_: Any) -> None:
        body, kind = event["object"], event["type"]
        metadata = body["metadata"]
        self._active = self._clock()
        uid = metadata["uid"]
        if kind == "DELETED":
            self._known.pop(uid, None)
            self._deliver(Gone(self._ref(metadata), uid))
        else:
            self._known[uid] = self._ref(metadata)
            self._deliver(Present(body))
        if self._delivered is not None:
            self._delivered.add(uid)
            self._missing.discard(uid)
            if not self._missing:
                self._complete.set()

    def _begin_listing(self) -> None:
        self._tell_listed()
        if self._listing is not None:
            self._listing.cancel()
        self._delivered = set()
        self._listed = self._told = False
        self._listing = asyncio.create_task(self._compare(), name=f"list beside the watch of {self.watch}")

    async def _stop_listing(self) -> None:
        task, self._listing, self._delivered = self._listing, None, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _compare(self) -> None:
        """Wait until everything that is listed now has been delivered or has gone, then settle."""
        pauses = iter(_RELIST_SECONDS)
        pause = next(pauses)
        while self._delivered is not None:
            try:
                listing = self._client.metadata(self._call("list"), self.watch.selector)
                listed = {metadata["uid"] async for metadata in listing}
            except (TransientError, SpecError) as error:
                log.info("the list beside the watch of %s failed: %s", self.watch, error)
                await asyncio.sleep(pause)
            else:
                self._bury(self._known.keys() - listed - self._delivered)
                self._missing = listed - self._delivered
                if not self._missing:
                    break
                # Only now: what arrived during the list has told of a completeness that nobody had asked for.
                self._complete.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._complete.wait(), pause)
                    break
            pause = next(pauses, pause)
        self._delivered, self._missing = None, set()
        self._listed = True
        self._settle()

    def _bury(self, uids: Iterable[str]) -> None:
        """Tell of objects that have gone unseen. One that is still on its way is told as gone once more; no harm."""
        for uid in list(uids):
            self._deliver(Gone(self._known.pop(uid), uid))

    def _settle(self) -> None:
        """Count as synced once everything listed has arrived and the stream is open."""
        if self._listed and not self._told and self.state().phase is Phase.RUNNING:
            self._settled()

    def _settled(self) -> None:
        self._told = self._synced = True
        self._troubled = False
        self._tell_synced()

    def _ref(self, metadata: Mapping[str, Any]) -> ObjectRef:
        resource = self.watch.resource
        # One text for each namespace, and not one for each object.
        namespace = sys.intern(metadata.get("namespace", ""))
        return ObjectRef(resource.api_version, resource.kind, namespace, metadata["name"])

    def _call(self, verb: str) -> Call:
        return Call(verb, self.watch.resource, self.watch.namespace or "")


class _NoMemories(ResourceMemories):
    """Keeps nothing: otherwise kopf has a record of 0.8 kB for every object that it ever told of, for handlers that we have not.

    `kopf.spawn_tasks` takes it, but kopf does not export its class.
    """

    async def recall(self, *args: Any, **options: Any) -> ResourceMemory:
        return await super().recall(*args, **{**options, "ephemeral": True})


class _NoDiffBase(kopf.DiffBaseStorage):
    """Keeps nothing: event handlers need no differences, and nothing may be written on users' objects."""

    def build(self, **_: Any) -> Any:
        return {}

    def fetch(self, **_: Any) -> Any:
        return {}  # the same as is built: where one were absent, all would be a difference, and be looked through

    def store(self, **_: Any) -> None:
        pass


class _NoProgress(kopf.ProgressStorage):
    """Keeps nothing: event handlers have no progress."""

    def fetch(self, **_: Any) -> Any:
        return None

    def store(self, **_: Any) -> None:
        pass

    def purge(self, **_: Any) -> None:
        pass

    def touch(self, **_: Any) -> None:
        pass

    def clear(self, *, essence: Any) -> Any:
        return essence


def _settings(watch: Watch) -> kopf.OperatorSettings:
    settings = kopf.OperatorSettings()
    settings.persistence.diffbase_storage = _NoDiffBase()
    settings.persistence.progress_storage = _NoProgress()
    settings.posting.enabled = False
    settings.peering.standalone = True
    settings.scanning.disabled = True
    settings.process.ultimate_exiting_timeout = None  # it would kill the process ten minutes after one watch failed
    settings.queueing.idle_timeout = 0.2
    settings.queueing.worker_limit = None
    settings.watching.reconnect_backoff = 2.0
    settings.watching.chunk_size = _PAGE
    settings.networking.request_timeout = 30
    settings.networking.error_backoffs = (1,)  # the default hides a missing permission for 54 s
    if watch.selector:
        # The key must be this tuple: the textual form of kopf's own example filters nothing, without a word.
        settings.watching.label_selectors[watch.resource.group, watch.resource.plural] = watch.selector
    return settings
