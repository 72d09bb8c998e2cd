"""Faults between the operator and the API server, against all that may happen meanwhile.

Every cell of the matrix must converge with nothing lost, nothing duplicated and no write that was not needed; and while the
fault lasts, a condition, a metric, or a line of /healthz or /readyz must name it. By default each fault that shows within
a minute meets one of the happenings, and each happening some of the faults; with `BINNACLE_FULL` each meets every one.
"""

from __future__ import annotations

import itertools
import os
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from binnacle.api.registry import KINDS
from cluster.operator_signs import Signs
from cluster.operator_world import World, Worlds, condition, ours, ready, rule_path, slo, slo_path
from servers import sufferings
from servers.audit import WriteRecord
from servers.faults import Asked, Faulty, Suffering
from servers.http import fetch
from servers.pace import paced
from servers.waiting import eventually

FULL = bool(os.environ.get("BINNACLE_FULL"))
SEED = int(os.environ.get("BINNACLE_SEED", "1"))

NAMED = 30.0
"""Seconds from the first request that suffers to the words for it."""
DENIED = 5.0
"""The same, where a permission is taken away."""

RESOURCES = frozenset({*(info.plural for info in KINDS.values()), "prometheusrules", "configmaps"})


def any_request(asked: Asked) -> bool:
    return asked.resource in RESOURCES


def streams(asked: Asked) -> bool:
    return any_request(asked) and asked.verb == "watch"


def no_stream(asked: Asked) -> bool:
    return any_request(asked) and asked.verb != "watch"


def lists_and_streams(asked: Asked) -> bool:
    return any_request(asked) and asked.verb in ("list", "watch")


def writes_of_rules(asked: Asked) -> bool:
    return asked.resource == "prometheusrules" and asked.verb == "patch"


def streams_of_rules(asked: Asked) -> bool:
    return asked.resource == "prometheusrules" and asked.verb == "watch"


def unanswered(signs: Signs) -> bool:
    return signs.grown("rest_client_requests_total", 'code="<error>"') > 0


def coded(code: int) -> Callable[[Signs], bool]:
    return lambda signs: signs.grown("rest_client_requests_total", f'code="{code}"') > 0


def said_of_a_watch(words: str) -> Callable[[Signs], bool]:
    return lambda signs: words in signs.healthz


def slow_work(signs: Signs) -> bool:
    return (
        signs.slower("controller_runtime_reconcile_time_seconds", "2.5") > 0
        or signs.slower("rest_client_request_duration_seconds", "4.0") > 0
        or "not synced" in signs.readyz
    )


def listed_again(signs: Signs) -> bool:
    return signs.grown("watch_lists_total") > 0


def tried_again(signs: Signs) -> bool:
    streams = [signs.grown("watch_streams_total", f'kind="{kind}"') for kind in (*KINDS, "PrometheusRule")]
    # One more stream than before each has because the fault begins.
    return listed_again(signs) or signs.grown("workqueue_retries_total") > 0 or max(streams) > 1


def failed_by_the_server(signs: Signs) -> bool:
    return any(signs.grown("rest_client_requests_total", f'code="{code}"') > 0 for code in BURSTS)


def old_news(signs: Signs) -> bool:
    ages = [value for series, value in signs.metrics.items() if series.startswith("watch_last_event_age_seconds{")]
    # Idle streams are young once a minute, by their bookmarks.
    return max(ages) > 65.0


def denied(signs: Signs) -> bool:
    return any(condition(one, "Stalled").get("reason") == "PermissionDenied" for one in signs.resources)


def always(how: Suffering) -> Callable[[str], Suffering]:
    return lambda _version: how


@dataclass(frozen=True)
class Fault:
    """One row: which requests suffer what, and how that is told; None where there is nothing to tell.

    `how` is given the API server's version before anything happens; None: streams that are open fall silent.
    """

    which: Callable[[Asked], bool]
    how: Callable[[str], Suffering] | None
    named: Callable[[Signs], bool] | None
    within: float = NAMED
    """Seconds until it must be named."""
    told_to_all: bool = False
    """Whether it is told in the status of resources to which nothing happens."""

    @property
    def lasting(self) -> bool:
        """Whether it takes longer than a sample has."""
        return self.within > 60.0


BURSTS = (500, 502, 503, 504)

