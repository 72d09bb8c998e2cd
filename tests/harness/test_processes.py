"""A server ends with whoever started it, however that ends, and says why when it ends by itself."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest

from servers.errors import ServerFailedError
from servers.process import ServerProcess, clean_environment, free_port
from servers.waiting import eventually

TESTS = Path(__file__).resolve().parents[1]
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"

STARTER = """
import signal, sys, time
from pathlib import Path
# A program that was started in the background ignores SIGINT, and so do those that it starts.
signal.signal(signal.SIGINT, signal.SIG_DFL)
from servers.process import ServerProcess, clean_environment
log = Path(sys.argv[1])
server = ServerProcess("test", [sys.executable, "-c", sys.argv[2]], log=log, env=clean_environment(log.parent), grace=60)
server.start()
server.wait_ready(lambda: "deaf" in server.tail())
print(server.pid, flush=True)
time.sleep(600)
"""


def process(tmp_path: Path, *command: str, grace: float = 5.0) -> ServerProcess:
    return ServerProcess("test", command, log=tmp_path / "log", env=clean_environment(tmp_path), grace=grace)


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_stopping_ends_it_and_it_can_start_again(tmp_path: Path) -> None:
    server = process(tmp_path, "sleep", "600")
    for _ in range(2):
        server.start()
        pid = server.pid
        assert psutil.Process(pid).name() == "sleep"
        server.stop()
        assert gone(pid)
        assert not server.running


def test_one_that_does_not_listen_is_killed_after_its_grace(tmp_path: Path) -> None:
    server = process(tmp_path, sys.executable, "-c", DEAF, grace=0.2)
    server.start()
    server.wait_ready(lambda: "deaf" in server.tail())
    pid = server.pid
    server.stop()
    assert gone(pid)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_no_orphan_is_left_when_the_starter_dies(tmp_path: Path, number: signal.Signals) -> None:
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER, str(tmp_path / "log"), DEAF],
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    with starter:
        assert starter.stdout is not None
        pid = int(starter.stdout.readline())
        assert not gone(pid)
        starter.send_signal(number)
    eventually(lambda: gone(pid), what="the end of the server")


def test_no_orphan_is_left_when_the_supervisor_is_killed(tmp_path: Path) -> None:
    server = process(tmp_path, "sleep", "600")
    server.start()
    pid = server.pid
    supervisor = psutil.Process(pid).parent()
    assert supervisor is not None
    supervisor.kill()
    eventually(lambda: gone(pid), what="the end of the server")
    server.stop()


def test_it_outlives_the_thread_that_started_it(tmp_path: Path) -> None:
    server = process(tmp_path, "sleep", "600")
    thread = threading.Thread(target=server.start)
    thread.start()
    thread.join()
    assert server.running
    assert not gone(server.pid)
    server.stop()


def test_one_that_ends_while_starting_tells_its_log(tmp_path: Path) -> None:
    server = process(tmp_path, "sh", "-c", "echo the reason >&2; exit 3")
    server.start()
    with pytest.raises(ServerFailedError, match=r"(?s)ended while starting.*the reason"):
        server.wait_ready(lambda: False)
    server.stop()


def test_one_that_is_never_ready_tells_its_log(tmp_path: Path) -> None:
    server = process(tmp_path, "sh", "-c", "echo still at it; exec sleep 600")
    server.start()
    eventually(lambda: "still" in server.tail())
    with pytest.raises(ServerFailedError, match=r"(?s)not ready within 0.1 s.*still at it"):
        server.wait_ready(lambda: False, limit=0.1)
    server.stop()


def test_a_program_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ServerFailedError, match="No such file"):
        process(tmp_path, str(tmp_path / "absent")).start()


def test_ports_lie_below_those_of_outgoing_connections() -> None:
    assert all(20_000 <= free_port() < 32_000 for _ in range(20))
