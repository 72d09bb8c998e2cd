"""Running a command: in this process, fast, or in one of its own where that matters."""

import io
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from binnacle.cli import main as cli
from servers.waiting import PATIENCE

OPERATOR = Path(__file__).resolve().parents[2] / "operator"


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit status, and what it wrote."""

    status: int
    out: str
    err: str


class Runner:
    """Runs commands in this process and collects what they write."""

    def __init__(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
        self._capsys = capsys
        self._monkeypatch = monkeypatch
        monkeypatch.setenv("COLUMNS", "80")
        monkeypatch.setenv("NO_COLOR", "1")

    def __call__(self, *arguments: object, stdin: str | bytes = b"") -> Ended:
        data = stdin.encode() if isinstance(stdin, str) else stdin
        self._monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        try:
            status: Any = cli.main([str(one) for one in arguments])
        except SystemExit as end:
            status = end.code
        said = self._capsys.readouterr()
        return Ended(int(status or 0), said.out, said.err)


def process(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "binnacle.cli.main", *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(OPERATOR), **environment},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=PATIENCE,
    )


def write(folder: Path, *objects: Mapping[str, Any], name: str = "slos.yaml") -> Path:
    """Write resources into one file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(yaml.safe_dump_all(objects, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return path
