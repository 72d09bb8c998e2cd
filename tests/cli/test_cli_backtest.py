"""`binnacle backtest` without a Prometheus: what is refused, and what is said when nobody answers."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from binnacle.api import slo as model
from binnacle.check.backtest.slo import Interval, Replay
from binnacle.cli.replayed import BudgetReplay, Span, print_replays
from binnacle.intent.refs import Key
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


def test_what_is_true_of_many_groups_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    def of(region: str, since: int | None, *gaps: Interval) -> Replay:
        return Replay((("region", region),), 10.0, 1.0, 0.5, None, since, gaps, ())

    slo = model.SLO.model_validate({**SLO, "spec": {**SLO["spec"], "groupBy": ["region"]}})
    groups = [of("eu", 0), of("us", 0), of("a" * 60, 0, Interval(0, 600))]
    print_replays([BudgetReplay(Key("SLO", "shop", "x"), slo, 300, groups)], Span(0, 86_400))
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert [line for line in lines if "There is data" in line or "gap" in line] == [
        "There is data since 1970-01-01 00:00 only; windows that begin earlier are shorter than they say.",
        f"region={'a' * 60}: 1 gap without data, 10m in all.",
    ]
    assert [line.split()[0] for line in lines if line.startswith("region=")][:3] == [
        "region=eu",
        "region=us",
        f"region={'a' * 60}",
    ]
