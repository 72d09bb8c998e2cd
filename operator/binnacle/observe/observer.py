"""The Observer of a Prometheus: what it has loaded, and what it says of the SLOs, for all resources in few requests.

One listing of the rules and one of the scrape pools answer for all resources, two queries for the figures of SLOs, and a few
more for the metrics of those whose turn it is. The server being away is an answer like any other, and status keeps the figures
that it has.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

import aiohttp

from binnacle.api.config import Config, RuleOutput
from binnacle.control.ports import Clock, Expectation, Liveness, MetricsSeen, Observed, Unconfigured
from binnacle.intent.readback import MetricSetReadback, SLOReadback
from binnacle.intent.refs import Key
from binnacle.observe.backend import Failure, Limits
from binnacle.observe.figures import Figures, read_figures
from binnacle.observe.loaded import Listing, Verdict
from binnacle.observe.presence import FORGET, Found, Presence
from binnacle.observe.prometheus import Prometheus
from binnacle.targets import conventions

log = logging.getLogger(__name__)

UNCONFIGURED: Final = Unconfigured(
    "prometheus.url is not set in the operator's configuration, so nothing is read back."
)
_SELECTION = 6000
"""Characters of selected group names up to which they are asked for instead of all; proxies refuse addresses over 8 KiB."""
_PATIENCE = 2.5
"""Evaluations of the slowest group after which figures are not to be expected soon any more.

