"""Ids of rows and panels, and reference names of queries: from their names, so that they stay when things move.

Links to a panel and alerts that name one hold its id, so it must not depend on where the panel stands.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

_IDS: Final = 2**30
"""Ids lie below this: Grafana's schema has them as 32-bit integers, and counts on from the highest when it repeats panels."""

ROW: Final = "row"
PANEL: Final = "panel"
TEMPLATE: Final = "template"


def identities(rows: Mapping[str, Iterable[str]]) -> dict[tuple[str, str], str]:
    """Return what the ids of panels follow from, by row and panel.

    A panel's name alone, so that it may move to another row; where several rows have a panel of this name, with the row's.
    """
    counted = Counter(panel for panels in rows.values() for panel in panels)
    return {
        (row, panel): f"{PANEL}/{panel}" if counted[panel] == 1 else f"{PANEL}/{row}/{panel}"
        for row, panels in rows.items()
        for panel in panels
    }


def ids_of(names: Iterable[str]) -> dict[str, int]:
    """Return a different id from 1 to 2^30 for each name; which one depends on the set of names alone."""
    taken: set[int] = set()
    result: dict[str, int] = {}
    for name in sorted(set(names)):
        digest = hashlib.sha256(name.encode()).digest()
        found = int.from_bytes(digest[:4]) % _IDS
        while found + 1 in taken:
            found = (found + 1) % _IDS
        taken.add(found + 1)
        result[name] = found + 1
    return result


def ref_id(query: str) -> str:
    """Return the reference name of a query: `a` is `A`, as Grafana itself counts them, `slow-ones` is `SLOW_ONES`."""
    return query.upper().replace("-", "_")
