"""Labels and annotations of users, and the label names that are ours.

A user's label is written on every alert and every recorded series of its resource, so it must not replace one that tells
resources apart or that Prometheus gives a meaning to.
"""

from typing import Annotated, Final

from pydantic import Field

from binnacle.api.cel import Cel, matches, text
from binnacle.api.model import Law, refusal
from binnacle.api.reasons import Reason
from binnacle.api.values import LABEL_NAME_PATTERN, LabelName

RESERVED_LABELS: Final = ("alertname", "alertstate", "le", "severity", "slo", "slo_namespace", "slo_service")
"""Names that Prometheus or Binnacle sets: who an alert or a series is."""
RESERVED_PREFIXES: Final = ("binnacle_", "__")
"""Beginnings of names that belong to Binnacle and to Prometheus."""
IDENTITY_LABELS: Final = ("slo", "slo_namespace", "slo_service")
IDENTITY_PREFIX: Final = "binnacle_"
"""Labels by which Binnacle's own series are told apart; nobody else may bring them into Prometheus."""
RESERVED_SERIES: Final = ("ALERTS", "ALERTS_FOR_STATE")
RESERVED_SERIES_PREFIXES: Final = ("slo:", "binnacle:")
"""Series that Prometheus and Binnacle make; nobody else may scrape or record any of that name."""

_SAYS: Final = (
    f"a name other than {', '.join(RESERVED_LABELS)} that does not begin with {' or '.join(RESERVED_PREFIXES)}"
)
_FIX: Final = f"Choose {_SAYS}."
_BRACES: Final = "Write the value without {{: it is used as it is, and is the same on alerts and on series."


def is_reserved(name: str) -> bool:
    """Tell whether a label name is set by Binnacle or Prometheus and must not be set by users."""
    return name in RESERVED_LABELS or name.startswith(RESERVED_PREFIXES)


def free_name_cel(name: str) -> str:
    """CEL: the label name in variable `name` is not reserved."""
    listed = ", ".join(text(label) for label in RESERVED_LABELS)
    begins = " && ".join(f"!{name}.startsWith({text(prefix)})" for prefix in RESERVED_PREFIXES)
    return f"!({name} in [{listed}]) && {begins}"


def _refuse_reserved(name: str) -> None:
    if is_reserved(name):
        raise refusal(f"The label {name} is reserved.", fix=_FIX, reason=Reason.RESERVED_LABEL)


def _refuse_reserved_keys(labels: dict[str, str]) -> None:
    for name, value in labels.items():
        if is_reserved(name):
            raise refusal(f"The label {name} is reserved.", fix=_FIX, reason=Reason.RESERVED_LABEL, at=(name,))
        if "{{" in value:
            raise refusal("A label's value is no template.", fix=_BRACES, at=(name,))


FreeLabelName = Annotated[LabelName, Law(_refuse_reserved, (Cel(free_name_cel("self"), _FIX),), _SAYS)]
"""A label name that a user may set or group by."""

_KEYS: Final = Cel(
    f"self.all(name, {matches('name', LABEL_NAME_PATTERN)})",
    "Write names of letters, digits and _, not beginning with a digit.",
)

Labels = Annotated[
    dict[LabelName, Annotated[str, Field(max_length=1024)]],
    Field(max_length=32),
    Law(
        _refuse_reserved_keys,
        (
            _KEYS,
            Cel(f"self.all(name, {free_name_cel('name')})", _FIX),
            Cel(f"self.all(name, !self[name].contains({text('{{')}))", _BRACES),
        ),
    ),
]
"""Labels of a user: constant, and never one that is reserved."""


def _nothing_more(_annotations: dict[str, str]) -> None:
    """Annotations have no law beyond their names, which the key type checks."""


Annotations = Annotated[
    dict[LabelName, Annotated[str, Field(max_length=4096)]], Field(max_length=32), Law(_nothing_more, (_KEYS,))
]
"""Annotations of a user; values may be Prometheus templates."""
