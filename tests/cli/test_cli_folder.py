"""`binnacle folder`: once as a command, and as a process that lives, tells a backend and ends in order."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from api.slo_cases import good_slo, put
from binnacle.folder.lock import LOCK, only_one
from cli.running import OPERATOR, Runner, write
from servers.pace import paced
from servers.waiting import PATIENCE, eventually


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Runner:
    return Runner(capsys, monkeypatch)


@pytest.fixture
def backend() -> Iterator[tuple[str, list[str]]]:
    """A backend: its address, and the paths that were posted to. What ends in `no` is refused, `away` redirected."""
    posted: list[str] = []

    class Backend(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            posted.append(self.path)
            self.send_response({"no": 500, "away": 302}.get(self.path[1:], 200))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Backend)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", posted
    server.shutdown()
    thread.join()
    server.server_close()


def test_once(run: Runner, tmp_path: Path, backend: tuple[str, list[str]]) -> None:
    url, posted = backend
    write(tmp_path / "in", good_slo("a"))
    first = run("folder", tmp_path / "in", tmp_path / "out", "--once", "--reload", f"{url}/-/reload?x=1")
    assert (first.status, first.out) == (0, "")
    assert "2 written" in first.err
    assert (tmp_path / "out/prometheus/rules/slo.shop.a.yaml").exists()
    assert (tmp_path / "out/status/slo.shop.a.yaml").exists()
    again = run("folder", tmp_path / "in", tmp_path / "out", "--once", "--reload", f"{url}/-/reload?x=1")
    assert (again.status, again.err) == (0, "")
    assert posted == ["/-/reload?x=1"]


def test_once_with_an_error(run: Runner, tmp_path: Path) -> None:
    broken = good_slo("a")
    put("spec.indicator.ratio.errors", "x{")(broken)
    write(tmp_path / "in", broken, good_slo("b"))
    ended = run("folder", tmp_path / "in", tmp_path / "out", "--once")
    assert ended.status == 1
    assert "error[PromQLSyntax]" in ended.err
    assert (tmp_path / "out/prometheus/rules/slo.shop.b.yaml").exists()


@pytest.mark.parametrize("path", ["/no", "/away"])
def test_a_reload_that_fails_is_tried_again_and_then_told(
    run: Runner, tmp_path: Path, backend: tuple[str, list[str]], path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, posted = backend
    monkeypatch.setattr("binnacle.cli.folder._ONCE", paced(2.0))
    write(tmp_path / "in", good_slo("a"))
    ended = run("folder", tmp_path / "in", tmp_path / "out", "--once", "--reload", url + path)
    assert ended.status == 2
    assert "everything is written, but" in ended.err
    assert set(posted) == {path}
    assert len(posted) > 1


@pytest.mark.parametrize(
    "url",
    ["localhost:9090", "file:///etc/passwd", "http://", "http://a:b@host/", "http://host:x/", "http://host:99999/"],
)
def test_what_is_no_address_is_refused_and_not_repeated(run: Runner, tmp_path: Path, url: str) -> None:
    write(tmp_path / "in", good_slo("a"))
    ended = run("folder", tmp_path / "in", tmp_path / "out", "--once", "--reload", url)
    assert ended.status == 2
    assert "--reload" in ended.err
    assert "a:b" not in ended.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("out", ["in", "in/out"])
def test_out_inside_in_is_refused(run: Runner, tmp_path: Path, out: str) -> None:
    write(tmp_path / "in", good_slo("a"))
    ended = run("folder", tmp_path / "in", tmp_path / out, "--once")
    assert ended.status == 2
    assert "would be read again" in ended.err


def test_no_in_is_an_error(run: Runner, tmp_path: Path) -> None:
    ended = run("folder", tmp_path / "in", tmp_path / "out", "--once")
    assert (ended.status, (tmp_path / "out").exists()) == (2, False)


def test_one_process_writes(run: Runner, tmp_path: Path) -> None:
    write(tmp_path / "in", good_slo("a"))
    with only_one(tmp_path / "out"):
        ended = run("folder", tmp_path / "in", tmp_path / "out", "--once")
    assert ended.status == 2
    assert "another process" in ended.err
    assert [path.name for path in (tmp_path / "out").iterdir()] == [LOCK]
    assert run("folder", tmp_path / "in", tmp_path / "out", "--once").status == 0


@contextmanager
def living(*arguments: object) -> Iterator[subprocess.Popen[str]]:
    started = subprocess.Popen(
        [sys.executable, "-m", "binnacle.cli.main", "folder", *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(OPERATOR)},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield started
    finally:
        if started.poll() is None:
            started.kill()
        started.communicate()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_it_lives_follows_and_ends_in_order(
    tmp_path: Path, backend: tuple[str, list[str]], how: signal.Signals
) -> None:
    url, posted = backend
    write(tmp_path / "in", good_slo("a"))
    rules = tmp_path / "out/prometheus/rules"
    with living(tmp_path / "in", tmp_path / "out", "--reload", f"{url}/-/reload") as process:
        eventually(lambda: len(posted) == 1)
        assert (rules / "slo.shop.a.yaml").exists()
        write(tmp_path / "in", good_slo("b"))
        eventually(lambda: len(posted) == 2)
        assert [path.name for path in rules.iterdir()] == ["slo.shop.b.yaml"]
        process.send_signal(how)
        _, said = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0
        assert "watching" in said
        assert said.rstrip().endswith("ended")
        assert "Traceback" not in said
