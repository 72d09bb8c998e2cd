"""Values that people write as text: durations, percentages, decimals, quantities, names, URLs.

Each is exact (integers and `decimal.Decimal`, never a float), knows its canonical spelling (`str(value)`), and declares its
schema and its CEL rules beside its parser, so that the API server and a file are told the same.
"""

import re
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import Annotated, Any, Final, Self

from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import core_schema

from binnacle.api.cel import Cel, add_rules, bound, duration_ms, matches, percent
from binnacle.api.model import Law, Model, add_words, parsed_by, refusal, shown
from binnacle.errors import SpecError

# Prometheus' own grammar (model.ParseDuration of prometheus/common) with the digits bounded, so that neither Go's int64 of
# nanoseconds nor the arithmetic of a CEL rule overflows unseen.
_DIGITS = "[0-9]{1,8}"
DURATION_PATTERN: Final = (
    "^(" + "".join(f"({_DIGITS}{unit})?" for unit in ("y", "w", "d", "h", "m", "s", "ms")) + "|0)$"
)
PERCENTAGE_PATTERN: Final = r"^[0-9]{1,3}(\.[0-9]{1,8})?%$"
DECIMAL_PATTERN: Final = r"^-?[0-9]{1,15}(\.[0-9]{1,15})?$"
QUANTITY_PATTERN: Final = r"^[0-9]{1,15}(\.[0-9]{1,9})?(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$"

_UNITS: Final = {
    "y": 365 * 86_400_000,
    "w": 7 * 86_400_000,
    "d": 86_400_000,
    "h": 3_600_000,
    "m": 60_000,
    "s": 1000,
    "ms": 1,
}
_DURATION: Final = re.compile("".join(f"(?:([0-9]{{1,8}}){unit})?" for unit in _UNITS))
_PERCENTAGE: Final = re.compile(PERCENTAGE_PATTERN[1:-1])
_DECIMAL: Final = re.compile(DECIMAL_PATTERN[1:-1])
_QUANTITY: Final = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,9})?)(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?")
_BARE_NUMBER: Final = re.compile(r"[0-9]{1,15}(\.[0-9]{1,15})?")


@dataclass(frozen=True, slots=True, order=True)
class Duration:
    """A length of time, in whole milliseconds.

    `str()` is canonical and again a Prometheus duration: days, hours, minutes, seconds, milliseconds, largest first
    (`36h` prints `1d12h`). Weeks and years are read but never printed: `28d` stays `28d` in names and status.
    """

    ms: int

    @classmethod
    def parse(cls, value: object) -> Self:
        """Read a Prometheus duration (`5m`, `1h30m`, `30d`, `0`).

        Raises:
            SpecError: not a duration, with a fix.
        """
        if isinstance(value, cls):
            return value
        example = "Write a number with a unit of y, w, d, h, m, s, ms, largest unit first: 5m, 1h30m, 30d."
        if not isinstance(value, str):
            raise SpecError(f"{shown(value)} is not a duration.", fix=example)
        if value == "0":
            return cls(0)
        found = _DURATION.fullmatch(value)
        if not value or found is None:
            if _BARE_NUMBER.fullmatch(value):
                example = f"Add a unit: {value}s, {value}m, {value}h, {value}d."
            raise SpecError(f"{shown(value)} is not a duration.", fix=example)
        return cls(sum(int(count) * unit for count, unit in zip(found.groups(), _UNITS.values(), strict=True) if count))

    @classmethod
    def of(cls, *, days: int = 0, hours: int = 0, minutes: int = 0, seconds: int = 0) -> Self:
        """Build a duration from whole units."""
        return cls(((days * 24 + hours) * 60 + minutes) * 60_000 + seconds * 1000)

    @property
    def seconds(self) -> Decimal:
        """Exact seconds (300 ms is `Decimal('0.3')`)."""
        return Decimal(self.ms) / 1000

    def __str__(self) -> str:
        return _spelled(self.ms)

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return parsed_by(cls.parse)

    @classmethod
    def __get_pydantic_json_schema__(
        cls, _schema: core_schema.CoreSchema, _handler: GetJsonSchemaHandler, /
    ) -> dict[str, Any]:
        says = "a Prometheus duration, largest unit first: 5m, 1h30m, 30d"
        wrong = Cel(f"size(self) > 0 && {matches('self', DURATION_PATTERN)}", f"Write {says}.")
        schema = {"type": "string", "minLength": 1, "maxLength": 32, "pattern": DURATION_PATTERN}
        return add_words(add_rules(schema, (wrong,)), says)


@lru_cache(maxsize=256)  # a resource spells a handful of lengths, dozens of times each
def _spelled(ms: int) -> str:
    if ms == 0:
        return "0s"
    rest, parts = ms, []
    for unit in ("d", "h", "m", "s", "ms"):
        count, rest = divmod(rest, _UNITS[unit])
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts)


