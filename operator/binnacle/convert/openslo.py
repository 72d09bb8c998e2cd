"""OpenSLO: `openslo/v1` and `openslo/v1alpha` (https://github.com/OpenSLO/OpenSLO), several kinds that refer to each other.

An SLO may have several objectives; each becomes a resource of its own. What it refers to may be in any of the documents
that are given together. OpenSLO fixes no query language: what a source of Prometheus is asked must be PromQL.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from binnacle.api.findings import Severity
from binnacle.api.model import shown
from binnacle.api.reasons import Reason
from binnacle.convert import openslo_alerts as alerts
from binnacle.convert import openslo_sli as sli
from binnacle.convert import openslo_window as windows
from binnacle.convert import resource
from binnacle.convert.base import Options, Tool
from binnacle.convert.fields import Fields, below, exact
from binnacle.convert.names import dns_label
from binnacle.convert.report import Draft, Part

_GROUPS: Final = ("openslo/", "openslo.com/")


def recognises(obj: Mapping[str, Any]) -> bool:
    """Say whether a document is OpenSLO's."""
    version = obj.get("apiVersion")
    return isinstance(version, str) and version.startswith(_GROUPS)


@dataclass(slots=True)
class _Library:
    """What SLOs may refer to, by name."""

    sources: dict[str, str] = field(default_factory=dict)
    indicators: dict[str, sli.Measured | None] = field(default_factory=dict)
    conditions: dict[str, alerts.Condition | None] = field(default_factory=dict)
    policies: dict[str, alerts.Policy] = field(default_factory=dict)


def convert(documents: Sequence[tuple[int, Mapping[str, Any]]], options: Options) -> list[Part]:
    """Return the SLOs of OpenSLO's documents, and what became of those that they refer to."""
    parts: list[Part] = []
    library = _Library()
    slos: list[tuple[int, Fields, Fields | None]] = []
    opened = [_open(source, obj, parts) for source, obj in documents]
    readers: Mapping[str, Callable[[str, Fields, _Library], None]] = {
        "DataSource": _source,
        "Service": _described,
        "AlertNotificationTarget": _target,
        "SLI": _indicator,
        "AlertCondition": _condition,
        "AlertPolicy": _policy,
    }
    # What is referred to is read before what refers to it.
    for kind, reader in readers.items():
        for found, name, metadata, spec in opened:
            if found != kind:
                continue
            _plain_metadata(metadata, named=reader not in (_described, _target))
            if spec is not None:
                reader(name, spec, library)
                spec.rest(f"a {kind} of OpenSLO")
    for number, (kind, _name, metadata, spec) in enumerate(opened):
        if kind == "SLO" and spec is not None:
            slos.append((documents[number][0], spec, metadata))
    for source, spec, metadata in slos:
        parts += _slo(source, spec, metadata, options, library)
    return parts


TOOL: Final = Tool("openslo", "documents with `apiVersion: openslo/v1` or `openslo/v1alpha`", recognises, convert)

_KINDS: Final = ("SLO", "SLI", "Service", "DataSource", "AlertPolicy", "AlertCondition", "AlertNotificationTarget")


def _open(source: int, obj: Mapping[str, Any], parts: list[Part]) -> tuple[str, str, Fields | None, Fields | None]:
    """Return kind, name, metadata and spec of a document; of one that cannot be used the kind is empty."""
    part = Part(source)
    parts.append(part)
    top = Fields(obj, "", part)
    version, kind = top.text("apiVersion"), top.text("kind", required=True)
    if version not in alerts.VERSIONS:
        said = f"{version} is no version of OpenSLO that can be read."
        part.refuse("apiVersion", said, f"Write one of {', '.join(alerts.VERSIONS[:2])}.", Reason.UNKNOWN_KIND)
    else:
        part.carried("apiVersion", "apiVersion")
    if kind is not None and kind not in _KINDS:
        part.refuse("kind", f"{kind} is no kind of OpenSLO.", f"Write one of {', '.join(_KINDS)}.", Reason.UNKNOWN_KIND)
    elif kind is not None:
        part.carried("kind", "kind")
    metadata, spec = top.map("metadata"), top.map("spec")
    if spec is None and not part.refused:
        top.missing("spec")
    name = metadata.peek("name") if metadata is not None else None
    if "status" in top:
        part.lost("status", "A controller wrote it.", severity=Severity.INFO)
    top.any("status")
    top.rest("a document of OpenSLO")
    part.title = f"{kind} {name}" if isinstance(name, str) else str(kind or "")
    if part.refused:
        return "", "", metadata, None
    if not isinstance(name, str) or not name:
        part.refuse("metadata.name", "name is missing.", "Add metadata.name.", Reason.MISSING_FIELD)
        return "", "", metadata, None
    return kind or "", name, metadata, spec


