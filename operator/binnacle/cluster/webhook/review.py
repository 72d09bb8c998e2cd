"""AdmissionReview: what the API server asks of a webhook, and the answer in its words.

Shapes: `k8s.io/api/admission/v1`. What is printed for people is made to be read in the output of `kubectl apply`.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from binnacle.api.findings import Finding, printable
from binnacle.api.meta import GROUP
from binnacle.api.registry import KINDS
from binnacle.control.admission import TAKEN, Verdict
from binnacle.errors import BinnacleError

API_VERSION: Final = "admission.k8s.io/v1"

_FINDINGS_SAID: Final = 20
"""Findings in a refusal; who makes more mistakes than that is told their number."""
_LONGEST_LINE: Final = 1000
_WARNINGS_SAID: Final = 14
"""The API server cuts and drops warnings beyond 4096 characters in all."""
_LONGEST_WARNING: Final = 256
"""Characters that the API server leaves of each warning when there are many."""


class MalformedError(BinnacleError):
    """What was sent is no AdmissionReview that could be answered."""


@dataclass(frozen=True, slots=True)
class Review:
    """One question of the API server.

    Attributes:
        uid: goes back in the answer.
        operation: what is about to happen.
        group, version, kind: of the object, as its `apiVersion` and `kind` say.
        subresource: `status`, `scale`; empty for the object itself.
        body: the object as it will be stored, its namespace filled in; None where there is none (DELETE).
        before: the object that it replaces, if any.
    """

    uid: str
    operation: str
    group: str
    version: str
    kind: str
    subresource: str
    body: Mapping[str, Any] | None
    before: Mapping[str, Any] | None

    @property
    def subject(self) -> str:
        """Kind, namespace and name, for people."""
        metadata = (self.body or {}).get("metadata", {})
        return printable(f"{self.kind} {metadata.get('namespace', '')}/{metadata.get('name', '')}")

    @property
    def ours(self) -> bool:
        """Whether it is about a spec of our group that will stay: not a deletion, a status, or the end of a finalizer."""
        return (
            self.group == GROUP
            and self.operation in ("CREATE", "UPDATE")
            and not self.subresource
            and not (self.body or {}).get("metadata", {}).get("deletionTimestamp")
        )

    @property
    def known(self) -> bool:
        """Whether this version of ours knows the kind."""
        info = KINDS.get(self.kind)
        return info is not None and (self.group, self.version) == (info.group, info.version)


def read(data: bytes) -> Review:
    """Read a question.

    Raises:
        MalformedError: it is not JSON, or no AdmissionReview of v1; the message quotes nothing of it.
    """
    try:
        review = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise MalformedError("the body is not JSON, or too deep") from error
    if not isinstance(review, dict) or review.get("kind") != "AdmissionReview":
        raise MalformedError("the body is no AdmissionReview")
    if review.get("apiVersion") != API_VERSION:
        raise MalformedError(f"only {API_VERSION} is answered")
    request = _map(review, "request")
    kind = _map(request, "kind")
    operation = _text(request, "operation")
    namespace = request.get("namespace") or ""
    body, before = (_object(request, name, namespace) for name in ("object", "oldObject"))
    if operation in ("CREATE", "UPDATE") and (body is None or body.get("kind") != kind.get("kind")):
        raise MalformedError("request.object is missing, or not of request.kind")
    return Review(
        uid=_text(request, "uid"),
        operation=operation,
        group=str(kind.get("group") or ""),
        version=str(kind.get("version") or ""),
        kind=_text(kind, "kind"),
        subresource=str(request.get("subResource") or ""),
        body=body,
        before=before,
    )


def answer(review: Review, verdict: Verdict, notes: Iterable[str] = ()) -> bytes:
    """Return the answer to a question.

    Args:
        review: the question.
        verdict: what was found.
        notes: further warnings.
    """
    response: dict[str, Any] = {"uid": review.uid, "allowed": not verdict.refused}
    if verdict.refused:
        response["status"] = _refusal(review, verdict.refused)
    warnings = [f"{review.subject}: {note}" for note in (*notes, *map(sentence, verdict.told))]
    if warnings:
        response["warnings"] = _bounded(warnings)
    return json.dumps({"apiVersion": API_VERSION, "kind": "AdmissionReview", "response": response}).encode()


def pass_unjudged(review: Review, *notes: str) -> bytes:
    """Return the answer that lets something pass without a look at it."""
    return answer(review, TAKEN, notes)


def sentence(finding: Finding) -> str:
    """Say a finding in one line: where, which reason, what is wrong, what to do."""
    return printable(": ".join(part for part in (finding.path, _said(finding)) if part))


def _said(finding: Finding) -> str:
    place = f" (column {finding.column})" if finding.column is not None else ""
    return " ".join(part for part in (f"{finding.reason}: {finding.message}{place}", finding.fix) if part)


def _refusal(review: Review, findings: Sequence[Finding]) -> dict[str, Any]:
    """A Status of reason Invalid, as a refusal by the schema is: kubectl then prints a line for each cause."""
    shown, more = findings[:_FINDINGS_SAID], len(findings) - _FINDINGS_SAID
    causes = [
        {"reason": one.reason.value, "field": one.path, "message": _cut(printable(_said(one)), _LONGEST_LINE)}
        for one in shown
    ]
    lines = [f"* {_cut(sentence(one), _LONGEST_LINE)}" for one in shown]
    if more > 0:
        rest = f"and {more} more; `binnacle check` lists all of them"
        causes.append({"reason": "More", "message": rest})
        lines.append(f"* {rest}")
    metadata = (review.body or {}).get("metadata", {})
    return {
        "status": "Failure",
        "code": 422,
        "reason": "Invalid",
        "message": "\n".join((f"{review.subject} is refused:", *lines)),
        "details": {"group": review.group, "kind": review.kind, "name": metadata.get("name", ""), "causes": causes},
    }


def _bounded(warnings: Sequence[str]) -> list[str]:
    shown = [_cut(printable(one), _LONGEST_WARNING) for one in warnings[:_WARNINGS_SAID]]
    more = len(warnings) - _WARNINGS_SAID
    return [*shown, f"{more} more warnings; `binnacle check` lists all of them"] if more > 0 else shown


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _map(parent: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = parent.get(name)
    if not isinstance(value, dict):
        raise MalformedError(f"{name} is missing, or no map")
    return value


def _text(parent: Mapping[str, Any], name: str) -> str:
    value = parent.get(name)
    if not isinstance(value, str) or not value or len(value) > _LONGEST_WARNING:
        raise MalformedError(f"{name} is missing, or no short text")
    return value


def _object(request: Mapping[str, Any], name: str, namespace: object) -> Mapping[str, Any] | None:
    value = request.get(name)
    if value is None:
        return None
    metadata = value.get("metadata") if isinstance(value, dict) else None
    if not isinstance(value, dict) or not isinstance(metadata, dict):
        raise MalformedError(f"request.{name} is no object")
    identity = (metadata.get("name") or request.get("name") or "", metadata.get("namespace") or namespace)
    if not all(isinstance(part, str) for part in identity):
        raise MalformedError(f"the name of request.{name} is no text")
    return {**value, "metadata": {**metadata, "name": identity[0], "namespace": identity[1]}}
