"""Which function says what a kind means: one line for each kind."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from binnacle.api.config import Config
from binnacle.compile.alertpolicy import compile_alertpolicy
from binnacle.compile.dashboard import compile_dashboard
from binnacle.compile.logpipeline import compile_logpipeline
from binnacle.compile.metricset import compile_metricset
from binnacle.compile.slo import compile_slo
from binnacle.compile.slo.boards import shared_boards
from binnacle.compile.world import Compiled, World
from binnacle.intent.dashboard import Board

KINDS: Final[Mapping[str, Callable[[Any, World], Compiled]]] = {
    "AlertPolicy": compile_alertpolicy,
    "Dashboard": compile_dashboard,
    "LogPipeline": compile_logpipeline,
    "MetricSet": compile_metricset,
    "SLO": compile_slo,
}

BOARDS: Final[Mapping[str, Callable[[Config], Mapping[str, Board]]]] = {"SLO": shared_boards}
"""Kind -> the dashboards, by name, that there are while there is any resource of the kind."""
