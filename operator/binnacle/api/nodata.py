"""Missing data: when it raises an alert of its own."""

from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from binnacle.api.cel import Cel
from binnacle.api.model import Model, refusal
from binnacle.api.values import AlertSeverity, Duration, duration_between


class MissingData(Model):
    """What happens while there is no data; kinds say which actions they have."""

    rules: ClassVar[tuple[Cel, ...]] = (
        Cel(
            "self.action == 'Alert' || (!has(self.severity) && !has(self.for))",
            "Leave for and severity out unless action is Alert.",
            ".action",
        ),
    )

    action: str
    for_: Annotated[
        Duration | None,
        duration_between("0s", "30d"),
        Field(alias="for", description="How long there must be no data before the alert. Absent means 10m."),
    ] = None
    severity: Annotated[AlertSeverity | None, Field(description="Severity of the alert. Absent means warning.")] = None

    @model_validator(mode="after")
    def _only_for_alert(self) -> Self:
        if self.action != "Alert" and (self.for_ is not None or self.severity is not None):
            raise refusal(
                f"With action {self.action} there is no alert about missing data.",
                fix="Leave for and severity out, or write action: Alert.",
                at=("action",),
            )
        return self
