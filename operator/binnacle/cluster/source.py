"""The loop's Source port on a Kubernetes API server: all watches as one stream of events."""

import asyncio
import random
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from functools import partial

from binnacle.api.reasons import Reason
from binnacle.cluster.client import Client
from binnacle.cluster.connection import Connection
from binnacle.cluster.refusals import Call, NotFoundError
from binnacle.cluster.streaming import Streaming
from binnacle.cluster.watches import Watch, WatchState
from binnacle.control.ports import Event, Stamp, Synced, Trouble
from binnacle.errors import SpecError
from binnacle.intent.refs import ObjectRef
from binnacle.targets.base import Resource


class KubernetesSource:
    """Implements `binnacle.control.ports.Source`.

    `Synced` comes for a kind when all of its watches have delivered what existed, and again after each later list;
    objects that vanished between two lists are told as `Gone` before it. `Trouble` comes when the API server refuses
    a watch for the second time, a second after the first.

    Args:
        connection: where; watches have sessions of their own.
        client: for lists without bodies and for discovery.
        watches: what to watch, from `plan`.
        listed: called with a kind whenever a list of it begins: at the start, and after each stream that could not be
            continued.
        streamed: called with a kind whenever a stream of it begins.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        connection: Connection,
        client: Client,
        watches: Sequence[Watch],
        *,
        listed: Callable[[str], None] = lambda _kind: None,
        streamed: Callable[[str], None] = lambda _kind: None,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._client = client
        self._events: asyncio.Queue[Event | BaseException | None] = asyncio.Queue()
        self._streams = {
            watch: Streaming(
                watch,
                connection,
                client,
                deliver=self._events.put_nowait,
                synced=partial(self._on_synced, watch.resource),
                trouble=partial(self._on_trouble, watch.resource),
                listed=partial(listed, watch.resource.kind),
                streamed=partial(streamed, watch.resource.kind),
                clock=clock,
                random=random.random,
            )
            for watch in watches
        }
        self._of_kind: dict[tuple[str, str], list[Streaming]] = defaultdict(list)
        for watch, stream in self._streams.items():
            self._of_kind[watch.resource.api_version, watch.resource.kind].append(stream)

    async def events(self) -> AsyncIterator[Event]:
        """Yield what happens, each object in order, until `stop`; to be called once."""
        tasks = [asyncio.create_task(stream.run(), name=f"watch of {watch}") for watch, stream in self._streams.items()]
        for task in tasks:
            task.add_done_callback(self._on_end)
        try:
            while (event := await self._events.get()) is not None:
                if isinstance(event, BaseException):
                    raise event
                yield event
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def stop(self) -> None:
        """End the stream of events after what is already in it."""
        self._events.put_nowait(None)

    async def stamps(self) -> Sequence[Stamp]:
        """List every watched object without bodies; kinds that the server does not know have none.

        Raises `TransientError` when a list cannot be had: half an answer would look like ghosts.
        """
        stamps: dict[str, Stamp] = {}
        for watch in self._streams:
            resource = watch.resource
            try:
                async for metadata in self._client.metadata(
                    Call("list", resource, watch.namespace or ""), watch.selector
                ):
                    ref = ObjectRef(
                        resource.api_version, resource.kind, metadata.get("namespace", ""), metadata["name"]
                    )
                    stamps[metadata["uid"]] = Stamp(ref, metadata["uid"], metadata["resourceVersion"])
            except NotFoundError:
                continue
        return tuple(stamps.values())

    def watches(self) -> Mapping[Watch, WatchState]:
        """Return how each watch is doing, for health and metrics."""
        return {watch: stream.state() for watch, stream in self._streams.items()}

    def _on_synced(self, resource: Resource) -> None:
        if all(stream.state().synced for stream in self._of_kind[resource.api_version, resource.kind]):
            self._events.put_nowait(Synced(resource.api_version, resource.kind))

    def _on_trouble(self, resource: Resource, reason: Reason, message: str) -> None:
        self._events.put_nowait(Trouble(resource.api_version, resource.kind, reason, message))

    def _on_end(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._events.put_nowait(error)


async def require(client: Client, kinds: Sequence[Resource]) -> None:
    """Make sure that the API server knows our own kinds.

    Raises:
        SpecError: it does not; the message names them.
        TransientError: it cannot be asked.
    """
    known = {version: await client.serves(version) for version in {kind.api_version for kind in kinds}}
    missing = sorted(f"{kind.plural}.{kind.group}" for kind in kinds if kind.plural not in known[kind.api_version])
    if missing:
        raise SpecError(
            f"the API server does not know {', '.join(missing)}",
            fix="apply Binnacle's CustomResourceDefinitions first: kubectl apply --server-side -f crds/",
        )
