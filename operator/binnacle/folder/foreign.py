"""Documents that are not ours: told once for each sort, with what there is to do about it.

Folders that hold resources of ours hold those of others too, by the hundred: a note for each would hide what matters.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from binnacle.api.findings import Finding, Severity
from binnacle.api.meta import GROUP
from binnacle.api.model import shown
from binnacle.api.reasons import Reason
from binnacle.folder.document import Document, Position, key_of
from binnacle.folder.located import NO_KEY, Located
from binnacle.intent.refs import Key

_KINDS_NAMED: Final = 6
"""How many kinds are named in a note, those first that there are most of."""


@dataclass(frozen=True, slots=True)
class Sort:
    """A sort of documents of others.

    Attributes:
        one: what one of them is called; empty where its own kind and name say more.
        many: what several of them are called.
        advice: what there is to do, in sentences; empty where that is nothing.
        recognises: whether a document is of this sort.
    """

    one: str
    many: str
    advice: str
    recognises: Callable[[Mapping[str, Any]], bool]


def _of_group(*groups: str) -> Callable[[Mapping[str, Any]], bool]:
    return lambda obj: str(obj.get("apiVersion") or "").startswith(groups)


def _is_sloth(obj: Mapping[str, Any]) -> bool:
    plain = str(obj.get("version") or "").startswith("prometheus/") or isinstance(obj.get("slos"), list)
    return _of_group("sloth.slok.dev/")(obj) or (plain and "apiVersion" not in obj)


def _is_dashboard(obj: Mapping[str, Any]) -> bool:
    """Tell Grafana's own JSON: as it is saved, as its API gives it, and as its newer versions write it."""
    board = obj.get("dashboard", obj)
    if isinstance(board, Mapping) and "schemaVersion" in board and ("panels" in board or "rows" in board):
        return True
    return _of_group("dashboard.grafana.app/")(obj)


def _is_rule_file(obj: Mapping[str, Any]) -> bool:
    groups = obj.get("groups")
    return isinstance(groups, list) and any(isinstance(one, Mapping) and "rules" in one for one in groups)


def _has_kind(obj: Mapping[str, Any]) -> bool:
    return isinstance(obj.get("kind"), str) and obj["kind"] != ""


def _imported(tool: str) -> str:
    return f"binnacle import {tool} converts them."


SORTS: Final = (
    Sort("an SLO file of sloth", "SLO files of sloth", _imported("sloth"), _is_sloth),
    Sort("an SLO file of pyrra", "SLO files of pyrra", _imported("pyrra"), _of_group("pyrra.dev/")),
    Sort("a document of OpenSLO", "documents of OpenSLO", _imported("openslo"), _of_group("openslo/", "openslo.com/")),
    Sort(
        "a dashboard of Grafana",
        "dashboards of Grafana",
        "Grafana reads such files as they are. A Dashboard of binnacle.dev is written anew: no command converts one.",
        _is_dashboard,
    ),
    Sort("", "documents of other kinds", "", _has_kind),
    Sort(
        "a rule file of Prometheus",
        "rule files of Prometheus",
        "Prometheus reads such files as they are. Here alerts are rules of an AlertPolicy, which takes any PromQL as expression, and "
        "recorded series are recording of a MetricSet: no command converts one.",
        _is_rule_file,
    ),
    Sort("", "documents without a kind", "", lambda _: True),
)
"""Every sort there is; a document is of the first that recognises it, and the last takes what is left."""


@dataclass(slots=True)
class _Seen:
    """What there was of a sort."""

    file: str
    position: Position
    key: Key
    kinds: Counter[str] = field(default_factory=Counter)


class Foreign:
    """Collects documents that are not ours, over all files."""

    def __init__(self) -> None:
        self._seen: dict[int, _Seen] = {}

    def add(self, document: Document, position: Position | None) -> None:
        """Take a document; `position` is where it stands, None where that must be looked up."""
        number = next(number for number, sort in enumerate(SORTS) if sort.recognises(document.obj))
        key = key_of(document.obj)
        if number not in self._seen:
            self._seen[number] = _Seen(document.file, position or document.position(), key)
        self._seen[number].kinds[key.kind] += 1

    def notes(self) -> Iterator[Located]:
        """Yield a note for each sort that there was, at the first document of it."""
        for number, seen in sorted(self._seen.items()):
            sort, count = SORTS[number], seen.kinds.total()
            if count > 1:
                message = f"This is the first of {count} {sort.many}, which are passed over{_listed(seen.kinds, sort)}."
            elif sort.one:
                message = f"This is {sort.one}, which is passed over."
            else:
                what = f"{seen.key.kind} {seen.key.name}".strip() or "A document without a kind"
                message = f"{what} is not of {GROUP} and is passed over."
            finding = Finding(Severity.INFO, Reason.NOT_A_RESOURCE, "", f"{message} {sort.advice}".strip())
            yield Located(finding, seen.key if count == 1 else NO_KEY, seen.file, *seen.position)


def _listed(kinds: Counter[str], sort: Sort) -> str:
    """Return `: 7 Deployment, 3 Service` where the kinds say what the sort does not."""
    if sort.one or not any(kinds):
        return ""
    ordered = sorted(kinds.items(), key=lambda item: (-item[1], item[0]))
    named = [f"{count} {kind if len(kind) <= 63 else shown(kind)}" for kind, count in ordered[:_KINDS_NAMED]]
    rest = len(ordered) - len(named)
    return f": {', '.join(named)}" + (f" and {rest} more kinds" if rest > 1 else " and 1 more kind" if rest else "")
