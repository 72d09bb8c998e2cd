"""An SLO of ours put together from what other tools say: the fields that all of them have in one form or another."""

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

from binnacle.api.findings import Severity
from binnacle.api.labels import is_reserved
from binnacle.api.meta import API_VERSION
from binnacle.api.model import shown
from binnacle.api.reasons import Reason
from binnacle.api.slo import SLO
from binnacle.api.values import HTTP_URL, LABEL_NAME_PATTERN, AlertSeverity, Duration
from binnacle.compile import templates
from binnacle.convert import queries
from binnacle.convert.names import token
from binnacle.convert.report import Draft, Part
from binnacle.errors import SpecError

FIELDS: Final = (
    "service", "description", "owner", "objective", "window", "indicator", "groupBy", "labels", "annotations", "alerting",
)  # fmt: skip
"""Fields of an SLO in the order in which people read them."""

_LABEL_NAME: Final = re.compile(LABEL_NAME_PATTERN[1:-1])
_URL: Final = re.compile(HTTP_URL.pattern[1:-1])
_OURS: Final = frozenset({"summary", "description", "burning", "budget_remaining", "owner", "runbook_url"})
"""Annotations that every burn alert has; a user's of the same name would be overwritten."""
_RUNBOOKS: Final = frozenset({"runbook", "runbook_url", "runbookUrl", "runbook_link"})
_MOST_LABELS: Final = 32
_LONGEST_LABEL: Final = 1024
_LONGEST_ANNOTATION: Final = 4096
_LONGEST_TEXT: Final = 1024
_DIGITS: Final = Decimal("1e-8")

TIERS: Final = (
    {"name": "fast", "severity": "critical", "budget": "2%", "long": "1h", "short": "5m"},
    {"name": "medium", "severity": "critical", "budget": "5%", "long": "6h", "short": "30m"},
    {"name": "slow", "severity": "warning", "budget": "10%", "long": "1d", "short": "2h"},
    {"name": "trend", "severity": "warning", "budget": "10%", "long": "3d", "short": "6h"},
)
"""The burn alerts of the SRE workbook, chapter 5, for 30 days."""
FIRES_OTHERWISE: Final = (
    "An alert goes on for half of its short window when the burning has ended, so that errors which come and go are one "
    "alert; a ticket does not fire beside its page; a factor that the objective cannot reach (14.4 at 90%) gives way to one "
    "that it can."
)
"""How burn alerts of ours differ from those of all the tools."""


def document(draft: Draft) -> dict[str, Any]:
    """Return the resource of a draft, its fields in reading order."""
    namespace = {} if draft.namespace is None else {"namespace": draft.namespace}
    return {
        "apiVersion": API_VERSION,
        "kind": SLO.__name__,
        "metadata": {"name": draft.name, **namespace},
        "spec": {name: draft.spec[name] for name in FIELDS if draft.spec.get(name) not in (None, {}, [])},
    }


def objective(part: Part, path: str, percent: Decimal | None, fix: str) -> str | None:
    """Return an objective as a percentage, or None when it cannot be one; `percent` is between 0 and 100."""
    if percent is None:
        return None
    if not 0 < percent < 100:
        message = f"{shown(f'{percent:f}')} is not between 0% and 100%."
        if percent == 100:
            message = "An objective of 100% leaves no error budget: every single error breaks it."
        part.refuse(path, message, fix)
        return None
    rounded = percent.quantize(_DIGITS) if -percent.as_tuple().exponent > 8 else percent  # type: ignore[operator]
    if not 0 < rounded < 100:
        part.refuse(path, f"{percent} has more digits than an objective may have.", "Use at most eight decimal places.")
        return None
    text = f"{rounded.normalize():f}%"
    if rounded != percent:
        message = f"It is rounded to eight decimal places: {text}."
        part.changed(path, "spec.objective", message, severity=Severity.WARNING)
    else:
        part.carried(path, "spec.objective", f"The objective is {text}.")
    return text


def service(part: Part, path: str, name: str) -> str:
    """Return the name of a service as our field takes it; `unnamed` where nothing of it can stay."""
    plain = token(name) or "unnamed"
    if plain == name:
        part.carried(path, "spec.service")
    else:
        part.changed(path, "spec.service", f"The service is called {plain}: letters, digits and . _ / - may be in it.")
    return plain


