"""An import: documents of another tool into resources of ours, each of which is known to compile."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic import ValidationError

from binnacle.api.findings import Severity
from binnacle.api.problems import findings_of
from binnacle.api.reasons import Reason
from binnacle.api.slo import SLO
from binnacle.compile.slo import compile_slo
from binnacle.convert import leftovers, openslo, pyrra, resource, sloth
from binnacle.convert.base import Options, Tool
from binnacle.convert.names import dns_label
from binnacle.convert.report import Draft, Imported, Part

TOOLS: Final[Mapping[str, Tool]] = {tool.name: tool for tool in (sloth.TOOL, pyrra.TOOL, openslo.TOOL)}
"""The tools whose files can be imported, by their names on the command line."""

_DEFAULT: Final = "default"
"""Namespace of a resource that names none, where nothing else is said."""


def run(tool: Tool, documents: Sequence[object], options: Options) -> Imported:
    """Convert documents.

    Args:
        tool: whose they are said to be.
        documents: as they were read: plain values, of which those that are no map are refused.
        options: what they do not say.
    """
    parts: list[Part] = []
    own: list[tuple[int, Mapping[str, Any]]] = []
    for source, obj in enumerate(documents):
        if isinstance(obj, Mapping) and tool.recognises(obj):
            own.append((source, obj))
        else:
            parts.append(_stranger(source, obj, tool))
    parts += tool.convert(own, options)
    leftovers.report(own, parts)
    parts.sort(key=lambda part: part.source)
    resources: dict[int, Mapping[str, Any]] = {}
    taken: dict[tuple[str, str], tuple[str, ...]] = {}
    for number, part in enumerate(parts):
        draft = part.draft
        if draft is None:
            continue
        if _is_new(part, draft, taken):
            body = _verified(part, draft, options)
            if body is not None:
                resources[number] = body
    return Imported(tuple(parts), resources)


def _stranger(source: int, obj: object, tool: Tool) -> Part:
    """Say what a document is that is not the tool's."""
    part = Part(source)
    if not isinstance(obj, Mapping):
        part.refuse("", f"This is no document of {tool.name}: it is not a map of fields.", f"Give {tool.says}.")
        return part
    other = next((one for one in TOOLS.values() if one.recognises(obj)), None)
    if other is not None:
        said = f"This is a document of {other.name}, not of {tool.name}."
        part.refuse("", said, f"Use binnacle import {other.name}.", Reason.NOT_A_RESOURCE)
        return part
    kind = obj.get("kind")
    named = f"{kind} " if isinstance(kind, str) and kind else ""
    said = f"The document {named}is not of {tool.name} and is passed over; its files are {tool.says}."
    part.lost("", said, severity=Severity.INFO, reason=Reason.NOT_A_RESOURCE)
    return part


def _is_new(part: Part, draft: Draft, taken: dict[tuple[str, str], tuple[str, ...]]) -> bool:
    """Refuse what is defined twice, and rename what only meets another under its new name."""
    namespace = draft.namespace or _DEFAULT
    identity = (namespace, *draft.identity)
    if identity in taken.values():
        said = f"{part.title} is defined twice; only the first counts."
        part.refuse(part.path, said, "Remove one, or give it another name.", Reason.DUPLICATE_RESOURCE)
        return False
    wanted, number = draft.name, 1
    while (namespace, draft.name) in taken:
        number += 1
        draft.name = dns_label(wanted[:55], str(number))
    if draft.name != wanted:
        said = f"{wanted} is the name of another one already; this one is called {draft.name}."
        part.changed(part.path, "metadata.name", said, severity=Severity.WARNING)
    taken[namespace, draft.name] = identity
    return True


def _verified(part: Part, draft: Draft, options: Options) -> Mapping[str, Any] | None:
    """Return the resource of a draft, or None with the reasons when it would not compile as it is."""
    body = resource.document(draft)
    try:
        slo = SLO.model_validate(body)
    except ValidationError as error:
        findings = findings_of(error, body, SLO)
    else:
        findings = [one for one in compile_slo(slo, options.world).findings if one.severity is Severity.ERROR]
    for finding in findings:
        said = f"What comes of it does not compile ({finding.path}): {finding.message}"
        part.refuse(part.path, said, finding.fix, finding.reason)
    return None if findings else body
