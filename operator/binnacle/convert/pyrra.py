"""pyrra: its ServiceLevelObjective, one SLO each (https://github.com/pyrra-dev/pyrra, `kubernetes/api/v1alpha1`)."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from binnacle.api.findings import Severity
from binnacle.api.reasons import Reason
from binnacle.api.values import AlertSeverity
from binnacle.convert import queries, resource
from binnacle.convert.base import Options, Tool
from binnacle.convert.fields import Fields, exact
from binnacle.convert.names import dns_label, token
from binnacle.convert.report import Draft, Part
from binnacle.errors import SpecError
from binnacle.promql.nodes import MatchOp, Selector

_GROUP: Final = "pyrra.dev/"
_API_VERSION: Final = f"{_GROUP}v1alpha1"
_KIND: Final = "ServiceLevelObjective"
_PREFIX: Final = "pyrra.dev/"
"""Labels and annotations that begin with it are put onto the alerts, without it."""
_INDICATORS: Final = ("ratio", "latency", "latencyNative", "bool_gauge")
_SERVICE_LABELS: Final = ("pyrra.dev/service", "app.kubernetes.io/name", "app.kubernetes.io/instance", "app", "service")
_SERVICE_MATCHERS: Final = ("service", "app", "job", "handler")


def recognises(obj: Mapping[str, Any]) -> bool:
    """Say whether a document is pyrra's."""
    version = obj.get("apiVersion")
    return isinstance(version, str) and version.startswith(_GROUP)


def convert(documents: Sequence[tuple[int, Mapping[str, Any]]], options: Options) -> list[Part]:
    """Return the SLOs of pyrra's documents."""
    return [_objective(source, obj, options) for source, obj in documents]


TOOL: Final = Tool(
    "pyrra", "objects with `apiVersion: pyrra.dev/v1alpha1` and `kind: ServiceLevelObjective`", recognises, convert
)


def _objective(source: int, obj: Mapping[str, Any], options: Options) -> Part:
    part = Part(source)
    top = Fields(obj, "", part)
    top.constant("apiVersion", _API_VERSION)
    kind = top.text("kind", required=True)
    if top.any("status") is not None:
        part.lost("status", "pyrra wrote it.", severity=Severity.INFO)
    if kind != _KIND:
        if kind is not None:
            part.refuse("kind", f"{kind} is no kind of pyrra.", f"Write {_KIND}.", Reason.UNKNOWN_KIND)
        return part
    part.carried("kind", "kind")
    metadata, spec = top.map("metadata"), top.map("spec")
    for field, value in (("metadata", metadata), ("spec", spec)):
        if value is None and not part.refused:
            top.missing(field)
    if metadata is not None and spec is not None:
        draft = _slo(metadata, spec, options)
        part.draft = None if part.refused else draft
    top.rest("an object of pyrra")
    return part


def _slo(metadata: Fields, spec: Fields, options: Options) -> Draft:
    part = spec.part
    name = metadata.text("name", required=True) or ""
    namespace = metadata.text("namespace")
    part.title = name
    own = dns_label(name)
    if name and own == name:
        part.carried(metadata.at("name"), "metadata.name")
    elif name:
        part.changed(metadata.at("name"), "metadata.name", f"The resource is called {own}.")
    if namespace is not None:
        part.carried(metadata.at("namespace"), "metadata.namespace")
    draft = Draft(("pyrra", name), own, namespace or options.namespace)
    out = draft.spec
    out["description"] = resource.description(part, spec.at("description"), spec.text("description"))
    fix = "Choose a target that leaves a budget, such as 99.99."
    target = spec.any("target")
    if target is None or target == "":
        spec.missing("target")
    elif (percent := exact(target)) is None:
        part.refuse(spec.at("target"), f"{target} is not a number of percents.", 'Write it as text: "99.9".')
    else:
        if 0 < percent < 1:
            said = f"pyrra takes it as {percent}% and not as a share; so does this import."
            part.changed(spec.at("target"), "spec.objective", said, severity=Severity.WARNING)
        out["objective"] = resource.objective(part, spec.at("target"), percent, fix)
    text = spec.text("window", required=True)
    if text is not None:
        length = resource.duration(text)
        if length is None:
            part.refuse(spec.at("window"), f"{text} is no duration.", "Write one such as 28d or 4w.")
        else:
            out["window"] = resource.window(part, spec.at("window"), length)
    indicator = spec.map("indicator")
    selectors: list[Selector] = []
    if indicator is None:
        spec.missing("indicator")
    else:
        selectors = _indicator(indicator, out)
    out["service"] = _service(metadata, selectors, name)
    _metadata(metadata, out)
    alerting = spec.map("alerting")
    if alerting is not None:
        _alerting(alerting, out)
    else:
        _derived(part, spec.path)
        _absent(spec, None, out, wanted=True)
    spec.ignore(
        {
            "partial_response_strategy": "It is Thanos' setting for a rule file; set it where the rules are loaded.",
            "performanceOverAccuracy": "There is no need for it: long windows are sums of increments that are recorded once.",
            "ruleOutput": "Rules are labelled by the administrator's configuration (prometheus.ruleLabels).",
        },
        Severity.INFO,
    )
    spec.rest("an SLO of pyrra")
    return draft


