"""Where links lead: to an address, to another dashboard, or to the one that shows an SLO."""

import json
from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

from binnacle.api.config import Config, DatasourceType
from binnacle.api.dashboard_panels import Link as Spec
from binnacle.api.findings import Finding, Severity
from binnacle.api.reasons import Reason
from binnacle.api.slo import SLO
from binnacle.compile.dashboard.datasources import METRICS, Datasources
from binnacle.compile.dashboard.slos import own_path, shown_at
from binnacle.compile.world import World
from binnacle.intent import series
from binnacle.intent.dashboard import Link, dashboard_uid
from binnacle.intent.refs import Key
from binnacle.promql import build as q
from binnacle.promql import to_text

_PANE: Final = "slo"


def read(
    specs: Sequence[Spec], path: str, namespace: str, datasources: Datasources, world: World
) -> tuple[tuple[Link, ...], list[Finding]]:
    """Return the links that lead somewhere, and findings about those that do not.

    Args:
        specs: the links.
        path: of their list.
        namespace: of the dashboard; other resources are named within it.
        datasources: of the dashboard.
        world: where other resources are found; they are followed.
    """
    links: list[Link] = []
    findings: list[Finding] = []
    for spec in specs:
        if spec.url is not None:
            links.append(Link(spec.title, spec.url, inside=False))
            continue
        kind, name = ("Dashboard", spec.dashboard) if spec.dashboard is not None else ("SLO", spec.slo)
        key = Key(kind, namespace, name or "")
        found = world.get(key)
        if found is None:
            findings.append(
                Finding(
                    Severity.ERROR,
                    Reason.UNKNOWN_REFERENCE,
                    f"{path}[{spec.name}].{kind.lower()}",
                    f"There is no {kind} {key.name} in the namespace {namespace}.",
                    "Correct the name, or create it.",
                    awaited=True,
                )
            )
        elif isinstance(found, SLO):
            links.append(Link(spec.title, _slo(found, datasources, world.config), inside=True))
        else:
            links.append(Link(spec.title, f"/d/{dashboard_uid(key)}", inside=True))
    return tuple(links), findings


def _slo(slo: SLO, datasources: Datasources, config: Config) -> str:
    """Return where in Grafana an SLO is shown: on its own dashboard, or on that of any SLO, or else in Explore."""
    path = own_path(slo, config)
    if path is not None:
        return path
    path = shown_at(slo.metadata.namespace, slo.metadata.name, config)
    source, _ = datasources.find(None, DatasourceType.PROMETHEUS, "")
    if path is None:
        return _budget(slo, datasources)
    return path if source is None else f"{path}&var-{METRICS}={quote(source.uid, safe='${}')}"


def _budget(slo: SLO, datasources: Datasources) -> str:
    """Return the address of the error budget of an SLO in Grafana's Explore, over the SLO's window.

    Grafana puts the value of a variable into a link before it follows it; the rest is percent-encoded.
    """
    source, _ = datasources.find(None, DatasourceType.PROMETHEUS, "")
    uid = source.uid if source is not None else ""
    budget = q.sel(
        series.PERIOD_BUDGET_REMAINING,
        q.eq(series.SLO, slo.metadata.name),
        q.eq(series.SLO_NAMESPACE, slo.metadata.namespace),
    )
    hours = slo.spec.window.usual.ms // 3_600_000
    reference = {"type": DatasourceType.PROMETHEUS.value, "uid": uid}
    pane = {
        "datasource": uid,
        "queries": [{"datasource": reference, "expr": to_text(budget), "refId": "A"}],
        "range": {"from": f"now-{hours}h", "to": "now"},
    }
    text = json.dumps({_PANE: pane}, sort_keys=True, separators=(",", ":"))
    return f"/explore?schemaVersion=1&panes={quote(text, safe='${}')}"
