"""The kinds, one line each, and the one way in: from a parsed YAML or JSON object to a model or to findings."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError

from binnacle.api.alertpolicy import AlertPolicy
from binnacle.api.dashboard import Dashboard
from binnacle.api.findings import Finding, Severity
from binnacle.api.logpipeline import LogPipeline
from binnacle.api.meta import API_VERSION, GROUP, VERSION, Column, Resource
from binnacle.api.metricset import MetricSet
from binnacle.api.problems import findings_of, nearest
from binnacle.api.reasons import Reason
from binnacle.api.slo import SLO


@dataclass(frozen=True, slots=True)
class KindInfo:
    """What the API server and the loop need to know of a kind.

    Attributes:
        kind: as in `kind:`.
        plural: as in URLs and permissions.
        short: short name for kubectl and mark in names of generated objects.
        model: the pydantic model of a resource.
        columns: columns of `kubectl get`.
        group: API group.
        version: the one served and stored version.
    """

    kind: str
    plural: str
    short: str
    model: type[Resource]
    columns: tuple[Column, ...]
    group: str = GROUP
    version: str = VERSION

    @property
    def api_version(self) -> str:
        """Group and version as in `apiVersion:`."""
        return f"{self.group}/{self.version}"


def _info(model: type[Resource]) -> KindInfo:
    return KindInfo(model.__name__, model.plural, model.short, model, model.columns)


KINDS: Final[Mapping[str, KindInfo]] = {
    "AlertPolicy": _info(AlertPolicy),
    "Dashboard": _info(Dashboard),
    "LogPipeline": _info(LogPipeline),
    "MetricSet": _info(MetricSet),
    "SLO": _info(SLO),
}


def parse(obj: Mapping[str, Any]) -> tuple[Resource | None, list[Finding]]:
    """Read one resource.

    What the API server adds to metadata is passed over, and so is `status`, which is ours and may be of another version. A
    null counts as an absent field, as it does on the API server. An unknown field is an error: in a cluster the server has
    pruned it, in a file it is a mistake.

    Args:
        obj: the object as YAML or JSON gives it.

    Returns:
        The model and no findings, or None and at least one finding of severity error, in stable order.
    """
    info, problem = _kind_of(obj)
    if info is None:
        return None, [problem] if problem else []
    given = {name: _present(value) for name, value in obj.items() if name != "status" and value is not None}
    try:
        return info.model.model_validate(given), []
    except ValidationError as error:
        return None, sorted(findings_of(error, given, info.model))


def _kind_of(obj: Mapping[str, Any]) -> tuple[KindInfo | None, Finding | None]:
    """Find the kind of an object, or say why it is none of ours."""

    def no(reason: Reason, path: str, message: str, fix: str) -> tuple[None, Finding]:
        return None, Finding(Severity.ERROR, reason, path, message, fix)

    kind, version = obj.get("kind"), obj.get("apiVersion")
    if not isinstance(kind, str) or not isinstance(version, str):
        path = "kind" if isinstance(version, str) else "apiVersion"
        return no(Reason.NOT_A_RESOURCE, path, f"{path} is missing.", f"Write apiVersion: {API_VERSION} and the kind.")
    info = KINDS.get(kind)
    if info is None:
        near = nearest(kind, tuple(KINDS))
        fix = f"Write {near}." if near else f"Write one of {', '.join(KINDS)}."
        return no(Reason.UNKNOWN_KIND, "kind", f"There is no kind {kind} in {GROUP}.", fix)
    if version != info.api_version:
        return no(
            Reason.UNKNOWN_KIND, "apiVersion", f"{kind} is not served as {version}.", f"Write {info.api_version}."
        )
    return info, None


def _present(value: Any) -> Any:
    """Return a value without the fields that are null."""
    if isinstance(value, dict):
        return {name: _present(inner) for name, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [_present(inner) for inner in value]
    return value
