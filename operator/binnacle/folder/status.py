"""Status as files: what `status` says in a cluster, one file for each resource.

A file reads like the resource without its spec. `metadata.generation` counts the specs seen, as an API server would; which
one was last is told by its digest, so the count survives restarts and is kept nowhere else.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from pydantic import ValidationError

from binnacle.api.findings import Finding
from binnacle.api.reasons import Reason
from binnacle.api.status import CommonStatus
from binnacle.control.desired import Desired
from binnacle.control.ports import Liveness, Observed
from binnacle.control.status import ChildStatus, Problem, Situation, build, judge
from binnacle.folder.compose import Unreadable, compose
from binnacle.intent.readback import READBACK_FIELDS
from binnacle.intent.refs import Key
from binnacle.targets import conventions
from binnacle.targets.base import File
from binnacle.targets.yamltext import document

FOLDER: Final = "status/"
_LABEL: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_HEADER: Final = "# Written by Binnacle.\n"
_UNOBSERVED: Final = Observed(Liveness.UNCONFIGURED, "In a folder nothing is read back from backends.")
_COMMON: Final = frozenset({"observedGeneration", "conditions", "children", "findings", "findingsTotal", "changes"})


@dataclass(frozen=True, slots=True)
class Before:
    """What a status file says: the generation, the digest of its spec, the status. All empty when there is none."""

    generation: int = 0
    digest: str = ""
    status: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Standing:
    """How one resource stands after a pass.

    Attributes:
        spec: as it was written; None when it cannot be read.
        desired: what it wants; None when it cannot be read.
        left: why nothing of it is applied, or None.
        findings: all about it, those of the reader included.
        children: its files, when they are written.
        changes: what applying would do to its files, when it is only tried.
        problem: why its files cannot be written.
    """

    spec: Any
    desired: Desired | None
    left: Reason | None = None
    findings: Sequence[Finding] = ()
    children: Sequence[ChildStatus] = ()
    changes: Sequence[Mapping[str, str]] = ()
    problem: Problem | None = None


def path_of(key: Key) -> str | None:
    """Return the path of a resource's status; None for a name that no resource can have."""
    parts = (key.kind.lower(), key.namespace, key.name)
    return f"{FOLDER}{'.'.join(parts)}.yaml" if all(map(_LABEL.fullmatch, parts)) else None


def child(path: str, key: Key, purpose: str = "") -> ChildStatus:
    """Return the entry of a file in `status.children[]`."""
    *folders, _ = path.split("/")
    return ChildStatus("File", key.namespace, path, purpose or (folders or ["file"])[-1])


def parse(text: str) -> Before:
    """Read a status file. One that is damaged counts as gone."""
    try:
        (body,) = (one.value for one in compose(text))
        metadata, status = body["metadata"], body["status"]
        before = Before(metadata["generation"], metadata["annotations"][conventions.ANNOTATION_HASH], status)
        CommonStatus.model_validate({name: value for name, value in status.items() if name in _COMMON})
    except (Unreadable, ValidationError, ValueError, LookupError, TypeError, AttributeError):
        return Before()
    sound = type(before.generation) is int and isinstance(before.digest, str)
    return before if sound else Before()


def status_file(path: str, key: Key, standing: Standing, before: Before, now: datetime) -> File:
    """Return the status of a resource as a file.

    Args:
        path: from `path_of`.
        key: the resource.
        standing: how it stands.
        before: what its file says now. Nothing new to say, the same bytes.
        now: for conditions that change.
    """
    # A spec that cannot be read cannot be told from the one before.
    digest = before.digest if standing.desired is None else conventions.digest(standing.spec)
    generation = before.generation + 1 if digest != before.digest or before.generation == 0 else before.generation
    status = build(_situation(key, standing, before, generation), before.status, READBACK_FIELDS.get(key.kind, ()), now)
    body = {
        "apiVersion": conventions.API_VERSION,
        "kind": key.kind,
        "metadata": {
            "name": key.name,
            "namespace": key.namespace,
            "generation": generation,
            "annotations": {conventions.ANNOTATION_HASH: digest},
        },
        "status": status,
    }
    return File(path, _HEADER + document(body), key)


def _situation(key: Key, standing: Standing, before: Before, generation: int) -> Situation:
    desired, left = standing.desired, standing.left
    findings = tuple(sorted(standing.findings))
    valid = desired is not None and desired.valid
    live = judge(
        _UNOBSERVED, before.status, grace_over=False, new_version=False, carried=READBACK_FIELDS.get(key.kind, ())
    )
    if desired is not None and desired.withdrawn:
        return Situation(generation, valid=False, findings=findings, facts={}, children=())
    if desired is None or left is not None:
        return Situation(
            generation,
            valid=valid,
            findings=findings,
            facts=None,
            children=None,
            live=live if before.status.get("children") else None,
            suspended=left is Reason.SUSPENDED,
            dry_run=left is Reason.DRY_RUN,
            changes=standing.changes,
        )
    return Situation(
        generation,
        valid=True,
        findings=findings,
        facts=desired.facts or {},
        children=standing.children,
        problem=standing.problem,
        live=live,
    )
