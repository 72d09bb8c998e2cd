"""Building a pinned Go module into the cache."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from servers.cache import build_key, locked, put_in_place, servers_root
from servers.catalog import GoModule
from servers.errors import BuildError, ServerMissingError
from servers.progress import Progress


@dataclass(frozen=True, slots=True)
class Toolchain:
    """The Go that would build a module here."""

    version: str
    platform: str


def toolchain(module: GoModule) -> Toolchain:
    """Ask Go itself, inside the module, since ``go.mod`` may make it switch to another release.

    Raises:
        ServerMissingError: there is no Go, or it is older than ``go.mod`` asks and cannot fetch a newer one.
    """
    if shutil.which("go") is None:
        raise ServerMissingError(
            f"building {module.name} needs Go {_wanted_go(module)} or newer, and there is no `go` on the PATH"
        )
    asked = subprocess.run(
        ["go", "env", "GOVERSION", "GOOS", "GOARCH"],
        cwd=module.directory,
        env=_environment(),
        capture_output=True,
        text=True,
    )
    if asked.returncode != 0:
        raise ServerMissingError(
            f"building {module.name} needs Go {_wanted_go(module)} or newer: {asked.stderr.strip()}"
        )
    version, system, architecture = asked.stdout.split("\n")[:3]
    return Toolchain(version, f"{system}/{architecture}")


def _refuse_old(module: GoModule) -> None:
    # `go env` answers in any module; only a command that reads `go.mod` compares the versions.
    asked = subprocess.run(
        ["go", "list", "-m"], cwd=module.directory, env=_environment(), capture_output=True, text=True
    )
    if asked.returncode != 0:
        raise ServerMissingError(
            f"building {module.name} needs Go {_wanted_go(module)} or newer: {asked.stderr.strip()}"
        )


def built(module: GoModule, go: Toolchain) -> Path | None:
    """The folder of the module's programs in the cache, if they are there."""
    folder = _target(module, go) / "bin"
    return folder if all((folder / program).is_file() for program in module.binaries) else None


def build(module: GoModule, progress: Progress) -> Path:
    """The folder of the module's programs, built now unless the cache has them.

    Processes that want the same module wait for one of them to build it.

    Raises:
        ServerMissingError: Go is missing or too old.
        BuildError: the compiler said no, or modules could not be fetched.
    """
    go = toolchain(module)
    if found := built(module, go):
        return found
    _refuse_old(module)
    waiting = f"{module.name}: another process is building it, waiting"
    with locked(module.name, servers_root(), waiting=lambda: progress.say(waiting)):
        if found := built(module, go):
            return found
        with put_in_place(_target(module, go)) as draft:
            _compile(module, draft / "bin", progress)
    return _target(module, go) / "bin"


def _target(module: GoModule, go: Toolchain) -> Path:
    return servers_root() / build_key(module, go.version, go.platform)


def _wanted_go(module: GoModule) -> str:
    found = re.search(r"^go (\S+)$", (module.directory / "go.mod").read_text(), re.MULTILINE)
    return found.group(1) if found else "(any)"


def _environment() -> dict[str, str]:
    # The pinned files decide alone: neither a workspace above the tree nor a user's flags.
    return {**os.environ, "GOWORK": "off", "GOFLAGS": "-mod=readonly"}


def _compile(module: GoModule, into: Path, progress: Progress) -> None:
    into.mkdir()
    tags = [f"-tags={','.join(module.tags)}"] if module.tags else []
    title = f"{module.name} {module.version}"
    with progress.task(f"{title}: fetching modules", unit="modules") as fetched:
        # Listing with staleness fetches every module that is needed and tells how much there is to compile.
        stale = _go(
            module,
            ["list", *tags, "-deps", "-f", "{{if .Stale}}{{.ImportPath}}{{end}}", *module.binaries.values()],
            lambda line: fetched.advance() if line.startswith("go: downloading") else None,
        )
    total = len(stale)
    with progress.task(f"{title}: compiling", unit="packages", total=total) as compiled:
        for program, package in module.binaries.items():
            arguments = [
                "build",
                "-v",
                *tags,
                f"-ldflags={' '.join(module.ldflags)}",
                "-o",
                str(into / program),
                package,
            ]
            _go(module, arguments, lambda _line: compiled.advance())


def _go(module: GoModule, arguments: Sequence[str], on_progress: Callable[[str], None]) -> list[str]:
    """Run Go in the module; its standard output as lines, its standard error to ``on_progress`` as it comes."""
    last: deque[str] = deque(maxlen=30)
    with subprocess.Popen(
        ["go", *arguments],
        cwd=module.directory,
        env=_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stderr is not None
            output: list[str] = []
            reader = threading.Thread(target=output.extend, args=(process.stdout,))
            reader.start()
            for line in process.stderr:
                last.append(line)
                on_progress(line)
            reader.join()
        except BaseException:
            process.terminate()
            raise
    if process.returncode != 0:
        raise BuildError(f"go {arguments[0]} of {module.name} failed:\n{''.join(last).rstrip()}")
    return [line.strip() for line in output if line.strip()]
