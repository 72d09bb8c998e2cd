"""Which function says what a kind means, and what that may be: one line for each kind."""

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
from binnacle.intent.base import Intent
from binnacle.intent.dashboard import Board
from binnacle.intent.pipeline import Pipeline
from binnacle.intent.probe import Probes
from binnacle.intent.routing import Routing
from binnacle.intent.rules import RuleSet
from binnacle.intent.scrape import Scraping

KINDS: Final[Mapping[str, Callable[[Any, World], Compiled]]] = {
    "AlertPolicy": compile_alertpolicy,
    "Dashboard": compile_dashboard,
    "LogPipeline": compile_logpipeline,
    "MetricSet": compile_metricset,
    "SLO": compile_slo,
}

MEANS: Final[Mapping[str, tuple[type[Intent], ...]]] = {
    "AlertPolicy": (RuleSet, Routing),
    "Dashboard": (Board,),
    "LogPipeline": (Pipeline,),
    "MetricSet": (Scraping, Probes, RuleSet),
    "SLO": (RuleSet, Routing, Board),
}
"""Kind -> what its resources may mean."""

BOARDS: Final[Mapping[str, Callable[[Config], Mapping[str, Board]]]] = {"SLO": shared_boards}
"""Kind -> the dashboards, by name, that there are while there is any resource of the kind."""
