"""The toolchain as it is shipped: every kind, every target."""

from binnacle.api.config import Config
from binnacle.api.registry import parse
from binnacle.check.registry import CHECKS
from binnacle.compile.registry import BOARDS, KINDS, MEANS
from binnacle.control.desired import Toolchain
from binnacle.targets.grafana import standing
from binnacle.targets.registry import TARGETS


def shipped(config: Config) -> Toolchain:
    """Return the toolchain for `config`, in which every `auto` has been resolved."""
    return Toolchain(
        parse=parse,
        compilers=KINDS,
        targets=TARGETS,
        config=config,
        checks=CHECKS,
        standing=tuple(standing(kind, boards(config), config) for kind, boards in BOARDS.items()),
        fills={
            target.name: frozenset(
                kind for kind, intents in MEANS.items() if not set(intents).isdisjoint(target.spells)
            )
            for target in TARGETS
        },
    )
