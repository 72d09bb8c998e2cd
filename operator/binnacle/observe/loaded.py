"""Whether a server has loaded exactly the rules that were applied, evaluates them without errors, and knows the scrape jobs."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from binnacle.control.ports import Liveness
from binnacle.observe.backend import Failure, tidy
from binnacle.observe.prometheus import Group
from binnacle.targets.conventions import scrape_pool
from binnacle.targets.rulefile import unstamped

_SCRAPED = "The scrape jobs are loaded."
_NAMED = 3
"""Names of groups or rules that a message lists."""
_LABEL_SETS = re.compile(r"\[?(\{[^{}]*\})(, \{[^{}]*\})*\]?")


@dataclass(slots=True)
class _Report:
    """What was listed under one group name, in all files that have it."""

    interval: float = 0.0
    rules: int = 0
    unevaluated: bool = False
    errors: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the server says of one resource's rules.

    Attributes:
        liveness: LOADED, MISSING or UNHEALTHY; UNREACHABLE where the server does not tell; NOTHING of nothing.
        message: for people; stable while the state is. Empty for rules that are loaded and healthy.
        other_version: whether the server has the resource's rules in another version.
        evaluated: whether every rule was evaluated at least once.
        interval: seconds, of the group that is evaluated least often.
        scraping: whether it is about scrape jobs that are missing.
    """

    liveness: Liveness
    message: str = ""
    other_version: bool = False
    evaluated: bool = True
    interval: float = 0.0
    scraping: bool = False


class Listing:
    """Takes the groups that a server lists, keeps a line about each that somebody expects, and judges.

    Args:
        marks: the names of all groups that are expected. Of other groups only those are noticed that differ from an
            expected one in their version.
    """

    def __init__(self, marks: Iterable[str]) -> None:
        self._reports: dict[str, _Report | None] = dict.fromkeys(marks)
        self._stems = {stem for mark in self._reports if (stem := unstamped(mark))}
        self._other_versions: set[str] = set()
        self._pools: frozenset[str] | Failure = frozenset()

    def take_pools(self, pools: frozenset[str] | Failure) -> None:
        """Note the scrape pools that the server has, or why it does not list them."""
        self._pools = pools

    def take(self, group: Group) -> None:
        """Note a group that the server lists."""
        if group.name not in self._reports:
            if (stem := unstamped(group.name)) and stem in self._stems:
                self._other_versions.add(stem)
            return
        report = self._reports[group.name]
        if report is None:
            report = self._reports[group.name] = _Report()
        report.interval = max(report.interval, group.interval)
        for rule in group.rules:
            if rule.health == "err":
                report.errors[rule.name] = rule.error
            elif rule.health != "ok":
                report.unevaluated = True

    def judge(self, marks: Sequence[str]) -> Verdict:
        """Judge a resource by its marks."""
        if not marks:
            return Verdict(Liveness.NOTHING)
        pools = [pool for mark in marks if (pool := scrape_pool(mark)) is not None]
        groups = [mark for mark in marks if scrape_pool(mark) is None]
        verdict = self._judge_rules(groups)
        if not pools or verdict.liveness is not Liveness.LOADED:
            return verdict
        if isinstance(self._pools, Failure):
            text = f"{self._pools.message} It is asked for its scrape jobs, which Prometheus itself lists."
            return Verdict(Liveness.UNREACHABLE, text)
        missing = [pool for pool in pools if pool not in self._pools]
        if missing:
            text = f"Prometheus has not loaded what is to be scraped; it lacks {several('scrape job', missing)}."
            return Verdict(Liveness.MISSING, text, scraping=True)
        return replace(verdict, message="The rules and the scrape jobs are loaded." if groups else _SCRAPED)

    def _judge_rules(self, marks: Sequence[str]) -> Verdict:
        missing = [mark for mark in marks if self._reports.get(mark) is None]
        if missing:
            # The rules of a resource are loaded as one file: some of them without the rest are another version of it.
            other = len(missing) < len(marks) or any(unstamped(mark) in self._other_versions for mark in missing)
            what = "still has another version of the rules loaded" if other else "has not loaded the rules"
            return Verdict(
                Liveness.MISSING, f"Prometheus {what}; it lacks {several('rule group', missing)}.", other_version=other
            )
        reports = [report for mark in marks if (report := self._reports[mark]) is not None]
        errors = {name: error for report in reports for name, error in report.errors.items()}
        if errors:
            return Verdict(Liveness.UNHEALTHY, _unhealthy(errors))
        return Verdict(
            Liveness.LOADED,
            evaluated=not any(report.unevaluated for report in reports),
            interval=max((report.interval for report in reports), default=0.0),
        )


def _unhealthy(errors: dict[str, str]) -> str:
    """Name the first failing rule and its error. Label sets are left out: another one may be named at each evaluation."""
    name, error = next(iter(errors.items()))
    more = f" ({len(errors) - 1} more fail)" if len(errors) > 1 else ""
    return f"Rule {name} fails in Prometheus: {tidy(_LABEL_SETS.sub('{…}', error)) or 'no reason given'}{more}"


def several(what: str, names: Sequence[str]) -> str:
    """Name a few of `names`, and say how many more there are."""
    shown = ", ".join(names[:_NAMED])
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{what}{'s' if len(names) > 1 else ''} {shown}{more}"
