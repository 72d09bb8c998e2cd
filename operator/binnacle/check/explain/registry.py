"""How each kind is explained: one line for each."""

from collections.abc import Mapping
from typing import Final

from binnacle.check.explain.alertpolicy import explain_alertpolicy
from binnacle.check.explain.base import Explain
from binnacle.check.explain.dashboard import explain_dashboard
from binnacle.check.explain.logpipeline import explain_logpipeline
from binnacle.check.explain.metricset import explain_metricset
from binnacle.check.explain.slo import explain_slo

EXPLANATIONS: Final[Mapping[str, Explain]] = {
    "AlertPolicy": explain_alertpolicy,
    "Dashboard": explain_dashboard,
    "LogPipeline": explain_logpipeline,
    "MetricSet": explain_metricset,
    "SLO": explain_slo,
}
