"""Grafana's own models of the classic dashboard, which is what file provisioning takes from Grafana 12 and 13 alike.

The one place that imports them: the classic models warn when they are imported ("Prefer dashboardv2"), but a dashboard of the
second version in a file is refused by Grafana 13 (grafana/grafana#127928).
"""

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    from grafana_foundation_sdk.cog.encoder import JSONEncoder
    from grafana_foundation_sdk.cog.variants import Dataquery
    from grafana_foundation_sdk.models import (
        common,
        dashboard,
        gauge,
        logs,
        loki,
        prometheus,
        stat,
        table,
        text,
        timeseries,
    )

__all__ = [
    "Dataquery",
    "JSONEncoder",
    "common",
    "dashboard",
    "gauge",
    "logs",
    "loki",
    "prometheus",
    "stat",
    "table",
    "text",
    "timeseries",
]
