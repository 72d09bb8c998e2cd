"""Memory of a peak, given back: the C library keeps what a start took, and would hold it for ever."""

import ctypes
import gc
from typing import Final

from binnacle.control.controller import Controller
from binnacle.control.ports import Clock

_LOOK_SECONDS = 5.0
_WORTH = 100
"""Keys worked on after which it is worth a look: some milliseconds for each hundred megabytes."""
_AFTERWARDS: Final = 4
"""Looks after which it is worth another one: connections that nobody uses are closed after 15 seconds."""

_YOUNG: Final = 10_000
"""Objects made since the collector last looked, after which it looks again. Python's own 700 cost 6% of a cold start."""
_MMAP_THRESHOLD: Final = -3
"""`M_MMAP_THRESHOLD` of glibc's `malloc.h`."""
_LARGE: Final = 128 * 1024


def settle_in() -> None:
    """Arrange memory for a process that stays; to be called once, when all that it needs has been imported.

    Large blocks are mapped one by one, so that they go as soon as they are free, where the C library is one that can (glibc). So it
    begins, but with each large block that is freed it raises its limit, up to 32 MB. After the first page of a list texts of a
    megabyte lie among what stays, and so do the buffers of asyncio's TLS, 256 kB for each connection, of which otherwise no
    more is ever touched than an answer needs.

    The garbage collector leaves alone what there is now: most of what it would look at each time, and none of it goes. It looks
    at the rest once a few resources have been compiled and not in the middle of each: what that makes is gone by itself by then.
    """
    gc.freeze()
    gc.set_threshold(_YOUNG, 10, 10)
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, _LARGE)


async def give_back(controller: Controller, clock: Clock) -> None:
    """Give memory back after each stretch of work, once there is nothing to do, and once more some time after; for ever."""
    given, looks, again = 0, 0, False
    while True:
        await clock.sleep(_LOOK_SECONDS)
        looks += 1
        worked = controller.worked - given >= _WORTH
        if (worked or (again and looks >= _AFTERWARDS)) and controller.queue.idle():
            given, looks, again = controller.worked, 0, worked
            _trim()


def _trim() -> None:
    """Return what is free to the system, where the C library is one that can (glibc)."""
    # What holds itself, and whatever else it holds, is there until the collector comes by.
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
