"""kstatus as a pure function: how kubectl-wait-like tools, Flux and cli-utils read an object.

The rules, in order, of cli-utils pkg/kstatus/status/generic.go and status.go for a custom resource.
"""

from collections.abc import Mapping
from typing import Any, Literal

Status = Literal["Current", "InProgress", "Failed", "Terminating"]


def kstatus(obj: Mapping[str, Any]) -> Status:
    """The status that kstatus computes for a custom resource."""
    metadata, status = obj.get("metadata", {}), obj.get("status", {})
    if metadata.get("deletionTimestamp"):
        return "Terminating"
    observed = status.get("observedGeneration")
    if observed is not None and observed != metadata.get("generation"):
        return "InProgress"
    conditions = {one["type"]: one["status"] for one in status.get("conditions", ())}
    if conditions.get("Reconciling") == "True":
        return "InProgress"
    if conditions.get("Stalled") == "True":
        return "Failed"
    if conditions.get("Ready") in ("False", "Unknown"):
        return "InProgress"
    return "Current"
