"""OpenSLO's alerts: policies and their conditions, as burn alerts of ours."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from binnacle.api.findings import Severity
from binnacle.api.model import shown
from binnacle.api.reasons import Reason
from binnacle.api.values import AlertSeverity, Duration
from binnacle.convert import resource
from binnacle.convert.fields import Fields, exact
from binnacle.convert.names import dns_label
from binnacle.convert.openslo_window import shorthand
from binnacle.convert.report import Part

VERSIONS: Final = ("openslo/v1", "openslo/v1alpha", "openslo.com/v1", "openslo.com/v1alpha")
"""What documents of OpenSLO, and those within others, may be versions of."""
_MOST: Final = 8
_MINUTE: Final = 60_000
_SHORTEST: Final = Duration.of(minutes=5)
_LONGEST: Final = Duration.of(days=90)


@dataclass(frozen=True, slots=True)
class Condition:
    """When an alert fires: while the budget burns `factor` times faster than allowed over `long`."""

    name: str
    severity: AlertSeverity
    factor: Decimal
    long: Duration


@dataclass(frozen=True, slots=True)
class Policy:
    """What an AlertPolicy says: its conditions, and whether missing data raises an alert."""

    conditions: tuple[Condition, ...] = ()
    no_data: bool = False


def policy(spec: Fields, known: Mapping[str, Condition | None]) -> Policy:
    """Take an AlertPolicy.

    Args:
        spec: of the policy.
        known: AlertConditions by name; None are those that cannot be carried over.
    """
    part = spec.part
    breaching = spec.flag("alertWhenBreaching")
    if breaching is not None:
        part.carried(spec.at("alertWhenBreaching"), "spec.alerting.burnRates")
    if (resolved := spec.flag("alertWhenResolved")) is not None:
        said = "Whether an end is told is said by a receiver (sendResolved)."
        part.lost(spec.at("alertWhenResolved"), said, severity=Severity.WARNING if resolved else Severity.INFO)
    if (no_data := spec.flag("alertWhenNoData")) is not None:
        part.carried(spec.at("alertWhenNoData"), "spec.alerting.noData")
    for path, _item in spec.items("notificationTargets"):
        said = "Who is told is written in an AlertPolicy here: its receivers and routes."
        part.lost(path, said, fix="Write an AlertPolicy, and name it in spec.alerting.route.")
    found: list[Condition] = []
    for fields in spec.maps("conditions"):
        one = _of_policy(fields, known)
        if one is not None:
            found.append(one)
    return Policy(tuple(found) if breaching is not False else (), bool(no_data))


def condition(name: str, spec: Fields) -> Condition | None:
    """Take an AlertCondition; None, with the reason in the report, when it is none that we have."""
    part = spec.part
    word = spec.text("severity")
    severity = resource.severity(word or "")
    if word is not None:
        said = f"The alert has severity {severity}."
        if word.lower() == severity:
            part.carried(spec.at("severity"), "spec.alerting.burnRates.severity", said)
        else:
            part.changed(spec.at("severity"), "spec.alerting.burnRates.severity", said)
    inner = spec.map("condition")
    if inner is None:
        part.lost(spec.at("condition"), "There is no condition.", reason=Reason.MISSING_FIELD)
        return None
    kind = inner.text("kind")
    if kind is not None and kind.lower() not in ("burnrate", "burn_rate"):
        part.lost(inner.at("kind"), f"{shown(kind)} is no kind of condition that can be carried over.")
        inner.any("threshold")
        return None
    if kind is not None:
        part.carried(inner.at("kind"), "spec.alerting.burnRates")
    op = inner.text("op")
    if op is not None and op not in ("gt", "gte"):
        part.lost(inner.at("op"), f"A burn alert fires above its limit, and not when it is {shown(op)}.")
        return None
    if op is not None:
        part.carried(inner.at("op"), "spec.alerting.burnRates")
    if inner.any("alertAfter") is not None:
        said = "The alert does not wait; its short window ends it soon after the burning ends."
        part.changed(inner.at("alertAfter"), "spec.alerting.burnRates.short", said)
    return _burning(name, severity, inner)


def _burning(name: str, severity: AlertSeverity, inner: Fields) -> Condition | None:
    part = inner.part
    text, value = inner.text("lookbackWindow"), inner.any("threshold")
    inner.rest("a condition of OpenSLO")
    long = shorthand(text) if text is not None else None
    factor = exact(value)
    if long is None or not _SHORTEST <= long <= _LONGEST or factor is None or not 0 < factor < 1_000_000:
        said = "It needs a threshold, and a lookbackWindow from 5m to 90d."
        part.lost(inner.path, said, fix="Correct the two.", reason=Reason.INVALID_VALUE)
        return None
    for field in ("threshold", "lookbackWindow"):
        part.carried(inner.at(field), "spec.alerting.burnRates")
    return Condition(dns_label(name), severity, factor, long)


def _of_policy(fields: Fields, known: Mapping[str, Condition | None]) -> Condition | None:
    """Read a condition that a policy has, or refers to."""
    part = fields.part
    reference = fields.text("conditionRef")
    if reference is not None:
        path = fields.at("conditionRef")
        fields.rest("a reference to an AlertCondition")
        if reference not in known:
            said = f"There is no AlertCondition {shown(reference)} in the files that are given."
            part.lost(path, said, fix="Give its file too, or correct the name.", reason=Reason.UNKNOWN_REFERENCE)
            return None
        if known[reference] is None:
            part.lost(path, f"The AlertCondition {reference} cannot be carried over.")
        else:
            part.carried(path, "spec.alerting.burnRates")
        return known[reference]
    fields.constant("kind", "AlertCondition")
    fields.constant("apiVersion", *VERSIONS)
    metadata = fields.map("metadata")
    named = metadata.text("name") if metadata is not None else None
    if metadata is not None:
        part.carried(metadata.at("name"), "spec.alerting.burnRates.name")
        metadata.ignore({"displayName": "A burn alert has a name only.", "labels": "A burn alert has a name only."})
        metadata.rest("metadata of OpenSLO")
    spec = fields.map("spec")
    if spec is None:
        part.lost(fields.path, "It is neither a condition nor a reference to one.", reason=Reason.MISSING_FIELD)
        return None
    spec.ignore({"description": "A burn alert has a name only."})
    found = condition(named or "burning", spec)
    spec.rest("an AlertCondition of OpenSLO")
    fields.rest("a condition of OpenSLO")
    return found


def put(
    part: Part, path: str, spec: dict[str, Any], policies: Sequence[Policy], window: Duration, *, wanted: bool
) -> None:
    """Put policies into the alerts of an SLO with this window.

    An SLO of OpenSLO has the alerts that are written and no others, so where nothing is written there is none here. Where
    something is written of which nothing could be carried over, the alerts are derived.
    """
    rates: dict[str, dict[str, str]] = {}
    for one in (condition for policy in policies for condition in policy.conditions):
        budget = resource.share(one.factor * one.long.ms / window.ms)
        if budget is None or one.long > window:
            said = (
                f"{one.name} burns {one.factor:f} times over {one.long}, which is no share of the budget of {window}."
            )
            part.lost(path, said, fix="Choose a smaller threshold or a shorter window.", reason=Reason.INVALID_VALUE)
            continue
        short = Duration(max(one.long.ms // 12 // _MINUTE // 5 * 5 * _MINUTE, 5 * _MINUTE))
        if short >= one.long:
            short = Duration(_MINUTE)
        name = one.name if one.name not in rates else dns_label(one.name[:55], str(len(rates) + 1))
        rates[name] = {
            "name": name,
            "severity": one.severity.value,
            "budget": budget,
            "long": str(one.long),
            "short": str(short),
        }
        said = f"{name} fires at {one.factor:f} times the allowed rate over {one.long} and {short}: {budget} of the budget."
        part.changed(path, "spec.alerting.burnRates", said)
    if any(policy.no_data for policy in policies):
        spec.setdefault("alerting", {})["noData"] = {"action": "Alert"}
    if len(rates) > _MOST:
        part.lost(path, f"An SLO has at most {_MOST} burn alerts; the first ones are kept.")
    if rates:
        spec.setdefault("alerting", {})["burnRates"] = list(rates.values())[:_MOST]
    elif wanted:
        said = "None of its alerts could be carried over; they are derived from objective and window."
        part.changed(path, "spec.alerting", said, severity=Severity.WARNING)
    else:
        spec.setdefault("alerting", {})["burnRates"] = []
        said = "The SLO has no alert policy, and so it has no alerts here."
        fix = "Remove spec.alerting.burnRates to have alerts derived from objective and window."
        part.changed(path, "spec.alerting.burnRates", said, severity=Severity.WARNING, fix=fix)
