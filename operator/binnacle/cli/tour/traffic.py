"""The service of the tour: what its counters say, for a month until now, and from then on to whoever scrapes it.

Requests come and go with the day. One in some thousands fails, eleven days ago there was a bad half hour, and five
minutes before the tour began a part of the requests started to fail.
"""

import math
import threading
import time
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Final, Self

DAY: Final = 86400
OUTAGE: Final = 300
"""Seconds for which it has been failing when the tour begins."""
FAILING: Final = 0.3
"""Share of requests that fail since then."""
RAW: Final = 7200
"""Seconds before the tour for which the counters themselves are in the history."""
_RAW_STEP: Final = 15
_CALM: Final = 0.0003
_LATE_STARTED: Final = 11 * DAY
_LATE_LASTED: Final = 1800
_LATE: Final = 0.08
_PER_SECOND: Final = 40.0


class Traffic:
    """The counters as functions of time.

    Args:
        now: when the tour begins, Unix seconds.
        window: seconds of history.
    """

    def __init__(self, now: int, window: int):
        self.now = now
        self._begin = now - window
        step = _RAW_STEP
        self._sums = {0: (0.0, 0.0)}
        requests = errors = 0.0
        for at in range(0, window + 1, step):
            self._sums[at] = (requests, errors)
            rate = self._rate(self._begin + at)
            requests += rate * step
            errors += rate * step * self._share(self._begin + at)

    def counters(self, at: float) -> tuple[float, float]:
        """Return how many requests there were until a time, and how many of them failed."""
        since = at - self._begin
        known = min(int(since), self.now - self._begin) // _RAW_STEP * _RAW_STEP
        requests, errors = self._sums[known]
        rate = self._rate(self._begin + known)
        more = rate * (since - known)
        return requests + more, errors + more * self._share(at)

    def _rate(self, at: float) -> float:
        return _PER_SECOND * (1 + 0.4 * math.sin(2 * math.pi * (at % DAY) / DAY))

    def _share(self, at: float) -> float:
        if at >= self.now - OUTAGE:
            return FAILING
        late = self.now - _LATE_STARTED
        return _LATE if late <= at < late + _LATE_LASTED else _CALM

    def metrics(self, at: float) -> str:
        """Return what a scrape gets, in Prometheus's text format."""
        return "\n".join(("# TYPE http_requests_total counter", *self._lines(at, {}), ""))

    def history(self, labels: Mapping[str, str]) -> Iterator[str]:
        """Yield the last hours of the counters as lines of OpenMetrics, and that there was somebody to ask.

        Args:
            labels: what a scrape adds to the series.
        """
        times = range(self.now - RAW, self.now + 1, _RAW_STEP)
        yield "# TYPE up gauge"
        names = ",".join(f'{name}="{value}"' for name, value in labels.items())
        yield from (f"up{{{names}}} 1 {at}" for at in times)
        yield "# TYPE http_requests counter"
        for number in range(2):
            for at in times:
                yield f"{self._lines(at, labels)[number]} {at}"

    def _lines(self, at: float, labels: Mapping[str, str]) -> tuple[str, str]:
        requests, errors = self.counters(at)
        more = "".join(f',{name}="{value}"' for name, value in labels.items())
        good, bad = (f'http_requests_total{{service="checkout",code="{code}"{more}}}' for code in (200, 500))
        return f"{good} {requests - errors:.3f}", f"{bad} {errors:.3f}"


class Target:
    """Serves what a function gives at `/metrics`, on a free port of the loopback.

    Args:
        traffic: what is served.
    """

    def __init__(self, traffic: Traffic):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = traffic.metrics(time.time()).encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - as the base class calls it
                """Say nothing: the tour is what is shown."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})

    @property
    def address(self) -> str:
        """`host:port`."""
        return f"127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
