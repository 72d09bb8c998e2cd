"""Several processes that compile one set of resources: a copy of this process on each core, each with its part of them.

Compiling is pure and takes far longer than telling what came of it, so many resources are done twice as fast on two cores. The
copies see what was read before they were made, so nothing has to be sent to them.
"""

import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from typing import Final, TypeVar

Key = TypeVar("Key")
Made = TypeVar("Made")

_WORTH: Final = 200
"""Resources from which on the copies are worth their making."""
_MOST: Final = 4
"""Copies; each takes some tens of MB."""
_BATCH: Final = 16


def together(keys: Sequence[Key], make: Callable[[Key], Made]) -> Iterator[tuple[Key, Made]]:
    """Yield each key with what is made of it, in whatever order.

    A copy that ends before its time (it is killed, or memory ran out) does no harm: what it owes is made here.

    Args:
        keys: what is to be made.
        make: makes one; what it returns is pickled.
    """
    count = min(_cores(), _MOST)
    owed = dict.fromkeys(keys)
    if len(keys) >= _WORTH and count > 1:
        for key, made in _by_copies(keys, make, count):
            del owed[key]
            yield key, made
    for key in owed:
        yield key, make(key)


def _cores() -> int:
    # Elsewhere a copy of a process is not safe, or there is none.
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else 1


def _by_copies(keys: Sequence[Key], make: Callable[[Key], Made], count: int) -> Iterator[tuple[Key, Made]]:
    context = get_context("fork")
    copies = {}
    try:
        for number in range(count):
            reader, writer = context.Pipe(duplex=False)
            copy = context.Process(target=_work, args=(writer, keys[number::count], make), daemon=True)
            copy.start()
            # Only the copy has it open now, so its end is the end of what can be read.
            writer.close()
            copies[reader] = copy
        reading = list(copies)
        while reading:
            ready = wait(reading)
            for reader in [one for one in reading if one in ready]:
                try:
                    batch = reader.recv()
                except (EOFError, OSError):
                    reading.remove(reader)
                    continue
                yield from batch
    finally:
        for reader, copy in copies.items():
            reader.close()
            copy.terminate()
            copy.join()


def _work(writer: Connection, keys: Sequence[Key], make: Callable[[Key], Made]) -> None:
    """Make some of the keys and tell what came of them; what goes wrong is left to who waits for it."""
    # Ctrl-C is for the process that people see.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(Exception):
        for first in range(0, len(keys), _BATCH):
            writer.send([(key, make(key)) for key in keys[first : first + _BATCH]])
    writer.close()
