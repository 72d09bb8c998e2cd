"""A month of a service's traffic as Prometheus would have it: raw counters, and what rules have recorded of them.

Everything is known exactly: `Traffic` says how many requests there were and how many failed, so that what Prometheus makes
of it can be compared with the truth and not with Prometheus.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from binnacle.promql import parse
from binnacle.promql.facts import metrics, walk
from binnacle.promql.nodes import Range
from servers.prometheus import Prometheus, PrometheusLine

SCRAPE = 60
"""Seconds between two scrapes of the history."""
LATE = 17
"""Seconds after the full minute of each scrape: stamps that coincide with evaluations would hide what seams lose."""
DAY = 86_400
FAILED = "500"
CODES = ("200", "404", FAILED)


@dataclass(frozen=True)
class Outage:
    """From `start` to `end` (Unix seconds) this share of requests fails."""

    start: float
    end: float
    share: float


@dataclass(frozen=True)
class Instance:
    """One process that counts requests; `labels` are those of its target, `requests` those of its counters."""

    labels: Mapping[str, str]
    requests: Mapping[str, str]
    outages: tuple[Outage, ...] = ()
    restart_every: float = 4.3 * DAY


class Traffic:
    """The counters of some instances from `begin` to `end`, sampled each `SCRAPE`, and on from there.

    Args:
        metric: name of the counter, ending with `_total`.
        instances: who counts.
        begin, end: Unix seconds; the first and the last sample are within.
        share: share of requests that fail outside of outages.
        seed: makes the small differences from minute to minute.
    """

    def __init__(
        self, metric: str, instances: Sequence[Instance], *, begin: float, end: float, share: float, seed: int = 1
    ) -> None:
        self.metric = metric
        self.instances = tuple(instances)
        self.share = share
        first = math.ceil((begin - LATE) / SCRAPE)
        last = math.floor((end - LATE) / SCRAPE)
        self.stamps = [number * SCRAPE + LATE for number in range(first, last + 1)]
        self._over = math.inf
        self._random = random.Random(seed)
        self._counters = [self._count(instance) for instance in self.instances]
        # What the live counters stand at, by instance: code -> value; and until when they are counted.
        self._now = [{code: counter.values[-1] for code, counter in codes.items()} for codes in self._counters]
        self._until = [float(self.stamps[-1])] * len(self.instances)

    def growth(self, start: float, end: float, *, codes: Iterable[str] = CODES, **labels: str) -> int:
        """Requests counted by the samples in (start, end], of the instances whose counters have these labels."""
        begin, stop = (math.floor((at - self.stamps[0]) / SCRAPE) + 1 for at in (start, end))
        return sum(
            sum(counted[code].growth[begin:stop])
            for instance, counted in zip(self.instances, self._counters, strict=True)
            if labels.items() <= instance.requests.items()
            for code in codes
        )

    def error_ratio(self, start: float, end: float, **labels: str) -> float:
        """Share of failed requests of those counted by the samples in (start, end]."""
        return self.growth(start, end, codes=(FAILED,), **labels) / self.growth(start, end, **labels)

    def openmetrics(self) -> str:
        """The history as promtool takes it, with the labels that scraping adds."""
        lines = [f"# TYPE {self.metric.removesuffix('_total')} counter"]
        for instance, counted in zip(self.instances, self._counters, strict=True):
            for code, counter in counted.items():
                series = _series(self.metric, {**instance.labels, **instance.requests, "code": code})
                lines += [f"{series} {value} {at}" for value, at in zip(counter.values, self.stamps, strict=True)]
        return "\n".join([*lines, "# EOF", ""])

    def live(self, number: int) -> Callable[[], str]:
        """What an instance answers when it is scraped: its counters have gone on since the history's end."""
        instance, values = self.instances[number], self._now[number]

        def text() -> str:
            now = time.time()
            minutes, self._until[number] = (now - self._until[number]) / SCRAPE, now
            for code, amount in self._served(instance, now).items():
                values[code] += round(amount * minutes)
            return "".join(
                f"{_series(self.metric, {**instance.requests, 'code': code})} {value}\n"
                for code, value in values.items()
            )

        return text

    def end_outages(self) -> None:
        """Let nothing more fail than before the outages, from now on."""
        self._over = time.time()

    def _count(self, instance: Instance) -> dict[str, _Counter]:
        counted = {code: _Counter([self._random.randrange(1_000_000)], [0]) for code in CODES}
        restart = self.stamps[0] + self._random.random() * instance.restart_every
        for at in self.stamps[1:]:
            again = at >= restart
            if again:
                restart += instance.restart_every
            for code, amount in self._served(instance, at).items():
                # Whole requests, and their mean is the amount.
                growth = math.floor(amount + self._random.random())
                counted[code].growth.append(growth)
                counted[code].values.append(growth if again else counted[code].values[-1] + growth)
        return counted

    def _served(self, instance: Instance, at: float) -> dict[str, float]:
        """Requests in the minute that ends at `at`, by code: many by day, few by night."""
        requests = 3000 * (1 - 0.9 * math.cos(2 * math.pi * at / DAY))
        share = next((one.share for one in instance.outages if one.start < at <= min(one.end, self._over)), self.share)
        return {"200": requests * 0.99 * (1 - share), "404": requests * 0.01 * (1 - share), FAILED: requests * share}