What the period is summed from is there after the first, its ratio after the second; the evaluations of the groups of one
resource are spread over the interval."""
_SLOWEST = 600.0
"""Seconds that the slowest group is taken to have for that, at most: figures do not wait for what is summed up more rarely."""
_APPEARING = 30.0
"""Seconds beyond two scrapes that metrics have to appear before they are told to be missing."""


class PrometheusObserver:
    """Implements `control.ports.Observer` with one Prometheus, or what speaks its API.

    Args:
        config: the administrator's configuration with `auto` resolved; `prometheus.url` may be absent.
        session: from `prometheus.open_session()`; closing it is the caller's.
        clock: to tell how long figures have been waited for.
        limits: of each request.
    """

    def __init__(
        self, config: Config, session: aiohttp.ClientSession, clock: Clock, limits: Limits | None = None
    ) -> None:
        self._clock = clock
        self._output = config.prometheus.output
        url = config.prometheus.url
        self._api = Prometheus(url, session, limits) if url else None
        self._presence = Presence()
        self._patience = 2 * config.prometheus.scrape_interval.ms / 1000 + _APPEARING
        self._waiting: dict[Key, _Wait] = {}

    async def observe(self, expectations: Iterable[Expectation]) -> Mapping[Key, Observed]:
        """Look at all of them; see `control.ports.Observer`.

        `facts` is what status shall show: the rounded figures, nothing where there is no data, and what is shown already
        where the figures could not be read.
        """
        asked = tuple(expectations)
        if self._api is None:
            return await UNCONFIGURED.observe(asked)
        if not asked:
            return {}
        try:
            return await self._observe(self._api, asked)
        except Exception:  # the port promises an answer; what gets here is a defect of ours
            log.exception("observation failed")
            return _unreachable(asked, "The observation failed inside Binnacle; its log has the details.")

    async def _observe(self, api: Prometheus, asked: Sequence[Expectation]) -> Mapping[Key, Observed]:
        listing = await self._loaded(api, asked)
        if isinstance(listing, Failure):
            return _unreachable(asked, listing.message)
        verdicts = {one.key: listing.judge(one.marks) for one in asked}
        figures = await read_figures(api, asked)
        now = self._clock.monotonic()
        presence = await self._presence.look(api, asked, now)
        reloaded = None
        if any(verdict.liveness is Liveness.MISSING for verdict in verdicts.values()):
            reloaded = await api.reload_succeeded()
        now = self._clock.monotonic()
        observed = {one.key: self._one(one, verdicts[one.key], figures, presence, reloaded, now) for one in asked}
        self._waiting = {key: wait for key, wait in self._waiting.items() if now - wait.asked < FORGET}
        return observed

    async def _loaded(self, api: Prometheus, asked: Sequence[Expectation]) -> Listing | Failure:
        """List what the server has of what is expected: rule groups, and scrape pools where any are."""
        marks = tuple(dict.fromkeys(mark for one in asked for mark in one.marks))
        groups = tuple(mark for mark in marks if conventions.scrape_pool(mark) is None)
        listing = Listing(marks)
        few = sum(len("&rule_group%5B%5D=") + len(quote(mark)) for mark in groups) <= _SELECTION
        outcome = await api.rules(listing.take, groups if few else ())
        if isinstance(outcome, Failure):
            return outcome
        if len(groups) < len(marks):
            listing.take_pools(await api.scrape_pools())
        return listing

    def _one(
        self,
        one: Expectation,
        verdict: Verdict,
        figures: Figures,
        presence: Mapping[Key, Found] | Failure,
        reloaded: bool | None,
        now: float,
    ) -> Observed:
        """Put together what is known of one resource."""
        found = None if isinstance(presence, Failure) else presence.get(one.key)
        metrics = _unseen(one, presence.message) if isinstance(presence, Failure) else None
        facts, awaited = figures.of(one), False
        if found is not None:
            metrics, awaited = found.metrics, found.awaited
        if isinstance(one.readback, MetricSetReadback):
            facts = found.facts if found is not None else one.shown
        if verdict.liveness not in (Liveness.LOADED, Liveness.NOTHING):
            self._waiting.pop(one.key, None)
            text = verdict.message + self._hint(verdict, reloaded)
            return Observed(verdict.liveness, text, facts, metrics=metrics)
        ready = self._ready(one, verdict, figures, facts)
        # The figures of an SLO tell more than whether each of its metrics is there.
        awaited = awaited and not isinstance(one.readback, SLOReadback)
        settled = ready and not awaited
        if settled:
            self._waiting.pop(one.key, None)
        else:
            wait = self._waiting.get(one.key)
            since = wait.since if wait is not None and wait.marks == one.marks else now
            self._waiting[one.key] = _Wait(one.marks, since, now)
            patience = max(
                0.0 if ready else _PATIENCE * min(verdict.interval, _SLOWEST), self._patience if awaited else 0.0
            )
            settled = now - since > patience
        return Observed(verdict.liveness, verdict.message, facts, settled=settled, metrics=metrics)

    def _ready(self, one: Expectation, verdict: Verdict, figures: Figures, facts: Mapping[str, Any]) -> bool:
        """Say whether the rules show that they work.

        Figures tell that, also those of another version of them or of a server before its restart: then not every group has
        to come round first, which takes as long as the longest interval.
        """
        if isinstance(one.readback, SLOReadback) and figures.failure is None:
            return bool(facts)
        return verdict.evaluated

    def _hint(self, verdict: Verdict, reloaded: bool | None) -> str:
        """Say why rules may be missing."""
        if verdict.liveness is not Liveness.MISSING:
            return ""
        if reloaded is False:
            return " Its last attempt to load its configuration failed, so it keeps what it had before: see its log."
        if verdict.other_version:
            return ""
        match self._output:
            case RuleOutput.OPERATOR if verdict.scraping:
                return (
                    " If this lasts: do podMonitorSelector, serviceMonitorSelector and probeSelector of the Prometheus object "
                    "select the objects?"
                )
            case RuleOutput.CONFIG_MAP if verdict.scraping:
                return " If this lasts: is the ConfigMap mounted where scrape_config_files of Prometheus looks, and is it reloaded?"
            case RuleOutput.OPERATOR:
                return " If this lasts: does the ruleSelector of the Prometheus object select the PrometheusRule?"
            case RuleOutput.CONFIG_MAP:
                return (
                    " If this lasts: is the ConfigMap mounted where rule_files of Prometheus looks, and is it reloaded?"
                )
            case RuleOutput.AUTO:
                return ""


@dataclass(frozen=True, slots=True)
class _Wait:
    """Since when a resource's rules are loaded without showing that they work, and when it was last asked for; seconds."""

    marks: tuple[str, ...]
    since: float
    asked: float


def _unreachable(asked: Sequence[Expectation], message: str) -> Mapping[Key, Observed]:
    return {
        one.key: Observed(
            Liveness.UNREACHABLE if one.marks else Liveness.NOTHING,
            message,
            one.shown,
            metrics=_unseen(one, message),
        )
        for one in asked
    }


def _unseen(one: Expectation, message: str) -> MetricsSeen | None:
    """Say that the metrics of a resource, if it has any, could not be looked at."""
    return MetricsSeen(None, message) if one.readback is not None and one.readback.metrics else None