def _plain_metadata(metadata: Fields | None, *, named: bool = True) -> None:
    """Report the metadata of what becomes a part of SLOs; its name counts where something refers to it."""
    if metadata is None:
        return
    if named:
        metadata.any("name")
        metadata.part.carried(metadata.at("name"), "")
    said = "It describes something that is a part of SLOs here."
    metadata.ignore(dict.fromkeys(("name", "displayName", "labels", "annotations"), said), Severity.INFO)
    metadata.set_by_kubernetes()


def _source(name: str, spec: Fields, library: _Library) -> None:
    library.sources[name] = spec.text("type", required=True) or ""
    spec.part.carried(spec.at("type"), "")
    _described(name, spec, library)
    for detail in ("connectionDetails", "spec"):
        if detail in spec:
            said = "Where Prometheus is, the administrator's configuration says (prometheus.url)."
            spec.part.lost(spec.at(detail), said, severity=Severity.INFO)
        spec.any(detail)


def _described(_name: str, spec: Fields, _library: _Library) -> None:
    if "description" in spec:
        said = "It describes something that is a part of SLOs here."
        spec.part.lost(spec.at("description"), said, severity=Severity.INFO)
    spec.any("description")


def _target(name: str, spec: Fields, library: _Library) -> None:
    _described(name, spec, library)
    if "target" in spec:
        said = "Who is told is written in an AlertPolicy here: its receivers and routes."
        spec.part.lost(spec.at("target"), said, fix="Write an AlertPolicy, and name it in spec.alerting.route.")
    spec.any("target")


def _indicator(name: str, spec: Fields, library: _Library) -> None:
    _described(name, spec, library)
    library.indicators[name] = sli.measured(spec, library.sources)


def _condition(name: str, spec: Fields, library: _Library) -> None:
    _described(name, spec, library)
    library.conditions[name] = alerts.condition(name, spec)


def _policy(name: str, spec: Fields, library: _Library) -> None:
    _described(name, spec, library)
    library.policies[name] = alerts.policy(spec, library.conditions)


def _slo(source: int, spec: Fields, metadata: Fields | None, options: Options, library: _Library) -> list[Part]:
    """Return a part for the SLO, and one for each of its objectives."""
    part = spec.part
    if metadata is None:
        return []
    name = metadata.text("name", required=True) or ""
    common = _common(spec, metadata, name, options)
    service = spec.text("service", required=True)
    if service is not None:
        common.spec["service"] = resource.service(part, spec.at("service"), service)
    window = windows.window(spec, options)
    if window is not None and window.period is not None:
        common.spec["window"] = window.period.model_dump(mode="json", by_alias=True, exclude_none=True)
    elif window is not None:
        common.spec["window"] = resource.window(part, window.path, window.length)
    _budgeting(spec)
    inline, reference = spec.map("indicator"), spec.text("indicatorRef")
    measured = _referenced(spec, inline, reference, library)
    wanted = "alertPolicies" in spec
    policies = _policies(spec, library)
    if window is not None and common.spec["window"] is not None:
        path = spec.at("alertPolicies")
        alerts.put(part, path, common.spec, policies, window.length, wanted=wanted)
    objectives = spec.maps("objectives")
    spec.rest("an SLO of OpenSLO")
    if not objectives:
        part.refuse(spec.at("objectives"), "There is no objective.", "Add one.", Reason.MISSING_FIELD)
    parts = []
    for number, objective in enumerate(objectives):
        own = Part(source, objective.path)
        objective.part = own
        parts.append(own)
        suffix = _suffix(objective, number) if len(objectives) > 1 else ""
        own.title = " ".join(one for one in (name, suffix) if one)
        draft = Draft((*common.identity, suffix), common.name, common.namespace, dict(common.spec))
        if suffix:
            draft.name = dns_label(name, suffix)
            own.changed(objective.path, "metadata.name", f"Each objective is a resource; this one is {draft.name}.")
        _objective(objective, draft, measured, has_own=inline is not None or reference is not None, library=library)
        if part.refused:
            own.refuse(objective.path, "The SLO that it belongs to cannot be carried over.", "See the other findings.")
        own.draft = None if own.refused else draft
    return parts


def _common(spec: Fields, metadata: Fields, name: str, options: Options) -> Draft:
    """Return what all objectives of an SLO share."""
    part = spec.part
    plain = dns_label(name)
    if plain == name:
        part.carried(metadata.at("name"), "metadata.name")
    else:
        part.changed(metadata.at("name"), "metadata.name", f"The resource is called {plain}.")
    namespace = metadata.text("namespace")
    if namespace is not None:
        part.carried(metadata.at("namespace"), "metadata.namespace")
    draft = Draft(("openslo", name), plain, namespace or options.namespace)
    out = draft.spec
    displayed = metadata.text("displayName")
    out["description"] = resource.description(part, spec.at("description"), spec.text("description"))
    if displayed is not None and out["description"] is None:
        out["description"] = resource.description(part, metadata.at("displayName"), displayed)
    elif displayed is not None:
        part.lost(metadata.at("displayName"), "An SLO has one name and a description.", severity=Severity.INFO)
    resource.add_labels(part, out, _labels(metadata))
    resource.add_annotations(part, out, metadata.pairs("annotations"))
    metadata.set_by_kubernetes()
    return draft


