"""A small client of Prometheus' HTTP API, where everything that can go wrong is a value.

Only what Prometheus 2.42 and 3.x, Mimir and Thanos have in common is relied on: `/api/v1/rules` and `/api/v1/query`. What
Prometheus alone has is a bonus: `/api/v1/status/runtimeinfo`, `/api/v1/scrape_pools` and `/api/v1/targets` (https://prometheus.io/docs/prometheus/latest/querying/api/). Filters and pages
of the rules API are asked for and not counted on: older servers ignore the parameters they do not know.
"""

import math
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import aiohttp

from binnacle.observe.backend import Backend, Failure, Limits, Take, tidy
from binnacle.promql import Node, to_text

_PAGES = 100
_LONG = 2000
"""Characters of an expression from which on it is sent in the body: proxies refuse addresses over 8 KiB."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule as the server evaluates it; `health` is `ok`, `err`, or `unknown` before the first evaluation."""

    name: str
    health: str
    error: str


@dataclass(frozen=True, slots=True)
class Group:
    """A rule group that the server has loaded; `interval` in seconds."""

    name: str
    interval: float
    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class Sample:
    """An element of an instant vector; its value is a finite number."""

    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True, slots=True)
class Row:
    """An element of a range's answer: its labels, and its values that are finite numbers by Unix seconds, ascending."""

    labels: Mapping[str, str]
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Answered:
    """The server answered. `warnings` are its own, for example that a store behind Thanos was away."""

    warnings: tuple[str, ...] = ()


Outcome: TypeAlias = Answered | Failure


