"""A Dashboard as a board: puts together what the other modules of this package say."""

from collections.abc import Sequence
from typing import Any, Final

from binnacle.api.config import Config
from binnacle.api.dashboard import Dashboard
from binnacle.api.findings import Finding
from binnacle.api.meta import Mode
from binnacle.api.values import Duration
from binnacle.compile.contract import Contract
from binnacle.compile.dashboard import links, panels, variables
from binnacle.compile.dashboard.datasources import Datasources
from binnacle.compile.dashboard.places import refusal_of, taken
from binnacle.compile.dashboard.red import red
from binnacle.compile.dashboard.template import Part
from binnacle.compile.world import Compiled, World
from binnacle.intent.dashboard import OWN_KIND, Board, dashboard_uid
from binnacle.intent.refs import Key

_UNITS: Final = (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000))


def compile_dashboard(dashboard: Dashboard, world: World) -> Compiled:
    """Return the board of a Dashboard, the findings about it, and what status shows of both.

    Queries, panels, variables and links that cannot be used are left out alone. A folder that is not the namespace's, or a
    title that another dashboard of the folder has, leaves nothing.
    """
    namespace = dashboard.metadata.namespace
    key = Key(OWN_KIND, namespace, dashboard.metadata.name)
    spec = dashboard.spec
    folder = spec.folder or namespace
    refused = refusal_of(folder, namespace, "spec.folder", world.config)
    if refused is not None:
        return Compiled((), (refused,))
    if spec.mode is not Mode.DRY_RUN:
        rival = taken(folder, spec.title, key, "spec.title", world, fix="Choose another title or another folder.")
        if rival is not None:
            return Compiled((), (rival,), withdrawn=True)

    contract = Contract.of(world, namespace)
    datasources = Datasources.of(dashboard)
    own, scope, findings = variables.read(spec.variables, datasources, contract, world.config.grafana)
    parts = [red(spec.template.service, datasources, contract)] if spec.template is not None else []
    findings += _undeclared(parts, contract)
    around = panels.Surroundings(namespace, scope, datasources, contract, world)
    rows, about = panels.read(dashboard, parts, around)
    findings += about
    leads, about = links.read(spec.links, "spec.links", namespace, datasources, world)
    findings += about
    if not rows:
        return Compiled((), tuple(sorted(findings)))
    uid = dashboard_uid(key)
    board = Board(
        uid=uid,
        title=spec.title,
        folder=folder,
        rows=rows,
        description=spec.description or "",
        tags=tuple(dict.fromkeys((*spec.tags, *((f"environment:{spec.environment}",) if spec.environment else ())))),
        variables=(*datasources.added(world.config.grafana, own), *own),
        links=leads,
        time_from=spec.time.start if spec.time is not None else "now-6h",
        time_to=spec.time.end if spec.time is not None else "now",
        refresh=_in_one_unit(spec.refresh) if spec.refresh is not None else "",
    )
    facts: dict[str, Any] = {"uid": uid, "folder": folder, "panels": sum(len(row.panels) for row in rows)}
    address = world.config.grafana.address_of(uid)
    if address is not None:
        facts["url"] = address
    facts["effective"] = [*_effective(world.config), *contract.fence.effective]
    return Compiled((board,), tuple(sorted(findings)), facts)


def _undeclared(parts: Sequence[Part], contract: Contract) -> list[Finding]:
    """Return what no MetricSet declares of the metrics that a template takes for granted, each once."""
    found = (one for part in parts for read in part.reads for one in contract.findings(read, "spec.template"))
    return list(dict.fromkeys(found))


def _effective(config: Config) -> list[dict[str, str]]:
    """Return what the administrator's configuration decided about the dashboard."""
    grafana = config.grafana
    return [
        *({"name": f"grafana.datasources[{one.type.value}]", "value": one.uid} for one in grafana.datasources),
        {"name": "grafana.namespace", "value": grafana.namespace},
    ]


def _in_one_unit(duration: Duration) -> str:
    """Return a duration as Grafana reads it: in one unit."""
    for unit, length in _UNITS:
        if duration.ms % length == 0:
            return f"{duration.ms // length}{unit}"
    raise ValueError("refresh is a multiple of a second")
