"""Texts of alerts: templates of users that surely parse, other texts as they are written, and the texts of our own."""

from dataclasses import replace
from typing import Final

from binnacle.api.alertpolicy_rules import AlertRule
from binnacle.api.findings import Finding, Severity
from binnacle.api.reasons import Reason
from binnacle.compile import templates
from binnacle.compile.alertpolicy import gotemplate
from binnacle.compile.alertpolicy.gotemplate import Dialect
from binnacle.compile.fence import Fence

_FENCED: Final = replace(gotemplate.PROMETHEUS, functions=gotemplate.PROMETHEUS_FUNCTIONS - {"query"})
_FIX: Final = "Correct the template; until then the text is shown as it is written."


def dialect(fence: Fence) -> Dialect:
    """Return what templates of a namespace may call: `query` reads whatever it likes, so within a fence there is none."""
    return gotemplate.PROMETHEUS if fence.label is None else _FENCED


def template(text: str, path: str, findings: list[Finding], known: Dialect = gotemplate.PROMETHEUS) -> str:
    """Return a template of a user, or a template that shows its text when it is none; then with a finding."""
    wrong = gotemplate.problem(text, known)
    if wrong is None:
        return text
    findings.append(Finding(Severity.ERROR, Reason.TEMPLATE_SYNTAX, path, f"The text is no template: {wrong}", _FIX))
    return templates.literal(text)


literal = templates.literal


def runbook(rule: AlertRule) -> dict[str, str]:
    """Return the annotations that say what to do."""
    if rule.runbook is None:
        return {}
    said = {"runbook_url": templates.literal(rule.runbook.url)}
    if rule.runbook.steps:
        steps = "\n".join(f"{number}. {step}" for number, step in enumerate(rule.runbook.steps, 1))
        said["runbook_steps"] = templates.literal(steps)
    for link in rule.runbook.links:
        said[f"link_{link.name.replace('-', '_')}"] = templates.literal(link.url or link.logql or "")
    return said


def which(labels: tuple[str, ...]) -> str:
    """Return a template that tells one group from others: ` service=checkout`."""
    return "".join(f" {name}={templates.label(name)}" for name in labels)
