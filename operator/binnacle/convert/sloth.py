"""sloth: its plain files (`version: prometheus/v1`) and its PrometheusServiceLevel, which hold several SLOs each.

The two say the same in two spellings (https://sloth.dev/specs/default/). sloth's window is an option of its process, or
a catalogue of AlertWindows; both are taken into account.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from binnacle.api.findings import Severity
from binnacle.api.reasons import Reason
from binnacle.api.values import Duration
from binnacle.convert import queries, resource
from binnacle.convert.base import Options, Tool
from binnacle.convert.fields import Fields, exact
from binnacle.convert.names import dns_label
from binnacle.convert.report import Draft, Part
from binnacle.errors import SpecError
from binnacle.promql import build as q
from binnacle.promql.nodes import Node

_GROUP: Final = "sloth.slok.dev/"
_API_VERSION: Final = f"{_GROUP}v1"
_CATALOGUE: Final = "AlertWindows"
_VERSION: Final = "prometheus/v1"
_ALERT_NAME: Final = "SLOErrorBudgetBurn"
_PAGE, _TICKET = "critical", "warning"


@dataclass(frozen=True, slots=True)
class _Spelling:
    """Names of fields in one of the two forms."""

    error_query: str
    total_query: str
    ratio_query: str
    page_alert: str
    ticket_alert: str
    plugins: str


_FILE: Final = _Spelling(
    "error_query", "total_query", "error_ratio_query", "page_alert", "ticket_alert", "slo_plugins"
)  # fmt: skip
_OBJECT: Final = _Spelling("errorQuery", "totalQuery", "errorRatioQuery", "pageAlert", "ticketAlert", "sloPlugins")


@dataclass(frozen=True, slots=True)
class _Windows:
    """Burn alerts of a catalogue: of all SLOs with this window."""

    period: Duration
    rates: tuple[Mapping[str, str], ...]


def recognises(obj: Mapping[str, Any]) -> bool:
    """Say whether a document is sloth's; one that lacks its version is told by what is in it."""
    version = obj.get("apiVersion")
    if isinstance(version, str):
        return version.startswith(_GROUP)
    return str(obj.get("version") or "").startswith("prometheus/") or isinstance(obj.get("slos"), list)


def convert(documents: Sequence[tuple[int, Mapping[str, Any]]], options: Options) -> list[Part]:
    """Return the SLOs of sloth's documents, and what became of the rest of each."""
    parts: list[Part] = []
    found: list[_Windows] = []
    levels = []
    for source, obj in documents:
        if obj.get("kind") == _CATALOGUE:
            part = Part(source, title=_CATALOGUE)
            parts.append(part)
            found += _catalogue(Fields(obj, "", part))
        else:
            levels.append((source, obj))
    windows = {one.period: one for one in found}
    for source, obj in levels:
        parts += _service(source, obj, options, windows)
    return parts


TOOL: Final = Tool(
    "sloth",
    "files with `version: prometheus/v1`, or `apiVersion: sloth.slok.dev/v1` and `kind: PrometheusServiceLevel`",
    recognises,
    convert,
)


def _service(source: int, obj: Mapping[str, Any], options: Options, windows: Mapping[Duration, _Windows]) -> list[Part]:
    """Return a part for the document and one for each of its SLOs."""
    shared = Part(source)
    top = Fields(obj, "", shared)
    namespace, spelling = options.namespace, _FILE
    if "apiVersion" in top:
        spelling = _OBJECT
        if not _is_service_level(top):
            return [shared]
        namespace = _metadata(top) or namespace
        spec = top.map("spec")
        top.rest("an object of sloth")
        if spec is None:
            top.missing("spec")
            return [shared]
    else:
        _version(top)
        spec = top
    name = spec.text("service", required=True) or ""
    shared.title = name
    plain = resource.service(shared, spec.at("service"), name) if name else ""
    labels = spec.pairs("labels")
    _no_plugins(spec, spelling.plugins)
    slos = spec.maps("slos")
    if not slos:
        shared.refuse(spec.at("slos"), "There is no SLO in it.", "Add one under slos.", Reason.MISSING_FIELD)
    spec.rest("sloth")
    parts = [shared]
    for slo in slos:
        part = Part(source, slo.path)
        slo.part = part
        parts.append(part)
        if plain:
            draft = _slo(slo, spelling, (name, plain), namespace, labels, options, windows)
            part.draft = None if part.refused else draft
        else:
            part.refuse(slo.path, "Its service has no name.", "Write service.", Reason.MISSING_FIELD)
    # Labels of the service are put into each SLO; that is said once.
    _report_labels(shared, labels)
    return parts


