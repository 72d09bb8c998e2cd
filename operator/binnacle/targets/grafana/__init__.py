"""Grafana: dashboards as files that it reads from its disk, brought there by its sidecar."""

from binnacle.targets.grafana.target import GrafanaDashboards, standing

__all__ = ["GrafanaDashboards", "standing"]
