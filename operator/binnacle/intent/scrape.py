"""Endpoints that are scraped, as values. Times are whole milliseconds, labels and selectors sorted pairs."""

from dataclasses import dataclass

from binnacle.intent.base import Intent
from binnacle.intent.routing import SecretFile
from binnacle.intent.rules import Pairs


@dataclass(frozen=True, slots=True)
class BasicAuth:
    """A user name, and where the password is."""

    username: str
    password: SecretFile


Auth = SecretFile | BasicAuth
"""How somebody proves who they are: a bearer token, or a name and a password."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One endpoint of the pods, or of the services, that have some labels.

    Attributes:
        item: name of the item; the job is `<namespace>/<resource>/<item>`.
        services: whether `match` are labels of services; else of pods.
        match: labels that the object must have.
        port: name or number.
        path, scheme, params: of the URL.
        interval_ms, timeout_ms: between scrapes, and of one.
        honor_labels: whether labels that are scraped win over those of the target.
        auth: how the scrape proves who it is.
        labels: put on every series.
        lasting: set on every series after all that the target says.
    """

    item: str
    services: bool
    match: Pairs
    port: str | int
    path: str
    scheme: str
    interval_ms: int
    timeout_ms: int
    honor_labels: bool = False
    params: tuple[tuple[str, tuple[str, ...]], ...] = ()
    auth: Auth | None = None
    labels: Pairs = ()
    lasting: Pairs = ()


@dataclass(frozen=True, slots=True)
class Scraping(Intent):
    """The endpoints of one resource."""

    endpoints: tuple[Endpoint, ...]
