"""What is left over: fields of which a converter said nothing, found and reported, so that nothing is dropped in silence.

A converter speaks of every field of a good document. Where something is wrong it stops early, and what stands beside that
was not looked at.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from binnacle.api.findings import Severity
from binnacle.convert.fields import below
from binnacle.convert.report import Fate, Part

NOT_LOOKED_AT: Final = "It was not looked at, because of what is wrong beside it."


def report(documents: Iterable[tuple[int, Mapping[str, Any]]], parts: Sequence[Part]) -> None:
    """Add an entry for each leaf of which nothing was said: at its own path, or lost with what it is in.

    Args:
        documents: each with its index.
        parts: of the documents; each document has one at least.
    """
    said: dict[int, set[str]] = {}
    lost: dict[int, set[str]] = {}
    first: dict[int, Part] = {}
    for part in parts:
        first.setdefault(part.source, part)
        for entry in part.entries:
            into = lost if entry.fate is Fate.LOST else said
            into.setdefault(part.source, set()).add(entry.finding.path)
    for source, obj in documents:
        if "" in lost.get(source, ()):
            continue
        for path in _leaves(obj, "", lost.get(source, set())):
            if path not in said.get(source, ()):
                first[source].lost(path, NOT_LOOKED_AT, severity=Severity.INFO)


def _leaves(value: object, path: str, lost: set[str]) -> Iterator[str]:
    """Yield the paths of all values that are no maps or lists and not empty, and not in what is lost."""
    if isinstance(value, Mapping) and value:
        children = [(below(path, key), item) for key, item in value.items()]
    elif isinstance(value, Sequence) and value and not isinstance(value, str):
        children = [(f"{path}[{index}]", item) for index, item in enumerate(value)]
    else:
        if value is not None and value not in ("", {}, []):
            yield path
        return
    for below_path, item in children:
        if below_path not in lost:
            yield from _leaves(item, below_path, lost)