_ANY_PERCENTAGE: Final = "Write a number with a percent sign, such as 99.9%."


def _with_sign(number: str, end: str) -> str:
    """Return the fix for a percentage without its sign: a number below 1 is a share more often than a small percentage."""
    share = Decimal(number)
    whole = f"{share.scaleb(2).normalize():f}%" if share.is_finite() and 0 < share < 1 else ""
    if not _PERCENTAGE.fullmatch(f"{number}%"):
        return f"Write {whole}." if _PERCENTAGE.fullmatch(whole) else _ANY_PERCENTAGE
    if _PERCENTAGE.fullmatch(whole):
        return f"Write {whole}, or {number}% if it is as small as that."
    return f"Write {number}%{end}"


@dataclass(frozen=True, slots=True, order=True)
class Percentage:
    """A share, held as an exact ratio: `99.9%` is `Decimal('0.999')`. `str()` is canonical: no trailing zeros, with the sign."""

    ratio: Decimal

    @classmethod
    def parse(cls, value: object) -> Self:
        """Read a percentage with its sign (`99.9%`).

        Raises:
            SpecError: not a percentage, with a fix.
        """
        if isinstance(value, cls):
            return value
        if isinstance(value, str):
            if _PERCENTAGE.fullmatch(value):
                return cls(Decimal(value[:-1]).scaleb(-2))
            bare = value.strip().rstrip("%").strip()
            if not _BARE_NUMBER.fullmatch(bare):
                fix = _ANY_PERCENTAGE
            elif not _PERCENTAGE.fullmatch(f"{bare}%"):
                fix = "Use at most three digits before the point and eight after it."
            else:
                fix = f"Write {bare}%." if "%" in value else _with_sign(bare, ".")
            raise SpecError(f"{shown(value)} is not a percentage.", fix=fix)
        if isinstance(value, int | float) and not isinstance(value, bool):
            raise SpecError(
                f"{value} is a number, not a percentage.", fix=_with_sign(str(value), " (with the percent sign).")
            )
        raise SpecError(f"{shown(value)} is not a percentage.", fix=_ANY_PERCENTAGE)

    def __str__(self) -> str:
        plain = f"{self.ratio.scaleb(2).normalize():f}"
        return f"{'0' if plain == '-0' else plain}%"

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return parsed_by(cls.parse)

    @classmethod
    def __get_pydantic_json_schema__(
        cls, _schema: core_schema.CoreSchema, _handler: GetJsonSchemaHandler, /
    ) -> dict[str, Any]:
        says = "a percentage with its sign: 99.9%"
        wrong = Cel(matches("self", PERCENTAGE_PATTERN), f"Write {says}.")
        return add_words(add_rules({"type": "string", "maxLength": 13, "pattern": PERCENTAGE_PATTERN}, (wrong,)), says)


@dataclass(frozen=True, slots=True)
class Quantity:
    """A Kubernetes quantity (`512Mi`, `2Gi`, `100m`): equal by value, printed as written."""

    value: Decimal
    text: str = field(compare=False)

    @classmethod
    def parse(cls, value: object) -> Self:
        """Read a quantity; a plain integer is one too.

        Raises:
            SpecError: not a quantity, with a fix.
        """
        if isinstance(value, cls):
            return value
        text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
        found = _QUANTITY.fullmatch(text) if isinstance(text, str) else None
        if found is None:
            raise SpecError(
                f"{shown(value)} is not a quantity.", fix="Write a number with a Kubernetes suffix: 512Mi, 2Gi."
            )
        number, suffix = found.group(1), found.group(2) or ""
        return cls(Decimal(number) * _quantity_factor(suffix), found.group(0))

    def __str__(self) -> str:
        return self.text

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return parsed_by(cls.parse)

    @classmethod
    def __get_pydantic_json_schema__(
        cls, _schema: core_schema.CoreSchema, _handler: GetJsonSchemaHandler, /
    ) -> dict[str, Any]:
        return int_or_string(QUANTITY_PATTERN, 32, "a number with a Kubernetes suffix: 512Mi, 2Gi")


