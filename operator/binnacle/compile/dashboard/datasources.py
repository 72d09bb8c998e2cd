"""Which datasource a query asks: one that the dashboard names, or the one that people choose at its top.

A uid of another Grafana in a provisioned dashboard is never resolved, so a query that names no datasource asks a variable.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from binnacle.api.config import DatasourceType, GrafanaConfig
from binnacle.api.dashboard import Dashboard
from binnacle.api.dashboard_variables import VariableType
from binnacle.api.findings import Finding, Severity
from binnacle.api.problems import nearest
from binnacle.api.reasons import Reason
from binnacle.intent.dashboard import Datasource, Variable

METRICS: Final = "datasource"
"""The variable that stands for the Prometheus that is asked, on every dashboard."""
_NAMES: Final = {
    DatasourceType.PROMETHEUS: (METRICS, "Metrics"),
    DatasourceType.LOKI: ("loki", "Logs"),
}
"""Name and label of the variable that is added for each type."""


@dataclass(slots=True)
class Datasources:
    """The datasources of one dashboard.

    Attributes:
        named: those that it names.
        variables: type -> name of the variable that stands for the chosen one.
        used: types whose variable is used by something; filled while queries are read.
    """

    named: Mapping[str, Datasource]
    variables: Mapping[DatasourceType, str]
    used: set[DatasourceType] = field(default_factory=set)

    @classmethod
    def of(cls, dashboard: Dashboard) -> "Datasources":
        """Return the datasources of a dashboard; its own variable of a type is the one that is asked."""
        spec = dashboard.spec
        names = {variable.name for variable in spec.variables}
        variables: dict[DatasourceType, str] = {}
        for variable in spec.variables:
            if variable.datasource_type is not None:
                variables.setdefault(variable.datasource_type, variable.name)
        for type_, (name, _) in _NAMES.items():
            free = name
            while free in names:
                free = f"{free}_"
            variables.setdefault(type_, free)
        return cls({one.name: Datasource(one.type, one.uid) for one in spec.datasources}, variables)

    def find(self, name: str | None, type_: DatasourceType, path: str) -> tuple[Datasource | None, list[Finding]]:
        """Return what a query of a type asks, or the finding that says why it cannot be asked.

        Args:
            name: as the query gives it, or None.
            type_: the type that its language is for.
            path: of the field that names it.
        """
        if name is None:
            self.used.add(type_)
            return Datasource(type_, f"${{{self.variables[type_]}}}"), []
        found = self.named.get(name)
        if found is None:
            near = nearest(name, tuple(self.named))
            fix = f"Write {near}." if near else "Add it to spec.datasources."
            message = f"There is no datasource {name} in spec.datasources."
            return None, [Finding(Severity.ERROR, Reason.UNKNOWN_REFERENCE, path, message, fix)]
        if found.type is not type_:
            message = f"The datasource {name} is of type {found.type.value}, the query is for {type_.value}."
            fix = "Name a datasource of the query's type."
            return None, [Finding(Severity.ERROR, Reason.INVALID_VALUE, path, message, fix)]
        return found, []

    def added(self, config: GrafanaConfig, own: Sequence[Variable]) -> tuple[Variable, ...]:
        """Return the variables to add to the dashboard's `own`: one for each type that is used and has none."""
        there = {variable.name for variable in own}
        return tuple(
            Variable(
                name=self.variables[type_],
                type=VariableType.DATASOURCE,
                label=label,
                offers=type_,
                chosen=first_choice(config, type_),
            )
            for type_, (_, label) in _NAMES.items()
            if type_ in self.used and self.variables[type_] not in there
        )


def first_choice(config: GrafanaConfig, type_: DatasourceType) -> tuple[str, str] | None:
    """Return name and uid of the administrator's datasource of a type, or None."""
    return next(((one.name, one.uid) for one in config.datasources if one.type is type_), None)
