"""The backends that Binnacle can spell: one line for each target."""

from typing import Final

from binnacle.targets.alertmanager import Alertmanager
from binnacle.targets.base import Target
from binnacle.targets.blackbox import BlackboxModules
from binnacle.targets.fluentd.target import Fluentd
from binnacle.targets.grafana import GrafanaDashboards
from binnacle.targets.prometheus_rules import PrometheusRules
from binnacle.targets.scrape import Scrape

TARGETS: Final[tuple[Target, ...]] = (
    PrometheusRules(),
    Scrape(),
    BlackboxModules(),
    Alertmanager(),
    GrafanaDashboards(),
    Fluentd(),
)
