"""The tables of `kubectl get`, from the columns that the resource definitions give it."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from binnacle.api.meta import Column
from binnacle.api.registry import KindInfo

_STEP: Final = re.compile(r"\.(\w+)|\[\?\(@\.(\w+)==\"([^\"]*)\"\)\]|\[('\w+'(?:,'\w+')*)\]")


def value_at(body: Mapping[str, Any], path: str) -> str:
    """Return what a column's JSONPath finds in an object, as kubectl writes it; empty where it finds nothing.

    Args:
        body: the object.
        path: members, members of lists chosen by one of theirs (`.status.conditions[?(@.type=="Ready")].status`), and
            whichever of several is there (`.spec.window['rolling','calendar']`).
    """
    found: Any = body
    for step in _STEP.finditer(path):
        name, chosen_by, chosen, either = step.groups()
        if chosen_by is None:
            names = [name] if either is None else either.replace("'", "").split(",")
            members = found if isinstance(found, Mapping) else {}
            found = next((members[one] for one in names if one in members), None)
        else:
            items = found if isinstance(found, list) else []
            found = next((one for one in items if one.get(chosen_by) == chosen), None)
    return "" if found is None else str(found)


def table(info: KindInfo, bodies: Sequence[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """Return the table that `kubectl get` prints for resources of a kind in one namespace, the heads first.

    How old a resource is only a cluster knows, so that column is left out.
    """
    columns: list[Column] = [column for column in info.columns if column.type != "date" and not column.wide]
    rows = [(body["metadata"]["name"], *(value_at(body, one.path) for one in columns)) for body in bodies]
    return [("NAME", *(column.name.upper() for column in columns)), *rows]
