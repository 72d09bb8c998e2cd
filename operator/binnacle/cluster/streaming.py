"""One watch, kept alive: kopf lists and streams it, and whatever ends the stream, it is begun again.

Of kopf it takes the stream of a kind alone: its list in pages, its watch from there on, and each continuation, until what the
API server remembers does not reach back so far or something fails. kopf's way from an event to a handler (a task and a queue for each
object, three loggers, causes, progress) is not taken: it costs more than all the rest of an event (ADR 0031).

What kopf does not tell is seen on its HTTP session: every attempt, whether a stream is open, and how many bytes have
come over it, which the API server's bookmarks keep growing about once a minute.

A watch counts as synced when its list has been delivered and the stream that follows it is open. What was known and is in a
later list no more has vanished in between, and is told as gone.
"""

import asyncio
import contextlib
import logging
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
import kopf
from kopf._cogs.clients.auth import vault_var
from kopf._cogs.clients.watching import Bookmark, continuous_watch
from kopf._cogs.structs.credentials import Vault
from kopf._cogs.structs.references import NamespaceName
from kopf._cogs.structs.references import Resource as KopfResource

from binnacle.api.reasons import Reason
from binnacle.cluster.client import Client, cause
from binnacle.cluster.connection import Connection
from binnacle.cluster.refusals import Call, refusal
from binnacle.cluster.watches import ATTEMPT_SECONDS, Phase, Watch, WatchState
from binnacle.control.backoff import doubled
from binnacle.control.ports import Gone, Present
from binnacle.errors import BinnacleError, TransientError
from binnacle.intent.refs import ObjectRef

log = logging.getLogger(__name__)

_REFUSED = frozenset({401, 403})
# An API server that has just started refuses what it allows a moment later. kopf tries again after a second.
_REFUSALS = 2
_SHORT_SECONDS = 1.0
# Objects of one page of a list; their bodies are held at once.
_PAGE = 100
# A list, or a stream while the list before it is let go of.
_CONNECTIONS = 2


@dataclass(frozen=True, slots=True)
class Pace:
    """How long a watch waits, in seconds.

    Attributes:
        backoff: between the first failures of a row; it doubles.
        last_backoff: between later ones.
        absent: until it is asked again whether there is the kind.
        answer: for a stream to begin; the API server does at once, whether or not there is anything to tell.
        stuck: for the next attempt, and the watch begins again: kopf waits as long as `Retry-After` says, whatever that is.
            Longer than a list may take, and less than what counts as unhealthy.
    """

    backoff: float = 1.0
    last_backoff: float = 5.0
    absent: float = 10.0
    answer: float = 15.0
    stuck: float = ATTEMPT_SECONDS - 10


