"""Pauses that double: how long to leave alone what has failed."""

_MOST_DOUBLINGS = 32
"""Beyond any cap in use, and no overflow however long a failure lasts."""


def doubled(failures: int, first: float, last: float) -> float:
    """Return the seconds to wait: `first` after no earlier failure, twice as long for each, and `last` at most."""
    return min(last, first * 2.0 ** min(failures, _MOST_DOUBLINGS))
