"""The right to write, as a Lease: one replica holds it, the others wait for it to stand still.

The rules are client-go's `tools/leaderelection`. Only this process's monotonic clock is trusted: another holder's
times are never compared with ours, only seen to change or not to change. The holder may write until `renew_deadline`
after it *sent* its last accepted renewal; others wait `duration` after they *saw* it, which is later. The difference
is the margin in which nobody writes.

A lost lease ends the process: there is no half-stopped operator to reason about.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from binnacle.cluster.client import cause
from binnacle.control.ports import Clock
from binnacle.errors import BinnacleError, ConflictError

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LeaseTimes:
    """Times of the election, in seconds.

    Attributes:
        duration: others take the lease over when it has stood still for so long.
        renew_deadline: the holder stops writing so long after its last renewal.
        retry: pause between renewals, and between attempts after a failure.
        poll: pause between looks of those who wait; bounds the takeover after an orderly stop.
    """

    duration: float = 15.0
    renew_deadline: float = 10.0
    retry: float = 2.0
    poll: float = 1.0

    @property
    def margin(self) -> float:
        """Seconds between the last moment at which a holder writes and the first at which another may."""
        return self.duration - self.renew_deadline


@dataclass(frozen=True, slots=True)
class LeaseRecord:
    """A lease as it stands: who holds it (empty: nobody), the how-manieth holder that is, and which version it is."""

    holder: str
    transitions: int
    version: str


class LeaseRecords(Protocol):
    """Where the lease is kept, with optimistic concurrency. Fails with `binnacle.errors`."""

    async def read(self) -> LeaseRecord | None:
        """Return the lease as it stands, or None when there is none."""

    async def write(self, holder: str, transitions: int, replaces: LeaseRecord | None) -> LeaseRecord:
        """Write a new state over `replaces` (None: create). `ConflictError` when it is not what stands there."""


class KubernetesLeaseGuard:
    """Implements `binnacle.control.ports.LeaseGuard`; `run` does the work.

    Args:
        records: where the lease is kept.
        clock: time.
        identity: of this process, unlike that of any other and of its own predecessor.
        lost: called once when the lease is lost; it is to end the process.
        times: see `LeaseTimes`.
    """

    def __init__(
        self,
        records: LeaseRecords,
        clock: Clock,
        identity: str,
        lost: Callable[[], None],
        times: LeaseTimes = LeaseTimes(),
    ):
        self._records = records
        self._clock = clock
        self._identity = identity
        self._lost = lost
        self._times = times
        self._record: LeaseRecord | None = None
        self._until: float | None = None
        self._acquired = asyncio.Event()
        self._released = False
        self._writing = asyncio.Lock()

    @property
    def epoch(self) -> int:
        """Which reign this is, counted over all holders; for logs."""
        return self._record.transitions if self._record is not None else 0

    def held(self) -> bool:
        """Say whether writing is allowed at this instant."""
        return self.left() > 0

    def left(self) -> float:
        """Return the seconds for which writing is still allowed; 0 when it is not."""
        return max(0.0, self._until - self._clock.monotonic()) if self._until is not None else 0.0

    async def acquired(self) -> None:
        """Return once the lease is held for the first time."""
        await self._acquired.wait()

    async def run(self) -> None:
        """Get the lease, keep it, and return when it is lost or released; runs as long as the process."""
        await self._acquire()
        log.info("holding the lease as %s, epoch %d", self._identity, self.epoch)
        self._acquired.set()
        await self._keep()
        if self._released:
            return
        self._until = None
        log.error("lost the lease, epoch %d: another replica may write now", self.epoch)
        self._lost()

    async def release(self) -> None:
        """Give the lease up, so that another replica need not wait. Call when nothing will be written any more.

        Best effort: when it fails, the lease runs out by itself.
        """
        held, self._until, self._released = self.held(), None, True
        if not held:
            return
        with contextlib.suppress(BinnacleError, TimeoutError):
            # The lock: a renewal under way must not come after this, nor take away the version that this replaces.
            async with asyncio.timeout(self._times.retry), self._writing:
                if self._record is not None:
                    self._record = await self._records.write("", self._record.transitions, self._record)

    async def _acquire(self) -> None:
        seen: LeaseRecord | None = None
        since = self._clock.monotonic()
        while True:
            began = self._clock.monotonic()
            try:
                async with asyncio.timeout(self._times.renew_deadline):
                    record = await self._records.read()
                    if record != seen:
                        seen, since = record, self._clock.monotonic()
                    stood_still = self._clock.monotonic() - since >= self._times.duration
                    if record is None or record.holder == "" or stood_still:
                        epoch = record.transitions + 1 if record is not None else 1
                        began = self._clock.monotonic()
                        self._record = await self._records.write(self._identity, epoch, record)
                        self._until = began + self._times.renew_deadline
                        return
            except ConflictError:
                pass  # another one was faster
            except (BinnacleError, TimeoutError) as error:
                log.warning("cannot look at the lease: %s", cause(error))
            await self._clock.sleep(max(0.0, self._times.poll - (self._clock.monotonic() - began)))

    async def _keep(self) -> None:
        """Renew until that has failed for too long, or another holder is seen."""
        pause = self._times.retry
        while True:
            await self._clock.sleep(pause)
            until = self._until
            if not self.held() or not await self._renewed():
                return
            # After a failure the deadline is near: a restarting API server is asked more often than one at peace.
            pause = self._times.retry if self._until != until else self._times.retry / 4

    async def _renewed(self) -> bool:
        """Renew once; False when the lease is somebody else's. A failure leaves the deadline as it is."""
        if self._record is None or self._until is None:
            return False
        began = self._clock.monotonic()
        try:
            async with asyncio.timeout(max(0.1, self._until - began)), self._writing:
                if self._released:
                    return False
                try:
                    self._record = await self._records.write(self._identity, self._record.transitions, self._record)
                    if not self._released:
                        self._until = began + self._times.renew_deadline
                except ConflictError:
                    return await self._still_ours()
        except (BinnacleError, TimeoutError) as error:
            log.warning("cannot renew the lease: %s", cause(error))
        return True

    async def _still_ours(self) -> bool:
        """After a conflict: an annotation may have been added, or a renewal arrived whose answer was lost."""
        record = await self._records.read()
        if record is None or record.holder != self._identity:
            return False
        self._record = record
        return True
