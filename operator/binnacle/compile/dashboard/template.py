"""What a template gives: rows whose panels have names but no places yet."""

from dataclasses import dataclass

from binnacle.api.dashboard_panels import PanelType
from binnacle.intent.dashboard import Query
from binnacle.promql.nodes import Node


@dataclass(frozen=True, slots=True)
class Sketch:
    """A panel of a template; `width` None leaves it to the layout."""

    name: str
    type: PanelType
    title: str
    description: str
    unit: str
    queries: tuple[Query, ...]
    width: int | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """A row of a template; `reads` is what its queries in PromQL are, as trees."""

    name: str
    title: str
    panels: tuple[Sketch, ...]
    reads: tuple[Node, ...]
