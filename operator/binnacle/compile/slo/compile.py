"""An SLO as rules: puts together what the other modules of this package say."""

from collections.abc import Mapping
from fractions import Fraction
from functools import lru_cache
from typing import Final

from binnacle.api.config import PrometheusConfig
from binnacle.api.findings import Finding, Severity
from binnacle.api.reasons import Reason
from binnacle.api.slo import SLO
from binnacle.api.values import Duration
from binnacle.compile import wanted
from binnacle.compile.contract import Contract
from binnacle.compile.dashboard.slos import shown_at
from binnacle.compile.horizon import Horizon
from binnacle.compile.slo import burn, cost, declared, dependencies, indicators, maintenance, period, recording, told
from binnacle.compile.slo.alerts import alert_rules, limit_rules
from binnacle.compile.slo.boards import of_alert, own_board
from binnacle.compile.slo.detection import detection_at_factor, worst_case_detection
from binnacle.compile.slo.nodata import no_data_rules
from binnacle.compile.slo.spent import spent_rules
from binnacle.compile.slo.subject import Subject
from binnacle.compile.slo.timing import LONG_EVERY, Timing
from binnacle.compile.slo.window import Reach
from binnacle.compile.world import Compiled, World
from binnacle.intent.readback import SLOReadback
from binnacle.intent.rules import RuleGroup, RuleSet


def compile_slo(slo: SLO, world: World) -> Compiled:
    """Return the rules of an SLO, the findings about it, and what status shows of both.

    An indicator that cannot be read leaves nothing; a burn alert that cannot be built is left out alone.
    `facts` has `alerts` (one for each pair of windows), `cost` and `effective`, and `horizon` where the calendar matters.
    """
    timing = Timing.of(world.config.prometheus)
    horizon = Horizon.of(world.date)
    subject = subject_of(slo, horizon)
    contract = Contract.of(world, slo.metadata.namespace)
    counted, findings = indicators.read(slo.spec.indicator, subject, contract, timing)
    least = counted.least if counted is not None else None
    pairs, about_pairs = _pairs(slo, subject, timing, least)
    unwritable = _unwritable_groups(slo)
    routing, about_dependencies = dependencies.routing(slo, pairs, world)
    findings += [*about_pairs, *told.annotation_findings(slo), *told.route_findings(slo, world)]
    maintained, about_maintenance = maintenance.schedules(slo)
    findings += [*about_dependencies, *about_maintenance, *unwritable]
    if counted is None or unwritable:
        return Compiled((), tuple(sorted(findings)))
    findings += declared.findings(slo, counted, contract, world)
    own, about_board = own_board(slo, subject, pairs, world)
    findings += about_board
    shown = shown_at(subject.namespace, subject.name, world.config)
    anywhere = None if shown is None else world.config.grafana.address_at(shown)
    told_board = own.of_alert if own is not None else None if anywhere is None else of_alert(anywhere, subject.groups)
    windows = [window for pair in pairs for window in (pair.long, pair.short)]
    sums = [pair.long for pair in pairs] if slo.spec.alerting.min_failures is not None else []
    mask = maintenance.mask(maintained, subject, counted, timing, horizon)
    recorded = None if mask is None else maintenance.recorded(subject)
    fresh, stepped = maintenance.without(counted, recorded), maintenance.without(counted, mask)
    increments = RuleGroup("increments", recording.increment_rules(subject, stepped, timing), timing.step.ms)
    limits = limit_rules(subject, pairs) if world.config.grafana.has_slo_boards else ()
    rules = RuleSet(
        (
            RuleGroup(
                "short",
                (
                    *recording.short_rules(subject, fresh, windows, sums, timing, mask),
                    *maintenance.silent(
                        (
                            *alert_rules(slo, subject, pairs, told_board),
                            *no_data_rules(slo, subject, timing, told_board),
                        ),
                        recorded,
                    ),
                ),
            ),
            increments,
            *period.sum_groups(subject, timing),
            RuleGroup(
                "long",
                (
                    *recording.long_rules(subject, windows, sums, timing),
                    *period.share_rules(subject, timing),
                    *maintenance.silent(spent_rules(slo, subject, told_board), mask),
                ),
                LONG_EVERY.ms,
            ),
            RuleGroup("meta", (*recording.meta_rules(subject, told.user_labels(slo)), *limits), stamped=True),
        )
    )
    facts = {
        "alerts": [dict(fact) for fact in _alert_facts(pairs, subject.objective, subject.window, timing, least)],
        "cost": {
            "rules": cost.rule_count(rules),
            "samplesPerMinute": cost.samples_per_minute(rules, counted.selectors, timing),
        },
        "effective": [*_effective(world.config.prometheus), *contract.fence.effective],
    }
    address = own.address if own is not None else anywhere
    if address is not None:
        facts["dashboard"] = address
    dated = subject.reach.periods is not None or any(one.time_zone is not None for one in maintained)
    if dated:
        facts["horizon"] = horizon.end.isoformat()
    window = subject.window.ms if subject.reach.periods is None else None
    # Whatever is read from the scrapes at all is read by the increments.
    scraped = wanted.referred([RuleSet((increments,))], within=contract.fence.scope)
    readback = SLOReadback(slo.spec.objective.ratio, subject.groups, window, metrics=scraped)
    renew = horizon.renew if dated else None
    boards = () if own is None else (own.board,)
    return Compiled((rules, *routing, *boards), tuple(sorted(findings)), facts, readback, renew=renew)


