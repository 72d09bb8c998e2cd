"""Looking: a cheap fingerprint of files, equal as long as nobody touches them.

Polled and not watched, because that works the same on every file system: mounts of Kubernetes and of Docker, network
drives. Nothing is read.
"""

import os
from collections.abc import Iterable
from pathlib import Path

from binnacle.errors import BinnacleError, TransientError
from binnacle.folder.reader import SUFFIXES

Fingerprint = frozenset[tuple[str, int, int, int, int]]


def of_source(source: Path) -> Fingerprint:
    """Return the fingerprint of what the reader would read of a file or a folder; empty when it does not exist.

    Raises:
        TransientError: a folder cannot be listed, so that it is not known what there is.
    """
    if not source.is_dir():
        return of_files([source])

    def refuse(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):
            raise TransientError(f"{error.filename} cannot be listed: {error.strerror or error}") from error

    paths = []
    for folder, below, names in os.walk(source, onerror=refuse):
        below[:] = [name for name in below if not name.startswith(".")]
        paths += [Path(folder, name) for name in names if not name.startswith(".") and Path(name).suffix in SUFFIXES]
    return of_files(paths)


def of_files(paths: Iterable[Path]) -> Fingerprint:
    """Return the fingerprint of single files; what does not exist is left out.

    Besides sizes and times of modification those of the file's entry count: a file may be replaced by another of the
    same age and size, and its permissions may be given or taken away.
    """
    found = []
    for path in paths:
        try:
            seen = path.stat()
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise BinnacleError(f"{path} cannot be looked at: {error.strerror or error}") from error
        found.append((str(path), seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns, seen.st_ino))
    return frozenset(found)
