"""What an import needs besides the documents, and what a tool has to say for itself."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from binnacle.api.values import Duration
from binnacle.compile.world import World
from binnacle.convert.report import Part

_MONTH: Final = Duration.of(days=30)


@dataclass(frozen=True, slots=True)
class Options:
    """What the files do not say.

    Attributes:
        world: what the resources are compiled in to see that they compile.
        namespace: of SLOs that name none; None leaves it out.
        window: of SLOs whose tool has one window for all of them, outside of the files.
    """

    world: World
    namespace: str | None = None
    window: Duration = _MONTH


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool whose files can be imported.

    Attributes:
        name: as on the command line.
        says: what its files look like, for people who gave another one.
        recognises: whether a document is one of its own.
        convert: its documents, each with its index among all that were given, into parts.
    """

    name: str
    says: str
    recognises: Callable[[Mapping[str, Any]], bool]
    convert: Callable[[Sequence[tuple[int, Mapping[str, Any]]], Options], list[Part]]