def description(part: Part, path: str, text: str | None) -> str | None:
    """Return a description as our field takes it."""
    if not text or not text.strip():
        return None
    text = text.strip()
    if len(text) > _LONGEST_TEXT:
        part.changed(path, "spec.description", f"It is cut to {_LONGEST_TEXT} characters.", severity=Severity.WARNING)
        return text[: _LONGEST_TEXT - 1] + "…"
    part.carried(path, "spec.description")
    return text


def window(part: Part, path: str, length: Duration) -> dict[str, str] | None:
    """Return a rolling window, or None when ours cannot be that long."""
    least, most = Duration.of(days=1), Duration.of(days=366)
    if not least <= length <= most or length.ms % Duration.of(hours=1).ms:
        fix = "Choose a window of whole hours from 1d to 366d."
        part.refuse(path, f"A window of {length} is not possible here.", fix)
        return None
    part.carried(path, "spec.window.rolling", f"The window is {length}, rolling.")
    return {"rolling": str(length)}


def duration(text: str) -> Duration | None:
    """Return a Prometheus duration, or None."""
    try:
        return Duration.parse(text)
    except SpecError:
        return None


def groups(part: Part, names: Iterable[tuple[str, str]]) -> list[str]:
    """Return the labels of `groupBy`.

    Args:
        part: takes the report.
        names: path and name of each.
    """
    found: list[str] = []
    for path, name in names:
        if not _LABEL_NAME.fullmatch(name) or is_reserved(name) or name.lower() in ("inf", "nan"):
            fix = "Give the label another name where the series are scraped."
            part.refuse(path, f"Series cannot be grouped by a label called {shown(name)}.", fix)
        elif name in found:
            part.changed(path, "spec.groupBy", f"{name} is named twice; once is enough.")
        else:
            found.append(name)
            part.carried(path, "spec.groupBy", f"Each {name} has a budget of its own.")
    if len(found) > 8:
        part.refuse(part.path, f"It is grouped by {len(found)} labels.", "Group by at most eight.")
    return found


def add_labels(part: Part, spec: dict[str, Any], pairs: Iterable[tuple[str, str, str]]) -> None:
    """Put labels into `spec.labels`; later ones win, as they do in the tools.

    Args:
        part: takes the report.
        spec: takes the labels; its groups are there already.
        pairs: path, name and value of each.
    """
    labels: dict[str, str] = spec.setdefault("labels", {})
    for path, name, value in pairs:
        why = _no_label(name, value, spec)
        if why is not None:
            part.lost(path, why, reason=Reason.RESERVED_LABEL if is_reserved(name) else Reason.NOT_CARRIED_OVER)
        elif name not in labels and len(labels) >= _MOST_LABELS:
            part.lost(path, f"An SLO has at most {_MOST_LABELS} labels.")
        else:
            labels[name] = value
            part.carried(path, f"spec.labels.{name}")


def _no_label(name: str, value: str, spec: Mapping[str, Any]) -> str | None:
    """Say why a label cannot be one of ours; None when it can."""
    if name == "severity":
        return "Alerts have severity critical, warning or info here; let routes match those."
    if is_reserved(name):
        return f"The label {name} is set by Prometheus or Binnacle."
    if not _LABEL_NAME.fullmatch(name) or len(name) > 128:
        return f"{shown(name)} is no name of a Prometheus label."
    if "{{" in value:
        return "A label's value is no template here."
    if len(value) > _LONGEST_LABEL:
        return f"Its value has more than {_LONGEST_LABEL} characters."
    if name in spec.get("groupBy", ()):
        return f"Groups are told apart by {name}; one constant value would merge them."
    return None


