"""The loop's Recorder port: warnings as Kubernetes Events, few and bounded.

At most one per object and reason in ten minutes, whatever the message; more are dropped, because Events are for
people and the state is in status. Only `create` is asked for: no counting up of Events that exist.
"""

import asyncio
import logging
import secrets
from collections import OrderedDict
from collections.abc import Mapping

from binnacle.cluster.client import Client
from binnacle.cluster.refusals import Call
from binnacle.control.ports import Clock
from binnacle.errors import BinnacleError
from binnacle.intent.refs import Key
from binnacle.targets import conventions
from binnacle.targets.base import Resource

log = logging.getLogger(__name__)

EVENT = Resource("events.k8s.io/v1", "Event", "events")

_QUIET_SECONDS = 600.0
_REMEMBERED = 10_000
_WAITING = 256
_NOTE_LIMIT = 1024
_CONTROLLER = "binnacle.dev/operator"


class EventRecorder:
    """Implements `binnacle.control.ports.Recorder`; `run` sends what `warn` has noted.

    Args:
        client: requests go through it.
        clock: time.
        instance: who reports, the pod's name; at most 128 characters are used.
    """

    def __init__(self, client: Client, clock: Clock, instance: str):
        self._client = client
        self._clock = clock
        self._instance = instance[:128] or "unknown"
        self._last: OrderedDict[tuple[str, str], float] = OrderedDict()
        self._queue: asyncio.Queue[tuple[Mapping[str, str], str, str]] = asyncio.Queue(_WAITING)

    def warn(self, key: Key, uid: str, reason: str, message: str) -> None:
        """Record a warning about a resource; never blocks, never fails, and limits itself.

        One that is gone has no `uid` any more.
        """
        about = {"kind": key.kind, "namespace": key.namespace, "name": key.name}
        self.warn_about(
            {"apiVersion": conventions.API_VERSION, **about, **({"uid": uid} if uid else {})}, reason, message
        )

    def warn_about(self, regarding: Mapping[str, str], reason: str, message: str) -> None:
        """Record a warning about any object: apiVersion, kind, namespace, name, and uid where it is known. As `warn`."""
        now = self._clock.monotonic()
        what = regarding.get("uid") or "/".join(regarding.values())
        last = self._last.get((what, reason))
        if (last is not None and now - last < _QUIET_SECONDS) or self._queue.full():
            return
        self._last[what, reason] = now
        self._last.move_to_end((what, reason))
        if len(self._last) > _REMEMBERED:
            self._last.popitem(last=False)
        self._queue.put_nowait((regarding, reason, message))

    async def run(self) -> None:
        """Send until cancelled. An Event that cannot be sent is dropped: status says the same."""
        while True:
            regarding, reason, message = await self._queue.get()
            namespace = regarding["namespace"]
            body = self._event(regarding, reason, message)
            try:
                await self._client.request("POST", Call("create", EVENT, namespace), body=conventions.canonical(body))
            except BinnacleError as error:
                what = "/".join(regarding[name] for name in ("kind", "namespace", "name"))
                log.info("an Event about %s was not sent: %s", what, error)

    def _event(self, regarding: Mapping[str, str], reason: str, message: str) -> dict[str, object]:
        return {
            "apiVersion": EVENT.api_version,
            "kind": EVENT.kind,
            "metadata": {"name": f"{regarding['name']}.{secrets.token_hex(8)}", "namespace": regarding["namespace"]},
            "eventTime": self._clock.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "type": "Warning",
            "reason": reason,
            "note": _cut(message),
            "action": "Reconcile",
            "reportingController": _CONTROLLER,
            "reportingInstance": self._instance,
            "regarding": dict(regarding),
        }


def _cut(message: str) -> str:
    """Cut to the API server's limit, which counts bytes."""
    encoded = message.encode()
    if len(encoded) <= _NOTE_LIMIT:
        return message
    return encoded[: _NOTE_LIMIT - 3].decode(errors="ignore") + "…"
