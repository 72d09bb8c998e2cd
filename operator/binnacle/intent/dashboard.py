"""A dashboard as values: what compilers say and dashboard targets spell.

Positions, ids and links are settled; datasources are named as Grafana names them, a variable (`${datasource}`) or a uid.
"""

import base64
import hashlib
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import Final

from binnacle.api.config import DatasourceType
from binnacle.api.dashboard_panels import PanelType
from binnacle.api.dashboard_variables import VariableType
from binnacle.intent.base import Intent
from binnacle.intent.refs import Key

OWN_KIND: Final = "Dashboard"
"""The kind of the resources that are dashboards; those of other kinds have one besides what they are."""


def dashboard_uid(key: Key) -> str:
    """Return the uid of a resource's dashboard, which follows from namespace and name; of other kinds, from the kind too."""
    whose = f"{key.namespace}/{key.name}"
    return uid_of(whose if key.kind == OWN_KIND else f"{key.kind}/{whose}")


@lru_cache(maxsize=256)  # every SLO names the dashboards that show all of them
def uid_of(whose: str) -> str:
    """Return the uid of a dashboard: `b` and 20 base32 characters of the sha256 of whose it is, in lower case.

    Grafana takes at most 40 characters, and says that future uids are names of Kubernetes.
    """
    digest = hashlib.sha256(whose.encode()).digest()
    return "b" + base64.b32encode(digest)[:20].decode().lower()


def folder_slug(folder: str) -> str:
    """Return a folder as the name of a directory: no spaces, in lower case.

    A space becomes `_`, which no namespace has in its name: what follows the namespace stays apart from it.
    """
    return folder.replace(" ", "_").lower()


ALL = ("All", "$__all")
"""Text and value of the choice of all values of a variable."""


@dataclass(frozen=True, slots=True)
class Datasource:
    """A datasource: its type, and its uid or the variable that stands for it."""

    type: DatasourceType
    uid: str


class Shown(StrEnum):
    """Which samples a query brings."""

    RANGE = "range"
    INSTANT = "instant"


@dataclass(frozen=True, slots=True)
class Query:
    """One query of a panel; `text` is in the language of the datasource's type. No legend: Grafana chooses."""

    ref_id: str
    text: str
    datasource: Datasource
    shown: Shown
    legend: str | None = None


@dataclass(frozen=True, slots=True)
class Threshold:
    """A colour from a value on; None is below all values."""

    value: Decimal | None
    color: str


@dataclass(frozen=True, slots=True)
class Link:
    """A link; `inside` leads to another page of the same Grafana."""

    title: str
    url: str
    inside: bool


@dataclass(frozen=True, slots=True)
class Box:
    """A place on the grid, in its units; x counts columns from the left, y lines from the top."""

    x: int
    y: int
    w: int
    h: int


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Attributes:
        field: what is in it: a label, or the reference name of the query whose values these are.
        title: its heading.
        of_query: whether `field` is a query.
        link: where its cells lead; may name other columns of the row by their titles, as `${__data.fields["Title"]}`.
    """

    field: str
    title: str
    of_query: bool = False
    unit: str = ""
    decimals: int | None = None
    thresholds: tuple[Threshold, ...] = ()
    link: Link | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """How the results of a table's queries become one table: a row for each set of labels that all have in common.

    Attributes:
        columns: in their order; labels that are not among them come behind.
        hidden: labels that are not shown.
        worst: the title of the column by which rows are sorted, the least first.
    """

    columns: tuple[Column, ...]
    hidden: tuple[str, ...] = ()
    worst: str = ""


@dataclass(frozen=True, slots=True)
class Dashed:
    """The series of a query, drawn as broken lines of one colour: limits beside what they limit."""

    ref_id: str
    color: str


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel.

    Attributes:
        content: Markdown; only of a text panel.
        decimals: how many places values have; None lets Grafana choose, which shows 99.95% as 100%.
        empty: what is shown where there is no value; empty for Grafana's own words.
        least, most: the ends of the scale; None lets the values choose.
        table: of a table that joins its queries.
        dashed: of a time series, queries that are drawn otherwise.
    """

    id: int
    type: PanelType
    title: str
    box: Box
    description: str = ""
    unit: str = ""
    thresholds: tuple[Threshold, ...] = ()
    queries: tuple[Query, ...] = ()
    links: tuple[Link, ...] = ()
    content: str = ""
    decimals: int | None = None
    empty: str = ""
    least: Decimal | None = None
    most: Decimal | None = None
    table: Table | None = None
    dashed: tuple[Dashed, ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """A heading at `y`, and the panels below it; `repeat` names a variable."""

    id: int
    title: str
    y: int
    panels: tuple[Panel, ...]
    repeat: str = ""


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable.

    Attributes:
        query: of type query the query, of type textbox the first text; else empty.
        values: of type custom, the values.
        datasource: of type query, what is asked.
        offers: of type datasource, the type of what can be chosen.
        chosen: text and value of what is chosen at first; None lets Grafana choose.
        every: what stands for all values; empty lets Grafana list them.
        taken: of type query, what is taken of each result, a regular expression between slashes; empty takes all of it.
    """

    name: str
    type: VariableType
    label: str
    query: str = ""
    values: tuple[str, ...] = ()
    datasource: Datasource | None = None
    offers: DatasourceType | None = None
    chosen: tuple[str, str] | None = None
    multi: bool = False
    include_all: bool = False
    every: str = ""
    taken: str = ""


@dataclass(frozen=True, slots=True)
class Board(Intent):
    """One dashboard. Times as Grafana writes them; `refresh` empty for never."""

    uid: str
    title: str
    folder: str
    rows: tuple[Row, ...]
    description: str = ""
    tags: tuple[str, ...] = ()
    variables: tuple[Variable, ...] = ()
    links: tuple[Link, ...] = ()
    time_from: str = "now-6h"
    time_to: str = "now"
    refresh: str = ""