def _labels(metadata: Fields) -> list[tuple[str, str, str]]:
    """Take labels, whose values may be lists in OpenSLO."""
    value = metadata.peek("labels")
    if isinstance(value, dict):
        path = metadata.at("labels")
        metadata.put("labels", {key: _joined(metadata.part, below(path, key), item) for key, item in value.items()})
    return metadata.pairs("labels")


def _joined(part: Part, path: str, value: object) -> object:
    """Return a list of texts as one text; anything else as it is."""
    if not isinstance(value, list) or not value or not all(isinstance(item, str) for item in value):
        return value
    for index in range(len(value)):
        part.changed(f"{path}[{index}]", "spec.labels", "A label has one value here: those of the list, with commas.")
    return ",".join(value)


def _budgeting(spec: Fields) -> None:
    method = spec.text("budgetingMethod")
    path = spec.at("budgetingMethod")
    if method is None or method == "Occurrences":
        if method is not None:
            spec.part.carried(path, "", "Every event counts alike here.")
    elif method in ("Timeslices", "RatioTimeslices"):
        said = "Events are counted here and not slices of time, so a quiet hour weighs less than a busy one."
        spec.part.changed(path, "", said, severity=Severity.WARNING)
    else:
        said = f"{shown(method)} is no budgeting method of OpenSLO; events are counted."
        spec.part.lost(path, said, reason=Reason.INVALID_VALUE)


def _referenced(spec: Fields, inline: Fields | None, reference: str | None, library: _Library) -> sli.Measured | None:
    """Return what the SLO's own indicator, or the one that it refers to, measures."""
    if inline is not None and reference is not None:
        said = "indicator and indicatorRef exclude each other."
        spec.part.refuse(spec.at("indicatorRef"), said, "Keep one of them.")
        return None
    if reference is not None:
        return _known(spec.part, spec.at("indicatorRef"), reference, library)
    return _inline(inline, library) if inline is not None else None


def _known(part: Part, path: str, reference: str, library: _Library) -> sli.Measured | None:
    if reference not in library.indicators:
        said = f"There is no SLI {shown(reference)} in the files that are given."
        part.refuse(path, said, "Give its file too, or correct the name.", Reason.UNKNOWN_REFERENCE)
        return None
    found = library.indicators[reference]
    if found is None:
        part.refuse(path, f"The SLI {reference} cannot be carried over.", "See the findings about it.")
    else:
        part.carried(path, "spec.indicator")
    return found


def _inline(inline: Fields, library: _Library) -> sli.Measured | None:
    """Read an indicator that stands in the SLO: a whole SLI, or (v1alpha, and by mistake) only its spec."""
    metadata = inline.map("metadata")
    _plain_metadata(metadata, named=False)
    inner = inline.map("spec")
    if inner is None:
        found = sli.measured(inline, library.sources)
    else:
        _described("", inner, library)
        found = sli.measured(inner, library.sources)
        inner.rest("an SLI of OpenSLO")
    inline.constant("kind", "SLI")
    inline.constant("apiVersion", *alerts.VERSIONS)
    inline.rest("an SLI of OpenSLO")
    return found


def _policies(spec: Fields, library: _Library) -> tuple[alerts.Policy, ...]:
    found: list[alerts.Policy] = []
    for path, item in spec.items("alertPolicies"):
        if isinstance(item, str):
            found.append(_policy_named(spec.part, path, item, library))
        elif isinstance(item, dict):
            fields = Fields(item, path, spec.part)
            reference = fields.text("alertPolicyRef")
            if reference is not None:
                found.append(_policy_named(spec.part, fields.at("alertPolicyRef"), reference, library))
            else:
                found.append(_policy_inline(fields, library))
            fields.rest("a reference to an AlertPolicy")
        else:
            spec.part.lost(path, "This is no alert policy.", reason=Reason.INVALID_VALUE)
    return tuple(found)


def _policy_named(part: Part, path: str, name: str, library: _Library) -> alerts.Policy:
    if name not in library.policies:
        said = f"There is no AlertPolicy {shown(name)} in the files that are given."
        part.lost(path, said, fix="Give its file too, or correct the name.", reason=Reason.UNKNOWN_REFERENCE)
        return alerts.Policy()
    part.carried(path, "spec.alerting.burnRates")
    return library.policies[name]


