"""Counters of given shapes as blocks, and what recording rules would have made of them, for tests of how exact rules are.

Samples are shifted against the full minute, because stamps that fall exactly on evaluations hide what ranges miss.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

from servers.prometheus import Prometheus, PrometheusLine
from stack.history import layers, only

Samples = Sequence[tuple[float, float]]
"""(Unix seconds, value), in order of time."""
Document = Mapping[str, Any]
"""A rule file as a value."""

SHIFT = 17.0
"""Seconds by which scrapes lie behind the full minute."""


@dataclass(frozen=True)
class Scrapes:
    """When targets are scraped: each `interval` seconds from `start` (Unix seconds) for `length` seconds, shifted."""

    start: float
    length: float
    interval: float

    @property
    def end(self) -> float:
        return self.start + self.length

    def times(self) -> list[float]:
        return [self.start + SHIFT + self.interval * number for number in range(int(self.length // self.interval))]

    def counter(
        self,
        rate: Callable[[float], float],
        *,
        first: float = 0.0,
        resets: Iterable[float] = (),
        appears: bool = False,
    ) -> list[tuple[float, float]]:
        """The samples of a counter.

        Args:
            rate: events per second up to the scrape so many seconds after the start.
            first: its value before the first scrape.
            resets: seconds after the start at which it begins again at zero.
            appears: it is exposed from its first event on, and not before.
        """
        samples, value = [], first
        waiting = sorted(resets)
        for at in self.times():
            since = at - self.start
            if waiting and since >= waiting[0]:
                waiting.pop(0)
                value = 0.0
            value += rate(since) * self.interval
            if not appears or value > 0:
                samples.append((at, value))
        return samples


def growth_of(samples: Samples) -> float:
    """How much a counter grew, as exactly as its samples tell."""
    values = [value for _, value in samples]
    return sum(later - earlier if later >= earlier else later for earlier, later in pairwise(values))


def openmetrics(series: Mapping[str, Samples]) -> str:
    """Series by their notation as OpenMetrics text."""
    lines = (f"{name} {value!r} {at:.3f}\n" for name, samples in series.items() for at, value in samples)
    return "".join(lines) + "# EOF\n"


def record(
    line: PrometheusLine,
    directory: Path,
    rules: Iterable[Document],
    scrapes: Scrapes,
    *,
    parts: Sequence[str],
    evaluation: float = 60.0,
) -> None:
    """Write what rules would have recorded during `scrapes` into the data folder of a Prometheus in `directory`.

    Args:
        line: which Prometheus.
        directory: the folder of one that is stopped; the scraped history is there already.
        rules: rule files. Each layer of them is one pass, with a Prometheus that has what the passes before wrote.
        scrapes: the time that history is about.
        parts: which parts of a resource's groups.
        evaluation: evaluation interval, seconds, of groups that name none.
    """
    wanted = tuple(f".{part}" for part in parts)
    groups = [group for one in rules for group in one["groups"] if str(group["name"]).endswith(wanted)]
    # The same relative path in each pass and each run: when a group is evaluated within its interval depends on it.
    path = Path("layer.yaml")
    for names in layers({path: groups}):
        (directory / path).write_text(yaml.dump({"groups": only(groups, names)}, Dumper=yaml.CSafeDumper))
        with Prometheus(line, directory) as server:
            line.create_blocks_from_rules(
                start=scrapes.start,
                end=scrapes.end,
                rules=[path],
                url=server.url,
                data=server.data.absolute(),
                cwd=directory,
                step=f"{evaluation:g}s",
            )
