"""The dashboard of one SLO alone, which knows its groups, its windows and the limits of its alerts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from binnacle.api.findings import Finding
from binnacle.api.meta import Mode
from binnacle.api.slo import SLO
from binnacle.compile import templates
from binnacle.compile.dashboard.places import refusal_of, taken
from binnacle.compile.dashboard.placing import place
from binnacle.compile.dashboard.slos import own_folder
from binnacle.compile.slo.boards import drafts
from binnacle.compile.slo.boards.detail import Chosen, detail_rows
from binnacle.compile.slo.boards.shared import overview_link
from binnacle.compile.slo.burn import Pair
from binnacle.compile.slo.subject import Subject
from binnacle.compile.slo.timing import Timing
from binnacle.compile.world import World
from binnacle.intent import series
from binnacle.intent.dashboard import ALL, Board, Link, dashboard_uid
from binnacle.intent.refs import Key
from binnacle.promql import build as q

_PATH: Final = "spec.dashboard"
_ANYTHING: Final = ".*"


@dataclass(frozen=True, slots=True)
class OwnBoard:
    """The dashboard of an SLO.

    Attributes:
        board: the dashboard.
        address: of it; None where it is not known where Grafana is.
        of_alert: a template for its address that an alert can tell, with the alert's group chosen.
    """

    board: Board
    address: str | None
    of_alert: str | None


def own_board(slo: SLO, subject: Subject, pairs: Sequence[Pair], world: World) -> tuple[OwnBoard | None, list[Finding]]:
    """Return the dashboard of an SLO that asks for one, or why it cannot have it; the rest of the SLO does not need it."""
    asked = slo.spec.dashboard
    if asked is None or not asked.enabled:
        return None, []
    namespace, name = slo.metadata.namespace, slo.metadata.name
    key = Key(slo.kind, namespace, name)
    folder, title = own_folder(slo), f"{slo.kind} {name}"
    refused = refusal_of(folder, namespace, f"{_PATH}.folder", world.config)
    if refused is None and slo.spec.mode is not Mode.DRY_RUN:
        refused = taken(folder, title, key, _PATH, world, fix="Choose another folder, or another title for that one.")
    if refused is not None:
        return None, [refused]
    board = _board(slo, subject, pairs, world, folder=folder, title=title, uid=dashboard_uid(key))
    address = world.config.grafana.address_of(board.uid)
    return OwnBoard(board, address, None if address is None else _with_group(address, subject)), []


def _board(
    slo: SLO, subject: Subject, pairs: Sequence[Pair], world: World, *, folder: str, title: str, uid: str
) -> Board:
    config = world.config
    timing = Timing.of(config.prometheus)
    windows = {timing.step, *(window for pair in pairs for window in (pair.long, pair.short))}
    whose = (q.eq(series.SLO, subject.name), q.eq(series.SLO_NAMESPACE, subject.namespace))
    chosen = Chosen(
        whose,
        tuple(q.regex(label, f"${_variable(label)}") for label in subject.groups),
        subject.groups,
        tuple(sorted(windows)),
        tuple(pairs),
    )
    groups = (
        drafts.choice(
            _variable(label),
            label,
            q.sel(series.PERIOD_BUDGET_REMAINING, *whose),
            label,
            chosen=ALL,
            multi=True,
            include_all=True,
            every=_ANYTHING,
        )
        for label in subject.groups
    )
    runbook = slo.spec.alerting.runbook
    links = (Link("Runbook", runbook.url, inside=False) if runbook is not None else None, overview_link(config))
    environment = slo.spec.environment
    return Board(
        uid=uid,
        title=title,
        folder=folder,
        rows=place(detail_rows(chosen, timing)),
        description=slo.spec.description or "",
        tags=(drafts.TAG, *((f"environment:{environment}",) if environment else ())),
        variables=(drafts.datasource(config.grafana), *groups),
        links=tuple(filter(None, links)),
        time_from="now-7d",
        refresh=drafts.REFRESH,
    )


def _variable(label: str) -> str:
    """Return the variable that chooses among the values of a label: no label has the name of another variable then."""
    return f"group_{label}"


def _with_group(address: str, subject: Subject) -> str:
    """Return a template for the address at which the group of an alert is chosen; some alerts are of no group."""
    groups = (
        f"{{{{ with $labels.{label} }}}}&var-{_variable(label)}={{{{ . | urlquery }}}}{{{{ end }}}}"
        for label in subject.groups
    )
    return f"{templates.literal(address)}?{drafts.LATELY}{''.join(groups)}"
