"""The right to write into a folder: one process at a time.

A lock of the kernel's on a file of its own, which ends with the process that holds it, however that ends. The file stays:
taking it away would let two processes hold locks on two files of one name.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from binnacle.errors import BinnacleError, ConflictError

LOCK = ".binnacle.lock"


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Hold the right to write into `folder`, which is made when it does not exist.

    Raises:
        ConflictError: another process holds it.
        BinnacleError: the folder cannot be written.
    """
    place = folder / LOCK
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(place, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
    except OSError as error:
        raise BinnacleError(f"{place} cannot be written: {error.strerror or error}") from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConflictError(
                f"another process of binnacle writes into {folder}; end it, or choose another"
            ) from error
        except OSError as error:
            raise BinnacleError(f"{place} cannot be locked: {error.strerror or error}") from error
        yield
    finally:
        os.close(handle)