FAULTS = {
    "cut": Fault(any_request, always(sufferings.cut), said_of_a_watch("cannot reach the API server to watch")),
    "lost answers": Fault(no_stream, always(sufferings.lost), unanswered),
    "torn answers": Fault(any_request, always(sufferings.torn), tried_again),
    "slow bodies": Fault(any_request, always(sufferings.slow(3.0)), slow_work),
    "half open": Fault(any_request, always(sufferings.half_open), unanswered, within=45.0),
    "silent streams": Fault(streams, None, old_news, within=90.0),
    "long pauses": Fault(no_stream, always(sufferings.paused(4.5)), slow_work),
    "410 to watches": Fault(streams, always(sufferings.EXPIRED), said_of_a_watch("answered 410 to GET")),
    "410 in streams": Fault(streams, always(sufferings.forgotten), listed_again),
    "410 to lists": Fault(lists_and_streams, always(sufferings.EXPIRED), said_of_a_watch("answered 410 to GET")),
    "429": Fault(
        any_request,
        always(sufferings.answered(429, "TooManyRequests", "too many requests", **{"Retry-After": "1"})),
        coded(429),
    ),
    "503": Fault(
        any_request,
        always(sufferings.answered(503, "ServiceUnavailable", "not now")),
        said_of_a_watch("answered 503"),
    ),
    "5xx in bursts": Fault(any_request, lambda _version: sufferings.bursts(*BURSTS), failed_by_the_server),
    "no API server": Fault(any_request, always(sufferings.garbage), said_of_a_watch("failed: ")),
    "403 to patch": Fault(writes_of_rules, always(sufferings.FORBIDDEN), denied, within=DENIED),
    "403 to watch": Fault(streams_of_rules, always(sufferings.FORBIDDEN), denied, within=DENIED, told_to_all=True),
    "stale lists": Fault(lists_and_streams, sufferings.stale, listed_again),
    "events twice": Fault(streams, always(sufferings.twice), None),
    "events swapped": Fault(streams, always(sufferings.swapped), None),
}


class Happening:
    """One column: what happens while the fault lasts, and how it must end. A resource `one` is there already."""

    name = ""
    children = 0
    """Writes of children that it needs."""
    resource = "one"

    def __init__(self, w: World, place: str) -> None:
        self.w = w
        self.place = place
        self.before = w.api.get(rule_path(place, "one"))

    def happen(self) -> None:
        raise NotImplementedError

    def ended(self) -> None:
        self.w.ready(self.place, self.resource)

    def expected(self) -> set[str]:
        """Names of the rules in the end."""
        return {"binnacle-slo-one"}


class Create(Happening):
    children = 1
    resource = "new"

    def happen(self) -> None:
        self.w.apply(slo(self.place, "new"))

    def expected(self) -> set[str]:
        return {"binnacle-slo-one", "binnacle-slo-new"}


class Edit(Happening):
    children = 1

    def happen(self) -> None:
        self.w.apply(slo(self.place, "one", objective="99%"))

    def ended(self) -> None:
        super().ended()
        assert ours(self.w.api.get(rule_path(self.place, "one"))) != ours(self.before)


class Delete(Happening):
    def happen(self) -> None:
        self.w.plane.kubectl("delete", "slo", "one", "-n", self.place)

    def ended(self) -> None:
        self.w.api.gone(slo_path(self.place, "one"))
        self.w.api.gone(rule_path(self.place, "one"))

    def expected(self) -> set[str]:
        return set()


class Drift(Happening):
    children = 1

    def happen(self) -> None:
        self.w.plane.kubectl("delete", "prometheusrule", "binnacle-slo-one", "-n", self.place)

    def ended(self) -> None:
        path = rule_path(self.place, "one")
        self.w.api.wait(path, lambda obj: obj is not None and ours(obj) == ours(self.before))
        super().ended()


class Restart(Happening):
    def happen(self) -> None:
        self.w.operator.stop()
        self.w.operator.process.start()
        eventually(lambda: fetch(f"{self.w.operator.url}/healthz").status in (200, 503), what="its endpoints")


HAPPENINGS: dict[str, type[Happening]] = {
    "create": Create,
    "edit": Edit,
    "delete": Delete,
    "drift": Drift,
    "restart": Restart,
}


def cells() -> list[tuple[str, str]]:
    """Every cell, or one for each fault that shows soon, over all happenings by turns."""
    if FULL:
        return list(itertools.product(FAULTS, HAPPENINGS))
    soon = [name for name, fault in FAULTS.items() if not fault.lasting]
    names = list(HAPPENINGS)
    return [(fault, names[(number + SEED) % len(names)]) for number, fault in enumerate(soon)]