_NUMBERS: Final = frozenset({"inf", "nan"})
"""Names that PromQL reads as numbers in a list of labels, in any case; quoting them is known to Prometheus 3 only."""


def _unwritable_groups(slo: SLO) -> list[Finding]:
    return [
        Finding(
            Severity.ERROR,
            Reason.INVALID_VALUE,
            f"spec.groupBy[{index}]",
            f"PromQL reads {name} as a number, so series cannot be grouped by a label of this name.",
            "Give the label another name where the series are scraped, with metricRelabelings.",
        )
        for index, name in enumerate(slo.spec.group_by)
        if name.lower() in _NUMBERS
    ]


def _effective(prometheus: PrometheusConfig) -> list[dict[str, str]]:
    """Return what the administrator's configuration decided about the rules."""
    return [
        {"name": "prometheus.evaluationInterval", "value": str(prometheus.evaluation_interval)},
        {"name": "prometheus.output", "value": prometheus.output.value},
        {"name": "prometheus.scrapeInterval", "value": str(prometheus.scrape_interval)},
    ]


def subject_of(slo: SLO, horizon: Horizon) -> Subject:
    """Return an SLO as its series know it; a window of the calendar is known up to a horizon."""
    spec = slo.spec
    return Subject(
        name=slo.metadata.name,
        namespace=slo.metadata.namespace,
        service=spec.service,
        groups=tuple(sorted(spec.group_by)),
        objective=Fraction(spec.objective.ratio),
        reach=Reach.of(spec.window, horizon),
    )


def _pairs(
    slo: SLO, subject: Subject, timing: Timing, least: Duration | None
) -> tuple[tuple[burn.Pair, ...], list[Finding]]:
    return burn.pairs_of(slo.spec.alerting.burn_rates, subject.objective, subject.window, timing, least)


@lru_cache(maxsize=256)  # as the pairs, which most SLOs share with others
def _alert_facts(
    pairs: tuple[burn.Pair, ...], objective: Fraction, window: Duration, timing: Timing, least: Duration | None
) -> tuple[Mapping[str, str], ...]:
    """Return what status says of each pair."""
    return tuple(
        {
            "name": pair.name,
            "severity": pair.severity.value,
            "factor": burn.number(pair.factor),
            "budget": burn.percent(pair.budget(window)),
            "long": str(pair.long),
            "short": str(pair.short),
            "worstCaseDetection": str(worst_case_detection(pair, objective, timing, least)),
            "detectionAtFactor": str(detection_at_factor(pair, timing, least)),
        }
        for pair in pairs
    )
