"""A Dashboard in words: where it is found, what its rows show, what can be chosen, and where it leads."""

from collections.abc import Mapping
from typing import Any

from binnacle.api.dashboard import Dashboard
from binnacle.check.explain.base import Section, Table, effective
from binnacle.check.explain.words import counted, listed
from binnacle.compile.world import Compiled, World
from binnacle.intent.dashboard import Board, Link, Panel, Variable


def explain_dashboard(
    dashboard: Dashboard,  # noqa: ARG001 - the shape of all explanations
    compiled: Compiled,
    facts: Mapping[str, Any],
    world: World,  # noqa: ARG001 - as above
) -> tuple[Section, ...]:
    """Explain a Dashboard that compiled."""
    boards = [intent for intent in compiled.intents if isinstance(intent, Board)]
    return tuple(section for board in boards for section in _board(board, facts)) + effective(facts)


def _board(board: Board, facts: Mapping[str, Any]) -> tuple[Section, ...]:
    address = facts.get("url") or f"/d/{board.uid} of Grafana"
    said = [
        (
            f"{board.title} stands in the folder {board.folder}. Its uid is {board.uid}, which never changes; "
            f"its address is {address}"
        ),
        f"It shows {board.time_from} to {board.time_to}"
        + (f" and asks again every {board.refresh}." if board.refresh else " and does not refresh by itself."),
    ]
    if board.tags:
        said.append(f"Tags: {listed(board.tags)}.")
    panels = [(row.title, panel) for row in board.rows for panel in row.panels]
    shown = Section(
        "What it shows",
        (f"{counted(len(panels), 'panel')} in {counted(len(board.rows), 'row')}.",),
        Table(
            ("Row", "Panel", "As", "Asks"),
            tuple((title, panel.title, panel.type.value, _asked(panel)) for title, panel in panels),
        ),
    )
    repeated = [f"The row {row.title} comes once for each value of {row.repeat}." for row in board.rows if row.repeat]
    sections = [Section("Where it is", tuple(said)), shown]
    if repeated:
        sections.append(Section("What is repeated", tuple(repeated)))
    if board.variables:
        rows = tuple((one.name, one.label, _choice(one)) for one in board.variables)
        sections.append(Section("What can be chosen", (), Table(("Variable", "Label", "Values"), rows)))
    links = [(board.title, link) for link in board.links]
    links += [(panel.title, link) for _, panel in panels for link in panel.links]
    if links:
        rows = tuple((place, link.title, _address(link)) for place, link in links)
        sections.append(Section("Where it leads", (), Table(("From", "Link", "To"), rows)))
    return tuple(sections)


def _address(link: Link) -> str:
    """Return where a link leads; what Grafana itself is asked for is long and says nothing to people."""
    return f"{link.url.partition('?')[0]} of Grafana" if link.inside else link.url


def _asked(panel: Panel) -> str:
    if not panel.queries:
        return "nothing"
    sources = dict.fromkeys(query.datasource.type.value for query in panel.queries)
    return f"{listed(tuple(sources))}, {len(panel.queries)} {'query' if len(panel.queries) == 1 else 'queries'}"


def _choice(variable: Variable) -> str:
    if variable.offers is not None:
        return f"datasources of type {variable.offers.value}"
    if variable.values:
        return listed(variable.values, "or")
    several = ", several at once" if variable.multi else ""
    return f"{variable.query or 'any text'}{several}"
