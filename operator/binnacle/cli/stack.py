"""The process of a command that compiles: room on the stack for what people write, and a collector that keeps out of the way."""

import gc
import resource

from binnacle.errors import BinnacleError
from binnacle.promql.fences import STACK_BYTES


def make_room() -> None:
    """Raise the main thread's stack limit to what parsing within the fences may need.

    Raises:
        BinnacleError: the limit is lower, and raising it is not allowed.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_STACK)
    if soft == resource.RLIM_INFINITY or soft >= STACK_BYTES:
        return
    try:
        resource.setrlimit(resource.RLIMIT_STACK, (STACK_BYTES, hard))
    except (ValueError, OSError) as error:
        raise BinnacleError(f"the stack is limited to {soft} bytes; allow {STACK_BYTES} (ulimit -s)") from error


_YOUNG = 50_000


def calm_collector() -> None:
    """Let the garbage collector look less often.

    A command makes values that live until its end and hardly any cycles: by default the collector would walk all of them
    again and again, a seventh of the time that a thousand SLOs take.
    """
    gc.freeze()
    gc.set_threshold(_YOUNG, 20, 100)
