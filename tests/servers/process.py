"""One server process: started, awaited, stopped, and gone with whoever started it."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from servers import supervise
from servers.errors import ServerFailedError
from servers.waiting import PATIENCE

POLL = 0.05
"""Seconds between two looks at a starting server."""


def free_port() -> int:
    """A loopback port that nothing listens on.

    Below the range that the kernel hands to outgoing connections, so that a server that is stopped and started
    again finds its port free; and each worker of a test run has a part of its own, so that no other one takes it
    before the server does.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    choose = random.SystemRandom()
    for _ in range(1000):
        port = choose.randrange(20_000 + worker, 32_000, workers)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise ServerFailedError("no free port on the loopback interface")


def clean_environment(home: Path, **extra: str) -> dict[str, str]:
    """What a server or a client of one gets to see: no proxy, no user's configuration."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(home),
        "NO_PROXY": "*",
        "LC_ALL": "C.UTF-8",
        **extra,
    }


class ServerProcess:
    """A program that runs until `stop`, or until this process ends in whatever way.

    Args:
        name: what messages call it.
        command: the program and its arguments.
        log: the file that gets its output, appended to over restarts.
        env: its whole environment.
        grace: seconds between SIGTERM and SIGKILL.
    """

    def __init__(
        self, name: str, command: Sequence[str], *, log: Path, env: Mapping[str, str], grace: float = 5.0
    ) -> None:
        self.name = name
        self.command = tuple(command)
        self.log = log
        self._env = dict(env)
        self._grace = grace
        self._supervisor: subprocess.Popen[bytes] | None = None
        self._pid = 0

    @property
    def pid(self) -> int:
        """The server's own process id (not its supervisor's)."""
        if self._supervisor is None:
            raise ServerFailedError(f"{self.name} is not running")
        return self._pid

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._supervisor is not None and self._supervisor.poll() is None

    def start(self) -> None:
        """Start it; returns before it is ready."""
        if self.running:
            raise ServerFailedError(f"{self.name} is running already")
        self.stop()
        with self.log.open("ab") as log:
            self._supervisor = subprocess.Popen(
                # -I -S: nothing but the standard library, a few milliseconds to start.
                [sys.executable, "-I", "-S", supervise.__file__, str(self._grace), *self.command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=self._env,
                # Ctrl-C is for the tests; they stop their servers in their own order.
                start_new_session=True,
            )
        assert self._supervisor.stdout is not None
        told = self._supervisor.stdout.readline()
        self._supervisor.stdout.close()
        if not told.strip():
            self.stop()
            raise ServerFailedError(f"{self.name} could not be started:\n{self.tail()}")
        self._pid = int(told)

    def wait_ready(self, ready: Callable[[], bool], limit: float = PATIENCE) -> None:
        """Return once ``ready`` is true; an OSError from it counts as "not yet".

        Raises:
            ServerFailedError: it ended, or was not ready in ``limit`` seconds.
        """
        deadline = time.monotonic() + limit
        while True:
            if not self.running:
                raise ServerFailedError(f"{self.name} ended while starting:\n{self.tail()}")
            try:
                if ready():
                    return
            except OSError:
                pass
            if time.monotonic() >= deadline:
                raise ServerFailedError(f"{self.name} was not ready within {limit:g} s:\n{self.tail()}")
            time.sleep(POLL)

    def request_stop(self) -> None:
        """Begin an orderly stop without waiting for its end."""
        if self._supervisor is None or self._supervisor.stdin is None or self._supervisor.stdin.closed:
            return
        # A server that has ended took its supervisor along: nobody reads the request then.
        with contextlib.suppress(BrokenPipeError):
            self._supervisor.stdin.write(b"stop")
            self._supervisor.stdin.flush()
        with contextlib.suppress(BrokenPipeError):
            self._supervisor.stdin.close()

    def stop(self) -> None:
        """Stop it in order (SIGTERM, then SIGKILL) and wait for its end; nothing if it is not running."""
        if self._supervisor is None:
            return
        self.request_stop()
        try:
            self._supervisor.wait(self._grace + 10)
        except subprocess.TimeoutExpired:
            self._supervisor.kill()
            self._supervisor.wait()
        self._supervisor = None

    def kill(self) -> None:
        """End it at once, as a crash would, and wait for its end."""
        if self.running:
            os.kill(self._pid, signal.SIGKILL)
        self.stop()

    def tail(self, lines: int = 25) -> str:
        """The end of its log."""
        try:
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        except OSError:
            return "(no log)"
