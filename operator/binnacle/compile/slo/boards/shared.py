"""The two dashboards that show all SLOs. They follow from the administrator's configuration alone, whatever SLOs there are."""

from collections.abc import Sequence
from typing import Final

from binnacle.api.config import Config
from binnacle.api.slo import SLO
from binnacle.compile import templates
from binnacle.compile.dashboard.placing import place
from binnacle.compile.dashboard.slos import DETAIL, OVERVIEW, shared_uid
from binnacle.compile.slo.boards import drafts
from binnacle.compile.slo.boards.detail import Chosen, detail_rows
from binnacle.compile.slo.boards.overview import overview_rows
from binnacle.compile.slo.timing import Timing
from binnacle.intent import series
from binnacle.intent.dashboard import ALL, Board, Link
from binnacle.promql import build as q
from binnacle.promql.nodes import Variable as PromVariable
from binnacle.promql.printer import matcher_text

_ANYTHING: Final = ".*"
_GROUP: Final = "group"
_ANY_GROUP: Final = matcher_text(q.ne(series.SLO, ""))
_CHOSEN_GROUP: Final = PromVariable(f"${{{_GROUP}:raw}}")
"""Stands for matchers of all labels that tell the chosen group apart: which labels these are differs from SLO to SLO."""
_MATCHERS_OF_RESULT: Final = r"""/^\{(\w+="[^"\\]*"(?:,\w+="[^"\\]*")*)\} /"""
"""Takes the labels out of an element that Grafana's query_result gives: `{region="eu",tier="1"} 0.5 1767225600000`.

Grafana does not escape the values, so what would have to be is not offered.
"""


def shared_boards(config: Config) -> dict[str, Board]:
    """Return the dashboards of all SLOs by name; none where the administrator wants none."""
    if not config.grafana.has_slo_boards:
        return {}
    return {DETAIL: _detail(config), OVERVIEW: _overview(config)}


def of_alert(address: str, groups: Sequence[str]) -> str:
    """Return a template for the address of an SLO (`shown_at`) at which an alert's group is chosen; some are of no group."""
    return f"{templates.literal(address)}&{drafts.LATELY}" + templates.with_matchers(f"&var-{_GROUP}=", groups)


def overview_link(config: Config) -> Link | None:
    """Return a link to the dashboard of all SLOs; None where there is none."""
    grafana = config.grafana
    if not grafana.has_slo_boards:
        return None
    return Link(grafana.slo_boards.overview_title, f"/d/{shared_uid(OVERVIEW, config)}", inside=True)


def _detail(config: Config) -> Board:
    grafana, boards = config.grafana, config.grafana.slo_boards
    namespace = q.eq(series.SLO_NAMESPACE, f"${series.SLO_NAMESPACE}")
    slo = (namespace, q.eq(series.SLO, f"${series.SLO}"))
    rows = detail_rows(Chosen(slo, (_CHOSEN_GROUP,)), Timing.of(config.prometheus))
    return Board(
        uid=shared_uid(DETAIL, config),
        title=boards.detail_title,
        folder=boards.folder,
        rows=place(rows),
        description="How an SLO stands, where its error budget went, and which of its alerts fired.",
        tags=(drafts.TAG,),
        variables=(
            drafts.datasource(grafana),
            drafts.choice(series.SLO_NAMESPACE, "Namespace", q.sel(series.OBJECTIVE), series.SLO_NAMESPACE),
            drafts.choice(series.SLO, SLO.__name__, q.sel(series.OBJECTIVE, namespace), series.SLO),
            drafts.found(
                _GROUP,
                "Group",
                drafts.without((*drafts.IDENTITY, series.SLO_SERVICE), q.sel(series.PERIOD_BUDGET_REMAINING, *slo)),
                _MATCHERS_OF_RESULT,
                chosen=ALL,
                include_all=True,
                every=_ANY_GROUP,
            ),
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
        uid=shared_uid(OVERVIEW, config),
        title=boards.overview_title,
        folder=boards.folder,
        rows=place(overview_rows(q.regex(series.SLO_NAMESPACE, f"${chosen}"), shared_uid(DETAIL, config))),
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
