"""The variables of a dashboard, and what their queries ask of Prometheus."""

import re
from typing import Final

from binnacle.api.config import DatasourceType, GrafanaConfig
from binnacle.api.dashboard_variables import Variable as Spec
from binnacle.api.dashboard_variables import VariableType
from binnacle.api.findings import Finding, Severity
from binnacle.api.reasons import Reason
from binnacle.compile.contract import Contract
from binnacle.compile.dashboard import promql
from binnacle.compile.dashboard.datasources import Datasources, first_choice
from binnacle.compile.dashboard.references import Scope, references
from binnacle.compile.fence import SETTING, Fence
from binnacle.intent.dashboard import ALL, Variable
from binnacle.promql import PromQLError, parse, to_text
from binnacle.promql.lexer import tokenize
from binnacle.promql.nodes import Selector

# The functions of Grafana's Prometheus datasource (metric_find_query.ts).
_LABEL_NAMES: Final = re.compile(r"\s*label_names\(\s*\)\s*")
_METRICS: Final = re.compile(r"\s*metrics\((.+)\)\s*", re.DOTALL)
_RESULT: Final = re.compile(r"\s*query_result\((.+)\)\s*", re.DOTALL)
_VALUES: Final = re.compile(r"\s*label_values\((?:(.+),)?\s*([a-zA-Z_$\[][a-zA-Z0-9_${}\[\]]*)\s*\)\s*", re.DOTALL)
_FIX: Final = (
    "Write label_values(metric, label), label_values(label), label_names(), metrics(regex) or query_result(PromQL)."
)


def read(
    specs: tuple[Spec, ...], datasources: Datasources, contract: Contract, config: GrafanaConfig
) -> tuple[tuple[Variable, ...], Scope, list[Finding]]:
    """Return the variables that can be used, which ones panels may name, and the findings.

    One that names a variable that was left out is left out too.
    """
    findings: list[Finding] = []
    there = dict.fromkeys(datasources.variables.values(), True) | {spec.name: True for spec in specs}
    made: dict[str, Variable] = {}
    for spec in specs:
        variable, about = _read(spec, datasources, contract, config, Scope(there))
        findings += about
        if variable is None:
            there[spec.name] = False
        else:
            made[spec.name] = variable
    changed = True
    while changed:
        changed = False
        for spec in specs:
            lost = _lost(spec, there) if spec.name in made else None
            if lost is not None:
                message = f"It needs the variable {lost}, which was left out."
                findings.append(
                    Finding(Severity.ERROR, Reason.UNKNOWN_REFERENCE, _path(spec, "query"), message, f"Correct {lost}.")
                )
                there[spec.name], changed = False, True
                del made[spec.name]
    return tuple(made.values()), Scope(there), findings


def _lost(spec: Spec, there: dict[str, bool]) -> str | None:
    """Return the name of a variable that was left out and that this one names."""
    if spec.query is None:
        return None
    return next((one.name for one in references(tokenize(spec.query)) if there.get(one.name) is False), None)


def _path(spec: Spec, member: str) -> str:
    return f"spec.variables[{spec.name}].{member}"


def _read(
    spec: Spec, datasources: Datasources, contract: Contract, config: GrafanaConfig, scope: Scope
) -> tuple[Variable | None, list[Finding]]:
    everything = ALL if spec.include_all else None
    label = spec.label or ""
    many, every = bool(spec.multi), bool(spec.include_all)
    match spec.type:
        case VariableType.CUSTOM:
            values = spec.values or ()
            chosen = everything or (values[0], values[0])
            return Variable(
                spec.name, spec.type, label, values=values, chosen=chosen, multi=many, include_all=every
            ), []
        case VariableType.DATASOURCE:
            offers = spec.datasource_type or DatasourceType.PROMETHEUS
            return Variable(spec.name, spec.type, label, offers=offers, chosen=first_choice(config, offers)), []
        case VariableType.TEXTBOX:
            text = spec.value or ""
            return Variable(spec.name, spec.type, label, query=text, chosen=(text, text)), []
        case VariableType.QUERY:
            text = spec.query or ""
            findings = _about(text, _path(spec, "query"), spec.name, scope, contract)
            source, about = datasources.find(spec.datasource, DatasourceType.PROMETHEUS, _path(spec, "datasource"))
            findings += about
            if source is None or any(one.severity is Severity.ERROR for one in findings):
                return None, findings
            return Variable(
                spec.name,
                spec.type,
                label,
                query=_fenced(text, contract.fence),
                datasource=source,
                chosen=everything,
                multi=many,
                include_all=every,
            ), findings


def _about(text: str, path: str, own: str, scope: Scope, contract: Contract) -> list[Finding]:
    """Return what there is to say of a variable's query."""
    tokens = tokenize(text)
    if any(one.name == own for one in references(tokens)):
        return [Finding(Severity.ERROR, Reason.INVALID_VALUE, path, "The variable asks for itself.", "Name another.")]
    if (result := _RESULT.fullmatch(text)) is not None:
        return _shifted(promql.findings(result[1], path, scope, contract), result.start(1))
    if (values := _VALUES.fullmatch(text)) is not None:
        if values[1] is None or not values[1].strip():
            return scope.findings(tokens, path)
        return scope.findings(tokens, path) + _about_selector(values[1], values.start(1), path, contract)
    if _LABEL_NAMES.fullmatch(text) or _METRICS.fullmatch(text):
        return scope.findings(tokens, path) + _unfenceable(path, contract.fence)
    return [Finding(Severity.ERROR, Reason.INVALID_VALUE, path, "Grafana knows no such query of a variable.", _FIX)]


def _about_selector(text: str, start: int, path: str, contract: Contract) -> list[Finding]:
    try:
        node = parse(text, variables=True)
    except PromQLError as error:
        column = None if error.column is None else error.column + start
        return [Finding(Severity.ERROR, Reason(error.reason), path, error.message, error.fix, column)]
    if not isinstance(node, Selector):
        message = "label_values takes a metric with matchers, and no other expression."
        return [Finding(Severity.ERROR, Reason.NOT_A_SELECTOR, path, message, "Write it within query_result.")]
    return [*contract.fence.findings(node, path), *contract.findings(node, path)]


def _unfenceable(path: str, fence: Fence) -> list[Finding]:
    if fence.label is None:
        return []
    message = f"Grafana asks for the names of all namespaces here, and only those of {fence.namespace} may be read ({SETTING})."
    fix = 'Write label_values(label), or label_values({__name__=~"regex"}, __name__) for names of metrics.'
    return [Finding(Severity.ERROR, Reason.NOT_SUPPORTED, path, message, fix)]


def _fenced(text: str, fence: Fence) -> str:
    """Return the query of a variable, about which nothing is wrong, such that it brings what the namespace may read."""
    if fence.label is None:
        return text
    if (result := _RESULT.fullmatch(text)) is not None:
        return f"query_result({fence.text(result[1])})"
    if (values := _VALUES.fullmatch(text)) is not None:
        written = values[1]
        inside = (
            to_text(fence.around(Selector(None))) if written is None or not written.strip() else fence.text(written)
        )
        return f"label_values({inside}, {values[2]})"
    raise ValueError("a query that cannot be fenced is left out")


def _shifted(findings: list[Finding], by: int) -> list[Finding]:
    """Return findings about a part of a text as findings about the text."""
    return [
        Finding(one.severity, one.reason, one.path, one.message, one.fix, one.column + by if one.column else None)
        for one in findings
    ]
