"""What an answer of the API server means for the loop: retry, tell the author, or look again.

The server explains itself in a `Status` object; which of its explanations may pass is decided here and nowhere else.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from binnacle.api.reasons import Reason
from binnacle.errors import BinnacleError, ConflictError, SpecError, TransientError
from binnacle.targets.base import Resource

# What the RBAC authorizer writes, as opposed to quota and admission, which use the same HTTP status.
_RBAC = re.compile(r"\bcannot (?P<verb>\w+) resource \"")
_MESSAGE_LIMIT = 1024


class NotFoundError(TransientError):
    """The object, its namespace, or its kind does not exist (yet)."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request, in the words of RBAC: what an error names and what a path is made of.

    Attributes:
        verb: get, list, watch, create, patch, update, delete.
        resource: which kind; its plural makes the path.
        namespace: empty for all namespaces.
        name: empty for a collection.
        subresource: for example `status`.
    """

    verb: str
    resource: Resource
    namespace: str = ""
    name: str = ""
    subresource: str = ""

    @property
    def path(self) -> str:
        """Path on the server."""
        root = "/apis/" if self.resource.group else "/api/"
        within = f"/namespaces/{self.namespace}" if self.namespace else ""
        parts = [part for part in (self.resource.plural, self.name, self.subresource) if part]
        return f"{root}{self.resource.api_version}{within}/{'/'.join(parts)}"

    @property
    def plural(self) -> str:
        """The resource as RBAC names it: `slos/status` of `binnacle.dev`."""
        plural = f"{self.resource.plural}/{self.subresource}" if self.subresource else self.resource.plural
        return f"{plural} of {self.resource.group}" if self.resource.group else plural

    def __str__(self) -> str:
        what = f"{self.verb} {self.plural}"
        where = f" in namespace {self.namespace}" if self.namespace else " in all namespaces"
        return f"{what} {self.name}{where}" if self.name else f"{what}{where}"


OPERATOR = "the operator"


def refusal(call: Call, status: int, retry_after: str | None, body: bytes, who: str = OPERATOR) -> BinnacleError:
    """Return the error that an answer with an HTTP status of 400 or more stands for.

    Args:
        call: what was asked.
        status: the HTTP status.
        retry_after: the header of that name, in seconds.
        body: the answer; a `Status` object, or whatever a proxy in between wrote.
        who: asked.
    """
    answer = _status_of(body)
    message = str(answer.get("message") or f"the API server answered {status}")[:_MESSAGE_LIMIT]
    wait = _seconds(retry_after)
    if status == 404:
        # What the server does not even know the kind of, it refuses without a Status.
        unknown = f"the API server does not know {call.plural}, or not yet"
        return NotFoundError(message if answer else unknown, reason=Reason.APPLY_REFUSED)
    if status == 409:
        return ConflictError(message)
    if status == 413:
        return SpecError(f"{call}: {message}", reason=Reason.OUTPUT_TOO_LARGE)
    if status == 401:
        return TransientError(
            f"the API server does not accept the credentials of {who} ({call})", reason=Reason.PERMISSION_DENIED
        )
    if status == 403:
        return _forbidden(call, message, answer, who)
    if status == 429 or status >= 500:
        # Server-side apply answers 500 where the body does not fit the kind's schema (measured on 1.36).
        if message.startswith("failed to create typed patch object"):
            return SpecError(message, reason=Reason.APPLY_REFUSED)
        return TransientError(message, reason=Reason.API_SERVER_UNAVAILABLE, retry_after=wait)
    return SpecError(message, reason=Reason.APPLY_REFUSED)


def permission_denied(call: Call, who: str = OPERATOR) -> TransientError:
    """Return the error of a missing permission, naming verb, resource and namespace."""
    return TransientError(f"{who} has no permission to {call}", reason=Reason.PERMISSION_DENIED)


def _forbidden(call: Call, message: str, answer: Mapping[str, Any], who: str) -> BinnacleError:
    causes = (answer.get("details") or {}).get("causes") or ()
    if any(cause.get("reason") == "NamespaceTerminating" for cause in causes) or "exceeded quota" in message:
        return TransientError(message, reason=Reason.APPLY_REFUSED)
    denied = _RBAC.search(message)
    if "denied the request" in message and denied is None:
        return SpecError(message, reason=Reason.APPLY_REFUSED)
    # An apply of an object that is not there yet needs another right than the request's own verb: create.
    return permission_denied(replace(call, verb=denied["verb"]) if denied else call, who)


def _status_of(body: bytes) -> Mapping[str, Any]:
    try:
        answer = json.loads(body)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) and answer.get("kind") == "Status" else {}


def _seconds(value: str | None) -> float | None:
    try:
        return max(0.0, float(value)) if value else None
    except ValueError:
        return None  # an HTTP date: our own back-off serves as well