def _indicator(indicator: Fields, out: dict[str, Any]) -> list[Selector]:
    """Put the indicator into the spec; return the selectors that it reads."""
    part = indicator.part
    maps = {name: indicator.map(name) for name in _INDICATORS}
    given = {name: fields for name, fields in maps.items() if fields is not None}
    indicator.rest("an indicator of pyrra")
    if len(given) != 1:
        said = "There is no indicator." if not given else f"It has more than one indicator: {' and '.join(given)}."
        part.refuse(indicator.path, said, f"Give exactly one of {', '.join(_INDICATORS)}.", Reason.MISSING_FIELD)
        return []
    ((name, fields),) = given.items()
    out["groupBy"] = resource.groups(part, fields.texts("grouping"))
    match name:
        case "ratio":
            selectors = _two(fields, "errors", queries.bad_events, out)
        case "latency":
            selectors = _two(fields, "success", queries.good_events, out)
        case "latencyNative":
            selectors = _native(fields, out)
        case _:
            selector = _metric(fields, "spec.indicator.availability.gauge")
            selectors = [] if selector is None else [selector]
            if selector is not None:
                out["indicator"] = {"availability": {"gauge": queries.text_of(selector)}}
    fields.rest(f"{name} of pyrra")
    return selectors


def _two(fields: Fields, part_name: str, make: Any, out: dict[str, Any]) -> list[Selector]:
    first, total = fields.map(part_name), fields.map("total")
    for name, value in ((part_name, first), ("total", total)):
        if value is None:
            fields.missing(name)
    if first is None or total is None:
        return []
    counted, everything = _metric(first, "spec.indicator"), _metric(total, "spec.indicator")
    first.rest("a metric of pyrra")
    total.rest("a metric of pyrra")
    if counted is None or everything is None:
        return []
    if counted == everything:
        said = "It is the total itself, so everything would count."
        fields.part.refuse(first.at("metric"), said, "Add a matcher that tells them apart.")
    out["indicator"] = make(counted, everything)
    return [everything, counted]


def _native(fields: Fields, out: dict[str, Any]) -> list[Selector]:
    total, text = fields.map("total"), fields.text("latency", required=True)
    if total is None:
        fields.missing("total")
        return []
    selector = _metric(total, "spec.indicator.latency.histogram")
    total.rest("a metric of pyrra")
    if text is None or selector is None:
        return []
    below = resource.duration(text)
    if below is None:
        fields.part.refuse(fields.at("latency"), f"{text} is no duration.", "Write one such as 200ms.")
        return []
    fields.part.carried(fields.at("latency"), "spec.indicator.latency.below")
    histogram = queries.text_of(selector)
    out["indicator"] = {"latency": {"histogram": histogram, "below": str(below), "histogramType": "native"}}
    return [selector]


def _metric(fields: Fields, target: str) -> Selector | None:
    """Take a metric of pyrra's: a selector."""
    text = fields.text("metric", required=True)
    if text is None:
        return None
    path = fields.at("metric")
    try:
        selector, notes = queries.of_selector(text)
    except SpecError as error:
        resource.not_measured(fields.part, path, error)
        return None
    except queries.NotRecognised as error:
        said = f"pyrra takes a selector here, and so does Binnacle: {error}"
        fields.part.refuse(path, said, "Write a metric with matchers.", Reason.NOT_A_SELECTOR)
        return None
    if notes:
        fields.part.changed(path, target, " ".join(notes), severity=Severity.WARNING)
    else:
        fields.part.carried(path, target)
    return selector


