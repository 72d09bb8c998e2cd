"""The command line of the test servers: build them, find them, run a control plane."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from pathlib import Path
from threading import Event

from servers.catalog import SERVERS
from servers.controlplane import ControlPlane
from servers.errors import ServerError, ServerMissingError
from servers.find import ensure, find, version_of
from servers.progress import Progress


def main(arguments: list[str]) -> int:
    """Run one command; the exit code."""
    parser = argparse.ArgumentParser(prog="servers", description="The real servers that the tests run on.")
    commands = parser.add_subparsers(dest="command", required=True)
    build = commands.add_parser("build", help="find or build servers, all unless some are named")
    build.add_argument("names", nargs="*", choices=[[], *SERVERS], metavar="NAME")
    path = commands.add_parser("path", help="print where a server's program is")
    path.add_argument("name", choices=list(SERVERS), metavar="NAME")
    commands.add_parser("status", help="print where each server's program is, and its version")
    up = commands.add_parser("up", help="run a control plane until interrupted")
    up.add_argument("--kubeconfig", type=Path, help="also write the administrator's kubeconfig here")
    options = parser.parse_args(arguments)
    try:
        match options.command:
            case "build":
                return _build(options.names or list(SERVERS))
            case "path":
                print(find(options.name))
                return 0
            case "status":
                return _status()
            case _:
                return _up(options.kubeconfig)
    except ServerError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _build(names: list[str]) -> int:
    progress = Progress()
    for name in names:
        progress.say(f"{name}: {ensure(name, progress)}")
    return 0


def _status() -> int:
    missing = 0
    for name in SERVERS:
        try:
            program = find(name)
        except ServerMissingError:
            missing += 1
            print(f"{name}: missing")
        else:
            print(f"{name}: {program} ({version_of(program).strip().splitlines()[0]})")
    return 1 if missing else 0


def _up(kubeconfig: Path | None) -> int:
    stop = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with (
        tempfile.TemporaryDirectory(prefix="binnacle-control-plane-") as directory,
        ControlPlane(Path(directory)) as plane,
    ):
        print(plane.admin_kubeconfig(kubeconfig) if kubeconfig else plane.kubeconfig, flush=True)
        stop.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
