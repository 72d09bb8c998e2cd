"""Where in Grafana an SLO is shown: on a dashboard of its own, on the one that shows any SLO, or on none."""

from typing import Final
from urllib.parse import quote

from binnacle.api.config import Config
from binnacle.api.meta import Mode
from binnacle.api.slo import SLO
from binnacle.compile.dashboard.places import refusal_of
from binnacle.intent import series
from binnacle.intent.dashboard import dashboard_uid, uid_of
from binnacle.intent.refs import Key

DETAIL: Final = "slo-detail"
"""The dashboard that shows any SLO, by variables named as the labels of its series are."""
OVERVIEW: Final = "slo-overview"
"""The dashboard of all SLOs."""


def shared_uid(board: str, config: Config) -> str:
    """Return the uid of a dashboard that shows all SLOs or any."""
    # No resource has an @ in its name.
    return uid_of(f"{board}@{config.instance}")


def shown_at(namespace: str, name: str, config: Config) -> str | None:
    """Return the path of an SLO on the dashboard that shows any of them, with a query; None where there is none."""
    if not config.grafana.has_slo_boards:
        return None
    chosen = f"var-{series.SLO_NAMESPACE}={quote(namespace)}&var-{series.SLO}={quote(name)}"
    return f"/d/{shared_uid(DETAIL, config)}?{chosen}"


def own_path(slo: SLO, config: Config) -> str | None:
    """Return the path of the dashboard that an SLO asks for; None where it asks for none, or may not have it."""
    asked, namespace = slo.spec.dashboard, slo.metadata.namespace
    if asked is None or not asked.enabled or slo.spec.mode is Mode.DRY_RUN:
        return None
    if refusal_of(own_folder(slo), namespace, "", config) is not None:
        return None
    return f"/d/{dashboard_uid(Key(slo.kind, namespace, slo.metadata.name))}"


def own_folder(slo: SLO) -> str:
    """Return the folder of the dashboard that an SLO asks for."""
    asked, namespace = slo.spec.dashboard, slo.metadata.namespace
    return namespace if asked is None else asked.folder or namespace
