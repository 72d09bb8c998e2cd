"""A board as Grafana's classic dashboard JSON.

Built with Grafana's own models, and put right where these are wrong (grafana-foundation-sdk 0.0.21): they force
every link into the controls menu, give tables a `footer` that Grafana no longer has and every variable the members of an
interval, and leave out ids, reference names and legends.
"""

import json
from collections.abc import Iterator
from typing import Any, Final, TypeAlias

from binnacle.api.config import DatasourceType
from binnacle.api.dashboard_panels import PanelType
from binnacle.api.dashboard_variables import VariableType
from binnacle.intent.dashboard import ALL, Board, Box, Dashed, Datasource, Link, Panel, Query, Row, Shown, Variable
from binnacle.targets.grafana import joined, sdk

d = sdk.dashboard
c = sdk.common

_NEWEST: Final = "lastNotNull"
_OF_INTERVALS: Final = ("auto", "auto_min", "auto_count")
"""What only variables of type interval have, and the models give to all."""
_REFRESH_INTERVALS: Final = ["5s", "10s", "30s", "1m", "5m", "15m", "30m", "1h", "2h", "1d"]


def text_of(board: Board) -> str:
    """Return the dashboard as JSON: keys sorted, no spaces; the same board gives the same bytes."""
    encoded = sdk.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode(_dashboard(board))
    whole = json.loads(encoded)
    _repair(whole)
    return json.dumps(whole, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _dashboard(board: Board) -> sdk.dashboard.Dashboard:
    return d.Dashboard(
        uid=board.uid,
        title=board.title,
        description=board.description or None,
        tags=list(board.tags),
        # What is changed in the browser would be lost with the next version of the file.
        editable=False,
        graph_tooltip=d.DashboardCursorSync.CROSSHAIR,
        time=d.DashboardDashboardTime(from_val=board.time_from, to=board.time_to),
        timepicker=d.TimePickerConfig(refresh_intervals=_refresh_intervals(board.refresh)),
        refresh=board.refresh,
        panels=list(_panels(board.rows)),
        templating=d.DashboardDashboardTemplating([_variable(one) for one in board.variables]),
        annotations=d.AnnotationContainer([]),
        links=[_link(one) for one in board.links],
    )


def _refresh_intervals(refresh: str) -> list[str]:
    """Return what can be chosen; Grafana drops a refresh that is not among it."""
    return _REFRESH_INTERVALS if not refresh or refresh in _REFRESH_INTERVALS else [*_REFRESH_INTERVALS, refresh]


def _panels(rows: tuple[Row, ...]) -> Iterator[sdk.dashboard.Panel | sdk.dashboard.RowPanel]:
    for row in rows:
        yield d.RowPanel(
            id_val=row.id, title=row.title, grid_pos=_grid(Box(0, row.y, 24, 1)), repeat=row.repeat or None
        )
        yield from map(_panel, row.panels)


def _grid(box: Box) -> sdk.dashboard.GridPos:
    return d.GridPos(h=box.h, w=box.w, x=box.x, y=box.y)


def _panel(panel: Panel) -> sdk.dashboard.Panel:
    return d.Panel(
        type_val=panel.type.value,
        id_val=panel.id,
        title=panel.title,
        description=panel.description or None,
        grid_pos=_grid(panel.box),
        # Of a panel with queries to several datasources none can be named here.
        datasource=_only({query.datasource for query in panel.queries}),
        targets=[_target(query, panel.type) for query in panel.queries],
        links=[_link(one) for one in panel.links],
        options=_options(panel),
        transformations=joined.transformations(panel.table) if panel.table is not None else None,
        field_config=_field_config(panel),
    )


def _only(sources: set[Datasource]) -> sdk.common.DataSourceRef | None:
    return _reference(next(iter(sources))) if len(sources) == 1 else None


def _reference(source: Datasource) -> sdk.common.DataSourceRef:
    return c.DataSourceRef(type_val=source.type.value, uid=source.uid)


def _target(query: Query, panel: PanelType) -> sdk.Dataquery:
    instant = query.shown is Shown.INSTANT
    source = _reference(query.datasource)
    if query.datasource.type is DatasourceType.LOKI:
        kind = sdk.loki.LokiQueryType.INSTANT if instant else sdk.loki.LokiQueryType.RANGE
        return sdk.loki.Dataquery(
            expr=query.text, ref_id=query.ref_id, datasource=source, query_type=kind, legend_format=query.legend
        )
    return sdk.prometheus.Dataquery(
        expr=query.text,
        ref_id=query.ref_id,
        datasource=source,
        editor_mode=sdk.prometheus.QueryEditorMode.CODE,
        instant=instant,
        range_val=not instant,
        # Points that lead to a trace, where the datasource has them.
        exemplar=panel is PanelType.TIMESERIES,
        legend_format=query.legend or "__auto",
        format_val=sdk.prometheus.PromQueryFormat.TABLE if panel is PanelType.TABLE else None,
    )


_Options: TypeAlias = (
    sdk.timeseries.Options
    | sdk.stat.Options
    | sdk.gauge.Options
    | sdk.table.Options
    | sdk.logs.Options
    | sdk.text.Options
)


def _options(panel: Panel) -> _Options:
    newest = c.ReduceDataOptions(calcs=[_NEWEST], values=False, fields="")
    match panel.type:
        case PanelType.TIMESERIES:
            return sdk.timeseries.Options(
                legend=c.VizLegendOptions(show_legend=True),
                tooltip=c.VizTooltipOptions(mode=c.TooltipDisplayMode.MULTI, sort=c.SortOrder.DESCENDING),
            )
        case PanelType.STAT:
            # The newest value has no course to draw.
            return sdk.stat.Options(graph_mode=c.BigValueGraphMode.NONE, reduce_options=newest)
        case PanelType.GAUGE:
            return sdk.gauge.Options(reduce_options=newest)
        case PanelType.TABLE:
            return sdk.table.Options(sort_by=joined.order(panel.table) if panel.table is not None else None)
        case PanelType.LOGS:
            return sdk.logs.Options(
                show_time=True, wrap_log_message=True, enable_log_details=True, show_log_context_toggle=True
            )
        case PanelType.TEXT:
            return sdk.text.Options(mode=sdk.text.TextMode.MARKDOWN, content=panel.content)


def _field_config(panel: Panel) -> sdk.dashboard.FieldConfigSource:
    if panel.type is PanelType.TEXT:
        return d.FieldConfigSource(d.FieldConfig())
    defaults = d.FieldConfig(
        unit=panel.unit or None,
        decimals=panel.decimals,
        min_val=None if panel.least is None else joined.number(panel.least),
        max_val=None if panel.most is None else joined.number(panel.most),
        no_value=panel.empty or None,
        thresholds=joined.thresholds(panel.thresholds),
    )
    if panel.type is PanelType.TIMESERIES:
        style = c.GraphThresholdsStyleMode.LINE if panel.thresholds else c.GraphThresholdsStyleMode.OFF
        defaults.custom = c.GraphFieldConfig(
            draw_style=c.GraphDrawStyle.LINE,
            line_width=1,
            fill_opacity=10,
            show_points=c.VisibilityMode.AUTO,
            thresholds_style=c.GraphThresholdsStyleConfig(mode=style),
        )
    elif panel.thresholds:
        defaults.color = d.FieldColor(mode=d.FieldColorModeId.THRESHOLDS)
    if panel.table is not None:
        return d.FieldConfigSource(defaults, joined.overrides(panel.table))
    return d.FieldConfigSource(defaults, [_dashed(one) for one in panel.dashed] or None)


def _dashed(one: Dashed) -> sdk.dashboard.DashboardFieldConfigSourceOverrides:
    return d.DashboardFieldConfigSourceOverrides(
        matcher=d.MatcherConfig(id_val="byFrameRefID", options=one.ref_id),
        properties=[
            d.DynamicConfigValue("color", {"mode": "fixed", "fixedColor": one.color}),
            d.DynamicConfigValue("custom.fillOpacity", 0),
            d.DynamicConfigValue("custom.lineStyle", {"fill": "dash", "dash": [10, 10]}),
        ],
    )


def _link(link: Link) -> sdk.dashboard.DashboardLink:
    board = link.inside and link.url.startswith("/d/")
    return d.DashboardLink(
        title=link.title,
        type_val=d.DashboardLinkType.LINK,
        icon="dashboard" if board else "external link",
        url=link.url,
        target_blank=not link.inside,
        keep_time=board,
        # An address that chooses is meant as it stands: of two variables with one name, the wrong one might be taken.
        include_vars=board and "?" not in link.url,
    )


def _variable(variable: Variable) -> sdk.dashboard.VariableModel:
    return d.VariableModel(
        type_val=d.VariableType(variable.type.value),
        name=variable.name,
        label=variable.label or None,
        query=_variable_query(variable),
        datasource=_reference(variable.datasource) if variable.datasource is not None else None,
        current=_current(variable),
        options=_choices(variable),
        multi=variable.multi,
        include_all=variable.include_all,
        all_value=variable.every or None,
        # Which values there are depends on the time that is shown.
        refresh=d.VariableRefresh.ON_TIME_RANGE_CHANGED if variable.type is VariableType.QUERY else None,
        sort=d.VariableSort.ALPHABETICAL_ASC if variable.type is VariableType.QUERY else None,
        regex=variable.taken if variable.type in (VariableType.QUERY, VariableType.DATASOURCE) else None,
    )


def _variable_query(variable: Variable) -> str:
    match variable.type:
        case VariableType.CUSTOM:
            return ",".join(variable.values)
        case VariableType.DATASOURCE:
            return variable.offers.value if variable.offers is not None else ""
        case VariableType.QUERY | VariableType.TEXTBOX:
            return variable.query


def _current(variable: Variable) -> sdk.dashboard.VariableOption | None:
    if variable.chosen is None:
        return None
    text, value = variable.chosen
    if variable.multi:
        return d.VariableOption(selected=True, text=[text], value=[value])
    return d.VariableOption(selected=True, text=text, value=value)


def _choices(variable: Variable) -> list[sdk.dashboard.VariableOption] | None:
    """Return what can be chosen, where that is fixed."""
    if variable.type is VariableType.CUSTOM:
        every = (ALL,) if variable.include_all else ()
        pairs = (*every, *((value, value) for value in variable.values))
    elif variable.type is VariableType.TEXTBOX:
        pairs = ((variable.query, variable.query),)
    else:
        return None
    return [d.VariableOption(selected=pair == variable.chosen, text=pair[0], value=pair[1]) for pair in pairs]


def _repair(whole: dict[str, Any]) -> None:
    """Put right what the models force, in the JSON itself."""
    for holder in (whole, *whole["panels"]):
        for link in holder.get("links") or ():
            del link["placement"]
    for panel in whole["panels"]:
        if panel["type"] == PanelType.TABLE:
            del panel["options"]["footer"]
    for variable in whole["templating"]["list"]:
        for name in _OF_INTERVALS:
            del variable[name]
