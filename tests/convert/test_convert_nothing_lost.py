"""Nothing of a user's file is passed over: whatever is added anywhere is in the report or in what comes out, and what the
report calls carried is really there.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from binnacle.api.findings import Severity
from binnacle.convert import leftovers
from binnacle.convert.report import Entry, Fate, Imported
from binnacle.convert.run import TOOLS, run
from binnacle.folder.document import dotted
from binnacle.folder.reader import read_any_text
from convert.corpus import DATA, FILES, OPTIONS, silent, values

Path = tuple[str | int, ...]

ADDED = "addedByNobody"
"""A field that no tool has."""
SOMETHING: tuple[Any, ...] = ("text", 1, True, {"inner": "text"}, ["text"], [{"inner": 1}])


def documents_of(name: str) -> list[Any]:
    return values((DATA / name).read_text())


def imported(name: str, documents: list[Any]) -> Imported:
    return run(TOOLS[FILES[name]], documents, OPTIONS)


def maps_in(value: Any, path: Path = ()) -> Iterator[Path]:
    """The places of all maps."""
    if isinstance(value, Mapping):
        yield path
    for key, item in pairs_of(value):
        yield from maps_in(item, (*path, key))


def leaves_in(value: Any, path: Path = ()) -> Iterator[Path]:
    if not isinstance(value, Mapping | list) and value is not None:
        yield path
    for key, item in pairs_of(value):
        yield from leaves_in(item, (*path, key))


def pairs_of(value: Any) -> list[tuple[str | int, Any]]:
    if isinstance(value, Mapping):
        return list(value.items())
    return list(enumerate(value)) if isinstance(value, list) else []


def at(value: Any, path: Path) -> Any:
    for step in path:
        value = value[step]
    return value


def said_of(outcome: Imported, source: int, path: Path) -> list[Entry]:
    """What is said of a place of a document, or of the nearest one that it is in."""
    for length in range(len(path), -1, -1):
        found = [
            entry
            for part in outcome.parts
            if part.source == source
            for entry in part.entries
            if entry.finding.path == dotted(path[:length])
        ]
        if found:
            return found
    return []


@pytest.mark.parametrize("name", FILES)
def test_a_field_that_no_tool_has_is_named_wherever_it_stands(name: str) -> None:
    """Where users choose the keys, such as in labels, it is carried over like any other."""
    original = documents_of(name)
    before = imported(name, original)
    places = [(source, path) for source, document in enumerate(original) for path in maps_in(document)]
    for number, (source, path) in enumerate(places):
        documents = copy.deepcopy(original)
        at(documents[source], path)[ADDED] = SOMETHING[number % len(SOMETHING)]
        outcome = imported(name, documents)
        place = f"{name} {source}: {dotted(path)}"
        assert silent(documents, outcome) == [], place
        said = said_of(outcome, source, (*path, ADDED))
        assert said, place
        if any(entry.fate is Fate.LOST for entry in said):
            own = [entry for entry in said if entry.finding.path == dotted((*path, ADDED))]
            loud = any(entry.finding.severity is not Severity.INFO for entry in own)
            # What is not the tool's own, and what stands in something that is lost as a whole, is nobody's loss.
            assert loud or not own or path[-1] in ("annotations", "labels"), (place, said)
            assert all(entry.finding.message != leftovers.NOT_LOOKED_AT for entry in said), place
        else:
            assert outcome.resources != before.resources, place


@pytest.mark.parametrize("name", FILES)
def test_what_is_called_carried_is_there(name: str) -> None:
    """Another value in its place makes something else come out, or is said to."""
    original = documents_of(name)
    before = imported(name, original)
    # Of a document that is left out for something in it, nothing else makes a difference.
    refused = {part.source for part in before.parts if part.refused}
    carried = [
        (source, path)
        for source, document in enumerate(original)
        if source not in refused
        for path in leaves_in(document)
        if any(entry.fate is Fate.CARRIED for entry in said_of(before, source, path)) and path not in UNUSED
    ]
    assert carried
    for source, path in carried:
        documents = copy.deepcopy(original)
        holder, value = at(documents[source], path[:-1]), at(documents[source], path)
        holder[path[-1]] = another(value)
        outcome = imported(name, documents)
        same = outcome.resources == before.resources and told(outcome) == told(before)
        assert not same, f"{name} {source}: {dotted(path)}"


UNUSED: tuple[Path, ...] = (
    # Whether a counter is one matters only where the query does not say it.
    ("spec", "objectives", 0, "ratioMetrics", "incremental"),
    # The one SLO of the file has no tickets.
    *(("spec", "ticket", tier, "errorBudgetPercent") for tier in ("quick", "slow")),
)


def another(value: Any) -> Any:
    """Another value of the same type."""
    if isinstance(value, bool):
        return not value
    return value + 1 if isinstance(value, int | float) else f"{value[::-1]}x"


def told(outcome: Imported) -> list[tuple[str, Fate, str]]:
    return [(entry.finding.path, entry.fate, entry.finding.message) for part in outcome.parts for entry in part.entries]


SLOTH = ("slos", 0)
KNOWN: list[tuple[str, int, Path, Any]] = [
    ("sloth-file.yaml", 0, ("slo_plugins",), {"chain": [{"id": "x"}]}),
    ("sloth-file.yaml", 0, (*SLOTH, "plugins"), {"chain": [{"id": "x"}]}),
    ("sloth-file.yaml", 0, (*SLOTH, "alerting", "annotations", "more"), "text"),
    ("sloth-file.yaml", 0, (*SLOTH, "alerting", "page_alert", "annotations"), {"more": "text"}),
    ("sloth-file.yaml", 0, (*SLOTH, "alerting", "ticket_alert"), {"labels": {"severity": "slack"}, "disable": True}),
    ("pyrra.yaml", 0, ("spec", "performanceOverAccuracy"), True),
    ("pyrra.yaml", 0, ("spec", "ruleOutput"), {"longRulesLabels": {"a": "b"}, "enableDescriptionAsLabel": True}),
    ("pyrra.yaml", 0, ("spec", "alerting", "severities", "longTermBurn"), "ticket"),
    ("pyrra.yaml", 0, ("spec", "alerting", "absentName"), "Gone"),
    ("pyrra.yaml", 0, ("spec", "alerting", "burnRateType"), "dynamic"),
    ("pyrra.yaml", 0, ("spec", "indicator", "ratio", "success"), {"metric": "x_total"}),
    ("pyrra.yaml", 0, ("spec", "indicator", "latency"), {"success": {"metric": "x"}, "total": {"metric": "y"}}),
    ("pyrra.yaml", 0, ("metadata", "annotations", "pyrra.dev/owner"), "web"),
    ("pyrra.yaml", 0, ("metadata", "finalizers"), ["a/b"]),
]
OPENSLO: list[tuple[Path, Any]] = [
    (("objectives", 0, "compositeWeight"), 0.5),
    (("objectives", 0, "timeSliceTarget"), 0.95),
    (("objectives", 0, "timeSliceWindow"), "5m"),
    (("objectives", 0, "op"), "lte"),
    (("objectives", 0, "value"), 3),
    (("objectives", 0, "indicatorRef"), "elsewhere"),
    (("timeWindow", 0, "calendar"), {"startTime": "2026-01-01 00:00:00", "timeZone": "UTC"}),
]


def openslo() -> list[tuple[str, int, Path, Any]]:
    name = "openslo-v1.yaml"
    found = [number for number, one in enumerate(documents_of(name)) if one["kind"] == "SLO"]
    return [(name, number, ("spec", *path), value) for number in found[:2] for path, value in OPENSLO]


@pytest.mark.parametrize(
    ("name", "source", "path", "value"),
    [*KNOWN, *openslo()],
    ids=lambda one: dotted(one) if isinstance(one, tuple) else None,
)
def test_a_field_that_the_tool_has_and_we_do_not_is_named(name: str, source: int, path: Path, value: Any) -> None:
    documents = documents_of(name)
    holder = documents[source]
    for step in path[:-1]:
        holder = holder.setdefault(step, {}) if isinstance(holder, dict) else holder[step]
    holder[path[-1]] = value
    outcome = imported(name, documents)
    assert silent(documents, outcome) == []
    for leaf in leaves_in(value, path):
        said = said_of(outcome, source, leaf)
        assert said
        assert all(entry.finding.message != leftovers.NOT_LOOKED_AT for entry in said)


NOTHING = {
    "no map": "- 1\n",
    "torn": "version: prometheus/v1\nslos: [\n",
    "two of one key": "kind: a\nkind: b\n",
}


@pytest.mark.parametrize("tool", sorted(TOOLS))
@pytest.mark.parametrize("what", NOTHING)
def test_a_file_of_which_nothing_comes_is_an_error(tool: str, what: str) -> None:
    reading = read_any_text(NOTHING[what])
    outcome = run(TOOLS[tool], [one.obj or None for one in reading.documents], OPTIONS)
    entries = [entry.finding for part in outcome.parts for entry in part.entries]
    assert Severity.ERROR in {finding.severity for finding in (*entries, *(one.finding for one in reading.findings))}
    assert outcome.resources == {}
