"""The variables of a dashboard: what people choose at its top, and what stands for it in queries."""

from enum import StrEnum
from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from binnacle.api.cel import Cel
from binnacle.api.config import DatasourceType
from binnacle.api.dashboard_panels import VariableName
from binnacle.api.grafana_names import Title
from binnacle.api.model import Items, Model, refusal
from binnacle.api.reasons import Reason
from binnacle.api.values import DnsLabel, Shape


class VariableType(StrEnum):
    """Where the values of a variable come from, in Grafana's own words."""

    QUERY = "query"
    CUSTOM = "custom"
    DATASOURCE = "datasource"
    TEXTBOX = "textbox"


# Grafana splits a custom variable's values at commas and at " : ", and its escapes cannot carry every text.
CustomValue = Annotated[
    str,
    Shape(
        "^[A-Za-z0-9_./@-][A-Za-z0-9_./@:-]*( [A-Za-z0-9_./@-][A-Za-z0-9_./@:-]*)*$",
        "letters, digits, and . _ - / @ : in words with one space between them",
        64,
    ),
]

_MEMBERS = {
    VariableType.QUERY: "query",
    VariableType.CUSTOM: "values",
    VariableType.DATASOURCE: "datasourceType",
}
"""Which field each type must have; no other type has it."""
_CHOICES = ("multi", "includeAll")


class Variable(Model):
    """One variable."""

    rules: ClassVar[tuple[Cel, ...]] = (
        *(
            Cel(
                f"(self.type == '{kind.value}') == has(self.{member})",
                f"Give {member} to a variable of type {kind.value}, and to no other.",
                f".{member}",
            )
            for kind, member in _MEMBERS.items()
        ),
        Cel("self.type == 'textbox' || !has(self.value)", "Give value to a variable of type textbox only.", ".value"),
        Cel(
            "self.type == 'query' || !has(self.datasource)",
            "Give datasource to a variable of type query only.",
            ".datasource",
        ),
        *(
            Cel(
                f"self.type in ['query', 'custom'] || !has(self.{name})",
                f"Give {name} to variables of type query and custom only.",
                f".{name}",
            )
            for name in _CHOICES
        ),
    )

    name: Annotated[VariableName, Field(description="Name of the variable; $name stands for its value.")]
    type: Annotated[
        VariableType,
        Field(
            description="Where its values come from: query (Prometheus), custom (a list), datasource (Grafana's datasources of a "
            "type), textbox (what people type)."
        ),
    ]
    label: Annotated[Title | None, Field(description="What is shown before it. Absent means the name.")] = None
    query: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=4096,
            description="For type query: label_values(metric, label), label_values(label), label_names(), metrics(regex) or "
            "query_result(PromQL).",
        ),
    ] = None
    datasource: Annotated[
        DnsLabel | None,
        Field(
            description="For type query: name of the datasource, one of spec.datasources. Absent means the one chosen at the top of "
            "the dashboard."
        ),
    ] = None
    values: Annotated[
        Annotated[tuple[CustomValue, ...], Items("set", 64, least=1)] | None,
        Field(description="For type custom: the values; the first is chosen at first."),
    ] = None
    datasource_type: Annotated[
        DatasourceType | None,
        Field(description="For type datasource: which of Grafana's datasources can be chosen, prometheus or loki."),
    ] = None
    value: Annotated[
        Annotated[str, Shape(r"^[^\x00-\x1F\x7F]*$", "text in one line", 256, 0)] | None,
        Field(description="For type textbox: what stands in it at first. Absent means nothing."),
    ] = None
    multi: Annotated[
        bool | None,
        Field(strict=True, description="For types query and custom: several values may be chosen. Absent means false."),
    ] = None
    include_all: Annotated[
        bool | None,
        Field(
            strict=True,
            description="For types query and custom: offers All, which is chosen at first. Absent means false.",
        ),
    ] = None

    @model_validator(mode="after")
    def _members_fit_the_type(self) -> Self:
        choices = {VariableType.QUERY, VariableType.CUSTOM}
        fits = {member: {kind} for kind, member in _MEMBERS.items()}
        fits |= {"value": {VariableType.TEXTBOX}, "datasource": {VariableType.QUERY}}
        fits |= dict.fromkeys(_CHOICES, choices)
        given = {
            "query": self.query,
            "values": self.values,
            "datasourceType": self.datasource_type,
            "value": self.value,
            "datasource": self.datasource,
            "multi": self.multi,
            "includeAll": self.include_all,
        }
        for name, value in given.items():
            if value is not None and self.type not in fits[name]:
                raise refusal(f"A variable of type {self.type.value} has no {name}.", fix="Leave it out.", at=(name,))
        member = _MEMBERS.get(self.type)
        if member is not None and given[member] is None:
            raise refusal(
                f"A variable of type {self.type.value} needs {member}.",
                fix=f"Add {member}.",
                reason=Reason.MISSING_FIELD,
                at=(member,),
            )
        return self
