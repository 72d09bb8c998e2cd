"""Telling backends that their files have changed, until they have heard it.

What has changed meanwhile counts: a backend that is told late is told once. Requests are made elsewhere, so that one that
does not answer holds up nothing.
"""

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass

from binnacle.control.backoff import doubled
from binnacle.errors import BinnacleError

log = logging.getLogger(__name__)

BASE = 1.0
CAP = 60.0
"""Seconds before the first retry, and between any two at most."""


@dataclass(slots=True)
class _Told:
    """How far one backend has been told.

    Attributes:
        asked, heard: numbers of the last change, and of the last that it has taken up.
        telling: the number that it is being told now.
        due: when to tell it again after a failure, monotonic seconds.
    """

    url: str
    asked: int = 0
    heard: int = 0
    telling: int = 0
    request: Future[None] | None = None
    failures: int = 0
    due: float = 0.0


class Reloads:
    """All backends to tell.

    Args:
        urls: what `post` is called with.
        post: tells one backend; raises `BinnacleError` when it has not heard. Runs in `executor`.
        executor: where.
        monotonic: seconds that never jump.
    """

    def __init__(
        self, urls: Sequence[str], post: Callable[[str], None], executor: Executor, monotonic: Callable[[], float]
    ):
        self._backends = [_Told(url) for url in dict.fromkeys(urls)]
        self._post = post
        self._executor = executor
        self._monotonic = monotonic

    def ask(self) -> None:
        """Have every backend told that something has changed."""
        for one in self._backends:
            one.asked += 1
            # A change is news: it does not wait for the end of a back-off.
            one.due = 0.0

    def tick(self) -> None:
        """Begin what is due and take note of what has ended; never waits."""
        for one in self._backends:
            if one.request is not None and one.request.done():
                self._ended(one, one.request)
            if one.request is None and one.heard < one.asked and self._monotonic() >= one.due:
                one.telling = one.asked
                one.request = self._executor.submit(self._post, one.url)

    @property
    def pending(self) -> tuple[str, ...]:
        """The backends that have not heard of the last change."""
        return tuple(one.url for one in self._backends if one.heard < one.asked)

    def _ended(self, one: _Told, request: Future[None]) -> None:
        one.request = None
        try:
            request.result()
        except BinnacleError as error:
            pause = doubled(one.failures, BASE, CAP)
            one.failures += 1
            one.due = self._monotonic() + pause
            log.warning("reload failed", extra={"url": one.url, "error": str(error), "retry": f"{pause:g}s"})
        else:
            one.heard, one.failures = one.telling, 0
            log.info("reloaded", extra={"url": one.url})
