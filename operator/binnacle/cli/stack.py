"""Room on the stack for what people write: every command that parses PromQL asks for it first."""

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