def _service(metadata: Fields, selectors: Sequence[Selector], name: str) -> str:
    """Choose a service: pyrra knows none, and here every SLO is about one."""
    part = metadata.part
    labels = metadata.peek("labels")
    named = [str(labels[one]) for one in _SERVICE_LABELS if isinstance(labels, Mapping) and labels.get(one)]
    matched = [
        matcher.value
        for wanted in _SERVICE_MATCHERS
        for selector in selectors
        for matcher in selector.matchers
        if matcher.name == wanted and matcher.op is MatchOp.EQUAL
    ]
    chosen = next((plain for one in (*named, *matched, name) if (plain := token(one))), "unnamed")
    said = f"pyrra knows no services; this SLO is taken to be about {chosen}."
    part.changed(metadata.at("name"), "spec.service", said, fix="Correct spec.service if it is another one.")
    return chosen


def _metadata(metadata: Fields, out: dict[str, Any]) -> None:
    part = metadata.part
    for field, add in (("labels", resource.add_labels), ("annotations", resource.add_annotations)):
        pairs = metadata.pairs(field)
        add(part, out, [(path, key.removeprefix(_PREFIX), value) for path, key, value in pairs if _passed_on(key)])
        for path, key, _value in pairs:
            if not _passed_on(key):
                said = f"{key} is the object's own; set it on the resource that came of it if something selects by it."
                part.lost(path, said, severity=Severity.INFO)
    metadata.set_by_kubernetes()


def _passed_on(key: str) -> bool:
    return key.startswith(_PREFIX) and len(key) > len(_PREFIX)


def _derived(part: Part, path: str) -> None:
    said = (
        "The burn alerts are derived from objective and window (the factors are those of the SRE workbook for this window) "
        "instead of pyrra's 14, 7, 2 and 1; they do not wait (`for`), because the short window does that. "
        f"{resource.FIRES_OTHERWISE}"
    )
    part.changed(path, "spec.alerting", said, severity=Severity.WARNING)


def _absent(alerting: Fields, severities: Fields | None, out: dict[str, Any], *, wanted: bool) -> None:
    """Carry over the alerts about absent metrics, which pyrra has unless they are switched off."""
    part = alerting.part
    word = severities.text("absent") if severities is not None else None
    chosen = resource.severity(word) if word is not None else AlertSeverity.CRITICAL
    if severities is not None:
        if word is not None:
            said = f"The alert about missing data has severity {chosen}."
            part.changed(severities.at("absent"), "spec.alerting.noData.severity", said)
        burn = ("fastBurn", "mediumBurn", "slowBurn", "longTermBurn")
        said = "Burn alerts have severity critical or warning here; let routes match those."
        severities.ignore(dict.fromkeys(burn, said))
        severities.rest("severities of pyrra")
    if wanted:
        out.setdefault("alerting", {})["noData"] = {"action": "Alert", "severity": chosen.value}
        said = "One alert tells of missing data (noData), instead of one for each metric."
        part.changed(alerting.path, "spec.alerting.noData", said)


def _alerting(alerting: Fields, out: dict[str, Any]) -> None:
    part = alerting.part
    disabled, burnrates = alerting.flag("disabled"), alerting.flag("burnrates")
    for name, value in (("disabled", disabled), ("burnrates", burnrates)):
        if value is not None:
            part.carried(alerting.at(name), "spec.alerting.burnRates")
    if disabled or burnrates is False:
        out.setdefault("alerting", {})["burnRates"] = []
    else:
        _derived(part, alerting.path)
    severities = alerting.map("severities")
    absent = alerting.flag("absent")
    if absent is not None:
        part.carried(alerting.at("absent"), "spec.alerting.noData")
    # `disabled` switches off the burn alerts alone.
    _absent(alerting, severities, out, wanted=absent is not False)
    for name in ("name", "absentName"):
        if alerting.text(name) is not None:
            said = "The alerts are called SLOErrorBudgetBurn, and their labels slo and slo_namespace tell of which SLO they are."
            part.changed(
                alerting.at(name), "", said, severity=Severity.WARNING, fix="Change routes that match alertname."
            )
    alerting.ignore(
        {
            "burnRateType": "Burn alerts look at fixed windows here, with factors that fit objective and window.",
        }
    )
    alerting.rest("alerting of pyrra")
