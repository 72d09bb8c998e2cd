"""An SLO whose state does not change causes no writes: a thousand polls of noisy traffic, and how often status changes."""

import math
import random
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from itertools import product
from typing import Any

import pytest

from binnacle.control.ports import Expectation
from binnacle.intent import series
from binnacle.intent.readback import SLOReadback
from binnacle.intent.refs import Key
from binnacle.observe.figures import read_figures
from binnacle.observe.prometheus import Answered, Sample
from binnacle.promql import Node, to_text

POLLS = 1000
WINDOW = 3 * 24 * 60
"""Minutes of the SLO's window. A short one moves more."""
KEY = Key("SLO", "shop", "checkout")


def poisson(mean: float, rng: random.Random) -> int:
    if mean > 30:
        return max(0, round(rng.gauss(mean, math.sqrt(mean))))
    count, product, floor = 0, rng.random(), math.exp(-mean)
    while product > floor:
        count += 1
        product *= rng.random()
    return count


class Traffic:
    """A service minute by minute: traffic with noise and a daily swing, errors at a steady chance."""

    def __init__(self, per_minute: float, chance: float, rng: random.Random) -> None:
        self._per_minute, self._chance, self._rng = per_minute, chance, rng
        self._minutes: deque[tuple[int, int]] = deque(maxlen=WINDOW)
        self._burns: deque[float] = deque(maxlen=60)
        self._minute = 0
        self._events = self._errors = 0

    def step(self, budget: float) -> tuple[float, float, float]:
        """Move on by a minute; return the period's error ratio, the budget left, and the burn rate averaged over an hour."""
        swing = 1 + 0.4 * math.sin(2 * math.pi * self._minute / 1440)
        events = poisson(self._per_minute * swing * self._rng.uniform(0.7, 1.3), self._rng)
        errors = min(poisson(events * self._chance, self._rng), events)
        if len(self._minutes) == WINDOW:
            old_events, old_errors = self._minutes[0]
            self._events -= old_events
            self._errors -= old_errors
        self._minutes.append((events, errors))
        self._events += events
        self._errors += errors
        self._minute += 1
        recent = [self._minutes[-place] for place in range(1, min(6, len(self._minutes) + 1))]
        if total := sum(events for events, _ in recent):
            self._burns.append(sum(errors for _, errors in recent) / total / budget)
        ratio = self._errors / max(self._events, 1)
        return ratio, 1 - ratio / budget, sum(self._burns) / max(len(self._burns), 1)


class Scripted:
    """Stands in for the client: answers with the samples of this minute, and with nothing to any other question."""

    def __init__(self) -> None:
        self.values: Mapping[str, tuple[float, float, float]] = {}

    async def query(self, expression: Node, take: Callable[[Sample], None]) -> Answered:
        names = (series.PERIOD_ERROR, series.PERIOD_BUDGET_REMAINING, series.CURRENT_BURN_RATE)
        places = [place for place, name in enumerate(names) if f"{name}{{" in to_text(expression)]
        for place, (region, values) in product(places, self.values.items()):
            take(Sample({"slo": KEY.name, "slo_namespace": KEY.namespace, "region": region}, values[place]))
        return Answered()


async def changes(
    objective: str, traffic: list[Traffic], group_by: tuple[str, ...] = ()
) -> tuple[Counter[str], list[dict[str, Any]]]:
    """Poll each minute; count how often each fact changed after the first, and the polls that would write; return all that was shown."""
    readback = SLOReadback(Decimal(objective), group_by)
    budget = float(1 - readback.objective)
    api = Scripted()

    def minute() -> Mapping[str, tuple[float, float, float]]:
        return {f"r{number}": one.step(budget) for number, one in enumerate(traffic)}

    for _ in range(WINDOW + 100):
        minute()
    counts: Counter[str] = Counter()
    history: list[dict[str, Any]] = []
    shown: dict[str, Any] = {}
    for _ in range(POLLS):
        api.values = minute()
        figures = await read_figures(api, [Expectation(KEY, (), readback, shown)])  # type: ignore[arg-type] # a stand-in
        facts = dict(figures.facts[KEY])
        if shown:
            counts.update(name for name in facts if facts[name] != shown.get(name))
            counts["writes"] += facts != shown
        history.append(facts)
        shown = facts
    return counts, history


STEADY = {
    "busy, half its budget": ("0.999", 6000, 0.5),
    "busy, a tenth": ("0.999", 6000, 0.1),
    "busy, close to all of it": ("0.999", 6000, 0.95),
    "busy, exactly all of it": ("0.999", 6000, 1.0),
    "burning twice too fast": ("0.9995", 3000, 2.0),
    "far over its budget": ("0.999", 600, 50.0),
    "one in a hundred": ("0.99", 300, 0.6),
    "quiet service": ("0.99", 60, 0.4),
    "no errors": ("0.999", 600, 0.0),
}


def cases() -> Iterator[Any]:
    for name, values in STEADY.items():
        for seed in range(2):
            yield pytest.param(*values, seed, id=f"{name}-{seed}")


@pytest.mark.parametrize(("objective", "per_minute", "burn", "seed"), list(cases()))
async def test_noise_does_not_show(objective: str, per_minute: float, burn: float, seed: int) -> None:
    rng = random.Random(seed)
    counts, _ = await changes(objective, [Traffic(per_minute, burn * (1 - float(objective)), rng)])
    assert counts["writes"] <= 5, counts


@pytest.mark.parametrize("seed", range(2))
async def test_noise_does_not_show_among_equal_groups(seed: int) -> None:
    rng = random.Random(seed)
    counts, history = await changes("0.999", [Traffic(600, 0.0005, rng) for _ in range(5)], ("region",))
    assert history[0]["groups"]["count"] == 5
    assert counts["writes"] <= 8, counts
    assert counts["groups"] <= 4, counts


async def test_an_outage_shows() -> None:
    """A control: what must not be quiet is not."""
    traffic = Traffic(600, 0.0002, random.Random(1))
    counts, calm = await changes("0.999", [traffic])
    assert counts["writes"] <= 5
    traffic._chance = 0.3
    _, outage = await changes("0.999", [traffic])
    assert calm[-1]["budgetRemaining"] in ("79%", "80%", "81%")
    assert outage[-1]["budgetRemaining"].startswith("-")
    assert outage[-1]["burnRate"] == "300"
