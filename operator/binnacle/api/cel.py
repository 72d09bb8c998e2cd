"""CEL rules: what the API server checks at admission, and fragments that rules are put together from.

A rule is attached where the value is declared (a marker in a field's `Annotated[...]`, or `Model.rules`) and travels in
the JSON schema under `x-kubernetes-validations`. Each says in its message what to write instead. The same law is checked in
Python beside it, because files never meet an API server.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

VALIDATIONS = "x-kubernetes-validations"
_RESERVED = frozenset(
    {"in", "as", "break", "const", "continue", "else", "for", "function", "if", "import", "let", "namespace"}
)
"""Words of CEL that are fields of ours, or might become one."""


@dataclass(frozen=True, slots=True)
class Cel:
    """One rule of a CRD schema.

    Attributes:
        rule: a CEL expression over `self` that is true for a good value. Field names as in YAML (camelCase).
        message: what is wrong and what to write instead, one line.
        field_path: path below the schema node that the message is about (`.long`), where it is not the node itself.
    """

    rule: str
    message: str
    field_path: str = ""

    def as_schema(self) -> dict[str, str]:
        """Return the rule as an entry of `x-kubernetes-validations`."""
        entry = {"rule": self.rule, "message": self.message, "reason": "FieldValueInvalid"}
        return entry | ({"fieldPath": self.field_path} if self.field_path else {})


def add_rules(schema: dict[str, Any], rules: Iterable[Cel]) -> dict[str, Any]:
    """Return a copy of a JSON schema with rules appended, in the order given."""
    added = [rule.as_schema() for rule in rules]
    return schema | {VALIDATIONS: [*schema.get(VALIDATIONS, ()), *added]} if added else schema


def text(value: str) -> str:
    """Return a CEL string literal.

    Raises:
        ValueError: the value holds a quote or a line break, which no rule of ours needs.
    """
    if "'" in value or "\n" in value:
        raise ValueError(f"cannot be written as a raw CEL string: {value!r}")
    return f"r'{value}'"


def matches(operand: str, pattern: str) -> str:
    """Say that `operand` matches an RE2 `pattern`."""
    return f"{operand}.matches({text(pattern)})"


def duration_ms(operand: str) -> str:
    """Return the milliseconds of a Prometheus duration held by `operand`, an int expression.

    CEL's own `duration()` knows no days. An absent unit gives an empty match, and `int('0' + '')` is 0; `ms` is renamed
    first so that the patterns for `m` and `s` cannot find it. The pattern of a duration bounds the digits, so that nothing
    overflows.
    """
    plain = f"{operand}.replace('ms', 'x')"
    units = (
        (operand, "y", 31_536_000_000),
        (operand, "w", 604_800_000),
        (operand, "d", 86_400_000),
        (operand, "h", 3_600_000),
        (plain, "m", 60_000),
        (plain, "s", 1000),
        (plain, "x", 1),
    )
    terms = (f"int('0' + {source}.find('[0-9]+{unit}').replace('{unit}', '')) * {ms}" for source, unit, ms in units)
    return f"({' + '.join(terms)})".replace(" * 1)", ")")


def bound(value: str, name: str, condition: str) -> str:
    """Return `condition` with `name` standing for `value`, evaluated once (CEL in Kubernetes has no let)."""
    return f"[{value}].all({name}, {condition})"


def percent(operand: str) -> str:
    """Return the number before the sign of a percentage as a double expression; its pattern must have matched."""
    return f"double({operand}.replace('%', ''))"


def exactly_one(names: Iterable[str]) -> str:
    """Say that exactly one of the named optional fields is there."""
    return f"[{', '.join(f'has(self.{_property(name)})' for name in names)}].exists_one(given, given)"


def _property(name: str) -> str:
    """Return how CEL names a field: its own words are escaped."""
    return f"__{name}__" if name in _RESERVED else name
