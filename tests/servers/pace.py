"""How fast this machine is just now, for tests that promise a time.

What is promised within some seconds is promised on a machine that has nothing else to do. A test run shares its processors with
others and with its own servers, so a fixed limit says more of the neighbours than of what is tested. The limit is taken times what a
piece of work of our own takes now, against what it takes on an idle machine: the same rule by which `make bench` prints ratios.
"""

from __future__ import annotations

import time
from collections.abc import Callable

_IDLE = 0.05
"""Seconds for `_work` on the machine of docs/performance.md with nothing else to do."""
_SLOWEST = 20.0
"""No promise is stretched further than so many times."""


def paced(seconds: float) -> float:
    """The time in which this machine now does what an idle one does in so many seconds; never less than that."""
    return seconds * min(max(slowness(time.perf_counter), 1.0), _SLOWEST)


def effort(seconds: float) -> float:
    """The same of processor time (`time.process_time`), which counts no waiting: others on the same core slow that too."""
    return seconds * min(max(slowness(time.process_time), 1.0), _SLOWEST)


def slowness(clock: Callable[[], float]) -> float:
    """How many times longer work takes here now than on an idle machine, by a clock of seconds."""
    began = clock()
    _work()
    return (clock() - began) / _IDLE


def _work() -> int:
    total = 0
    for number in range(1_000_000):
        total += number * number % 7
    return total