def _quantity_factor(suffix: str) -> Decimal:
    if suffix == "m":
        return Decimal("0.001")
    powers = "kMGTPE" if not suffix.endswith("i") else "KMGTPE"
    base = Decimal(1024) if suffix.endswith("i") else Decimal(1000)
    return base ** (powers.index(suffix[0]) + 1) if suffix else Decimal(1)


def parse_decimal(value: object) -> Decimal:
    """Read a decimal written as an integer or as text (`3`, `"0.5"`).

    Raises:
        SpecError: not a decimal, or written as a floating point number, which would not be exact.
    """
    if isinstance(value, Decimal):
        return value
    if isinstance(value, bool):
        raise SpecError(f"{value} is not a number.", fix='Write a whole number, or a decimal in quotes: "0.5".')
    if isinstance(value, float):
        raise SpecError(
            f"{value} is written without quotes and would be rounded.", fix=f'Write it in quotes: "{value}".'
        )
    text = str(value) if isinstance(value, int | str) else ""
    if not _DECIMAL.fullmatch(text):
        raise SpecError(f"{shown(value)} is not a number.", fix='Write a whole number, or a decimal in quotes: "0.5".')
    return Decimal(text)


def int_or_string(pattern: str, length: int, says: str) -> dict[str, Any]:
    """Return the schema of a value that is an integer or text; the `anyOf` is the one form that a structural schema allows.

    Args:
        pattern: of the text.
        length: most characters of the text.
        says: in words what the value is.
    """
    schema = {
        "x-kubernetes-int-or-string": True,
        "anyOf": [{"type": "integer"}, {"type": "string"}],
        "pattern": pattern,
        "maxLength": length,
    }
    return add_words(schema, says)