def add_annotations(part: Part, spec: dict[str, Any], pairs: Iterable[tuple[str, str, str]]) -> None:
    """Put annotations into `spec.annotations`; runbook and summary go where we have a field for them."""
    annotations: dict[str, str] = spec.setdefault("annotations", {})
    for path, name, value in pairs:
        if name in _RUNBOOKS and _URL.fullmatch(value) and len(value) <= HTTP_URL.length:
            spec.setdefault("alerting", {})["runbook"] = {"url": value}
            part.carried(path, "spec.alerting.runbook.url")
        elif name in ("summary", "description") and spec.get("description") is None and _is_prose(value):
            spec["description"] = value.strip()
            said = f"Binnacle writes the annotation {name} of an alert itself; the text is the SLO's description."
            part.changed(path, "spec.description", said)
        elif name in _OURS:
            part.lost(path, f"Binnacle writes the annotation {name} of an alert itself.")
        elif not _LABEL_NAME.fullmatch(name) or len(name) > 128:
            part.lost(path, f"{shown(name)} is no name of an annotation of Prometheus.")
        elif len(value) > _LONGEST_ANNOTATION:
            part.lost(path, f"Its text has more than {_LONGEST_ANNOTATION} characters.")
        elif name not in annotations and len(annotations) >= _MOST_LABELS:
            part.lost(path, f"An SLO has at most {_MOST_LABELS} annotations.")
        else:
            annotations[name] = value
            _say_annotation(part, path, name, value)


def _say_annotation(part: Part, path: str, name: str, value: str) -> None:
    target = f"spec.annotations.{name}"
    if templates.with_references(value)[1]:
        said = "Only plain references such as {{ $labels.region }} and {{ $value | humanizePercentage }} are expanded."
        part.changed(path, target, f"{said} The rest is shown as it is written.", severity=Severity.WARNING)
    else:
        part.carried(path, target)


def _is_prose(text: str) -> bool:
    return bool(text.strip()) and "{{" not in text and len(text) <= _LONGEST_TEXT


def measured(part: Part, spec: dict[str, Any], meaning: queries.Meaning, paths: Iterable[str]) -> None:
    """Put what was recognised of a query into indicator and groups, and report it at each of `paths`."""
    ((member, fields),) = meaning.indicator.items()
    target = f"spec.indicator.{member}"
    said = "; ".join(f"{name}: {value}" for name, value in fields.items())
    first, *others = paths
    if meaning.warnings:
        text = " ".join((f"It is {said}.", *meaning.warnings, *meaning.notes))
        part.changed(first, target, text, severity=Severity.WARNING)
    else:
        part.carried(first, target, " ".join((f"It is {said}.", *meaning.notes)))
    for path in others:
        together = f"It is read together with {first}, where it is said what became of both."
        part.changed(path, target, together) if meaning.warnings else part.carried(path, target, together)
    spec["indicator"] = meaning.indicator
    if meaning.groups:
        spec["groupBy"] = groups(part, ((first, name) for name in meaning.groups))


def not_measured(part: Part, path: str, error: Exception) -> None:
    """Refuse an SLO whose query cannot be carried over."""
    if isinstance(error, SpecError):
        reason = Reason(error.reason) if error.reason else Reason.PROMQL_SYNTAX
        part.refuse(path, f"The query cannot be read: {error.message}", error.fix, reason)
        return
    fix = "Write it as sum(rate(COUNTER[{{.window}}])), or write the SLO's indicator by hand."
    part.refuse(path, f"No indicator says what this query says: {error}", fix, Reason.NOT_CARRIED_OVER)


_CRITICAL: Final = ("page", "pager", "critical", "crit", "high", "emergency", "urgent", "p1", "sev1", "sev0", "fatal")
_INFO: Final = ("info", "informational", "low", "none", "notice", "p4", "p5", "sev4", "sev5")


def severity(text: str) -> AlertSeverity:
    """Return the severity of ours that a word of another tool stands for; a warning where it is not known."""
    word = text.strip().lower().replace("-", "").replace("_", "").replace(" ", "")
    if word in _CRITICAL:
        return AlertSeverity.CRITICAL
    return AlertSeverity.INFO if word in _INFO else AlertSeverity.WARNING


def share(value: Decimal) -> str | None:
    """Return a share of the budget (1 is all of it) as a percentage, or None when none of ours can say it."""
    if not 0 < value <= 1:
        return None
    percent = (value * 100).quantize(_DIGITS)
    return f"{percent.normalize():f}%" if percent > 0 else None
