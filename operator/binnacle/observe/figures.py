"""The figures of SLOs out of their recorded series: which series are whose, which group is the worst, what status says.

Two instant queries bring all SLOs at once: the shares of errors, from which SLI and budget follow, and the burn rates. What
is kept of them is a few numbers for each SLO (and one for each of its groups). A third one for each length of window says
whose history is shorter; where there are periods of the calendar, one more says how long they are so far.
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from binnacle.control.ports import Expectation
from binnacle.intent import series
from binnacle.intent.readback import SLOReadback
from binnacle.intent.refs import Key
from binnacle.observe import rounding
from binnacle.observe.backend import Failure
from binnacle.observe.prometheus import Outcome, Prometheus, Sample
from binnacle.observe.since import read_periods, read_since
from binnacle.promql.nodes import Call, Matcher, MatchOp, Node, Range, Selector
from binnacle.promql.printer import quote

MAX_GROUPS = 10_000
"""Groups of one SLO up to which status counts, and which are told apart; the worst one is found among all."""
MAX_WORST = 256
"""Characters of the worst group's labels."""
BURN_WINDOW_MS = 3_600_000
"""The burn rate is averaged over this: of five minutes alone it is noise wherever errors are rare."""
_SELECTION = 2000
"""Characters of names up to which a query selects the SLOs that are asked for, instead of bringing all."""
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", re.ASCII)

Identity: TypeAlias = tuple[str, ...]
"""Values of the `groupBy` labels, in their order: one group of an SLO."""


@dataclass(slots=True)
class _Gathered:
    """What the queries brought for one SLO. Of several series of one group (replicas behind one address) the worse counts."""

    readback: SLOReadback
    shown: Mapping[str, Any]
    errors: dict[Identity, float] = field(default_factory=dict)
    worst: float = -math.inf
    chosen: Identity | None = None
    burn: float | None = None
    since: str | None = None

    def identity(self, sample: Sample) -> Identity:
        return tuple(sample.labels.get(label, "") for label in self.readback.group_by)

    def take_error(self, sample: Sample) -> None:
        group = self.identity(sample)
        ratio = max(sample.value, self.errors.get(group, sample.value))
        if group in self.errors or len(self.errors) < MAX_GROUPS or ratio > self.worst:
            self.errors[group] = ratio
            self.worst = max(ratio, self.worst)

    def take_burn(self, sample: Sample) -> None:
        if self.identity(sample) == self.chosen:
            self.burn = sample.value if self.burn is None else max(sample.value, self.burn)

    def choose(self) -> None:
        """Choose the group whose figures are shown: the worst, or the one shown now while it is as good as the worst."""
        if not self.errors:
            return
        worst = min(self.errors, key=lambda group: (-self.errors[group], group))
        groups = self.shown.get("groups")
        before = groups.get("worst") if isinstance(groups, Mapping) else None
        if self.readback.group_by and before:
            for group, ratio in self.errors.items():
                if self._near(ratio, self.errors[worst]) and self.text(group) == before:
                    worst = group
                    break
        self.chosen = worst

    def text(self, group: Identity) -> str:
        """Spell a group as PromQL spells its labels: `region="eu", zone="a"`."""
        text = ", ".join(f"{label}={quote(value)}" for label, value in zip(self.readback.group_by, group, strict=True))
        return text if len(text) <= MAX_WORST else text[: MAX_WORST - 1] + "…"

    def facts(self, *, keep_missing: bool) -> dict[str, Any]:
        """Return the status fields, rounded; those without data are left out, or kept as they are shown."""
        facts: dict[str, Any] = dict(self.shown) if keep_missing else {}
        if self.chosen is None:
            return facts
        error, objective = self.errors[self.chosen], self.readback.objective
        facts["sli"] = rounding.sli(error, objective, self.shown_text("sli"))
        # Not read from its own series: that may be of another evaluation, or of another objective after an edit.
        remaining = 1 - error / float(1 - objective)
        facts["budgetRemaining"] = rounding.budget_remaining(remaining, self.shown_text("budgetRemaining"))
        if self.burn is not None:
            facts["burnRate"] = rounding.burn_rate(self.burn, self.shown_text("burnRate"))
        facts.pop("since", None)
        if self.since is not None:
            facts["since"] = self.since
        if self.readback.group_by:
            facts["groups"] = {"count": min(len(self.errors), MAX_GROUPS), "worst": self.text(self.chosen)}
        return facts

    def shown_text(self, name: str) -> str | None:
        """Return a figure that status shows now; what somebody else made of it is none."""
        value = self.shown.get(name)
        return value if isinstance(value, str) else None

    def _near(self, ratio: float, worst: float) -> bool:
        """Say whether two groups are one quantum apart at most, and on the same side of every edge."""
        budget = float(1 - self.readback.objective)
        here, there = 100 * ratio / budget, 100 * worst / budget
        same = (here > 0) == (there > 0) and (here >= 100) == (there >= 100)
        return same and there - here <= rounding.quantum_at(max(here, 0.0))


