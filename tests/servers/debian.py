"""Unpacking a Debian package into the cache, without installing it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from servers.cache import cache_root, locked, put_in_place, servers_root
from servers.catalog import DebianPackage
from servers.errors import BuildError, ServerMissingError
from servers.progress import Progress


def unpacked(package: DebianPackage) -> Path | None:
    """The folder of the package's programs in the cache, if it is there."""
    folder = _target(package) / "usr" / "bin"
    return folder if folder.is_dir() else None


def ensure_debian(package: DebianPackage, progress: Progress) -> Path:
    """The folder of the package's programs, fetched now unless the cache has it.

    The archive is unpacked, not installed: nothing outside the cache changes, no service is started,
    and no rights are needed.

    Raises:
        ServerMissingError: this is no Debian.
        BuildError: the package could not be fetched.
    """
    if found := unpacked(package):
        return found
    for program in ("apt-get", "dpkg-deb"):
        if shutil.which(program) is None:
            raise ServerMissingError(f"the package {package.name} comes from Debian, and there is no `{program}` here")
    name = f"debian-{package.name}"
    waiting = f"{name}: another process is fetching it, waiting"
    with locked(name, servers_root(), waiting=lambda: progress.say(waiting)):
        if unpacked(package) is None:
            with put_in_place(_target(package)) as draft:
                progress.say(f"{name}: fetching the package")
                archive = _download(package, draft, progress)
                _run(["dpkg-deb", "-x", str(archive), str(draft)], draft)
                archive.unlink()
    found = unpacked(package)
    if found is None:
        raise BuildError(f"the package {package.name} has no programs")
    return found


def _target(package: DebianPackage) -> Path:
    return servers_root() / f"debian-{package.name}"


def _download(package: DebianPackage, into: Path, progress: Progress) -> Path:
    try:
        _run(["apt-get", "download", package.name], into)
    except BuildError:
        # The machine's lists are absent or too old, and only root may renew them: keep lists of our own.
        progress.say(f"debian-{package.name}: fetching Debian's lists first")
        lists = cache_root() / "apt"
        (lists / "lists" / "partial").mkdir(parents=True, exist_ok=True)
        (lists / "archives" / "partial").mkdir(parents=True, exist_ok=True)
        own = ["-o", f"Dir::State::lists={lists}/lists", "-o", f"Dir::Cache={lists}", "-o", "APT::Sandbox::User="]
        _run(["apt-get", *own, "update"], into)
        _run(["apt-get", *own, "download", package.name], into)
    return next(into.glob("*.deb"))


def _run(command: Sequence[str], directory: Path) -> None:
    ended = subprocess.run(command, cwd=directory, capture_output=True, text=True)
    if ended.returncode != 0:
        raise BuildError(f"`{' '.join(command)}` failed:\n{ended.stderr.strip()}")