def test_each_fault_that_shows_soon_and_each_happening_has_a_cell() -> None:
    faults, happenings = (set(names) for names in zip(*cells(), strict=True))
    assert faults >= {name for name, fault in FAULTS.items() if not fault.lasting}
    assert happenings == set(HAPPENINGS)


@pytest.fixture(scope="module")
def behind(worlds: Worlds, proxy: Faulty) -> Iterator[World]:
    with worlds("operator", server=proxy.url) as made:
        yield made


def signs(w: World, happening: Happening, before: dict[str, float]) -> Signs:
    return Signs(
        before if happening.name != "restart" else {},
        w.operator.metrics(),
        fetch(f"{w.operator.url}/healthz").body.decode(),
        fetch(f"{w.operator.url}/readyz").body.decode(),
        tuple(w.api.get(slo_path(happening.place, name)) for name in (happening.resource, "bystander")),
    )


@pytest.fixture
def place(behind: World) -> Iterator[str]:
    """A namespace for one cell; what is in it goes with it, so that what is told to all is told to few."""
    behind.recovered()
    name = behind.namespace(f"test-{uuid.uuid4().hex[:8]}")
    yield name
    behind.plane.kubectl("delete", "namespace", name, "--wait=false")


@pytest.mark.parametrize(("fault", "happening"), cells())
def test_cell(behind: World, proxy: Faulty, place: str, fault: str, happening: str) -> None:
    w, row = behind, FAULTS[fault]
    w.apply(slo(place, "one"), slo(place, "bystander"))
    for name in ("one", "bystander"):
        w.ready(place, name)
    doing = HAPPENINGS[happening](w, place)
    doing.name = happening
    before = w.operator.metrics()
    version = (w.api.get(slo_path(place)) or {})["metadata"]["resourceVersion"]
    mark = w.mark()
    with proxy.suffering(row.which, row.how(version)) if row.how is not None else proxy.silent(row.which):
        began = time.monotonic()
        doing.happen()
        if row.named is not None and touched(proxy, fault, happening):
            named = row.named
            # At a start the rest of the work comes first, and nothing has been taken away.
            limit = row.within if happening != "restart" else max(row.within, NAMED)
            eventually(lambda: named(signs(w, doing, before)), limit=paced(limit), what=f"a word of {fault}")
        lasted = time.monotonic() - began
        print(f"{fault}, {happening}: {lasted:.1f} s, {dict(proxy.hits)}")
    w.watching()
    w.leading()
    doing.ended()
    written: list[WriteRecord] = []

    def rests() -> bool:
        # What is told to all takes its time until it is taken back, and what is quiet for a second may be at work.
        written[:] = w.writes(mark, namespace=place)
        return ready(w.api.get(slo_path(place, "bystander")))

    eventually(rests, what="the bystander as it was")
    rules = w.api.get(rule_path(place)) or {}
    assert {one["metadata"]["name"] for one in rules["items"]} == doing.expected() | {"binnacle-slo-bystander"}
    done = Counter((one.name, one.subresource) for one in written if one.ok)
    child = f"binnacle-slo-{doing.resource}"
    assert done.pop((child, ""), 0) == doing.children, written
    # Its own news, and where it lasted or had a name: that it is under way, and that it is not any more.
    assert done.pop((doing.resource, "status"), 0) <= 3, written
    # What is told to all is told twice: that it is so, and that it is not any more.
    for name in {"one", "bystander"} if row.told_to_all else ():
        assert done.pop((name, "status"), 0) <= 2, written
    assert not done, f"writes that nothing asked for: {written}"


def touched(proxy: Faulty, fault: str, happening: str) -> bool:
    """Wait until the fault has met a request. Where it can meet none, or none that shows, there is nothing to tell."""
    row = FAULTS[fault]
    # A deletion asks nothing of the API server, which collects by itself what was made; at a restart nothing is written,
    # and every stream is new.
    streams_suffer = row.which(Asked("watch", "slos", "", "", "")) or row.which is streams_of_rules
    if (happening == "delete" and (not streams_suffer or row.named is slow_work)) or (
        happening == "restart" and (row.which is writes_of_rules or row.how is None)
    ):
        return False
    eventually(lambda: sum(proxy.hits.values()) > 0, what="a request that suffers")
    return True
