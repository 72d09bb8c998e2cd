"""Higher levels of a rule hush its lower ones: one inhibition for all rules whose alerts agree in the same labels."""

from collections.abc import Sequence

from binnacle.api.alertpolicy import AlertPolicy
from binnacle.api.findings import Finding, Severity
from binnacle.api.matchers import Matcher, MatchOp
from binnacle.api.reasons import Reason
from binnacle.compile.alertpolicy.rules import Ruled
from binnacle.intent import series
from binnacle.intent.routing import InhibitRule


def inhibitions(policy: AlertPolicy, ruled: Sequence[Ruled]) -> tuple[tuple[InhibitRule, ...], list[Finding]]:
    """Return the inhibitions between levels, and findings about rules whose alerts cannot be matched with each other."""
    findings: list[Finding] = []
    alike: dict[tuple[tuple[str, ...], tuple[str, ...]], list[str]] = {}
    for one in ruled:
        if len(one.levels) < 2:
            continue
        if one.labels is None:
            findings.append(
                Finding(
                    Severity.WARNING,
                    Reason.LEVELS_NOT_INHIBITED,
                    f"spec.rules[{one.rule.name}].levels",
                    "Which labels the result has cannot be told, so higher levels do not hush lower ones.",
                    "Aggregate the expression with by (...).",
                )
            )
            continue
        severities = tuple(level.severity.value for level in one.levels)
        alike.setdefault((one.labels, severities), []).append(one.rule.name)
    rules: list[InhibitRule] = []
    for (labels, severities), names in sorted(alike.items()):
        for place, severity in enumerate(severities[:-1]):
            lower = severities[place + 1 :]
            rules.append(
                InhibitRule(
                    # A dot is in no name of a user's item.
                    f"levels.{len(rules)}",
                    _matchers(policy, names, (severity,)),
                    _matchers(policy, names, lower),
                    ("alertname", *labels),
                )
            )
    return tuple(rules), findings


def _matchers(policy: AlertPolicy, names: Sequence[str], severities: Sequence[str]) -> tuple[Matcher, ...]:
    return (
        Matcher(series.BINNACLE_KIND, MatchOp.EQUAL, policy.kind),
        Matcher(series.BINNACLE_NAMESPACE, MatchOp.EQUAL, policy.metadata.namespace),
        Matcher(series.BINNACLE_NAME, MatchOp.EQUAL, policy.metadata.name),
        _one_of("alertname", sorted(names)),
        _one_of(series.SEVERITY, severities),
    )


def _one_of(label: str, values: Sequence[str]) -> Matcher:
    # Names of rules and severities hold nothing that a regular expression gives a meaning to.
    if len(values) == 1:
        return Matcher(label, MatchOp.EQUAL, values[0])
    return Matcher(label, MatchOp.MATCHES, "|".join(values))