def _is_service_level(top: Fields) -> bool:
    kind = top.text("kind", required=True)
    top.constant("apiVersion", _API_VERSION)
    if top.any("status") is not None:
        top.part.lost("status", "sloth wrote it.", severity=Severity.INFO)
    if kind == "PrometheusServiceLevel":
        top.part.carried("kind", "kind", "Each entry of slos is a resource of its own.")
        return True
    if kind is not None:
        top.part.refuse("kind", f"{kind} is no kind of sloth.", "Write PrometheusServiceLevel.", Reason.UNKNOWN_KIND)
    return False


def _metadata(top: Fields) -> str | None:
    metadata = top.map("metadata")
    if metadata is None:
        return None
    namespace = metadata.text("namespace")
    if namespace is not None:
        top.part.carried(metadata.at("namespace"), "metadata.namespace")
    name = metadata.text("name")
    if name is not None:
        top.part.changed(metadata.at("name"), "metadata.name", "Each SLO has a name of its own, of service and SLO.")
    for path, key, _value in (*metadata.pairs("labels"), *metadata.pairs("annotations")):
        said = f"{key} is the object's own; set it on the resources that came of it if something selects by it."
        top.part.lost(path, said, severity=Severity.INFO)
    metadata.set_by_kubernetes()
    return namespace


def _version(top: Fields) -> None:
    version = top.text("version")
    if version == _VERSION:
        top.part.carried("version", "apiVersion", "It is an SLO of binnacle.dev now.")
    elif version is None:
        top.part.lost("version", "version is missing; it is read as prometheus/v1.", reason=Reason.MISSING_FIELD)
    else:
        said = f"{version} is no version of sloth's files that is known; it is read as {_VERSION}."
        top.part.lost("version", said, reason=Reason.INVALID_VALUE)


def _no_plugins(fields: Fields, name: str) -> None:
    if name in fields:
        fields.part.lost(
            fields.at(name), "Plugins that change sloth's rules have nothing to change here.", fix="See what they add."
        )
    fields.any(name)


def _report_labels(part: Part, labels: Sequence[tuple[str, str, str]]) -> None:
    spec: dict[str, Any] = {}
    resource.add_labels(part, spec, labels)


def _slo(
    slo: Fields,
    spelling: _Spelling,
    service: tuple[str, str],
    namespace: str | None,
    labels: Sequence[tuple[str, str, str]],
    options: Options,
    windows: Mapping[Duration, _Windows],
) -> Draft:
    part = slo.part
    name = slo.text("name", required=True) or ""
    part.title = f"{service[0]}/{name}"
    own = dns_label(service[1], name)
    if name and own == name:
        part.carried(slo.at("name"), "metadata.name")
    elif name:
        part.changed(slo.at("name"), "metadata.name", f"The resource is called {own}.")
    draft = Draft(("sloth", *service[:1], name), own, namespace)
    spec = draft.spec
    spec["service"] = service[1]
    spec["description"] = resource.description(part, slo.at("description"), slo.text("description"))
    fix = "Choose an objective that leaves a budget, such as 99.99."
    spec["objective"] = resource.objective(part, slo.at("objective"), slo.number("objective"), fix)
    spec["window"] = {"rolling": str(options.window)}
    part.changed(slo.path, "spec.window", f"sloth's window is an option of its process; {options.window} is taken.")
    sli = slo.map("sli")
    if sli is None:
        slo.missing("sli")
    else:
        _sli(sli, spelling, spec)
    _no_plugins(slo, "plugins")
    resource.add_labels(Part(part.source), spec, labels)
    resource.add_labels(part, spec, slo.pairs("labels"))
    alerting = slo.map("alerting")
    if alerting is not None:
        _alerting(alerting, spelling, spec, windows.get(options.window))
    elif options.window in windows:
        spec["alerting"] = {"burnRates": [dict(rate) for rate in windows[options.window].rates]}
    slo.rest("an SLO of sloth")
    return draft


