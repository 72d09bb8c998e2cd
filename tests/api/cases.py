"""A bad resource as a change of a good one, with what a person is told: by the models, and by a real API server from the CRD."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from api.slo_cases import put


@dataclass(frozen=True)
class Case:
    """A change of a good resource: the finding's path and words of its fix, and words of the API server's refusal."""

    good: Callable[[str], dict[str, Any]]
    name: str
    changes: tuple[Callable[[dict[str, Any]], None], ...]
    path: str
    fix: str
    server: str

    def object(self) -> dict[str, Any]:
        obj = copy.deepcopy(self.good(self.name))
        for change in self.changes:
            change(obj)
        return obj


@dataclass(frozen=True)
class Bad:
    """Makes cases of one kind from one field each; `good` makes a good resource of a name."""

    good: Callable[[str], dict[str, Any]]

    def __call__(self, name: str, field: str, value: Any, *, path: str = "", fix: str, server: str) -> Case:
        return Case(self.good, name, (put(f"spec.{field}", value),), path or f"spec.{field}", fix, server)
