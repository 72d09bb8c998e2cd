"""A real blackbox_exporter: the prober that reads our modules."""

from __future__ import annotations

import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

from servers.find import find
from servers.http import fetch
from servers.process import ServerProcess, clean_environment, free_port
from servers.waiting import PATIENCE


def refusal(modules: str, directory: Path) -> str:
    """What blackbox_exporter has against a file of modules; empty when it takes it."""
    file = directory / "checked.yaml"
    file.write_text(modules)
    command = [str(find("blackbox")), "--config.check", f"--config.file={file}"]
    ended = subprocess.run(command, capture_output=True, text=True, env=clean_environment(directory), timeout=PATIENCE)
    return "" if ended.returncode == 0 else ended.stdout + ended.stderr


class Blackbox:
    """One blackbox_exporter on a loopback port.

    Args:
        directory: a folder of its own.
        modules: its configuration, as text.
    """

    def __init__(self, directory: Path, modules: str) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        file = directory / "blackbox.yaml"
        file.write_text(modules)
        self._port = free_port()
        self._process = ServerProcess(
            "blackbox_exporter",
            [
                str(find("blackbox")),
                f"--config.file={file}",
                f"--web.listen-address=127.0.0.1:{self._port}",
            ],
            log=directory / "blackbox.log",
            env=clean_environment(directory),
        )

    @property
    def address(self) -> str:
        """Host and port, as the administrator's `probers` has them."""
        return f"127.0.0.1:{self._port}"

    def __enter__(self) -> Self:
        self._process.start()
        self._process.wait_ready(lambda: fetch(f"http://{self.address}/-/healthy").status == 200)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.stop()