def _policy_inline(fields: Fields, library: _Library) -> alerts.Policy:
    fields.constant("kind", "AlertPolicy")
    fields.constant("apiVersion", *alerts.VERSIONS)
    _plain_metadata(fields.map("metadata"), named=False)
    inner = fields.map("spec")
    if inner is None:
        fields.part.lost(fields.path, "It is neither a policy nor a reference to one.", reason=Reason.MISSING_FIELD)
        return alerts.Policy()
    _described("", inner, library)
    found = alerts.policy(inner, library.conditions)
    inner.rest("an AlertPolicy of OpenSLO")
    return found


def _suffix(objective: Fields, number: int) -> str:
    """Return what tells one objective from the others in a name."""
    named = objective.peek("displayName")
    return named if isinstance(named, str) and any(map(str.isalnum, named)) else str(number + 1)


def _objective(
    objective: Fields, draft: Draft, shared: sli.Measured | None, *, has_own: bool, library: _Library
) -> None:
    part = objective.part
    displayed = objective.text("displayName")
    if displayed is not None:
        said = "It is in the name where there are several objectives."
        part.lost(objective.at("displayName"), said, severity=Severity.INFO)
    draft.spec["objective"] = _target_percent(objective)
    own = _own_indicator(objective, library)
    measured = own if own is not None else shared
    indicator = dict(measured.indicator) if measured is not None else {}
    if measured is not None and measured.needs_limit:
        indicator = {"threshold": {**indicator["threshold"], **_limit(objective)}}
    objective.ignore(dict.fromkeys(("op", "value"), "Only thresholds are compared with a value."), Severity.INFO)
    objective.ignore(_UNUSED)
    objective.rest("an objective of OpenSLO")
    if measured is None:
        if not has_own and not part.refused:
            part.refuse(
                objective.path, "There is no indicator.", "Give indicator or indicatorRef.", Reason.MISSING_FIELD
            )
        return
    draft.spec["indicator"] = indicator
    if measured.groups:
        draft.spec["groupBy"] = list(measured.groups)


_SIDES: Final = {"lt": "below", "lte": "below", "gt": "above", "gte": "above"}
"""Where the good side of a threshold is."""
_UNUSED: Final = {
    "timeSliceTarget": "Events are counted here and not slices of time.",
    "timeSliceWindow": "Events are counted here and not slices of time.",
    "compositeWeight": "Budgets are not put together from others here; each objective has one of its own.",
}


def _limit(objective: Fields) -> dict[str, str]:
    """Take the limit of a threshold."""
    part = objective.part
    op, value = objective.text("op", required=True), objective.number("value")
    if op is not None and op not in _SIDES:
        part.refuse(objective.at("op"), f"{shown(op)} compares nothing.", f"Write one of {', '.join(_SIDES)}.")
    if op not in _SIDES or value is None:
        return {}
    target = f"spec.indicator.threshold.{_SIDES[op]}"
    if op in ("lte", "gte"):
        said = "The limit itself does not count as good here, which matters where the gauge often has just that value."
        fix = "Write the next value that the gauge can have, such as 1 for one of whole numbers that must be at most 0."
        part.changed(objective.at("op"), target, said, severity=Severity.WARNING, fix=fix)
    else:
        part.carried(objective.at("op"), target)
    part.carried(objective.at("value"), target)
    return {_SIDES[op]: f"{value.normalize():f}"}


def _own_indicator(objective: Fields, library: _Library) -> sli.Measured | None:
    """Return what an objective measures by itself: in v1alpha a ratio, in v1 an indicator as an SLO may have one."""
    ratio = objective.map("ratioMetrics")
    if ratio is not None:
        return sli.ratio_of(ratio, library.sources)
    reference, inline = objective.text("indicatorRef"), objective.map("indicator")
    if reference is not None:
        return _known(objective.part, objective.at("indicatorRef"), reference, library)
    return _inline(inline, library) if inline is not None else None


def _target_percent(objective: Fields) -> str | None:
    part = objective.part
    target, percent = objective.any("target"), objective.any("targetPercent")
    path = objective.at("target" if target is not None else "targetPercent")
    if target is not None and percent is not None:
        part.refuse(path, "target and targetPercent exclude each other.", "Keep one of them.")
        return None
    number = exact(target if target is not None else percent)
    if number is None:
        said = "There is no target." if target is None and percent is None else "The target is not a number."
        reason = Reason.MISSING_FIELD if target is None and percent is None else Reason.INVALID_VALUE
        part.refuse(path, said, "Write target: 0.999 or targetPercent: 99.9.", reason)
        return None
    if target is not None and number > 1:
        part.refuse(path, f"A target is a share, and {number:f} is more than all.", f"Write targetPercent: {number:f}.")
        return None
    fix = "Choose a target that leaves a budget, such as 0.9999."
    return resource.objective(part, path, number * 100 if target is not None else Decimal(number), fix)
