"""What is watched, and how a watch is doing. Values only.

Own kinds and children are watched in the same namespaces; aggregates only where they are written, so that no right to
read other people's ConfigMaps is needed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from binnacle.api.config import Config
from binnacle.targets import conventions
from binnacle.targets.base import Resource

# A watch is stuck when it neither holds a stream nor has tried to get one for this long.
ATTEMPT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Watch:
    """One kind in one namespace.

    Attributes:
        resource: the kind.
        namespace: None for all namespaces.
        selector: label selector; empty for every object.
    """

    resource: Resource
    namespace: str | None = None
    selector: str = ""

    def __str__(self) -> str:
        return f"{self.resource.plural} in {self.namespace or 'all namespaces'}"


class Phase(StrEnum):
    """How a watch is doing."""

    STARTING = "starting"
    RUNNING = "running"
    RETRYING = "retrying"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class WatchState:
    """How one watch is doing at one instant.

    Attributes:
        phase: `absent` means that the API server does not know the kind; it is asked again regularly.
        attempt_age: seconds since the last request for it.
        activity_age: seconds since it last brought anything, bookmarks included.
        synced: everything that existed at its beginning has been delivered, at least once.
        error: why it is not running, naming verb, kind and namespace; empty when it is.
    """

    phase: Phase
    attempt_age: float
    activity_age: float
    synced: bool
    error: str = ""

    @property
    def healthy(self) -> bool:
        """Running, or retrying often enough. An API server that is away does not make a watch unhealthy."""
        return self.phase is Phase.RUNNING or self.attempt_age < ATTEMPT_SECONDS


def children_selector(instance: str) -> str:
    """Return the label selector of every object that this installation writes."""
    return f"{conventions.LABEL_MANAGED_BY}={conventions.MANAGED_BY},{conventions.LABEL_INSTANCE}={instance}"


def plan(config: Config, kinds: Iterable[Resource], children: Iterable[Resource]) -> tuple[Watch, ...]:
    """Return the watches of an installation.

    Args:
        config: its namespaces and its instance count.
        kinds: our own kinds.
        children: what the targets write under `config`.
    """
    served: Sequence[str | None] = config.namespaces or (None,)
    selector = children_selector(config.instance)
    own = [Watch(resource, namespace) for resource in kinds for namespace in served]
    written = [
        Watch(resource, namespace, selector)
        for resource in children
        for namespace in ((resource.namespace,) if resource.namespace else served)
    ]
    return tuple(dict.fromkeys([*own, *written]))
