"""Seven shapes of traffic at which rules of SLOs go wrong: by seams, by weights, by idle times, restarts and late series."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from stack.scrapes import Samples, Scrapes, growth_of

DAY = 86_400.0
HOUR = 3600.0


def night(since: float) -> bool:
    return since % DAY < DAY / 3


def shapes(scrapes: Scrapes, *, late: float) -> dict[str, dict[str, Samples]]:
    """Traffic that weighs differently by time and by request, by name: the errors and the rest.

    The first and the last hour are quiet: nothing is at the edges, where increments have no past and no future.

    Args:
        scrapes: when counters are read.
        late: seconds after the start at which the errors appear that come late.
    """
    length = scrapes.length

    def during(rate: Callable[[float], float]) -> Callable[[float], float]:
        return lambda since: rate(since) if HOUR <= since < length - HOUR else 0.0

    def traffic(
        errors: Callable[[float], float],
        fine: Callable[[float], float],
        *,
        first: float = 5000.0,
        resets: Sequence[float] = (),
        appears: bool = False,
    ) -> dict[str, Samples]:
        return {
            "bad": scrapes.counter(during(errors), resets=resets, appears=appears),
            "fine": scrapes.counter(during(fine), first=first, resets=resets),
        }

    def busy(since: float) -> float:
        return 2.0 if night(since) else 200.0

    def out(since: float) -> bool:
        return 0.6 * length <= since < 0.6 * length + HOUR / 2

    restarts = [hour * HOUR + 40 for hour in range(5, int(length // HOUR), 9)]
    return {
        "night-errors": traffic(
            lambda since: 0.2 * busy(since) if night(since) else 0.0,
            lambda since: (0.8 if night(since) else 1.0) * busy(since),
        ),
        "peak-outage": traffic(
            lambda since: busy(since) if out(since) else 0.0, lambda since: 0.0 if out(since) else busy(since)
        ),
        "bursts": traffic(lambda since: 10.0 if since // 60 % 37 == 0 else 0.0, lambda _: 99.0),
        "uniform": traffic(lambda _: 0.5, lambda _: 99.5),
        "idle-nights": traffic(lambda since: 0.0 if night(since) else 1.0, lambda since: 0.0 if night(since) else 99.0),
        "restarts": traffic(lambda _: 1.0, lambda _: 99.0, resets=restarts),
        "late-errors": traffic(lambda since: 1.0 if since > late else 0.0, lambda _: 99.0, appears=True),
    }


def share(samples: dict[str, Samples]) -> float:
    bad, fine = growth_of(samples["bad"]), growth_of(samples["fine"])
    return bad / (bad + fine)
