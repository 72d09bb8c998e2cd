"""What is in Prometheus of all that resources declare, refer to and have scraped: a few queries for many resources at once.

Each query is about as many resources as fit into one of bounded length, and brings one element for each metric, target or
label, never one for each series. Names, namespaces and jobs are told apart when the answer comes.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import re2

from binnacle.intent.readback import MetricSetReadback, Readback, ScrapeSource, WantedMetric
from binnacle.observe.backend import Failure
from binnacle.observe.prometheus import Prometheus, Sample
from binnacle.promql import build as q
from binnacle.promql.nodes import METRIC_NAME, Node, Selector

LENGTH: Final = 4000
"""Characters of names that one query asks for."""
MAX_NAMES: Final = 10_000
"""Names of series of one source that are looked at."""
MAX_NAME: Final = 256
"""Characters of the name of a series that are told; who is scraped may choose any."""
_NAMESPACE: Final = "namespace"
_JOB: Final = "job"
_UP: Final = "up"
_SAMPLES: Final = "scrape_samples_post_metric_relabeling"
_LABEL: Final = "binnacle_label"
"""Label of elements of an answer that says which of the labels asked for they are about."""
_ARMS: Final = 50
"""Labels that one query asks for."""
_MADE_BY_SCRAPING: Final = ("up", "scrape_")
_LOOK_BACK_MS: Final = 6 * 3_600_000
_STEP_MS: Final = 60_000


@dataclass(slots=True)
class Source:
    """What is known of the targets of one job: how many there are, how many are down, how many series they gave last."""

    targets: int = 0
    down: int = 0
    series: int = 0


@dataclass(slots=True)
class Inventory:
    """What was found.

    Attributes:
        anywhere: names of series.
        scoped: (namespace, name of series); the namespace is empty for series without that label.
        labelled: (namespace, name of series, label): some series of that name has the label.
        names: job -> names of the series that come of it; `MAX_NAMES` at most.
        sources: job -> its targets; a job without targets is missing.
    """

    anywhere: set[str] = field(default_factory=set)
    scoped: set[tuple[str, str]] = field(default_factory=set)
    labelled: set[tuple[str, str, str]] = field(default_factory=set)
    names: dict[str, set[str]] = field(default_factory=dict)
    sources: dict[str, Source] = field(default_factory=dict)

    def has(self, metric: WantedMetric, names: Iterable[str]) -> bool:
        """Say whether there is a series of one of these names where `metric` is looked for."""
        if not metric.namespace:
            return any(name in self.anywhere for name in names)
        return any((place, name) in self.scoped for name in names for place in (metric.namespace, ""))

    def has_label(self, metric: WantedMetric, label: str) -> bool:
        """Say whether some series of `metric` has a label."""
        return any((place, name, label) in self.labelled for name in metric.series for place in (metric.namespace, ""))


async def take_inventory(api: Prometheus, readbacks: Sequence[Readback]) -> Inventory | Failure:
    """Look for all that `readbacks` want.

    An answer that comes with warnings may lack what a store behind the server has, so it counts as none.
    """
    found = Inventory()
    metrics = [metric for readback in readbacks for metric in readback.metrics]
    sources = [one for readback in readbacks if isinstance(readback, MetricSetReadback) for one in readback.sources]
    for expression, take in _questions(metrics, sources, found):
        outcome = await api.query(expression, take)
        if isinstance(outcome, Failure):
            return outcome
        if outcome.warnings:
            return Failure(
                f"Prometheus at {api.address} could not read all of its data, so metrics may be there unseen."
            )
    return found


async def last_scrapes(api: Prometheus, jobs: Iterable[str]) -> Mapping[str, float]:
    """Return when targets of `jobs` were scraped well for the last time, in Unix seconds; of six hours.

    It is looked for at full minutes, so that the answer stays the same while nothing is scraped.
    """
    found: dict[str, float] = {}
    for chosen in packed(jobs):
        up = Selector(_UP, (q.regex(_JOB, alternatives(chosen)),))
        scraped = q.and_(q.call("timestamp", up), q.cmp("==", up, q.num(1)))
        last = q.call("max_over_time", q.subquery(scraped, _LOOK_BACK_MS, _STEP_MS))
        await api.query(
            q.aggregate("max", (_JOB,), last), lambda one: found.update({one.labels.get(_JOB, ""): one.value})
        )
    return found


_Question = tuple[Node, Callable[[Sample], None]]


def _questions(
    metrics: Sequence[WantedMetric], sources: Sequence[ScrapeSource], found: Inventory
) -> Iterator[_Question]:
    """Yield what is asked, each with what is done with the elements of its answer."""
    anywhere = sorted({name for metric in metrics if not metric.namespace for name in _names(metric)})
    for names in packed(anywhere):
        yield q.aggregate("group", (METRIC_NAME,), _named(names)), lambda one: found.anywhere.add(_name(one))
    scoped = [metric for metric in metrics if metric.namespace]
    spaces: dict[str, str] = {}
    for metric in scoped:
        spaces.update(dict.fromkeys(_names(metric), ""))
    places = sorted({metric.namespace for metric in scoped})
    for names in packed(spaces):
        for some in packed(places):
            yield (
                q.aggregate("group", (METRIC_NAME, _NAMESPACE), _named(names, some)),
                lambda one: found.scoped.add((one.labels.get(_NAMESPACE, ""), _name(one))),
            )
    yield from _about_labels(scoped, found)
    yield from _about_sources(sources, found)


def _about_labels(metrics: Sequence[WantedMetric], found: Inventory) -> Iterator[_Question]:
    """Ask of each label which of the metrics that declare it have it; of many labels in one query."""
    bearers: dict[str, set[str]] = {}
    places: dict[str, set[str]] = {}
    for metric in metrics:
        for label in metric.labels:
            bearers.setdefault(label, set()).update(metric.series)
            places.setdefault(label, set()).add(metric.namespace)

    def take(one: Sample) -> None:
        found.labelled.add((one.labels.get(_NAMESPACE, ""), _name(one), one.labels.get(_LABEL, "")))

    arms: list[Node] = []
    length = 0
    for label in sorted(bearers):
        for names in packed(sorted(bearers[label])):
            for some in packed(sorted(places[label])):
                bearing = _named(names, some, label)
                seen = q.aggregate("group", (METRIC_NAME, _NAMESPACE), bearing)
                marked = q.call("label_replace", seen, *map(q.string, (_LABEL, label, "", "")))
                size = sum(map(len, names)) + sum(map(len, some)) + len(label)
                if arms and (length + size > LENGTH or len(arms) == _ARMS):
                    yield q.or_(*arms), take
                    arms, length = [], 0
                arms.append(marked)
                length += size
    if arms:
        yield q.or_(*arms), take


def _about_sources(sources: Sequence[ScrapeSource], found: Inventory) -> Iterator[_Question]:
    """Ask which series come of the jobs, and how their targets are."""

    def take_name(one: Sample) -> None:
        name = _name(one)
        names = found.names.setdefault(one.labels.get(_JOB, ""), set())
        if len(names) < MAX_NAMES and not name.startswith(_MADE_BY_SCRAPING):
            names.add(name[:MAX_NAME])

    def take_target(one: Sample) -> None:
        source = found.sources.setdefault(one.labels.get(_JOB, ""), Source())
        if _name(one) == _UP:
            source.targets += 1
            source.down += one.value == 0
        else:
            source.series += int(one.value)

    for jobs in packed(sorted({source.job for source in sources})):
        chosen = q.regex(_JOB, alternatives(jobs))
        yield Selector(None, (q.regex(METRIC_NAME, alternatives((_SAMPLES, _UP))), chosen)), take_target
    for jobs in packed(sorted({source.job for source in sources if source.open})):
        of_jobs = Selector(None, (q.regex(_JOB, alternatives(jobs)),))
        yield q.aggregate("group", (METRIC_NAME, _JOB), of_jobs), take_name


def _names(metric: WantedMetric) -> tuple[str, ...]:
    return metric.series if metric.instead is None else (*metric.series, metric.instead[0])


def _named(names: Sequence[str], places: Sequence[str] = (), label: str = "") -> Selector:
    """Select series by their names; of some namespaces or of none; with a label."""
    matchers = [q.regex(METRIC_NAME, alternatives(names))]
    if places:
        matchers.append(q.regex(_NAMESPACE, alternatives((*places, ""))))
    if label:
        matchers.append(q.ne(label, ""))
    return Selector(None, tuple(matchers))


def _name(sample: Sample) -> str:
    return sample.labels.get(METRIC_NAME, "")


def alternatives(texts: Iterable[str]) -> str:
    """Return the regular expression that fits each of some texts and nothing else."""
    return "|".join(re2.escape(text) for text in texts)


def packed(texts: Iterable[str], length: int = LENGTH) -> Iterator[tuple[str, ...]]:
    """Yield `texts` in their order, as many at once as have at most `length` characters together; one at least."""
    held: list[str] = []
    size = 0
    for text in texts:
        if held and size + len(text) > length:
            yield tuple(held)
            held, size = [], 0
        held.append(text)
        size += len(text) + 1
    if held:
        yield tuple(held)
