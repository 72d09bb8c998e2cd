"""The clock of a running process."""

import asyncio
import time
from datetime import UTC, date, datetime

_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""Linux's monotonic clock stands still while the machine is suspended: a lease would seem to last through the night."""


class SystemClock:
    """Implements `binnacle.control.ports.Clock` with the machine's own time."""

    def monotonic(self) -> float:
        """Seconds that never jump. They go on while the machine is suspended, as other machines' time does."""
        return time.clock_gettime(_CLOCK)

    def now(self) -> datetime:
        """Wall clock, UTC."""
        return datetime.now(UTC)

    def today(self) -> date:
        """Date (UTC) that compilers are given."""
        return self.now().date()

    async def sleep(self, seconds: float) -> None:
        """Pause."""
        await asyncio.sleep(seconds)
