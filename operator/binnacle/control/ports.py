"""The ports of the loop: what it needs from the world, and nothing about how the world does it.

`cluster` and `folder` implement `Source` and `Store`; the rest is optional comfort that each of them brings along.
Every method that talks to the outside raises `TransientError` for what may pass, `SpecError` for what the other side
refuses for good, and `ConflictError` for an object that is not ours or moved under us.
"""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any, NamedTuple, Protocol

from binnacle.intent.readback import Readback
from binnacle.intent.refs import Key, ObjectRef


@dataclass(frozen=True, slots=True)
class Present:
    """An object exists, in this version. `body` is the object as the API server gives it, apiVersion and kind included."""

    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Gone:
    """An object does not exist any more (or is not selected any more)."""

    ref: ObjectRef
    uid: str


@dataclass(frozen=True, slots=True)
class Synced:
    """Everything of this kind that existed when the watch began has been delivered."""

    api_version: str
    kind: str


@dataclass(frozen=True, slots=True)
class Trouble:
    """A kind cannot be watched at present (a missing permission, mostly); a later `Synced` of the kind ends it."""

    api_version: str
    kind: str
    reason: str
    message: str


Event = Present | Gone | Synced | Trouble


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a listing without bodies says of an object: enough to see that it changed or vanished."""

    ref: ObjectRef
    uid: str
    resource_version: str


class Source(Protocol):
    """Where resources and children come from."""

    def events(self) -> AsyncIterator[Event]:
        """Yield what happens, resources and children alike, each object in order; ends when the source is stopped."""

    async def stamps(self) -> Sequence[Stamp]:
        """List every resource and every child without bodies, for the resync that finds ghosts and missed events."""


class Store(Protocol):
    """Where outputs and status go."""

    async def get(self, ref: ObjectRef) -> Mapping[str, Any] | None:
        """Return the live object, or None."""

    async def apply(self, body: Mapping[str, Any], *, new: bool = False) -> Mapping[str, Any]:
        """Make the object equal to `body` in all that `body` says, remove what is extra outside metadata and status.

        Of the labels, owner labels that `body` does not have are removed, those of others stay.
        Returns the live object afterwards. With `new` an object that is there already is not touched: `ConflictError`.
        """

    async def delete(self, ref: ObjectRef, uid: str) -> None:
        """Delete the object if it still is the one with `uid`; one that is gone already is fine."""

    async def write_status(self, key: Key, uid: str, status: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Replace what we own of the resource's status; returns the live resource, or None when it is gone."""


class LeaseGuard(Protocol):
    """The right to write. Held by one replica at a time; always held where there is only one."""

    def held(self) -> bool:
        """Say whether writing is allowed at this instant (monotonic deadline not passed)."""

    async def acquired(self) -> None:
        """Return once the lease is held."""


class Recorder(Protocol):
    """Tells people: Kubernetes Events for warnings."""

    def warn(self, key: Key, uid: str, reason: str, message: str) -> None:
        """Record a warning about a resource; never blocks, never fails, and limits itself."""


class Clock(Protocol):
    """Time, so that nothing in the loop reads a clock by itself."""

    def monotonic(self) -> float:
        """Seconds that never jump."""

    def now(self) -> datetime:
        """Wall clock, UTC."""

    def today(self) -> date:
        """Date (UTC) that compilers are given."""

    async def sleep(self, seconds: float) -> None:
        """Pause."""


class Liveness(StrEnum):
    """What a backend says about what was applied of a resource.

    `NOTHING`: there is nothing for it to have. `UNCONFIGURED`: it could be asked if its address were known. `UNASKED`: nobody
    knows how to ask it.
    """

    NOTHING = "nothing"
    LOADED = "loaded"
    MISSING = "missing"
    UNHEALTHY = "unhealthy"
    UNREACHABLE = "unreachable"
    UNCONFIGURED = "unconfigured"
    UNASKED = "unasked"


class Mark(NamedTuple):
    """Something that a backend lists once it has loaded a version of a resource: a rule group, a receiver."""

    backend: str
    name: str


@dataclass(frozen=True, slots=True)
class Expectation:
    """What the loop wants to know of one resource from one backend.

    Attributes:
        key: the resource.
        marks: names of what the backend lists when it has loaded the current version.
        readback: which figures are wanted.
        shown: the figures that status shows now; the observer keeps to them until the difference matters.
        present: whether status says now that the metrics are there; None when it says neither.
    """

    key: Key
    marks: tuple[str, ...]
    readback: Readback | None
    shown: Mapping[str, Any] = field(default_factory=dict)
    present: bool | None = None


@dataclass(frozen=True, slots=True)
class MetricsSeen:
    """Whether the metrics that a resource declares or refers to exist; `present` is None when that could not be looked at."""

    present: bool | None
    message: str


@dataclass(frozen=True, slots=True)
class Observed:
    """What was found: `message` in words for the `Live` condition, `facts` as status fields, rounded.

    `settled` is false while figures are still to be expected soon (rules loaded but not yet evaluated), so that a new
    resource's status is written once, when both are there.

    `metrics` is None where nothing new is known of them: then what was said stays.
    """

    liveness: Liveness
    message: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    settled: bool = True
    metrics: MetricsSeen | None = None


RULES_LOADED = "The rules are loaded and healthy."
"""What is said of a backend that has the rules, when its observer says nothing."""
_WORST_FIRST = (
    *(Liveness.UNHEALTHY, Liveness.MISSING, Liveness.UNREACHABLE),
    *(Liveness.LOADED, Liveness.UNCONFIGURED, Liveness.UNASKED, Liveness.NOTHING),
)


def merged(observations: Sequence[Observed]) -> Observed:
    """Return one observation for a resource that several backends load: the worst one's word, everybody's figures.

    A backend that is not configured does not count beside one that is.
    """
    worst = min((one.liveness for one in observations), key=_WORST_FIRST.index)
    said = [one.message for one in observations if one.liveness is worst]
    if worst is Liveness.LOADED and any(said):
        said = [text or RULES_LOADED for text in said]
    facts = {name: value for one in observations for name, value in one.facts.items()}
    metrics = next((one.metrics for one in observations if one.metrics is not None), None)
    return Observed(worst, " ".join(filter(None, said)), facts, all(one.settled for one in observations), metrics)


class Observer(Protocol):
    """Reads back from one backend."""

    async def observe(self, expectations: Iterable[Expectation]) -> Mapping[Key, Observed]:
        """Look at all of them in few requests; never raises: a backend that is away is an answer."""


@dataclass(frozen=True, slots=True)
class Unconfigured:
    """The Observer of a backend whose address is not known.

    Attributes:
        message: says so, and which setting is missing.
    """

    message: str

    async def observe(self, expectations: Iterable[Expectation]) -> Mapping[Key, Observed]:
        """Say of all of them that nothing is read back."""
        return {one.key: Observed(Liveness.UNCONFIGURED, self.message) for one in expectations}