@dataclass
class _Counter:
    """Samples of one counter: its values, and how much each adds to what was counted before."""

    values: list[int]
    growth: list[int]


def record(
    line: PrometheusLine, files: Mapping[Path, str], *, end: float, recent: float, data: Path, directory: Path
) -> None:
    """Write what recording rules would have recorded into the data folder of a Prometheus that is not running.

    Each pass records what needs no pass but earlier ones. Series that rules read over a time are recorded for that long
    before the last `recent` seconds, the others for those alone.

    Args:
        line: the programs.
        files: path -> text, as Prometheus will have them later: promtool takes the offset of evaluations from the path.
        end: Unix seconds.
        recent: seconds before `end` for which all series are wanted.
        data: folder with the blocks of the raw history.
        directory: for the Prometheus that evaluates.
    """
    documents = {path: yaml.load(text, yaml.CSafeLoader)["groups"] for path, text in files.items()}
    reach = _reach(rule for groups in documents.values() for group in groups for rule in group["rules"])
    for path in files:
        path.parent.mkdir(parents=True, exist_ok=True)
    for number, layer in enumerate(layers(documents)):
        for back in sorted({reach.get(name, 0) for name in layer}):
            names = {name for name in layer if reach.get(name, 0) == back}
            for path, groups in documents.items():
                path.write_text(yaml.dump({"groups": only(groups, names)}, Dumper=yaml.CSafeDumper))
            # Blocks are seen at the next start.
            with Prometheus(line, directory / f"layer-{number}-{back:g}", data=data) as evaluating:
                line.create_blocks_from_rules(
                    start=end - recent - back, end=end, rules=list(files), url=evaluating.url, data=data
                )
    for path, text in files.items():
        path.write_text(text)


def layers(documents: Mapping[Path, Sequence[Mapping[str, Any]]]) -> list[set[str]]:
    """Names of recorded series, those first that read no other recorded series."""
    reads: dict[str, set[str]] = {}
    for groups in documents.values():
        for group in groups:
            for rule in group["rules"]:
                if "record" in rule:
                    reads.setdefault(rule["record"], set()).update(metrics(parse(rule["expr"])))
    ordered: list[set[str]] = []
    left = set(reads)
    while left:
        layer = {name for name in left if not reads[name] & left}
        assert layer, f"rules that read each other: {left}"
        ordered.append(layer)
        left -= layer
    return ordered


def _reach(rules: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """Series -> how many seconds back rules read it."""
    reach: dict[str, float] = {}
    for rule in rules:
        for node in walk(parse(rule["expr"])):
            if isinstance(node, Range) and node.selector.name is not None:
                assert isinstance(node.range, int)
                assert isinstance(node.selector.offset, int)
                seconds = (node.range + node.selector.offset) / 1000
                reach[node.selector.name] = max(seconds, reach.get(node.selector.name, 0))
    return reach


def only(groups: Sequence[Mapping[str, Any]], names: set[str]) -> list[dict[str, Any]]:
    """The groups with only the rules that record these series."""
    kept = ({**group, "rules": [rule for rule in group["rules"] if rule.get("record") in names]} for group in groups)
    return [group for group in kept if group["rules"]]


def _series(metric: str, labels: Mapping[str, str]) -> str:
    pairs = ",".join(f'{name}="{value}"' for name, value in labels.items())
    return f"{metric}{{{pairs}}}"
