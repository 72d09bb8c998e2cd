"""Rows of panels: what each asks, where it stands, and which are left out."""

from collections.abc import Sequence
from dataclasses import dataclass

from binnacle.api.config import DatasourceType
from binnacle.api.dashboard import Dashboard
from binnacle.api.dashboard_panels import Panel as PanelSpec
from binnacle.api.dashboard_panels import PanelType
from binnacle.api.dashboard_panels import Query as QuerySpec
from binnacle.api.dashboard_panels import Row as RowSpec
from binnacle.api.dashboard_panels import Threshold as ThresholdSpec
from binnacle.api.findings import Finding, Severity
from binnacle.api.reasons import Reason
from binnacle.compile.contract import Contract
from binnacle.compile.dashboard import links, logql, promql
from binnacle.compile.dashboard.datasources import Datasources
from binnacle.compile.dashboard.identity import PANEL, ROW, TEMPLATE, identities, ref_id
from binnacle.compile.dashboard.layout import Wish
from binnacle.compile.dashboard.placing import NOWHERE, Draft, place
from binnacle.compile.dashboard.references import Scope
from binnacle.compile.dashboard.template import Part
from binnacle.compile.world import World
from binnacle.intent.dashboard import Panel, Query, Row, Shown, Threshold

_ONE_VALUE = frozenset({PanelType.STAT, PanelType.GAUGE, PanelType.TABLE})
"""Panels that show the newest value and not its course."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the panels of a dashboard may refer to."""

    namespace: str
    scope: Scope
    datasources: Datasources
    contract: Contract
    world: World


def read(dashboard: Dashboard, parts: Sequence[Part], around: Surroundings) -> tuple[tuple[Row, ...], list[Finding]]:
    """Return the rows of a dashboard, those of its template first, and the findings.

    A query that cannot be used is left out, a panel without queries is, and a row without panels is.
    """
    findings: list[Finding] = []
    specs = dashboard.spec.rows or ()
    keys = identities({row.name: tuple(panel.name for panel in row.panels) for row in specs})
    drafts = [_from_template(part) for part in parts]
    for spec in specs:
        made = _row(spec, around, findings)
        panels = tuple(
            (keys[spec.name, panel.name], Wish(panel.type, panel.width, panel.height), done) for panel, done in made[1]
        )
        if panels:
            drafts.append(Draft(f"{ROW}/{spec.name}", made[0], panels))
    # Of all names, also those left out: a panel that is left out for a while must not give its id to another.
    return place(drafts, [*keys.values(), *(f"{ROW}/{spec.name}" for spec in specs)]), findings


def _from_template(part: Part) -> Draft:
    panels = tuple(
        (
            f"{TEMPLATE}/{PANEL}/{part.name}/{one.name}",
            Wish(one.type, one.width),
            Panel(0, one.type, one.title, NOWHERE, one.description, one.unit, queries=one.queries),
        )
        for one in part.panels
    )
    return Draft(f"{TEMPLATE}/{ROW}/{part.name}", Row(0, part.title, 0, ()), panels)


def _row(spec: RowSpec, around: Surroundings, findings: list[Finding]) -> tuple[Row, list[tuple[PanelSpec, Panel]]]:
    path = f"spec.rows[{spec.name}]"
    repeat = spec.repeat or ""
    if repeat and not around.scope.variables.get(repeat):
        known = repeat in around.scope.variables
        message = f"The variable {repeat} was left out." if known else f"There is no variable {repeat}."
        findings.append(
            Finding(
                Severity.ERROR,
                Reason.UNKNOWN_REFERENCE,
                f"{path}.repeat",
                f"{message} The row is shown once.",
                "Define it in spec.variables." if not known else "Correct the variable.",
            )
        )
        repeat = ""
    panels = []
    for panel in spec.panels:
        made = _panel(panel, f"{path}.panels[{panel.name}]", around, findings)
        if made is not None:
            panels.append((panel, made))
    return Row(0, spec.title or spec.name, 0, (), repeat), panels


def _panel(spec: PanelSpec, path: str, around: Surroundings, findings: list[Finding]) -> Panel | None:
    queries = [_query(one, f"{path}.queries[{one.name}]", spec.type, around, findings) for one in spec.queries or ()]
    usable = tuple(one for one in queries if one is not None)
    if spec.type is not PanelType.TEXT and not usable:
        return None
    leads, about = links.read(spec.links, f"{path}.links", around.namespace, around.datasources, around.world)
    findings += about
    return Panel(
        id=0,
        type=spec.type,
        title=spec.title or spec.name,
        box=NOWHERE,
        description=spec.description or "",
        unit=spec.unit or "",
        thresholds=_thresholds(spec.thresholds, f"{path}.thresholds", findings),
        queries=usable,
        links=leads,
        content=spec.content or "",
    )


def _query(spec: QuerySpec, path: str, panel: PanelType, around: Surroundings, findings: list[Finding]) -> Query | None:
    if spec.promql is not None:
        text, type_ = spec.promql, DatasourceType.PROMETHEUS
        about = promql.findings(text, f"{path}.promql", around.scope, around.contract)
    else:
        text, type_ = spec.logql or "", DatasourceType.LOKI
        about = logql.findings(text, f"{path}.logql", around.scope)
    if panel is PanelType.LOGS and type_ is not DatasourceType.LOKI:
        message = "A panel of type logs shows logs, which PromQL does not bring."
        fix = "Write logql, or choose the type timeseries."
        about.append(Finding(Severity.ERROR, Reason.INVALID_VALUE, f"{path}.promql", message, fix))
    usable = not any(one.severity is Severity.ERROR for one in about)
    source, lost = around.datasources.find(spec.datasource, type_, f"{path}.datasource") if usable else (None, [])
    findings += [*about, *lost]
    if source is None:
        return None
    shown = Shown.INSTANT if panel in _ONE_VALUE else Shown.RANGE
    if type_ is DatasourceType.PROMETHEUS:
        text = around.contract.fence.text(text)
    return Query(ref_id(spec.name), text, source, shown, spec.legend)


def _thresholds(specs: Sequence[ThresholdSpec], path: str, findings: list[Finding]) -> tuple[Threshold, ...]:
    """Return thresholds in ascending order, the colour below all values first; none where two are at one place."""
    values = [spec.value for spec in specs]
    if len(set(values)) < len(values):
        message = "Two thresholds begin at the same value."
        findings.append(
            Finding(
                Severity.ERROR, Reason.INVALID_VALUE, path, message, "Give each its own value, and one at most none."
            )
        )
        return ()
    steps = [Threshold(spec.value, spec.color) for spec in specs]
    if steps and None not in values:
        steps.append(Threshold(None, "green"))
    return tuple(sorted(steps, key=lambda one: (one.value is not None, one.value or 0)))