class Prometheus:
    """The API at one address. No method raises for anything that the other side does.

    Args:
        url: base address; a path prefix (`http://mimir/prometheus`) is kept.
        session: `open_session()`, or one like it.
        limits: of each request.
        setting: where a person sets the address, in messages.
    """

    def __init__(
        self,
        url: str,
        session: aiohttp.ClientSession,
        limits: Limits | None = None,
        setting: str = "prometheus.url",
    ) -> None:
        self._limits = limits or Limits()
        self._backend = Backend("Prometheus", setting, url, session, self._limits)
        self.address = self._backend.address

    async def rules(self, take: Callable[[Group], None], names: Sequence[str] = ()) -> Outcome:
        """Give the loaded rule groups to `take`, one after the other.

        Args:
            take: called with each group as it arrives, also with those of an answer that then fails; it may be given
                a group twice, when the rules are reloaded meanwhile.
            names: the groups that are wanted; all when empty. Servers before 2.44 give all of them anyway.
        """
        wanted = [("exclude_alerts", "true"), *(("rule_group[]", name) for name in names)]
        page = [] if names else [("group_limit", str(self._limits.page))]
        warnings: tuple[str, ...] = ()
        token = ""
        for _ in range(_PAGES):
            more = [*page, ("group_next_token", token)] if token else page
            answer = await self._array("/api/v1/rules", [*wanted, *more], "groups", lambda one: take(_group(one)))
            if isinstance(answer, Failure):
                if token and answer.status == 400:
                    # The rules were reloaded between two pages and the server cannot continue; take them in one.
                    page, token = [], ""
                    continue
                return answer
            data, warned = answer
            warnings += warned
            token = str(data.get("groupNextToken") or "")
            if not token:
                return Answered(warnings)
        return self._backend.failure("gives its rules in too many pages.")

    async def query(self, expression: Node, take: Callable[[Sample], None]) -> Outcome:
        """Evaluate `expression` now and give the elements of the vector to `take`; values that are no number are left out."""

        def one(element: Mapping[str, Any]) -> None:
            sample = _sample(element)
            if math.isfinite(sample.value):
                take(sample)

        text = to_text(expression)
        answer = await self._array("/api/v1/query", [("query", text)], "result", one, post=len(text) > _LONG)
        return answer if isinstance(answer, Failure) else Answered(answer[1])

    async def query_range(
        self, expression: Node, *, start: int, end: int, step: int, take: Callable[[Row], None]
    ) -> Outcome:
        """Evaluate `expression` at each `step` from `start` to `end`, in Unix seconds, and give the elements to `take`.

        A server gives at most 11,000 points of a series.
        """
        form = [("query", to_text(expression)), ("start", str(start)), ("end", str(end)), ("step", str(step))]
        # As a form: an expression may be longer than an address may.
        answer = await self._array("/api/v1/query_range", form, "result", lambda one: take(_row(one)), post=True)
        return answer if isinstance(answer, Failure) else Answered(answer[1])

    async def scrape_pools(self) -> frozenset[str] | Failure:
        """Return the names of the scrape pools that the server has loaded, one for each job or monitored endpoint."""
        answer = await self._array("/api/v1/scrape_pools", [], "none", lambda _one: None)
        if isinstance(answer, Failure):
            return answer
        pools = answer[0].get("scrapePools")
        return (
            frozenset(map(str, pools))
            if isinstance(pools, list)
            else self._backend.failure("does not list its scrape jobs.")
        )

    async def scrape_errors(self, jobs: Container[str], pool: str | None = None) -> Mapping[str, str]:
        """Return why targets of `jobs` cannot be scraped, one reason for each job; nothing where the server does not tell.

        Args:
            jobs: values of the label `job`.
            pool: asks only for the targets of this scrape pool.
        """
        found: dict[str, str] = {}

        def one(target: Mapping[str, Any]) -> None:
            labels, error = target.get("labels"), target.get("lastError")
            job = labels.get("job") if isinstance(labels, dict) else None
            # The first by name, so that of several the same is told each time.
            if isinstance(job, str) and job in jobs and isinstance(error, str) and error:
                found[job] = min(found.get(job, error), error)

        chosen = [("scrapePool", pool)] if pool is not None else []
        answer = await self._array("/api/v1/targets", [("state", "active"), *chosen], "activeTargets", one)
        return {} if isinstance(answer, Failure) else found

    async def reload_succeeded(self) -> bool | None:
        """Say whether the server's last attempt to load its configuration succeeded; None where it does not tell."""
        answer = await self._array("/api/v1/status/runtimeinfo", [], "none", lambda _one: None)
        if isinstance(answer, Failure):
            return None
        succeeded = answer[0].get("reloadConfigSuccess")
        return succeeded if isinstance(succeeded, bool) else None

    async def _array(
        self, path: str, parameters: Sequence[tuple[str, str]], key: str, take: Take, *, post: bool = False
    ) -> tuple[Mapping[str, Any], tuple[str, ...]] | Failure:
        """Ask `path`; give the elements of the array `key` to `take`; return what else `data` has, and the warnings."""
        answer = await self._backend.ask(path, parameters, key, take, post=post)
        if isinstance(answer, Failure):
            return answer
        data = answer.get("data")
        if answer.get("status") == "success" and isinstance(data, dict):
            warnings = answer.get("warnings")
            return data, tuple(map(str, warnings)) if isinstance(warnings, list) else ()
        if answer.get("status") in (None, "success"):
            return self._backend.nonsense()
        return self._backend.failure(f"refused the request: {tidy(str(answer.get('error') or 'no reason given'))}.")


def _group(element: Mapping[str, Any]) -> Group:
    try:
        return Group(
            name=str(element["name"]),
            interval=float(element.get("interval") or 0),
            rules=tuple(
                Rule(str(one["name"]), str(one.get("health") or "unknown"), str(one.get("lastError") or ""))
                for one in element["rules"] or ()
            ),
        )
    except (LookupError, TypeError, AttributeError) as error:
        raise ValueError("not a rule group") from error


def _sample(element: Mapping[str, Any]) -> Sample:
    try:
        _instant, value = element["value"]
        return Sample({name: str(text) for name, text in element["metric"].items()}, float(value))
    except (LookupError, TypeError, AttributeError) as error:
        raise ValueError("not a sample of a vector") from error


def _row(element: Mapping[str, Any]) -> Row:
    try:
        points = [(float(at), float(value)) for at, value in element["values"]]
        labels = {name: str(text) for name, text in element["metric"].items()}
    except (LookupError, TypeError, AttributeError) as error:
        raise ValueError("not a series of a range") from error
    return Row(labels, [point for point in points if math.isfinite(point[1])])
