"""The Observer of an Alertmanager: whether the configuration that it runs has what resources add to it.

One request answers for all: Alertmanager shows the configuration that it has loaded, with secrets left out
(https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml, `/status`). Items are compared by their names, which
carry their owner's. What stands in an item is not compared: Alertmanager writes it in its own way, with defaults filled in.
One name of each resource is of its version, and tells of that.
"""

import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import aiohttp

from binnacle.api.config import Config
from binnacle.control.ports import Expectation, Liveness, Observed, Unconfigured
from binnacle.intent.refs import Key
from binnacle.observe.backend import Backend, Failure, Limits
from binnacle.observe.loaded import several
from binnacle.targets import conventions

log = logging.getLogger(__name__)

UNCONFIGURED: Final = Unconfigured(
    "alertmanager.url is not set in the operator's configuration, so nothing is read back."
)
_LOADED: Final = "Alertmanager has the routing."
_LACKS: Final = "Alertmanager has not loaded the routing; it lacks {}."
_OLDER: Final = "Alertmanager has another version of the routing than the one that was applied."
_HINT: Final = " If this lasts: is the ConfigMap mounted as Alertmanager's configuration, is it reloaded, and what does its log say?"
_LIMITS: Final = Limits(size=16 * 1024 * 1024)
_SECTION: Final = re.compile(r"([a-z_]+):")
_NAMED: Final = re.compile(r"- name: ([^\s'\"]+)")


class AlertmanagerObserver:
    """Implements `control.ports.Observer` with one Alertmanager.

    Args:
        config: the administrator's configuration; `alertmanager.url` may be absent.
        session: from `backend.open_session()`; closing it is the caller's.
        limits: of each request.
    """

    def __init__(self, config: Config, session: aiohttp.ClientSession, limits: Limits = _LIMITS) -> None:
        url = config.alertmanager.url
        self._api = Backend("Alertmanager", "alertmanager.url", url, session, limits) if url else None

    async def observe(self, expectations: Iterable[Expectation]) -> Mapping[Key, Observed]:
        """Look at all of them; see `control.ports.Observer`."""
        asked = tuple(expectations)
        if self._api is None:
            return await UNCONFIGURED.observe(asked)
        if not asked:
            return {}
        try:
            listed = await self._listed(self._api)
        except Exception:  # the port promises an answer; what gets here is a defect of ours
            log.exception("observation failed")
            listed = Failure("The observation failed inside Binnacle; its log has the details.")
        if isinstance(listed, Failure):
            return {one.key: Observed(Liveness.UNREACHABLE, listed.message) for one in asked}
        return {one.key: _judge(one, listed) for one in asked}

    async def _listed(self, api: Backend) -> frozenset[str] | Failure:
        answer = await api.ask("/api/v2/status")
        if isinstance(answer, Failure):
            return answer
        config = answer.get("config")
        text = config.get("original") if isinstance(config, dict) else None
        return frozenset(items_of(text)) if isinstance(text, str) else api.nonsense()


def _judge(one: Expectation, listed: frozenset[str]) -> Observed:
    missing = [mark for mark in one.marks if mark not in listed]
    if not missing:
        return Observed(Liveness.LOADED, _LOADED)
    items = [mark for mark in missing if not conventions.is_routing_version(mark)]
    lacking = _LACKS.format(several("item", items)) if items else _OLDER
    return Observed(Liveness.MISSING, lacking + _HINT)


def items_of(text: str) -> Iterator[str]:
    """Yield the marks of the items in a configuration as Alertmanager prints it.

    It prints sections and their items at the beginning of lines, and everything that is in an item further in, so that no
    text of a user can pass for one.
    """
    section = ""
    for line in text.split("\n"):
        if found := _SECTION.match(line):
            section = found[1]
        elif found := _NAMED.match(line):
            yield conventions.routing_mark(section, found[1])
