"""Fields of a source document, taken one by one; what nobody takes is reported as unknown.

Each `take` checks the type and reports a wrong one, so that converters see only what they can use.
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from binnacle.api.findings import Severity
from binnacle.api.model import shown
from binnacle.api.problems import nearest
from binnacle.api.reasons import Reason
from binnacle.convert.report import Part

_OF_KUBERNETES: Final = frozenset(
    {
        "creationTimestamp",
        "deletionGracePeriodSeconds",
        "deletionTimestamp",
        "finalizers",
        "generateName",
        "generation",
        "managedFields",
        "ownerReferences",
        "resourceVersion",
        "selfLink",
        "uid",
    }
)
"""Members of an object's metadata that say nothing of what it means (k8s.io/apimachinery/pkg/apis/meta/v1, ObjectMeta)."""
_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,15}(?:\.[0-9]{1,30})?", re.ASCII)

_MEANT: Final = 50
"""How many unknown fields of a map are compared with those that are known: what has more is no slip of the pen."""


class Fields:
    """A map of the source.

    Args:
        value: the map.
        path: where it is in the document; empty for the document.
        part: takes the report.
    """

    def __init__(self, value: Mapping[str, Any], path: str, part: Part) -> None:
        self._left = dict(value)
        self._absent: list[str] = []
        self.path = path
        self.part = part

    def __contains__(self, name: str) -> bool:
        return self._left.get(name) is not None

    def at(self, name: str) -> str:
        """Return the path of a field."""
        return below(self.path, name)

    def any(self, name: str) -> Any:
        """Take a value as it is; None when it is absent."""
        if name not in self._left:
            self._absent.append(name)
        return self._left.pop(name, None)

    def peek(self, name: str) -> Any:
        """Look at a value without taking it."""
        return self._left.get(name)

    def put(self, name: str, value: Any) -> None:
        """Put a value in place of another one that says the same."""
        self._left[name] = value

    def text(self, name: str, *, required: bool = False) -> str | None:
        """Take text. A number where text is wanted is taken as it is spelled, as the tools do."""
        value = self.any(name)
        if value is None or value == "":
            if required:
                self.missing(name)
            return None
        if isinstance(value, str):
            return value
        if isinstance(value, int | float) and not isinstance(value, bool):
            return str(value)
        self._wrong(name, value, "text", required=required)
        return None

    def flag(self, name: str) -> bool | None:
        """Take true or false."""
        value = self.any(name)
        if value is None or isinstance(value, bool):
            return value
        self._wrong(name, value, "true or false")
        return None

    def number(self, name: str) -> Decimal | None:
        """Take a number, exactly as it was written up to 15 digits; refuses the SLO when it is absent or none."""
        value = self.any(name)
        if value is None:
            self.missing(name)
            return None
        number = exact(value)
        if number is None:
            self._wrong(name, value, "a number", required=True)
        return number

    def map(self, name: str) -> "Fields | None":
        """Take a map."""
        value = self.any(name)
        if value is None:
            return None
        if isinstance(value, dict):
            return Fields(value, self.at(name), self.part)
        self._wrong(name, value, "a map of fields")
        return None

    def items(self, name: str) -> list[tuple[str, Any]]:
        """Take a list: path and value of each item."""
        value = self.any(name)
        if value is None:
            return []
        if isinstance(value, list):
            return [(f"{self.at(name)}[{index}]", item) for index, item in enumerate(value)]
        self._wrong(name, value, "a list")
        return []

    def maps(self, name: str) -> list["Fields"]:
        """Take a list of maps; what is none is reported and left out."""
        found = []
        for path, item in self.items(name):
            if isinstance(item, dict):
                found.append(Fields(item, path, self.part))
            else:
                self.part.lost(
                    path,
                    f"This must be a map of fields, and is {_kind(item)}.",
                    fix="Write the fields.",
                    reason=Reason.INVALID_VALUE,
                )
        return found

    def texts(self, name: str) -> list[tuple[str, str]]:
        """Take a list of texts: path and value of each."""
        found = []
        for path, item in self.items(name):
            if isinstance(item, str) and item:
                found.append((path, item))
            else:
                self.part.lost(
                    path, f"This must be text, and is {_kind(item)}.", fix="Write text.", reason=Reason.INVALID_VALUE
                )
        return found

    def pairs(self, name: str) -> list[tuple[str, str, str]]:
        """Take a map of texts, such as labels: path, name and value of each."""
        value = self.any(name)
        if value is None:
            return []
        if not isinstance(value, dict):
            self._wrong(name, value, "a map of names and texts")
            return []
        found = []
        for key, item in value.items():
            path = below(self.at(name), key)
            if isinstance(item, str):
                found.append((path, key, item))
            elif isinstance(item, int | float):
                found.append((path, key, str(item).lower() if isinstance(item, bool) else str(item)))
            else:
                self.part.lost(
                    path, f"This must be text, and is {_kind(item)}.", fix="Write text.", reason=Reason.INVALID_VALUE
                )
        return found

    def missing(self, name: str, fix: str = "") -> None:
        """Refuse the SLO because a field is absent."""
        self.part.refuse(self.at(name), f"{name} is missing.", fix or f"Add {name}.", Reason.MISSING_FIELD)

    def ignore(self, names: Mapping[str, str], severity: Severity = Severity.WARNING) -> None:
        """Report fields that are known and for which there is nothing here; `names` says why."""
        for name, why in names.items():
            if self.any(name) is not None:
                self.part.lost(self.at(name), why, severity=severity)

    def constant(self, name: str, *known: str) -> None:
        """Take what says what kind of thing the map is; anything but what is known of it is reported, and read as that."""
        value = self.text(name)
        if value is None:
            return
        if value in known:
            self.part.carried(self.at(name), "")
        else:
            said = f"{shown(value)} is not known here; it is read as {known[0]}."
            self.part.lost(self.at(name), said, fix=f"Write {known[0]}.", reason=Reason.INVALID_VALUE)

    def set_by_kubernetes(self) -> None:
        """Report what is left of an object's metadata: what Kubernetes sets, and fields that there are not."""
        for name in sorted(_OF_KUBERNETES & self._left.keys()):
            if self.any(name) is not None:
                self.part.lost(self.at(name), "Kubernetes sets it.", severity=Severity.INFO)
        self.rest("metadata")

    def rest(self, known: str = "") -> None:
        """Report what is left: fields that the tool does not know, or this import does not."""
        for number, (name, value) in enumerate(self._left.items()):
            if value is not None:
                meant = nearest(name, self._absent) if number < _MEANT else ""
                self.part.lost(
                    self.at(name),
                    f"There is no field {shown(name)} here{f' in {known}' if known else ''}; nothing comes of it.",
                    fix=f"Write {meant} if that is meant, or remove the field."
                    if meant
                    else "Correct the name if it is a slip of the pen, or remove the field.",
                    reason=Reason.UNKNOWN_FIELD,
                )
        self._left.clear()

    def _wrong(self, name: str, value: object, wanted: str, *, required: bool = False) -> None:
        message = f"This must be {wanted}, and is {_kind(value)}."
        if required:
            self.part.refuse(self.at(name), message, f"Write {wanted}.")
        else:
            self.part.lost(self.at(name), message, fix=f"Write {wanted}.", reason=Reason.INVALID_VALUE)


def exact(value: object) -> Decimal | None:
    """Return a number of the source as a decimal, or None when it is none.

    The tools read float64. The shortest spelling of one is what was written, up to 15 digits, and so what was meant:
    `99.9` is 99.9 and not 99.900000000000005684.
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        number = Decimal(repr(value))
        return number if number.is_finite() else None
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        return Decimal(value.strip())
    return None


def below(path: str, name: str) -> str:
    """Return the path of the field `name` of the map at `path`."""
    step = f"[{name}]" if "." in name or "[" in name else name
    return f"{path}{'.' if path and not step.startswith('[') else ''}{step}"


def _kind(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return f"the text {shown(value)}" if value else "an empty text"
    return "a list" if isinstance(value, list) else "a map"
