"""Where built and unpacked servers are kept, outside the tree and shared by all working copies."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from servers.catalog import GoModule


def cache_root(env: Mapping[str, str] = os.environ) -> Path:
    """``BINNACLE_CACHE``, else ``binnacle`` under ``XDG_CACHE_HOME`` or ``~/.cache``."""
    if chosen := env.get("BINNACLE_CACHE"):
        return Path(chosen).expanduser()
    base = env.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "binnacle"


def servers_root(env: Mapping[str, str] = os.environ) -> Path:
    """The folder of one subfolder per server build."""
    return cache_root(env) / "servers"


def build_key(module: GoModule, go_version: str, platform: str) -> str:
    """The name of a build: it changes with whatever could change the programs."""
    digest = hashlib.sha256()
    for part in (
        (module.directory / "go.mod").read_bytes(),
        (module.directory / "go.sum").read_bytes(),
        repr((sorted(module.binaries.items()), module.ldflags, module.tags)).encode(),
        go_version.encode(),
        platform.encode(),
    ):
        digest.update(hashlib.sha256(part).digest())
    return f"{module.name}-{digest.hexdigest()[:16]}"


@contextmanager
def locked(name: str, root: Path, *, waiting: Callable[[], None]) -> Iterator[None]:
    """Hold the lock ``name`` between processes; ``waiting`` is called once when another holds it.

    The kernel drops the lock with the process that held it, so nothing has to be cleaned after a crash.
    """
    root.mkdir(parents=True, exist_ok=True)
    with (root / f".{name}.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def put_in_place(target: Path) -> Iterator[Path]:
    """An empty folder that becomes ``target`` in one step when the block ends well, and vanishes otherwise.

    A reader thus sees a whole build or none, also after a crash in the middle.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        yield draft
        draft.chmod(0o755)
        if target.exists():
            shutil.rmtree(target)
        draft.rename(target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
