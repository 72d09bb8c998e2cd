"""Files as users of other tools have them, what an import makes of them, and the law of its report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from binnacle.api.config import Config
from binnacle.api.values import Duration
from binnacle.compile.world import World
from binnacle.convert.base import Options
from binnacle.convert.report import Entry, Fate, Imported
from binnacle.convert.run import TOOLS, run
from binnacle.folder.document import dotted
from binnacle.folder.reader import read_any_text

DATA = Path(__file__).resolve().parents[1] / "data" / "convert"
FILES = {
    "sloth-file.yaml": "sloth",
    "sloth-objects.yaml": "sloth",
    "pyrra.yaml": "pyrra",
    "openslo-v1.yaml": "openslo",
    "openslo-v1alpha.yaml": "openslo",
}
OPTIONS = Options(World(Config(), date(2026, 1, 1)))


def values(text: str) -> list[Any]:
    """The documents of a text, as the command line gives them to an import."""
    return [document.obj or None for document in read_any_text(text).documents]


def imported(tool: str, text: str, **options: Any) -> Imported:
    """What an import makes of a text; keywords are those of `Options`, `window` as text."""
    if "window" in options:
        options["window"] = Duration.parse(options["window"])
    return run(TOOLS[tool], values(text), replace(OPTIONS, **options))


def specs(outcome: Imported) -> dict[str, dict[str, Any]]:
    """Name -> spec of every resource."""
    return {body["metadata"]["name"]: body["spec"] for body in outcome.resources.values()}


def entries(outcome: Imported, path: str) -> list[Entry]:
    """What the report says at a path, in whichever document."""
    return [entry for part in outcome.parts for entry in part.entries if entry.finding.path == path]


def silent(documents: list[Any], outcome: Imported) -> list[str]:
    """Leaves of the source of which the report says nothing: the law wants none.

    A leaf is spoken of at its own path, or lost with what it is in.
    """
    said: set[tuple[int, str]] = set()
    lost: set[tuple[int, str]] = set()
    for part in outcome.parts:
        for entry in part.entries:
            (lost if entry.fate is Fate.LOST else said).add((part.source, entry.finding.path))
    return [
        f"{source}: {dotted(leaf)}"
        for source, document in enumerate(documents)
        if isinstance(document, Mapping)
        for leaf in _leaves(document, ())
        if (source, dotted(leaf)) not in said
        and not any((source, dotted(leaf[:length])) in lost for length in range(len(leaf) + 1))
    ]


def _leaves(value: Any, path: tuple[str | int, ...]) -> Iterator[tuple[str | int, ...]]:
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from _leaves(item, (*path, key))
    elif isinstance(value, list) and value:
        for index, item in enumerate(value):
            yield from _leaves(item, (*path, index))
    elif value not in (None, "", {}, []):
        yield path
