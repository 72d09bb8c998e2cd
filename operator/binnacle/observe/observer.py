"""The Observer of a Prometheus: what it has loaded, and what it says of the SLOs, for all resources in few requests.

One listing of the rules answers for all resources, and two queries for the figures. The server being away is an answer
like any other, and status keeps the figures that it has.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

import aiohttp

from binnacle.api.config import Config, RuleOutput
from binnacle.control.ports import Clock, Expectation, Liveness, Observed
from binnacle.intent.refs import Key
from binnacle.observe.figures import Figures, read_figures
from binnacle.observe.loaded import Listing, Verdict
from binnacle.observe.prometheus import Failure, Limits, Prometheus

log = logging.getLogger(__name__)

_SELECTION = 6000
"""Characters of selected group names up to which they are asked for instead of all; proxies refuse addresses over 8 KiB."""
_PATIENCE = 2.5
"""Evaluations of the slowest group after which figures are not to be expected soon any more.

What the period is summed from is there after the first, its ratio after the second; the evaluations of the groups of one
resource are spread over the interval."""
_FORGET = 3600.0
"""Seconds after which a resource that nobody asks for is forgotten."""


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
        self._waiting: dict[Key, _Wait] = {}

    async def observe(self, expectations: Iterable[Expectation]) -> Mapping[Key, Observed]:
        """Look at all of them; see `control.ports.Observer`.

        `facts` is what status shall show: the rounded figures, nothing where there is no data, and what is shown already
        where the figures could not be read.
        """
        asked = tuple(expectations)
        if self._api is None:
            text = "prometheus.url is not set in the operator's configuration, so nothing is read back."
            return {one.key: Observed(Liveness.UNCONFIGURED, text) for one in asked}
        if not asked:
            return {}
        try:
            return await self._observe(self._api, asked)
        except Exception:  # the port promises an answer; what gets here is a defect of ours
            log.exception("observation failed")
            return _unreachable(asked, "The observation failed inside Binnacle; its log has the details.")

    async def _observe(self, api: Prometheus, asked: Sequence[Expectation]) -> Mapping[Key, Observed]:
        marks = tuple(dict.fromkeys(mark for one in asked for mark in one.marks))
        listing = Listing(marks)
        few = sum(len("&rule_group%5B%5D=") + len(quote(mark)) for mark in marks) <= _SELECTION
        outcome = await api.rules(listing.take, marks if few else ())
        if isinstance(outcome, Failure):
            return _unreachable(asked, outcome.message)
        verdicts = {one.key: listing.judge(one.marks) for one in asked}
        figures = await read_figures(api, asked)
        reloaded = None
        if any(verdict.liveness is Liveness.MISSING for verdict in verdicts.values()):
            reloaded = await api.reload_succeeded()
        now = self._clock.monotonic()
        observed = {one.key: self._one(one, verdicts[one.key], figures, reloaded, now) for one in asked}
        self._waiting = {key: wait for key, wait in self._waiting.items() if now - wait.asked < _FORGET}
        return observed

    def _one(self, one: Expectation, verdict: Verdict, figures: Figures, reloaded: bool | None, now: float) -> Observed:
        """Put together what is known of one resource."""
        facts = figures.of(one)
        if verdict.liveness is not Liveness.LOADED:
            self._waiting.pop(one.key, None)
            return Observed(verdict.liveness, verdict.message + self._hint(verdict, reloaded), facts)
        # Figures tell that the rules work, also those of another version of them or of a server before its restart: then
        # not every group has to come round first, which takes as long as the longest interval.
        none_to_come = one.readback is None or figures.failure is not None
        if verdict.evaluated if none_to_come else facts:
            self._waiting.pop(one.key, None)
            return Observed(Liveness.LOADED, facts=facts)
        wait = self._waiting.get(one.key)
        since = wait.since if wait is not None and wait.marks == one.marks else now
        self._waiting[one.key] = _Wait(one.marks, since, now)
        return Observed(Liveness.LOADED, facts=facts, settled=now - since > _PATIENCE * verdict.interval)

    def _hint(self, verdict: Verdict, reloaded: bool | None) -> str:
        """Say why rules may be missing."""
        if verdict.liveness is not Liveness.MISSING:
            return ""
        if reloaded is False:
            return " Its last attempt to load its configuration failed, so it keeps what it had before: see its log."
        if verdict.other_version:
            return ""
        match self._output:
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
    return {one.key: Observed(Liveness.UNREACHABLE, message, one.shown) for one in asked}