def _sli(sli: Fields, spelling: _Spelling, spec: dict[str, Any]) -> None:
    part = sli.part
    events, raw, plugin = sli.map("events"), sli.map("raw"), sli.map("plugin")
    given = [one for one in (events, raw, plugin) if one is not None]
    if len(given) != 1:
        said = "It has none of events and raw." if not given else "It has more than one indicator."
        part.refuse(sli.path, said, "Give exactly one of events and raw.", Reason.MISSING_FIELD)
    elif events is not None:
        bad = events.text(spelling.error_query, required=True)
        total = events.text(spelling.total_query, required=True)
        if bad is not None and total is not None:
            paths = (events.at(spelling.error_query), events.at(spelling.total_query))
            _events(part, spec, paths, (bad, total))
        events.rest("events of sloth")
    elif raw is not None:
        ratio = raw.text(spelling.ratio_query, required=True)
        if ratio is not None:
            path = raw.at(spelling.ratio_query)
            try:
                resource.measured(part, spec, _share(queries.read(ratio)), (path,))
            except (SpecError, queries.NotRecognised) as error:
                resource.not_measured(part, path, error)
        raw.rest("raw of sloth")
    elif plugin is not None:
        said = "Its queries are made by a plugin's Go code, which does not run here."
        fix = "Run `sloth generate` once, and write the queries that come of it under events."
        part.refuse(plugin.path, said, fix, Reason.NOT_CARRIED_OVER)
    sli.rest("an SLI of sloth")


def _events(part: Part, spec: dict[str, Any], paths: tuple[str, str], texts: tuple[str, str]) -> None:
    nodes = []
    for path, text in zip(paths, texts, strict=True):
        try:
            nodes.append(queries.read(text))
        except SpecError as error:
            resource.not_measured(part, path, error)
    if len(nodes) != len(texts):
        return
    bad, total = nodes
    try:
        try:
            meaning = queries.of_events(bad, total)
        except queries.NotRecognised as error:
            meaning = queries.as_expression(q.div(bad, total), error)
        resource.measured(part, spec, meaning, paths)
    except queries.NotRecognised as error:
        for path in paths:
            resource.not_measured(part, path, error)


def _share(node: Node) -> queries.Meaning:
    """Read a share of errors: as what it counts, or else as the expression that it is."""
    try:
        return queries.of_error_ratio(node)
    except queries.NotRecognised as error:
        return queries.as_expression(node, error)


def _alerting(alerting: Fields, spelling: _Spelling, spec: dict[str, Any], windows: _Windows | None) -> None:
    part = alerting.part
    name = alerting.text("name")
    if name is not None:
        said = (
            f"The alerts are called {_ALERT_NAME}, and their labels slo and slo_namespace tell of which SLO they are."
        )
        part.changed(
            alerting.at("name"), "", said, severity=Severity.WARNING, fix="Change routes that match alertname."
        )
    resource.add_labels(part, spec, alerting.pairs("labels"))
    resource.add_annotations(part, spec, alerting.pairs("annotations"))
    rates = list(windows.rates if windows is not None else resource.TIERS)
    disabled = []
    sides = [(spelling.page_alert, _PAGE), (spelling.ticket_alert, _TICKET)]
    maps = {severity: alerting.map(field) for field, severity in sides}
    for severity, alert in maps.items():
        if alert is None:
            continue
        off = alert.flag("disable")
        if off:
            disabled.append(severity)
            part.carried(alert.at("disable"), "spec.alerting.burnRates", f"There is no {severity} alert.")
        elif off is not None:
            part.carried(alert.at("disable"), "spec.alerting.burnRates")
    _one_severity(part, spec, {severity: alert for severity, alert in maps.items() if alert is not None})
    if not disabled and windows is None:
        said = "The burn alerts are derived from objective and window, as sloth's are: a page is critical, a ticket a warning."
        kept = rates
    else:
        said = "A page is critical here, and a ticket a warning."
        kept = [dict(rate) for rate in rates if rate["severity"] not in disabled]
        spec.setdefault("alerting", {})["burnRates"] = kept
    if kept:
        said = f"{said} {resource.FIRES_OTHERWISE}"
        part.changed(alerting.path, "spec.alerting.burnRates", said, severity=Severity.WARNING)
    alerting.rest("alerting of sloth")


