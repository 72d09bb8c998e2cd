"""A real Alertmanager of either line, with its amtool, and a webhook that remembers what it was sent."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from servers.errors import ServerFailedError
from servers.find import find
from servers.http import fetch
from servers.process import ServerProcess, clean_environment, free_port
from servers.waiting import PATIENCE

LineName = Literal["0.25", "0.31"]
LINES: tuple[LineName, ...] = ("0.25", "0.31")
PROGRAMS: Mapping[str, tuple[str, str]] = {
    "0.25": ("alertmanager25", "amtool25"),
    "0.31": ("alertmanager31", "amtool31"),
}


@dataclass(frozen=True, slots=True)
class AlertmanagerLine:
    """The two programs of one line, ``0.25`` or ``0.31``."""

    name: LineName
    alertmanager: Path
    amtool_program: Path

    @classmethod
    def find(cls, name: LineName) -> Self:
        """The line as it is on this machine.

        Raises:
            ServerMissingError: it is not there.
        """
        alertmanager, amtool = PROGRAMS[name]
        return cls(name, find(alertmanager), find(amtool))

    def amtool(self, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        """Run this line's amtool."""
        return subprocess.run(
            [str(self.amtool_program), *arguments],
            cwd=cwd,
            capture_output=True,
            text=True,
            env=clean_environment(cwd),
            timeout=PATIENCE,
        )

    def refusal(self, text: str, folder: Path) -> str:
        """What amtool has against a configuration; empty when it takes it."""
        file = folder / "checked.yaml"
        file.write_text(text)
        ended = self.amtool("check-config", str(file), cwd=folder)
        return "" if ended.returncode == 0 else ended.stdout + ended.stderr

    def routed(self, file: Path, labels: Mapping[str, str]) -> list[str]:
        """The receivers that an alert with these labels goes to, in the order of the tree."""
        quoted = [f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in labels.items()]
        ended = self.amtool("config", "routes", "test", f"--config.file={file}", *quoted, cwd=file.parent)
        if ended.returncode != 0:
            raise ServerFailedError(f"amtool refused {labels}: {ended.stdout}{ended.stderr}")
        return [name for name in ended.stdout.strip().split(",") if name]


class Alertmanager:
    """One Alertmanager on a loopback port, alone, with its data in a folder of its own.

    Args:
        line: which Alertmanager.
        directory: a folder of its own.
        config: its configuration, as text.
    """

    def __init__(self, line: AlertmanagerLine, directory: Path, config: str) -> None:
        self.line = line
        self.directory = directory
        self._port = free_port()
        directory.mkdir(parents=True, exist_ok=True)
        self.write(config)
        self._process = ServerProcess(
            f"alertmanager {line.name}",
            [
                str(line.alertmanager),
                f"--config.file={self._file}",
                f"--storage.path={directory / 'data'}",
                f"--web.listen-address=127.0.0.1:{self._port}",
                # Nobody to gossip with: no other address is listened on.
                "--cluster.listen-address=",
            ],
            log=directory / "alertmanager.log",
            env=clean_environment(directory),
            grace=10,
        )

    @property
    def address(self) -> str:
        """Host and port, for Prometheus."""
        return f"127.0.0.1:{self._port}"

    @property
    def url(self) -> str:
        """Where its API is."""
        return f"http://{self.address}"

    def write(self, config: str) -> None:
        """Write the configuration; `reload` makes it live."""
        self._file.write_text(config)

    def reload(self) -> None:
        """Make the file live.

        Raises:
            ServerFailedError: it was refused; the message is Alertmanager's own.
        """
        answer = fetch(f"{self.url}/-/reload", method="POST")
        if answer.status != 200:
            raise ServerFailedError(f"alertmanager {self.line.name} refused the reload: {answer.body.decode()}")

    def send(self, *labels: Mapping[str, str]) -> None:
        """Let alerts with these labels fire."""
        answer = fetch(f"{self.url}/api/v2/alerts", method="POST", json_body=[{"labels": dict(one)} for one in labels])
        if answer.status != 200:
            raise ServerFailedError(f"alertmanager {self.line.name} refused alerts: {answer.body.decode()}")

    def __enter__(self) -> Self:
        self._process.start()
        try:
            self._process.wait_ready(lambda: fetch(f"{self.url}/-/ready").status == 200)
        except BaseException:
            self._process.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.stop()

    @property
    def _file(self) -> Path:
        return self.directory / "alertmanager.yaml"


@dataclass
class Webhook:
    """An HTTP server on the loopback interface that keeps the messages it gets, by path."""

    messages: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def __enter__(self) -> Self:
        messages = self.messages

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                messages.append((self.path, json.loads(body)))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def url(self, path: str) -> str:
        """The address of a path."""
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}/{path}"

    def alerts(self, path: str) -> list[dict[str, str]]:
        """Labels of the firing alerts that came to a path."""
        return [
            alert["labels"]
            for at, message in list(self.messages)
            if at == f"/{path}"
            for alert in message["alerts"]
            if alert["status"] == "firing"
        ]
