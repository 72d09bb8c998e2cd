"""Finding the program of a test server, and getting it where it is missing."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from servers import debian, go
from servers.cache import servers_root
from servers.catalog import KUBERNETES, SERVERS, DebianPackage, GoModule, Server
from servers.errors import BuildError, ServerMissingError
from servers.progress import Progress
from servers.waiting import PATIENCE

ENVTEST_LIMIT = 120.0
"""Seconds that `setup-envtest` may take before the source is built instead."""


def find(name: str) -> Path:
    """The program of a server, from what is on this machine; nothing is fetched or built.

    Order: ``KUBEBUILDER_ASSETS``, the cache, what `setup-envtest` left there, and for Debian's programs the PATH.
    A program of another version than the pinned one is passed over.

    Raises:
        ServerMissingError: it is nowhere; the message says what gets it.
    """
    server = SERVERS[name]
    for candidate in _candidates(server):
        if candidate.is_file() and os.access(candidate, os.X_OK) and _right_version(server, candidate):
            return candidate
    raise ServerMissingError(
        f"{name} is not on this machine yet: run `make servers` (it is built once, into {servers_root()})"
    )


def ensure(name: str, progress: Progress) -> Path:
    """The program of a server, built or fetched now if it is not on this machine.

    Raises:
        ServerMissingError: what building it needs is missing.
        BuildError: building or fetching failed.
    """
    try:
        return find(name)
    except ServerMissingError:
        server = SERVERS[name]
    if server.assets and _download_envtest(server, progress):
        try:
            return find(name)
        except ServerMissingError:
            progress.say(f"{name}: not among what setup-envtest fetched, building it")
    match server.source:
        case GoModule() as module:
            program = go.build(module, progress) / server.program
        case DebianPackage() as package:
            program = debian.ensure_debian(package, progress) / server.program
    if not _right_version(server, program):
        raise BuildError(
            f"{program} is not the {name} that is wanted; it says: {version_of(program).strip() or 'nothing'}"
        )
    return program


def _candidates(server: Server) -> Iterator[Path]:
    if server.assets and (assets := os.environ.get("KUBEBUILDER_ASSETS")):
        yield Path(assets) / server.program
    match server.source:
        case GoModule() as module:
            try:
                folder = go.built(module, go.toolchain(module))
            except ServerMissingError:
                # Without Go the right build cannot be named; any build of the pinned version serves.
                yield from sorted(servers_root().glob(f"{module.name}-*/bin/{server.program}"))
            else:
                if folder is not None:
                    yield folder / server.program
        case DebianPackage() as package:
            if (folder := debian.unpacked(package)) is not None:
                yield folder / server.program
            if (path := shutil.which(server.program)) is not None:
                yield Path(path)
    if server.assets:
        yield from sorted(_envtest_root().glob(f"**/{server.program}"))


def _right_version(server: Server, program: Path) -> bool:
    """Whether a program runs here and is of the pinned minor version (a Go build) or line (Debian)."""
    told = version_of(program)
    match server.source:
        case GoModule() as module:
            return (
                told != "" if server.any_version else re.search(rf"\bv?{re.escape(module.minor)}\.", told) is not None
            )
        case DebianPackage(version=line):
            return line.search(told) is not None


def version_of(program: Path) -> str:
    """What a program prints of its version; empty when it does not run here."""
    arguments = ["version", "--client"] if program.name == "kubectl" else ["--version"]
    try:
        ended = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=PATIENCE)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return ended.stdout + ended.stderr if ended.returncode == 0 else ""


def _envtest_root() -> Path:
    return servers_root() / "envtest"


def _download_envtest(server: Server, progress: Progress) -> bool:
    """Let `setup-envtest` fetch the pinned minor version, where it is installed and reaches its store."""
    if shutil.which("setup-envtest") is None:
        return False
    wanted = f"{KUBERNETES.minor}.x"
    progress.say(f"{server.name}: asking setup-envtest for {wanted}")
    try:
        ended = subprocess.run(
            ["setup-envtest", "use", wanted, "--bin-dir", str(_envtest_root()), "--print", "path"],
            capture_output=True,
            text=True,
            timeout=ENVTEST_LIMIT,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        progress.say(f"setup-envtest gave nothing: {error}")
        return False
    if ended.returncode != 0:
        progress.say(f"setup-envtest gave nothing: {ended.stderr.strip()}")
    return ended.returncode == 0
