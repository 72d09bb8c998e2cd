"""The two dashboards that show all SLOs. They follow from the administrator's configuration alone, whatever SLOs there are."""

from typing import Final
from urllib.parse import quote

from binnacle.api.config import Config
from binnacle.api.slo import SLO
from binnacle.compile.dashboard.placing import place
from binnacle.compile.slo.boards import drafts
from binnacle.compile.slo.boards.detail import Chosen, detail_rows
from binnacle.compile.slo.boards.overview import overview_rows
from binnacle.compile.slo.timing import Timing
from binnacle.intent import series
from binnacle.intent.dashboard import ALL, Board, Link, uid_of
from binnacle.promql import build as q

_DETAIL: Final = "slo-detail"
_OVERVIEW: Final = "slo-overview"
_ANYTHING: Final = ".*"


def shared_boards(config: Config) -> dict[str, Board]:
    """Return the dashboards of all SLOs by name; none where the administrator wants none."""
    if not config.grafana.has_slo_boards:
        return {}
    return {_DETAIL: _detail(config), _OVERVIEW: _overview(config)}


def shown_at(namespace: str, name: str, config: Config) -> str | None:
    """Return the address of an SLO on the dashboard that shows any of them; None where there is none."""
    address = config.grafana.address_of(_uid(_DETAIL, config))
    if address is None or not config.grafana.has_slo_boards:
        return None
    return f"{address}?var-{series.SLO_NAMESPACE}={quote(namespace)}&var-{series.SLO}={quote(name)}"


def overview_link(config: Config) -> Link | None:
    """Return a link to the dashboard of all SLOs; None where there is none."""
    grafana = config.grafana
    if not grafana.has_slo_boards:
        return None
    return Link(grafana.slo_boards.overview_title, f"/d/{_uid(_OVERVIEW, config)}", inside=True)


def _uid(board: str, config: Config) -> str:
    # No resource has an @ in its name.
    return uid_of(f"{board}@{config.instance}")


def _detail(config: Config) -> Board:
    grafana, boards = config.grafana, config.grafana.slo_boards
    namespace = q.eq(series.SLO_NAMESPACE, f"${series.SLO_NAMESPACE}")
    rows = detail_rows(Chosen((namespace, q.eq(series.SLO, f"${series.SLO}"))), Timing.of(config.prometheus))
    return Board(
        uid=_uid(_DETAIL, config),
        title=boards.detail_title,
        folder=boards.folder,
        rows=place(rows),
        description="How an SLO stands, where its error budget went, and which of its alerts fired.",
        tags=(drafts.TAG,),
        variables=(
            drafts.datasource(grafana),
            drafts.choice(series.SLO_NAMESPACE, "Namespace", q.sel(series.OBJECTIVE), series.SLO_NAMESPACE),
            drafts.choice(series.SLO, SLO.__name__, q.sel(series.OBJECTIVE, namespace), series.SLO),
        ),
        links=tuple(filter(None, (overview_link(config),))),
        time_from="now-7d",
        refresh=drafts.REFRESH,
    )


def _overview(config: Config) -> Board:
    grafana, boards = config.grafana, config.grafana.slo_boards
    # A name of its own: taken along to the dashboard of one SLO, the choice of all namespaces would stand for one.
    chosen = "namespace"
    return Board(
        uid=_uid(_OVERVIEW, config),
        title=boards.overview_title,
        folder=boards.folder,
        rows=place(overview_rows(q.regex(series.SLO_NAMESPACE, f"${chosen}"), _uid(_DETAIL, config))),
        description="All SLOs, those with the least error budget left first.",
        tags=(drafts.TAG,),
        variables=(
            drafts.datasource(grafana),
            drafts.choice(
                chosen,
                "Namespace",
                q.sel(series.OBJECTIVE),
                series.SLO_NAMESPACE,
                chosen=ALL,
                multi=True,
                include_all=True,
                every=_ANYTHING,
            ),
        ),
        time_from="now-7d",
        refresh=drafts.REFRESH,
    )
