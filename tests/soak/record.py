"""What is known of the parts of a soak that have run: one file for each state of the code."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Self

from soak.parts import Part

CODE = (".", ":!docs", ":!*.md")
"""What a result is about: words may change beside it."""


def version(repository: Path) -> str:
    """Return the last commit of the code, shortened; with `+` where files have been changed since, or nobody can tell."""

    def git(*arguments: str) -> str:
        command = ["git", *arguments, "--", *CODE]
        return subprocess.run(command, cwd=repository, check=True, capture_output=True, text=True).stdout.strip()

    try:
        return git("log", "-1", "--format=%h") + ("+" if git("status", "--porcelain") else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown+"


@dataclass(frozen=True, slots=True)
class Result:
    """How a part went.

    Attributes:
        held: whether all of it did; None where it was broken off.
        passed: tests that did.
        seconds: how long it took in all, however often it was begun anew.
        effort: seconds of processor time, servers included.
        day: on which it ended, as ISO 8601.
        failures: how often it had not held before, for what comes rarely is what a soak is for.
    """

    held: bool | None
    passed: int
    seconds: float
    effort: float
    day: str
    failures: int = 0

    @property
    def word(self) -> str:
        word = {True: "held", False: "FAILED", None: "broken off"}[self.held]
        return f"{word}, after {self.failures} that failed" if self.failures else word

    def after(self, before: Result | None) -> Result:
        """Return the result of a part that was begun before."""
        if before is None:
            return self
        return replace(
            self,
            seconds=self.seconds + before.seconds,
            effort=self.effort + before.effort,
            failures=self.failures + before.failures + (before.held is False),
        )


class Record:
    """The results, kept in a folder that also has the output of each part and the names of what has passed."""

    def __init__(self, folder: Path, results: Mapping[str, Result]) -> None:
        self.folder = folder
        self.results = dict(results)

    @classmethod
    def of(cls, folder: Path) -> Self:
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / "results.json"
        kept = json.loads(file.read_text()) if file.exists() else {}
        return cls(folder, {name: Result(**one) for name, one in kept.items()})

    def keep(self, part: Part, result: Result) -> None:
        self._write({**self._kept(), part.name: result})

    def forget(self, part: Part) -> None:
        kept = self._kept()
        kept.pop(part.name, None)
        self._write(kept)
        self.passed(part).unlink(missing_ok=True)

    def _kept(self) -> dict[str, Result]:
        """Read the file anew: another soak may have kept other parts meanwhile."""
        return Record.of(self.folder).results

    def _write(self, results: dict[str, Result]) -> None:
        self.results = results
        whole = self.folder / f"results.json.{os.getpid()}"
        whole.write_text(json.dumps({name: asdict(one) for name, one in results.items()}, indent=2))
        whole.replace(self.folder / "results.json")

    def passed(self, part: Part) -> Path:
        return self.folder / f"{part.name}.passed"

    def logs(self, part: Part) -> list[Path]:
        """Return the output of each time that it ran, the first one first."""
        return sorted(self.folder.glob(f"{part.name}.[0-9]*.log"), key=lambda log: int(log.name.split(".")[-2]))

    def next_log(self, part: Part) -> Path:
        return self.folder / f"{part.name}.{len(self.logs(part)) + 1}.log"

    def table(self, parts: Iterable[Part]) -> str:
        """Return a Markdown table of the parts that have run."""
        lines = ["| part | what | result | tests | took | processor time | on |", "|---|---|---|---:|---:|---:|---|"]
        for part in parts:
            if one := self.results.get(part.name):
                cells = (part.name, part.what, one.word, f"{one.passed:,}", lasting(one.seconds), lasting(one.effort))
                lines.append(f"| {' | '.join((*cells, one.day))} |")
        return "\n".join(lines) + "\n"


def lasting(seconds: float) -> str:
    """Return a time as people say it."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
