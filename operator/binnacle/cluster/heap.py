"""Memory of a peak, given back: the C library keeps what a start took, and would hold it for ever."""

import ctypes

from binnacle.control.controller import Controller
from binnacle.control.ports import Clock

_LOOK_SECONDS = 5.0
_WORTH = 100
"""Keys worked on after which it is worth a look: some milliseconds for each hundred megabytes."""


async def give_back(controller: Controller, clock: Clock) -> None:
    """Give memory back after each stretch of work, once there is nothing to do; for ever."""
    given = 0
    while True:
        await clock.sleep(_LOOK_SECONDS)
        if controller.worked - given >= _WORTH and controller.queue.idle():
            given = controller.worked
            _trim()


def _trim() -> None:
    """Return what is free to the system, where the C library is one that can (glibc)."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