class Streaming:
    """Keeps one watch going until cancelled.

    Args:
        watch: what to watch.
        connection: where; the watch has a session of its own, so that streams never wait for writes.
        client: for discovery.
        deliver: takes each event, in order for each object; must not block.
        synced: called each time a list has been delivered in full, after a reconnect with a new list too, and when a
            trouble has ended.
        trouble: called with a reason and a message when the API server refuses to let us watch.
        listed: called whenever a list begins.
        streamed: called whenever a stream begins.
        clock: monotonic seconds.
        random: numbers in [0, 1), to spread attempts.
        pace: how long it waits.
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
        clock: Callable[[], float],
        random: Callable[[], float],
        pace: Pace | None = None,
    ):
        self.watch = watch
        self._connection = connection
        self._client = client
        self._deliver = deliver
        self._tell_synced = synced
        self._tell_trouble = trouble
        self._tell_listed = listed
        self._tell_streamed = streamed
        self._clock = clock
        self._random = random
        self._times = pace or Pace()
        self._attempted = self._active = clock()
        self._phase = Phase.STARTING
        self._error = self._seen = ""
        self._synced = self._troubled = False
        self._refusals = 0
        self._listed = self._told = False
        self._stream: aiohttp.ClientResponse | None = None
        self._transport: asyncio.Transport | None = None
        self._received = 0
        self._began = clock() - _SHORT_SECONDS
        self._short = 0
        self._known: dict[str, ObjectRef] = {}
        self._deadline = asyncio.timeout(None)

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
                else:
                    self._phase, self._error = (
                        Phase.ABSENT,
                        f"the API server does not know {self.watch.resource.plural}",
                    )
                    self._bury(self._known)
                    self._settled()
                    await asyncio.sleep(self._times.absent)
                    continue
            except BinnacleError as error:
                self._failed(str(error))
            failures = 0 if self._clock() - began > ATTEMPT_SECONDS else failures + 1
            await asyncio.sleep(self._pause(max(failures, 1)))

    async def _served(self) -> bool:
        resource = self.watch.resource
        if not resource.group:
            return True
        self._attempted = self._clock()
        return resource.plural in await self._client.serves(resource.api_version)

    async def _watch(self) -> None:
        """List and stream until that can be continued no more; raises `TransientError` when something failed."""
        self._listed = self._told = False
        self._seen = ""
        self._tell_listed()
        try:
            async with asyncio.timeout(self._times.stuck) as self._deadline:
                await self._follow()
        except TimeoutError:
            stuck = f"no attempt for {self._times.stuck:.0f} s to watch {self.watch}"
            raise TransientError(f"{self._seen}; {stuck}" if self._seen else stuck) from None

    async def _follow(self) -> None:
        listed: set[str] = set()
        async with self._connection.session(_CONNECTIONS, self._observe) as session:
            try:
                async for event in self._events(session):
                    if event is Bookmark.LISTED:
                        self._bury(self._known.keys() - listed)
                        listed.clear()
                        self._listed = True
                    elif (uid := self._on_event(event)) and not self._listed:
                        listed.add(uid)
                if not self._listed:
                    raise TransientError(self._seen or f"the list of {self.watch} broke off")
            finally:
                if self._transport is not None:
                    # No farewell in TLS: a network that has lost its way would leave it unanswered. The first releases of Python 3.11
                    # raise where the connection has been closed twice, which is the end of it too.
                    with contextlib.suppress(AttributeError):
                        self._transport.abort()
                    self._transport = None

    async def _events(self, session: aiohttp.ClientSession) -> AsyncIterator[Any]:
        """Yield what kopf yields; whatever it raises is told as why the watch ended."""
        resource = self.watch.resource
        namespace = None if self.watch.namespace is None else NamespaceName(self.watch.namespace)
        version = resource.api_version.rpartition("/")[2]
        access = kopf.AiohttpSession(server=self._connection.server, aiohttp_session=session)
        vault_var.set(_Access({"session": access}))
        try:
            async for event in continuous_watch(
                settings=_settings(self.watch),
                resource=KopfResource(resource.group, version, resource.plural, namespaced=True),
                namespace=namespace,
                operator_pause_waiter=asyncio.get_running_loop().create_future(),
            ):
                yield event
        except Exception as error:
            # What was seen on the wire is more exact than what kopf says of it.
            raise TransientError(
                self._seen or f"the watch of {self.watch} failed: {type(error).__name__}: {error}"
            ) from error

    async def _observe(self, request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        """See kopf's requests pass by."""
        self._attempt()
        streaming = "watch" in request.url.query
        if streaming:
            await self._pace()
        try:
            # kopf waits for ever for the beginning of a stream: behind a network that has lost its way nobody would know.
            async with asyncio.timeout(self._times.answer if streaming else None):
                response = await send(request)
        except (aiohttp.ClientError, TimeoutError) as error:
            self._suffer(f"cannot reach the API server to watch {self.watch}: {cause(error)}")
            raise
        self._seen = ""
        if response.status in _REFUSED:
            refused = refusal(self._call("watch" if streaming else "list"), response.status, None, b"")
            self._suffer(str(refused))
            self._refusals += 1
            if self._refusals == _REFUSALS:
                self._troubled = True
                self._tell_trouble(Reason.PERMISSION_DENIED, str(refused))
        elif response.status >= 400:
            self._suffer(f"the API server answered {response.status} to {request.method} {request.url.path}")
        elif streaming:
            self._stream, self._received = response, 0
            self._transport = response.connection.transport if response.connection is not None else None
            self._active = self._clock()
            self._deadline.reschedule(None)
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
        self._attempt()
        self._began = self._attempted

    def _attempt(self) -> None:
        self._attempted = self._clock()
        self._deadline.reschedule(asyncio.get_running_loop().time() + self._times.stuck)

    def _pause(self, failures: int) -> float:
        """Return the seconds to wait after so many failures in a row, not the same for all watches."""
        return doubled(failures - 1, self._times.backoff, self._times.last_backoff) * (0.75 + self._random() / 2)

    def _suffer(self, error: str) -> None:
        """Take note of what was seen on the wire."""
        self._seen = error
        self._failed(error)

    def _failed(self, error: str) -> None:
        if error != self._error:
            log.warning("%s", error)
        self._phase, self._error = Phase.RETRYING, error

    def _on_event(self, event: Mapping[str, Any]) -> str:
        """Deliver an event and return the uid of its object; empty for a bookmark, which tells of no object."""
        kind, body = event["type"], event["object"]
        self._active = self._clock()
        if kind == "BOOKMARK":
            return ""
        try:
            uid, ref = body["metadata"]["uid"], self._ref(body["metadata"])
        except (KeyError, TypeError) as error:
            raise TransientError(f"the watch of {self.watch} brought what is no object") from error
        if kind == "DELETED":
            self._known.pop(uid, None)
            self._deliver(Gone(ref, uid))
        else:
            self._known[uid] = ref
            self._deliver(Present(body))
        return str(uid)

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
        self._troubled, self._refusals = False, 0
        self._tell_synced()

    def _ref(self, metadata: Mapping[str, Any]) -> ObjectRef:
        resource = self.watch.resource
        # One text for each namespace, and not one for each object.
        namespace = sys.intern(metadata.get("namespace", ""))
        return ObjectRef(resource.api_version, resource.kind, namespace, metadata["name"])

    def _call(self, verb: str) -> Call:
        return Call(verb, self.watch.resource, self.watch.namespace or "")


class _Access(Vault):
    """The one session of a watch, where kopf looks for credentials.

    They are refreshed on the session itself. One that the API server refuses all the same ends the watch, which begins again with another.
    """

    async def invalidate(self, *_: Any, exc: Exception | None = None, **_more: Any) -> None:
        raise exc or kopf.LoginError("refused")


def _settings(watch: Watch) -> kopf.OperatorSettings:
    settings = kopf.OperatorSettings()
    settings.watching.chunk_size = _PAGE
    settings.networking.request_timeout = 30
    settings.networking.error_backoffs = (1,)  # the default hides a missing permission for 54 s
    if watch.selector:
        # The key must be this tuple: the textual form of kopf's own example filters nothing, without a word.
        settings.watching.label_selectors[watch.resource.group, watch.resource.plural] = watch.selector
    return settings
