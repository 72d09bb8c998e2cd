"""A thing to scrape whose metrics a test decides."""

from __future__ import annotations

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self


class MetricsTarget:
    """Serves ``/metrics`` on a loopback port from a function that is asked at each scrape.

    Args:
        metrics: gives the text, in Prometheus's text format; called from another thread. May be replaced at any time.
        content_type: what the text is said to be.
    """

    def __init__(self, metrics: Callable[[], str], *, content_type: str = "text/plain; version=0.0.4") -> None:
        self.metrics = metrics
        self.down = False
        target = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = target.metrics().encode()
                self.send_response(503 if target.down else 200)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - as the base class calls it
                """A test's output is for its failures."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})

    @property
    def address(self) -> str:
        """``host:port``, as ``Prometheus(scrape=…)`` takes it."""
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
