"""An event loop whose time passes only when there is nothing left to do: minutes of back-off cost no waiting."""

import asyncio
import selectors
from typing import Any


class _Jumping(selectors.SelectSelector):
    """Instead of waiting for something to happen, moves the loop's clock to the next thing that is planned."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        assert timeout is not None, "everybody waits for somebody else: nothing will ever happen again"
        self.now += max(timeout, 0.0)
        return super().select(0)


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """For work that talks to nobody outside the process."""

    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now