class _DecimalValue:
    """Reads a `Decimal` from an integer or text."""

    def __get_pydantic_core_schema__(self, _source: Any, _handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return parsed_by(parse_decimal)

    def __get_pydantic_json_schema__(
        self, _schema: core_schema.CoreSchema, _handler: GetJsonSchemaHandler, /
    ) -> dict[str, Any]:
        return int_or_string(DECIMAL_PATTERN, 32, 'a whole number, or a decimal in quotes: "0.5"')


Number = Annotated[Decimal, _DecimalValue()]
"""A decimal as people write it: int-or-string, exact."""


def duration_between(low: str, high: str, *, whole: str = "") -> Law:
    """Return the law that a `Duration` lies in `low..high`, both included, and is a multiple of `whole` where given."""
    least, most = Duration.parse(low), Duration.parse(high)
    step = Duration.parse(whole) if whole else None
    says = f"a duration from {low} to {high}" + (f" that is a multiple of {whole}" if step else "")
    fix = f"Choose {says}."

    def check(value: Duration) -> None:
        if not least <= value <= most:
            raise SpecError(f"{value} is outside {low} to {high}.", fix=fix)
        if step and value.ms % step.ms:
            raise SpecError(f"{value} is not a multiple of {whole}.", fix=fix)

    steps = f" && ms % {step.ms} == 0" if step else ""
    inside = bound(duration_ms("self"), "ms", f"ms >= {least.ms} && ms <= {most.ms}{steps}")
    # A value that is no duration has its own message; this rule need not add a second one.
    return Law(check, (Cel(f"!{matches('self', DURATION_PATTERN)} || {inside}", fix),), says)


def percentage_between(low: str, high: str, *, low_included: bool = False, high_included: bool = False) -> Law:
    """Return the law that a `Percentage` lies between two others, excluded unless said otherwise."""
    least, most = Percentage.parse(low), Percentage.parse(high)
    above, below = ("at least" if low_included else "above"), ("at most" if high_included else "below")
    says = f"a percentage {above} {low} and {below} {high}"
    fix = f"Choose {says}."

    def check(value: Percentage) -> None:
        under = value < least if low_included else value <= least
        over = value > most if high_included else value >= most
        if under or over:
            raise SpecError(f"{value} is not {above if under else below} {low if under else high}.", fix=fix)

    floor = f"share {'>=' if low_included else '>'} {float(least.ratio * 100)}"
    ceiling = f"share {'<=' if high_included else '<'} {float(most.ratio * 100)}"
    inside = bound(percent("self"), "share", f"{floor} && {ceiling}")
    return Law(check, (Cel(f"!{matches('self', PERCENTAGE_PATTERN)} || {inside}", fix),), says)


@dataclass(frozen=True, slots=True)
class Shape:
    """Text of a fixed shape: an RE2 pattern, the length, and in words what it is.

    Attributes:
        pattern: anchored (`^...$`), in the common ground of RE2 and Python.
        says: completes "Write ..." for the person whose text does not fit.
        length: most characters.
        least: fewest characters.
        in_words: whether the API server says it in words too. Where lists lie in lists that costs more than it allows; then
            only the pattern is checked there, and shown.
        private: whether people may write a secret there, by mistake or as a part of it, so that nobody is told what was written.
    """

    pattern: str
    says: str
    length: int
    least: int = 1
    in_words: bool = True
    private: bool = False

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        # Python's `$` also matches before a last line break, RE2's does not: match the whole text instead.
        expression = re.compile(self.pattern.removeprefix("^").removesuffix("$"))

        def check(value: str) -> str:
            if not self.least <= len(value) <= self.length:
                raise refusal(
                    f"{self._shown(value)} has {len(value)} characters.",
                    fix=f"Use {self.least} to {self.length} characters.",
                )
            if expression.fullmatch(value) is None:
                raise refusal(f"{self._shown(value)} does not fit here.", fix=f"Write {self.says}.")
            return value

        return core_schema.no_info_after_validator_function(check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler, /
    ) -> dict[str, Any]:
        bounds = {"pattern": self.pattern, "maxLength": self.length} | ({"minLength": self.least} if self.least else {})
        rules = (Cel(matches("self", self.pattern), f"Write {self.says}."),) if self.in_words else ()
        return add_words(add_rules(handler(schema) | bounds, rules), self.says)

    def _shown(self, value: str) -> str:
        return "The text" if self.private else shown(value)


DNS_LABEL_PATTERN: Final = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
LABEL_NAME_PATTERN: Final = "^[a-zA-Z_][a-zA-Z0-9_]*$"

DnsLabel = Annotated[str, Shape(DNS_LABEL_PATTERN, "lower-case letters, digits and - between them", 63)]
"""A name as Kubernetes' DNS labels: our own names, namespaces, names of list items."""

LabelName = Annotated[
    str, Shape(LABEL_NAME_PATTERN, "a Prometheus label name: letters, digits and _, not beginning with a digit", 128)
]
"""A Prometheus label name of the classic alphabet."""

PlainText = Annotated[str, Field(min_length=1, max_length=1024)]
"""Prose of a user."""

Token = Annotated[
    str,
    Shape(
        "^[A-Za-z0-9]([A-Za-z0-9._/-]*[A-Za-z0-9])?$",
        "letters, digits, and . _ / - between them",
        128,
    ),
]
"""A short name that becomes a label value: no spaces, no templates."""

HTTP_URL: Final = Shape(
    r"^https?://[A-Za-z0-9.\[\]:_-]+([/?#][A-Za-z0-9._~:/?#\[\]@!$&\x27()*+,;=%-]*)?$",
    "a URL that begins with http:// or https://, without spaces and without a user in it",
    2048,
    private=True,
)

HttpUrl = Annotated[str, HTTP_URL]
"""An absolute http(s) URL. Braces must be percent-encoded (RFC 3986), so a template cannot hide in one."""


class AlertSeverity(StrEnum):
    """The one scale of alerts."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


class Rate(Model):
    """So many things per time: `{limit: 1000, per: 1s}`."""

    limit: Annotated[int, Field(strict=True, ge=1, le=2_147_483_647, description="How many.")]
    per: Annotated[Duration, duration_between("1ms", "1d"), Field(description="In how much time.")]
