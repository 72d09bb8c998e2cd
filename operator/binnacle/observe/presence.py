"""Whether the metrics of each resource are there, and how the sources of a MetricSet are: looked at in turn, told steadily.

A resource of which all is known is looked at again after some minutes, so that ten thousand of them cost a few queries at a
time. What changes is told once it has been so for two minutes in every look: a pod that restarts, a scrape that fails once or
a Prometheus that has just started is no news. The exception is the first word about a resource, for which nobody waits longer
than new metrics need to appear.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple, TypeAlias

from binnacle.control.ports import Expectation, MetricsSeen
from binnacle.intent.readback import MetricSetReadback, Readback, ScrapeSource
from binnacle.intent.refs import Key
from binnacle.observe import rounding
from binnacle.observe.backend import Failure, tidy
from binnacle.observe.inventory import Inventory, last_scrapes, take_inventory
from binnacle.observe.prometheus import Prometheus

PERIOD: Final = 300.0
"""Seconds between two looks at a resource of which nothing is about to change."""
HOLD: Final = 120.0
"""Seconds for which something must have been so before it is told in place of what is told now."""
AT_ONCE: Final = 500
"""Resources that one look is about, those first whose turn was the earliest."""
FORGET: Final = 3600.0
"""Seconds after which a resource that nobody asks for is forgotten."""

LISTED: Final = 50
"""Items of a list in status; the total is beside it."""
LISTED_UNDECLARED: Final = 20
_NAMED: Final = 10
_NO_TARGET: Final = "There is nothing to scrape: no target was found."
_ALL_DOWN: Final = "Cannot be scraped"
_SOME_DOWN: Final = "Some of its targets cannot be scraped"


class Missing(NamedTuple):
    """A metric of which there is no series; `how` it may be there nevertheless."""

    name: str
    how: str = ""


class Unlabelled(NamedTuple):
    """A label that no series of a metric has."""

    metric: str
    label: str


class Undeclared(NamedTuple):
    """A series that comes of a source and is not declared."""

    series: str


class Failing(NamedTuple):
    """A source of which nothing, or not all, can be read."""

    source: str
    why: str


Fact: TypeAlias = Missing | Unlabelled | Undeclared | Failing


@dataclass(frozen=True, slots=True)
class Found:
    """What is to be told of a resource: whether its metrics are there, if it has any, and the status fields.

    `awaited` says that nothing has been told yet and that something lacks which may still appear.
    """

    metrics: MetricsSeen | None
    facts: Mapping[str, Any] = field(default_factory=dict)
    awaited: bool = False


@dataclass(slots=True)
class _Known:
    """What is told of a resource, and what has differed from it, since when.

    Attributes:
        readback: what was looked for.
        due: when to look again; seconds, as everywhere here.
        told: the facts that are told.
        spoken: whether status has ever told them, if only before Prometheus went away.
        pending: facts that are told and not true, or true and not told -> since when.
        size_since: since when there have been more or fewer series than is told.
    """

    readback: Readback
    due: float
    told: frozenset[Fact] = frozenset()
    spoken: bool = False
    pending: dict[Fact, float] | None = None
    size_since: float | None = None

    def turn(self, truth: frozenset[Fact], now: float) -> None:
        """Take in what is true now."""
        before = self.pending or {}
        pending = {fact: before.get(fact, now) for fact in truth ^ self.told}
        over = {fact for fact, since in pending.items() if now - since >= HOLD}
        self.told ^= over
        self.pending = {fact: since for fact, since in pending.items() if fact not in over} or None


class Presence:
    """Looks at resources when it is their turn."""

    def __init__(self) -> None:
        self._known: dict[Key, _Known] = {}

    async def look(
        self, api: Prometheus, expectations: Sequence[Expectation], now: float
    ) -> Mapping[Key, Found] | Failure:
        """Return what is to be told of the resources whose turn it is. Of the others nothing is news.

        Args:
            api: the server.
            expectations: of all resources that there are; those without a readback are passed over.
            now: seconds that never jump.
        """
        due = self._due(expectations, now)
        if not due:
            return {}
        inventory = await take_inventory(api, [readback for _, readback in due])
        if isinstance(inventory, Failure):
            return inventory
        found = {one.key: self._one(one, readback, inventory, now) for one, readback in due}
        await _explain(api, due, found)
        return found

    def _due(self, expectations: Iterable[Expectation], now: float) -> list[tuple[Expectation, Readback]]:
        asked: dict[Key, tuple[Expectation, Readback]] = {}
        turns: list[tuple[float, Key]] = []
        for one in expectations:
            readback = one.readback
            if readback is None or not (readback.metrics or _sources(readback)):
                continue
            asked[one.key] = one, readback
            known = self._known.get(one.key)
            if known is None or known.readback != readback:
                turns.append((0.0, one.key))
            elif known.due <= now or (readback.metrics and one.present is None):
                turns.append((known.due, one.key))
        self._known = {key: known for key, known in self._known.items() if key in asked or now - known.due < FORGET}
        return [asked[key] for _, key in sorted(turns)[:AT_ONCE]]

    def _one(self, one: Expectation, readback: Readback, inventory: Inventory, now: float) -> Found:
        """Put together what is to be told of one resource."""
        truth = frozenset(_truth(readback, inventory))
        known = self._known.get(one.key)
        if known is None or known.readback != readback:
            known = self._known[one.key] = _Known(readback, now, _told(one, truth))
        known.spoken = known.spoken or one.present is not None or _figures_told(one)
        first = not known.spoken
        if first:
            known.told = truth
        known.turn(truth, now)
        facts = _facts(readback, known.told)
        if isinstance(readback, MetricSetReadback) and readback.sources:
            facts["series"] = self._size(one, readback, inventory, known, now)
        awaited = first and any(not isinstance(fact, Undeclared) for fact in truth)
        known.spoken = not awaited
        quiet = not awaited and known.pending is None and known.size_since is None
        known.due = now + PERIOD if quiet else now
        return Found(_seen(readback, known.told) if readback.metrics else None, facts, awaited)

    def _size(
        self, one: Expectation, readback: MetricSetReadback, inventory: Inventory, known: _Known, now: float
    ) -> int:
        number = sum(inventory.sources[job].series for job in _jobs(readback) if job in inventory.sources)
        shown = one.shown.get("series")
        new = rounding.series(number, shown)
        if new == shown or type(shown) is not int:
            known.size_since = None
            return new
        known.size_since = now if known.size_since is None else known.size_since
        if now - known.size_since < HOLD:
            return shown
        known.size_since = None
        return new


def _facts(readback: Readback, told: frozenset[Fact]) -> dict[str, Any]:
    """Return the status fields of a MetricSet but for the number of series; none of another kind."""
    if not isinstance(readback, MetricSetReadback):
        return {}
    wanted = {metric.name: metric for metric in readback.metrics}
    missing = _missing(readback, told)
    undeclared = sorted(fact.series for fact in told if isinstance(fact, Undeclared))
    lacking = sorted(fact for fact in told if isinstance(fact, Unlabelled))
    failing = dict(sorted(fact for fact in told if isinstance(fact, Failing)))
    facts: dict[str, Any] = {
        "found": sum(metric.declared for metric in wanted.values()) - sum(wanted[one.name].declared for one in missing),
        "missing": [one.name for one in missing[:LISTED]],
        "missingTotal": len(missing),
        "missingLabels": [{"metric": metric, "label": label} for metric, label in lacking[:LISTED]],
        "undeclared": undeclared[:LISTED_UNDECLARED],
        "failing": [{"name": name, "error": why} for name, why in failing.items()],
    }
    if readback.sources:
        facts["undeclaredTotal"] = len(undeclared)
    return {name: value for name, value in facts.items() if value != []}


def _missing(readback: Readback, told: Iterable[Fact]) -> list[Missing]:
    """Return what is told to be missing, as far as it is still wanted, by name."""
    wanted = {metric.name for metric in readback.metrics}
    found = {fact.name: fact for fact in told if isinstance(fact, Missing) and fact.name in wanted}
    return [fact for _, fact in sorted(found.items())]


def _sources(readback: Readback) -> tuple[ScrapeSource, ...]:
    return readback.sources if isinstance(readback, MetricSetReadback) else ()


def _jobs(readback: Readback) -> set[str]:
    return {source.job for source in _sources(readback)}


def _truth(readback: Readback, inventory: Inventory) -> Iterator[Fact]:
    """Yield what there is to tell of a resource, as things are at this moment."""
    declared: set[str] = set()
    for metric in readback.metrics:
        declared.update(metric.related)
        if not inventory.has(metric, metric.series):
            found = metric.instead if metric.instead and inventory.has(metric, metric.instead[:1]) else None
            yield Missing(metric.name, found[1] if found else "")
            continue
        for label in metric.labels:
            if not inventory.has_label(metric, label):
                yield Unlabelled(metric.name, label)
    for source in _sources(readback):
        for name in inventory.names.get(source.job, ()):
            if name not in declared:
                yield Undeclared(name)
        targets = inventory.sources.get(source.job)
        if targets is None or targets.targets == 0:
            yield Failing(source.name, _NO_TARGET)
        elif targets.down:
            yield Failing(source.name, _ALL_DOWN if targets.down == targets.targets else _SOME_DOWN)


def _figures_told(one: Expectation) -> bool:
    """Say whether status shows the figures of a MetricSet."""
    return "found" in one.shown


def _told(one: Expectation, truth: frozenset[Fact]) -> frozenset[Fact]:
    """Return what status tells now, after a restart or an edit.

    It lists not everything: what it leaves open is taken to be what is true now, so that nothing is said twice.
    """
    missing: dict[str, Fact] = {fact.name: fact for fact in truth if isinstance(fact, Missing)}
    if not _figures_told(one):
        return truth - set(missing.values()) if one.present else truth
    shown = one.shown
    told: set[Fact] = {missing.get(name, Missing(name)) for name in _texts(shown, "missing")}
    told |= _unlisted(told, set(missing.values()), shown.get("missingTotal"))
    labels = {fact for fact in truth if isinstance(fact, Unlabelled)}
    listed = {Unlabelled(item["metric"], item["label"]) for item in shown.get("missingLabels", ())}
    told |= listed if len(listed) < LISTED else labels | listed
    undeclared: set[Fact] = {fact for fact in truth if isinstance(fact, Undeclared)}
    some: set[Fact] = {Undeclared(name) for name in _texts(shown, "undeclared")}
    told |= some | _unlisted(some, undeclared, shown.get("undeclaredTotal"))
    for item in shown.get("failing", ()):
        why = next((why for why in (_NO_TARGET, _SOME_DOWN) if item["error"].startswith(why)), _ALL_DOWN)
        told.add(Failing(item["name"], why))
    return frozenset(told)


def _unlisted(listed: set[Fact], truth: set[Fact], total: object) -> set[Fact]:
    """Return what is true of what is counted and not listed, when that can be what is counted."""
    return truth if len(truth) == total and listed <= truth else set()


def _texts(shown: Mapping[str, Any], name: str) -> Iterator[str]:
    return (text for text in shown.get(name, ()) if isinstance(text, str))


def _seen(readback: Readback, told: frozenset[Fact]) -> MetricsSeen:
    """Say in words whether the metrics are there. No counts that move by themselves."""
    missing = _missing(readback, told)
    if not missing:
        return MetricsSeen(True, "All metrics that it declares or refers to are there." + _about_labels(told))
    named = ", ".join(f"{one.name} ({one.how})" if one.how else one.name for one in missing[:_NAMED])
    more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
    names = {one.name for one in missing}
    places = {metric.namespace for metric in readback.metrics if metric.name in names}
    where = f" in the namespace {min(places)}" if len(places) == 1 and all(places) else ""
    return MetricsSeen(False, f"Prometheus has no series{where} of {named}{more}.")


def _about_labels(told: Iterable[Fact]) -> str:
    lacking = sorted(fact for fact in told if isinstance(fact, Unlabelled))
    if not lacking:
        return ""
    more = f" ({len(lacking) - 1} more like it)" if len(lacking) > 1 else ""
    return f" No series of {lacking[0].metric} has the label {lacking[0].label}{more}."


async def _explain(api: Prometheus, due: Sequence[tuple[Expectation, Readback]], found: dict[Key, Found]) -> None:
    """Put the reason and the time of the last good scrape beside sources that have just begun to fail.

    Those of a source that was failing before stay: the same fault is told in other words at each scrape.
    """
    asked: dict[str, str] = {}
    for one, readback in due:
        jobs = {source.name: source.job for source in _sources(readback)}
        before = {item["name"]: item for item in one.shown.get("failing", ()) if isinstance(item, Mapping)}
        for item in found[one.key].facts.get("failing", ()):
            old = before.get(item["name"])
            if old is not None and old["error"].startswith(item["error"]):
                item.update(old)
            elif item["error"] != _NO_TARGET:
                asked[jobs[item["name"]]] = item["error"]
    if not asked:
        return
    errors = await api.scrape_errors(asked, next(iter(asked)) if len(asked) == 1 else None)
    last = await last_scrapes(api, [job for job, what in asked.items() if what == _ALL_DOWN])
    for one, readback in due:
        jobs = {source.name: source.job for source in _sources(readback)}
        for item in found[one.key].facts.get("failing", ()):
            job = jobs[item["name"]]
            if item["error"] != asked.get(job):
                continue
            if job in last:
                item["lastScrape"] = datetime.fromtimestamp(int(last[job]), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            if job in errors:
                item["error"] = f"{item['error']}: {tidy(errors[job])}"
