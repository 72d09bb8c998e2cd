"""The SLO as its series know it: identity, groups, objective, window."""

from dataclasses import dataclass, field
from fractions import Fraction

from binnacle.api.values import Duration
from binnacle.compile.slo.window import Reach
from binnacle.intent import series
from binnacle.intent.rules import Pairs, pairs
from binnacle.promql import build as q
from binnacle.promql.nodes import Matcher, Selector


def identity(namespace: str, name: str) -> tuple[Matcher, ...]:
    """Return what selects the series of an SLO, whatever service they were recorded for."""
    return q.eq(series.SLO, name), q.eq(series.SLO_NAMESPACE, namespace)


@dataclass(frozen=True, slots=True)
class Subject:
    """The SLO as its series know it.

    Attributes:
        name, namespace, service: values of the three labels.
        groups: labels that tell budgets apart, sorted.
        objective: share of good events.
        reach: what the objective is about.
        labels: of every series, set over whatever the expression keeps.
        budget: share of events that may be bad.
    """

    name: str
    namespace: str
    service: str
    groups: tuple[str, ...]
    objective: Fraction
    reach: Reach
    labels: Pairs = field(init=False)
    budget: Fraction = field(init=False)
    _identity: tuple[Matcher, ...] = field(init=False)
    _everything: tuple[Matcher, ...] = field(init=False)
    _now: dict[str, Selector] = field(init=False, compare=False, repr=False)
    _then: dict[tuple[str, int], Selector] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        own = identity(self.namespace, self.name)
        labels = pairs({**{one.name: one.value for one in own}, series.SLO_SERVICE: self.service})
        # Every rule of the SLO has these; they are made once.
        object.__setattr__(self, "labels", labels)
        object.__setattr__(self, "budget", 1 - self.objective)
        object.__setattr__(self, "_identity", own)
        object.__setattr__(self, "_everything", tuple(q.eq(*pair) for pair in labels))
        object.__setattr__(self, "_now", {})
        object.__setattr__(self, "_then", {})

    @property
    def window(self) -> Duration:
        """How long the time that the objective is about is taken to be."""
        return self.reach.length

    def now(self, name: str) -> Selector:
        """Select the current sample of a series of this SLO."""
        found = self._now.get(name)
        if found is None:
            found = self._now[name] = Selector(name, self._everything)
        return found

    def history(self, name: str, offset: Duration | None = None) -> Selector:
        """Select a series of this SLO over time, whatever service it was recorded for."""
        back = offset.ms if offset else 0
        found = self._then.get((name, back))
        if found is None:
            found = self._then[name, back] = Selector(name, self._identity, back)
        return found
