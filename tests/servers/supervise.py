"""Ends a server when whoever started it goes away, however it goes.

Run as a program of its own: ``supervise.py GRACE COMMAND...``. Standard input is the life line, a pipe whose other end
the starter holds. When something is written to it, or it closes, the server gets SIGTERM and some seconds later SIGKILL:
GRACE seconds after an orderly stop, which is written; ORPHANED after the starter's death, which nobody announces and
which takes away the other servers that this one would wait for. Standard output gets one line, the server's process id;
standard error is the server's log.

Asking the kernel to signal on the parent's death alone would not do: it watches the thread that started the process,
and a test may start a server in a thread that ends.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading

PR_SET_PDEATHSIG = 1
ORPHANED = 1.0
"""Seconds that a server has to end after its starter died."""


def _die_with_supervisor() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def main(grace: float, command: list[str]) -> int:
    """Run the command to its end; its exit code, negative signals as 128 + number."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # The only thread there is yet, and the one that lasts: the kernel's watch holds for the whole life.
    server = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr,
        preexec_fn=_die_with_supervisor,  # noqa: PLW1509 - there is one thread
        start_new_session=True,
    )
    signal.signal(signal.SIGTERM, lambda *_: server.terminate())

    def hold_on() -> None:
        orderly = os.read(0, 1) != b""
        server.terminate()
        try:
            server.wait(grace if orderly else ORPHANED)
        except subprocess.TimeoutExpired:
            server.kill()

    threading.Thread(target=hold_on, daemon=True).start()
    os.write(1, f"{server.pid}\n".encode())
    os.close(1)
    code = server.wait()
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), sys.argv[2:]))
