"""The clock of a running process."""

import asyncio
import time
from datetime import UTC, date, datetime


class SystemClock:
    """Implements `binnacle.control.ports.Clock` with the machine's own time."""

    def monotonic(self) -> float:
        """Seconds that never jump."""
        return time.monotonic()

    def now(self) -> datetime:
        """Wall clock, UTC."""
        return datetime.now(UTC)

    def today(self) -> date:
        """Date (UTC) that compilers are given."""
        return self.now().date()

    async def sleep(self, seconds: float) -> None:
        """Pause."""
        await asyncio.sleep(seconds)