def _one_severity(part: Part, spec: dict[str, Any], alerts: Mapping[str, Fields]) -> None:
    """Carry over what both alerts say alike; what one of them says alone has no place here."""
    for add, field in ((resource.add_labels, "labels"), (resource.add_annotations, "annotations")):
        pairs = {severity: alert.pairs(field) for severity, alert in alerts.items()}
        said = {severity: {(name, value) for _path, name, value in found} for severity, found in pairs.items()}
        for severity, found in pairs.items():
            others = [said[other] for other in said if other != severity]
            alike = [one for one in found if len(said) == 2 and all(one[1:] in other for other in others)]
            add(part, spec, alike)
            for path, name, value in found:
                if (path, name, value) in alike:
                    continue
                if (name, value) == ("severity", severity):
                    part.carried(path, "", f"The alert has severity {severity} here too.")
                    continue
                if name == "severity":
                    text = f"This alert has severity {severity} here; let routes match that instead of {value}."
                else:
                    text = f"All alerts of an SLO have the same {field} here; match severity {severity} instead."
                fix = "Say in an AlertPolicy's routes who gets which severity." if field == "labels" else ""
                part.lost(path, text, fix=fix)
    for alert in alerts.values():
        alert.rest("an alert of sloth")


def _catalogue(top: Fields) -> list[_Windows]:
    """Read a catalogue of burn alerts for one window."""
    part = top.part
    top.constant("apiVersion", _API_VERSION)
    top.constant("kind", _CATALOGUE)
    top.ignore({"metadata": "The alerts are part of SLOs here."}, Severity.INFO)
    spec = top.map("spec")
    if spec is None:
        top.missing("spec")
        return []
    text = spec.text("sloPeriod", required=True)
    period = resource.duration(text) if text is not None else None
    rates: list[Mapping[str, str]] = []
    names = iter(("fast", "medium", "slow", "trend"))
    for side, severity in (("page", _PAGE), ("ticket", _TICKET)):
        alert = spec.map(side)
        for speed in ("quick", "slow"):
            name = next(names)
            window = alert.map(speed) if alert is not None else None
            rate = _rate(window, name, severity) if window is not None else None
            if rate is not None:
                rates.append(rate)
        if alert is not None:
            alert.rest("AlertWindows of sloth")
    spec.rest("AlertWindows of sloth")
    top.rest("AlertWindows of sloth")
    if period is None:
        if text is not None:
            part.refuse(spec.at("sloPeriod"), f"{text} is no duration.", "Write one such as 30d.")
        return []
    part.carried(spec.at("sloPeriod"), "spec.window", f"Its alerts are those of SLOs with a window of {period}.")
    return [_Windows(period, tuple(rates))]


def _rate(window: Fields, name: str, severity: str) -> Mapping[str, str] | None:
    percent = exact(window.any("errorBudgetPercent"))
    short, long = window.text("shortWindow"), window.text("longWindow")
    window.rest("AlertWindows of sloth")
    budget = resource.share(percent / 100) if percent is not None else None
    lengths = [resource.duration(text) if text is not None else None for text in (short, long)]
    if budget is None or None in lengths:
        window.part.refuse(
            window.path,
            "It needs errorBudgetPercent, shortWindow and longWindow.",
            "Write all three.",
            Reason.MISSING_FIELD,
        )
        return None
    for field in ("errorBudgetPercent", "shortWindow", "longWindow"):
        window.part.carried(window.at(field), "spec.alerting.burnRates")
    return {"name": name, "severity": severity, "budget": budget, "long": str(lengths[1]), "short": str(lengths[0])}
