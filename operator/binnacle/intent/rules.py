"""Prometheus rules as values: what compilers say and rule targets spell.

Expressions are PromQL trees (`binnacle.promql`), durations are whole milliseconds, label and annotation sets are
tuples of pairs sorted by name, so that equal meaning is equal value and prints to equal bytes.
"""

from dataclasses import dataclass

from binnacle.intent.base import Intent
from binnacle.promql.nodes import Node

Pairs = tuple[tuple[str, str], ...]


def pairs(values: dict[str, str]) -> Pairs:
    """Return `values` as the sorted tuple of pairs that rules carry."""
    return tuple(sorted(values.items()))


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording rule: `record` is the series name, `labels` are set over what `expr` keeps."""

    record: str
    expr: Node
    labels: Pairs = ()


@dataclass(frozen=True, slots=True)
class Alert:
    """An alerting rule. `for_ms` 0 fires at the first evaluation; annotations are Go templates as Prometheus reads them."""

    alert: str
    expr: Node
    for_ms: int = 0
    keep_firing_for_ms: int = 0
    labels: Pairs = ()
    annotations: Pairs = ()


@dataclass(frozen=True, slots=True)
class RuleGroup:
    """Rules evaluated one after the other at one time.

    `part` names the group within its resource (`short`, `alerts`); the target adds the identity. `interval_ms` None
    means the backend's own evaluation interval. In exactly one group of a rule set `stamped` is true: the target puts
    a digest of the whole set into that group's name, so that what a backend lists says which version it has loaded.
    The stamped group holds recording rules only: a renamed group loses the state of its alerts.
    """

    part: str
    rules: tuple[Recording | Alert, ...]
    interval_ms: int | None = None
    stamped: bool = False


@dataclass(frozen=True, slots=True)
class RuleSet(Intent):
    """All rules of one resource: one file, or one PrometheusRule."""

    groups: tuple[RuleGroup, ...]
