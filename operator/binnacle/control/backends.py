"""What is to be said of the backends of a resource: what to look for there, and what the last look means by now."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from binnacle.api.conditions import ConditionType
from binnacle.control.cache import Resource
from binnacle.control.desired import Desired
from binnacle.control.ports import Clock, Liveness, Observed, Observer, Unconfigured
from binnacle.control.status import Live, Said, condition_said, judge, judge_metrics
from binnacle.intent.readback import READBACK_FIELDS
from binnacle.intent.refs import Key

UNASKED: Final = Observed(
    Liveness.UNASKED,
    "Binnacle does not ask this backend yet, so it is not known whether it has loaded what was applied.",
)
NOTHING: Final = Observed(Liveness.NOTHING)


class Backends:
    """Judges what was observed of resources.

    Args:
        observers: the observer of each backend that can be asked, or why it cannot.
        reload_seconds: within which a backend loads what was applied; it is given twice that.
        clock: monotonic time.
    """

    def __init__(self, observers: Mapping[str, Observer], reload_seconds: float, clock: Clock):
        self._unconfigured = {name: one.message for name, one in observers.items() if isinstance(one, Unconfigured)}
        self._asked = observers.keys() - self._unconfigured.keys()
        self._grace = 2 * reload_seconds
        self._clock = clock

    def expect(self, resource: Resource, desired: Desired) -> None:
        """Take note of what is to be observed of a resource, and of what is known before anybody looks."""
        resource.marks, resource.readback = desired.marks, desired.readback
        if not (desired.outputs or desired.shares):
            resource.observed = replace(resource.observed or NOTHING, liveness=Liveness.NOTHING, message="")
        elif not (backends := _backends_of(resource)) & self._asked:
            resource.observed = self._nobody(backends)

    def judged(self, key: Key, resource: Resource, before: Mapping[str, Any]) -> tuple[Live, Said | None]:
        """Return what status should say of the backend, and of the metrics there, at this moment.

        See `status.judge` and `status.judge_metrics`; `before` is the live status.
        """
        observed, readback = resource.observed, resource.readback
        grace_over = self._grace_over(resource)
        live = judge(
            observed,
            before,
            grace_over=grace_over,
            new_version=resource.applied_at is not None,
            carried=READBACK_FIELDS.get(key.kind, ()),
        )
        if readback is None:
            return live, condition_said(before, ConditionType.DATA_PRESENT)  # not compiled since the start
        if not readback.metrics:
            return live, None
        if readback.backend not in self._asked:
            nobody = judge(
                self._nobody([readback.backend]), before, grace_over=grace_over, new_version=False, carried=()
            )
            return live, nobody.said()
        return live, judge_metrics(observed, before, live, grace_over=grace_over)

    def _grace_over(self, resource: Resource) -> bool:
        """Say whether a backend that is not well has had the time to take, or to answer for, what was applied."""
        observed = resource.observed
        well = observed is None or (
            observed.liveness in (Liveness.LOADED, Liveness.NOTHING)
            and observed.settled
            and (observed.metrics is None or observed.metrics.present is not None)
        )
        now = self._clock.monotonic()
        if well:
            resource.unwell_since = None
        elif resource.unwell_since is None:
            resource.unwell_since = now
        starts = [since for since in (resource.unwell_since, resource.applied_at) if since is not None]
        return not well and bool(starts) and now - max(starts) >= self._grace

    def _nobody(self, backends: Iterable[str]) -> Observed:
        """Return what is known from backends of which none is asked: why not, in the words of those that could be."""
        words = [self._unconfigured[name] for name in sorted(backends) if name in self._unconfigured]
        return Observed(Liveness.UNCONFIGURED, " ".join(words)) if words else UNASKED


def _backends_of(resource: Resource) -> frozenset[str]:
    """Return the backends that have something of the resource."""
    backends = {mark.backend for mark in resource.marks}
    if resource.readback is not None and resource.readback.metrics:
        backends.add(resource.readback.backend)
    return frozenset(backends)