_Take: TypeAlias = Callable[[_Gathered, Sample], None]


@dataclass(frozen=True, slots=True)
class Figures:
    """What is known of each SLO's figures. `failure` tells why there is nothing to go by; then status keeps what it has."""

    facts: Mapping[Key, Mapping[str, Any]]
    failure: Failure | None = None

    def of(self, expectation: Expectation) -> Mapping[str, Any]:
        """Return the figures that status shall show."""
        if self.failure is not None:
            return expectation.shown
        return self.facts.get(expectation.key, {})


async def read_figures(api: Prometheus, expectations: Sequence[Expectation]) -> Figures:
    """Ask for the figures of all `expectations` that want some; the module says with how many queries."""
    wanting = [one for one in expectations if isinstance(one.readback, SLOReadback)]
    gathered = {
        (one.key.namespace, one.key.name): _Gathered(one.readback, one.shown)
        for one in wanting
        if isinstance(one.readback, SLOReadback)
    }
    if not gathered:
        return Figures({})
    matchers = _matchers(gathered)
    outcome = await _query(api, Selector(series.PERIOD_ERROR, matchers), gathered, _Gathered.take_error)
    for slo in gathered.values():
        slo.choose()
    if isinstance(outcome, Failure):
        return Figures({}, outcome)
    warned = bool(outcome.warnings)
    burn = Call("avg_over_time", (Range(Selector(series.CURRENT_BURN_RATE, matchers), BURN_WINDOW_MS),))
    outcome = await _query(api, burn, gathered, _Gathered.take_burn)
    if isinstance(outcome, Failure):
        return Figures({}, outcome)
    known = {identity: slo.readback.window_ms for identity, slo in gathered.items() if slo.chosen is not None}
    windows = {identity: window for identity, window in known.items() if window is not None}
    periods = known.keys() - windows.keys()
    begun = await read_periods(api, periods, matchers) if periods else {}
    if isinstance(begun, Failure):
        return Figures({}, begun)
    windows |= begun
    shown = {one: text for one in windows if (text := gathered[one].shown_text("since")) is not None}
    since = await read_since(api, windows, shown, matchers) if windows else {}
    if isinstance(since, Failure):
        return Figures({}, since)
    for identity, text in since.items():
        gathered[identity].since = text
    # With a warning part of the data could not be read: what is missing may be there, so nothing is taken away.
    keeps = warned or bool(outcome.warnings)
    return Figures({one.key: gathered[one.key.namespace, one.key.name].facts(keep_missing=keeps) for one in wanting})


async def _query(
    api: Prometheus, expression: Node, gathered: Mapping[tuple[str, str], _Gathered], take: _Take
) -> Outcome:
    """Evaluate `expression` and give each sample to the SLO that it belongs to."""

    def one(sample: Sample) -> None:
        labels = sample.labels
        slo = gathered.get((labels.get(series.SLO_NAMESPACE, ""), labels.get(series.SLO, "")))
        if slo is not None:
            take(slo, sample)

    return await api.query(expression, one)


def _matchers(wanted: Iterable[tuple[str, str]]) -> tuple[Matcher, ...]:
    """Return matchers that select little more than `wanted` (namespace, name), or none where that would be too long.

    Names are DNS labels, which mean themselves as regular expressions; anything else is not put into one.
    """
    pairs = tuple(wanted)
    matchers = []
    for place, label in enumerate((series.SLO_NAMESPACE, series.SLO)):
        values = sorted({pair[place] for pair in pairs})
        if sum(map(len, values)) + len(values) > _SELECTION or not all(map(_NAME.fullmatch, values)):
            continue
        op = MatchOp.EQUAL if len(values) == 1 else MatchOp.REGEX
        matchers.append(Matcher(label, op, "|".join(values)))
    return tuple(matchers)
