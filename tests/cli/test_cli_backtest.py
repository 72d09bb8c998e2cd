"""`binnacle backtest` without a Prometheus: what is refused, and what is said when nobody answers."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from cli.running import Runner, write

SLO: dict[str, Any] = {
    "apiVersion": "binnacle.dev/v1alpha1",
    "kind": "SLO",
    "metadata": {"name": "a", "namespace": "shop"},
    "spec": {
        "service": "a",
        "objective": "99%",
        "window": {"rolling": "1d"},
        "indicator": {"ratio": {"errors": "bad_total", "total": "all_total"}},
    },
}
NOBODY = "http://127.0.0.1:1"


@pytest.fixture
def binnacle(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Runner:
    return Runner(capsys, monkeypatch)


def test_a_server_that_does_not_answer_is_no_result(binnacle: Runner, tmp_path: Path) -> None:
    ended = binnacle("backtest", write(tmp_path, SLO), "--prometheus", NOBODY)
    assert (ended.status, ended.out) == (2, "")
    assert "cannot be reached: the connection is refused" in ended.err


class Elsewhere(BaseHTTPRequestHandler):
    """A server of something else, which wants credentials at one address."""

    def do_POST(self) -> None:
        self.send_response(401 if self.path.startswith("/closed") else 404)
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        """Say nothing on standard error."""


@pytest.mark.parametrize(
    ("path", "said"),
    [("", "there is no Prometheus API there. Check --prometheus"), ("/closed", "wants credentials, and none are sent")],
)
def test_what_is_wrong_with_the_server_is_told_to_who_typed_the_command(
    binnacle: Runner, tmp_path: Path, path: str, said: str
) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}{path}"
        ended = binnacle("backtest", write(tmp_path, SLO), "--prometheus", url)
        server.shutdown()
    assert (ended.status, ended.out) == (2, "")
    assert said in " ".join(ended.err.split())
    assert "operator" not in ended.err


@pytest.mark.parametrize("since", ["30", "1m", "900d", "x"])
def test_a_length_that_is_none_is_refused(binnacle: Runner, tmp_path: Path, since: str) -> None:
    assert binnacle("backtest", write(tmp_path, SLO), "--prometheus", NOBODY, "--since", since).status == 2


def test_what_does_not_compile_is_told_and_not_asked_for(binnacle: Runner, tmp_path: Path) -> None:
    bad = {**SLO, "spec": {**SLO["spec"], "objective": "100%"}}
    ended = binnacle("backtest", write(tmp_path, bad), "--prometheus", NOBODY)
    assert ended.status == 1
    assert "Nothing to replay" in ended.out
    assert "spec.objective" in ended.err
