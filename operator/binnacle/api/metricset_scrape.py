"""Scraping in a MetricSet: which endpoints of the target are read, how often, and with what credentials."""

from enum import StrEnum
from typing import Annotated, Any, ClassVar, Final, TypeAlias

from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import core_schema

from binnacle.api.model import Items, Model, OneOf, parsed_by, shown
from binnacle.api.secrets import SecretValue
from binnacle.api.values import DnsLabel, Duration, Shape, duration_between, int_or_string
from binnacle.errors import SpecError

_PORT_NAME: Final = "[a-z0-9]([-a-z0-9]{0,13}[a-z0-9])?"
_PORT_SAYS: Final = "the port's name (at most 15 lower-case letters, digits and -), or its number from 1 to 65535"
_MOST_PORTS: Final = 65_535


class PortValue:
    """Reads a port: its name in the pod or the service, or its number."""

    def __get_pydantic_core_schema__(self, _source: Any, _handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return parsed_by(_parse_port)

    def __get_pydantic_json_schema__(
        self, _schema: core_schema.CoreSchema, _handler: GetJsonSchemaHandler, /
    ) -> dict[str, Any]:
        return int_or_string(f"^({_PORT_NAME}|[1-9][0-9]{{0,4}})$", 15, _PORT_SAYS)


def _parse_port(value: object) -> str | int:
    text = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    if text.isascii() and text.isdecimal() and not text.startswith("0") and int(text) <= _MOST_PORTS:
        return int(text)
    wanted = set(text) <= set("abcdefghijklmnopqrstuvwxyz0123456789-") and any(one.isalpha() for one in text)
    if not wanted or len(text) > 15 or text.startswith("-") or text.endswith("-"):
        raise SpecError(f"{shown(value)} is not a port.", fix=f"Write {_PORT_SAYS}.")
    return text


Port: TypeAlias = Annotated[str | int, PortValue()]
"""Name or number of a port."""

UserName = Annotated[
    str, Shape(r"^[^:\x00-\x1F\x7F]+$", "a user name in one line, without a colon (RFC 7617 forbids it)", 256)
]


class Basic(Model):
    """A user name and a password (RFC 7617)."""

    username: Annotated[UserName, Field(description="Name of the user.")]
    password: Annotated[SecretValue, Field(description="Where the password is.")]


class ScrapeAuth(OneOf):
    """How a scrape proves who it is; exactly one member."""

    one_of: ClassVar[tuple[str, ...]] = ("bearer", "basic")

    bearer: Annotated[SecretValue | None, Field(description="A bearer token (RFC 6750).")] = None
    basic: Annotated[Basic | None, Field(description="A user name and a password.")] = None


class Scheme(StrEnum):
    """How a target is spoken to."""

    HTTP = "http"
    HTTPS = "https"


class Param(Model):
    """A parameter of the URL that is scraped."""

    name: Annotated[
        Annotated[str, Shape(r"^[A-Za-z_][A-Za-z0-9_.-]*(\[\])?$", "a name such as collect or match[]", 64)],
        Field(description="Name of the parameter."),
    ]
    values: Annotated[
        tuple[Annotated[str, Field(max_length=1024)], ...],
        Items("atomic", 16, least=1),
        Field(description="Its values, in order."),
    ]


class Scrape(Model):
    """An endpoint of the target that Prometheus reads."""

    name: Annotated[DnsLabel, Field(description="Name of this item; the label job ends with it.")]
    port: Annotated[
        Port | None,
        Field(description="Name or number of the port. Absent means the port of the target."),
    ] = None
    path: Annotated[
        Annotated[
            str,
            Shape(
                r"^/[A-Za-z0-9._~:/@!$&\x27()*+,;=%-]*$",
                "a path that begins with / and holds no query; give that in params",
                512,
            ),
        ],
        Field(description="Path of the metrics. Absent means /metrics."),
    ] = "/metrics"
    interval: Annotated[
        Annotated[Duration, duration_between("1s", "1d")] | None,
        Field(description="Time between two scrapes, from 1s to 1d. Absent means the administrator's scrapeInterval."),
    ] = None
    timeout: Annotated[
        Annotated[Duration, duration_between("100ms", "10m")] | None,
        Field(
            description="Time that one scrape may take, at most the interval. Absent means 10s, or a shorter interval."
        ),
    ] = None
    scheme: Annotated[Scheme, Field(description="http or https. Absent means http.")] = Scheme.HTTP
    honor_labels: Annotated[
        bool,
        Field(
            strict=True,
            description="True lets labels that the target sends stand where they clash with those of the target itself; namespace "
            "is never replaced. Absent means false.",
        ),
    ] = False
    params: Annotated[tuple[Param, ...], Items("map", 16), Field(description="Parameters of the URL.")] = ()
    auth: Annotated[ScrapeAuth | None, Field(description="How the scrape proves who it is.")] = None
