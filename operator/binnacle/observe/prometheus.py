"""A small client of Prometheus' HTTP API, where everything that can go wrong is a value.

Only what Prometheus 2.42 and 3.x, Mimir and Thanos have in common is relied on: `/api/v1/rules` and `/api/v1/query`. What
Prometheus alone has is a bonus: `/api/v1/status/runtimeinfo`, `/api/v1/scrape_pools` and `/api/v1/targets` (https://prometheus.io/docs/prometheus/latest/querying/api/). Filters and pages
of the rules API are asked for and not counted on: older servers ignore the parameters they do not know.
"""

import asyncio
import json
import math
import os
import re
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import aiohttp

from binnacle.observe.jsonstream import ArrayStream
from binnacle.promql import Node, to_text

MAX_TEXT = 300
"""Characters of another's text (an error, a body) that are repeated."""
_HEAD = 4096
_CREDENTIALS = re.compile(r"(?<=://)[^/\s@]+@")
_PAGES = 100
_LONG = 2000
"""Characters of an expression from which on it is sent in the body: proxies refuse addresses over 8 KiB."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one answer may cost.

    Attributes:
        seconds: from sending the request to the last byte.
        size: bytes of the body, as sent.
        page: rule groups for each request, where the server has pages (3.x).
    """

    seconds: float = 10.0
    size: int = 256 * 1024 * 1024
    page: int = 5000


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there is no answer, one sentence for people; stable while the cause is, and without secrets.

    `status` is the HTTP status where there was one.
    """

    message: str
    status: int | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule as the server evaluates it; `health` is `ok`, `err`, or `unknown` before the first evaluation."""

    name: str
    health: str
    error: str


@dataclass(frozen=True, slots=True)
class Group:
    """A rule group that the server has loaded; `interval` in seconds."""

    name: str
    interval: float
    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class Sample:
    """An element of an instant vector; its value is a finite number."""

    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True, slots=True)
class Row:
    """An element of a range's answer: its labels, and its values that are finite numbers by Unix seconds, ascending."""

    labels: Mapping[str, str]
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Answered:
    """The server answered. `warnings` are its own, for example that a store behind Thanos was away."""

    warnings: tuple[str, ...] = ()


Outcome: TypeAlias = Answered | Failure
Take: TypeAlias = Callable[[Mapping[str, Any]], None]


def open_session() -> aiohttp.ClientSession:
    """Return a session fit for `Prometheus`: few connections, nothing taken from the environment, no cookies."""
    return aiohttp.ClientSession(
        trust_env=False, connector=aiohttp.TCPConnector(limit=4), cookie_jar=aiohttp.DummyCookieJar()
    )


def address(url: str) -> str:
    """Return `url` as it may be shown: without user, password, query and fragment."""
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return "an address that is no URL"
    if not host:
        return parts.path
    return f"{parts.scheme}://{host}{parts.path.rstrip('/')}"


def tidy(text: str) -> str:
    """Return another's text as it may be repeated: one line, bounded, without credentials in URLs."""
    line = _CREDENTIALS.sub("", " ".join(text.split()))
    return line if len(line) <= MAX_TEXT else line[: MAX_TEXT - 1] + "…"


class Prometheus:
    """The API at one address. No method raises for anything that the other side does.

    Args:
        url: base address; a path prefix (`http://mimir/prometheus`) is kept.
        session: `open_session()`, or one like it.
        limits: of each request.
    """

    def __init__(self, url: str, session: aiohttp.ClientSession, limits: Limits | None = None) -> None:
        self._base = url.split("?")[0].split("#")[0].rstrip("/")
        self._session = session
        self._limits = limits or Limits()
        self.address = address(url)

    async def rules(self, take: Callable[[Group], None], names: Sequence[str] = ()) -> Outcome:
        """Give the loaded rule groups to `take`, one after the other.

        Args:
            take: called with each group as it arrives, also with those of an answer that then fails; it may be given
                a group twice, when the rules are reloaded meanwhile.
            names: the groups that are wanted; all when empty. Servers before 2.44 give all of them anyway.
        """
        wanted = [("exclude_alerts", "true"), *(("rule_group[]", name) for name in names)]
        page = [] if names else [("group_limit", str(self._limits.page))]
        warnings: tuple[str, ...] = ()
        token = ""
        for _ in range(_PAGES):
            more = [*page, ("group_next_token", token)] if token else page
            answer = await self._array("/api/v1/rules", [*wanted, *more], "groups", lambda one: take(_group(one)))
            if isinstance(answer, Failure):
                if token and answer.status == 400:
                    # The rules were reloaded between two pages and the server cannot continue; take them in one.
                    page, token = [], ""
                    continue
                return answer
            data, warned = answer
            warnings += warned
            token = str(data.get("groupNextToken") or "")
            if not token:
                return Answered(warnings)
        return self._failure("gives its rules in too many pages.")

    async def query(self, expression: Node, take: Callable[[Sample], None]) -> Outcome:
        """Evaluate `expression` now and give the elements of the vector to `take`; values that are no number are left out."""

        def one(element: Mapping[str, Any]) -> None:
            sample = _sample(element)
            if math.isfinite(sample.value):
                take(sample)

        text = to_text(expression)
        answer = await self._array("/api/v1/query", [("query", text)], "result", one, post=len(text) > _LONG)
        return answer if isinstance(answer, Failure) else Answered(answer[1])

    async def query_range(
        self, expression: Node, *, start: int, end: int, step: int, take: Callable[[Row], None]
    ) -> Outcome:
        """Evaluate `expression` at each `step` from `start` to `end`, in Unix seconds, and give the elements to `take`.

        A server gives at most 11,000 points of a series.
        """
        form = [("query", to_text(expression)), ("start", str(start)), ("end", str(end)), ("step", str(step))]
        # As a form: an expression may be longer than an address may.
        answer = await self._array("/api/v1/query_range", form, "result", lambda one: take(_row(one)), post=True)
        return answer if isinstance(answer, Failure) else Answered(answer[1])

    async def scrape_pools(self) -> frozenset[str] | Failure:
        """Return the names of the scrape pools that the server has loaded, one for each job or monitored endpoint."""
        answer = await self._array("/api/v1/scrape_pools", [], "none", lambda _one: None)
        if isinstance(answer, Failure):
            return answer
        pools = answer[0].get("scrapePools")
        return (
            frozenset(map(str, pools)) if isinstance(pools, list) else self._failure("does not list its scrape jobs.")
        )

    async def scrape_errors(self, jobs: Container[str], pool: str | None = None) -> Mapping[str, str]:
        """Return why targets of `jobs` cannot be scraped, one reason for each job; nothing where the server does not tell.

        Args:
            jobs: values of the label `job`.
            pool: asks only for the targets of this scrape pool.
        """
        found: dict[str, str] = {}

        def one(target: Mapping[str, Any]) -> None:
            labels, error = target.get("labels"), target.get("lastError")
            job = labels.get("job") if isinstance(labels, dict) else None
            # The first by name, so that of several the same is told each time.
            if isinstance(job, str) and job in jobs and isinstance(error, str) and error:
                found[job] = min(found.get(job, error), error)

        chosen = [("scrapePool", pool)] if pool is not None else []
        answer = await self._array("/api/v1/targets", [("state", "active"), *chosen], "activeTargets", one)
        return {} if isinstance(answer, Failure) else found

    async def reload_succeeded(self) -> bool | None:
        """Say whether the server's last attempt to load its configuration succeeded; None where it does not tell."""
        answer = await self._array("/api/v1/status/runtimeinfo", [], "none", lambda _one: None)
        if isinstance(answer, Failure):
            return None
        succeeded = answer[0].get("reloadConfigSuccess")
        return succeeded if isinstance(succeeded, bool) else None

    async def _array(
        self, path: str, parameters: Sequence[tuple[str, str]], key: str, take: Take, *, post: bool = False
    ) -> tuple[Mapping[str, Any], tuple[str, ...]] | Failure:
        """Ask for `path`; give the elements of the array `key` to `take`; return what else `data` has, and the warnings."""
        try:
            async with (
                asyncio.timeout(self._limits.seconds),
                self._session.request(
                    "POST" if post else "GET",
                    self._base + path,
                    params=None if post else parameters,
                    data=parameters if post else None,
                    # The size is bounded as it arrives, so nothing may be packed into it.
                    headers={"Accept": "application/json", "Accept-Encoding": "identity"},
                    allow_redirects=False,
                    timeout=aiohttp.ClientTimeout(),
                ) as response,
            ):
                if response.status != 200 or response.headers.get("Content-Encoding", "identity") != "identity":
                    return self._refusal(response, await response.content.read(_HEAD))
                return await self._read(response, key, take)
        except TimeoutError:
            return self._failure(f"did not finish its answer within {self._limits.seconds:g} s.")
        except aiohttp.ClientConnectorCertificateError:
            return self._failure("cannot be reached: its TLS certificate is not trusted.")
        except aiohttp.ClientConnectorSSLError:
            return self._failure("cannot be reached: no TLS handshake. Does it speak https?")
        except aiohttp.ClientConnectorDNSError:
            return self._failure("cannot be reached: the host name does not resolve.")
        except aiohttp.ClientConnectorError as error:
            return self._failure(f"cannot be reached: {_cause(error.os_error)}.")
        except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError):
            return self._failure("cannot be reached: the address is not a valid URL.")
        except aiohttp.ClientPayloadError:
            return self._failure("broke off in the middle of its answer.")
        except (aiohttp.ClientError, OSError) as error:
            return self._failure(f"ended the connection without a proper answer ({type(error).__name__}).")
        except (ValueError, RecursionError):
            return self._failure(
                "answered with something that is not an answer of the Prometheus API. Check prometheus.url, its path too."
            )

    async def _read(
        self, response: aiohttp.ClientResponse, key: str, take: Take
    ) -> tuple[Mapping[str, Any], tuple[str, ...]] | Failure:
        stream = ArrayStream(key)
        size = 0
        async for chunk in response.content.iter_any():
            size += len(chunk)
            if size > self._limits.size:
                return self._failure(f"answered with more than {self._limits.size // 1024 // 1024} MiB.")
            for element in stream.feed(chunk):
                take(element)
        last, rest = stream.close()
        for element in last:
            take(element)
        if rest.get("status") != "success":
            if "status" not in rest:
                raise ValueError("no status")
            return self._failure(f"refused the request: {tidy(str(rest.get('error') or 'no reason given'))}.")
        data = rest.get("data")
        if not isinstance(data, dict):
            raise ValueError("no data")  # noqa: TRY004 - one class for every answer of the wrong shape
        warnings = rest.get("warnings")
        return data, tuple(map(str, warnings)) if isinstance(warnings, list) else ()

    def _refusal(self, response: aiohttp.ClientResponse, head: bytes) -> Failure:
        status = response.status
        said = f"answered {status} {tidy(response.reason or '')}".rstrip()
        match status:
            case 200:
                text = "packs its answer although it was asked not to."
            case 401 | 403:
                text = f"{said}: it, or a proxy before it, wants credentials, and the operator has none to send."
            case 404:
                text = f"{said}: there is no Prometheus API there. Check prometheus.url, its path too."
            case _ if 300 <= status < 400:
                where = address(response.headers.get("Location", "")) or "nowhere"
                text = (
                    f"{said} to {tidy(where)}, and redirects are not followed. Set prometheus.url to the final address."
                )
            case _:
                text = f"{said}{_said(head)}"
        return Failure(f"Prometheus at {self.address} {text}", status)

    def _failure(self, text: str) -> Failure:
        return Failure(f"Prometheus at {self.address} {text}")


def _group(element: Mapping[str, Any]) -> Group:
    try:
        return Group(
            name=str(element["name"]),
            interval=float(element.get("interval") or 0),
            rules=tuple(
                Rule(str(one["name"]), str(one.get("health") or "unknown"), str(one.get("lastError") or ""))
                for one in element["rules"] or ()
            ),
        )
    except (LookupError, TypeError, AttributeError) as error:
        raise ValueError("not a rule group") from error


def _sample(element: Mapping[str, Any]) -> Sample:
    try:
        _instant, value = element["value"]
        return Sample({name: str(text) for name, text in element["metric"].items()}, float(value))
    except (LookupError, TypeError, AttributeError) as error:
        raise ValueError("not a sample of a vector") from error


def _row(element: Mapping[str, Any]) -> Row:
    try:
        points = [(float(at), float(value)) for at, value in element["values"]]
        labels = {name: str(text) for name, text in element["metric"].items()}
    except (LookupError, TypeError, AttributeError) as error:
        raise ValueError("not a series of a range") from error
    return Row(labels, [point for point in points if math.isfinite(point[1])])


def _cause(error: OSError) -> str:
    """Name the cause without the addresses that differ from one attempt to the next."""
    if isinstance(error, ConnectionRefusedError):
        return "the connection is refused"
    return os.strerror(error.errno).lower() if error.errno else "no connection"


def _said(head: bytes) -> str:
    """Return what a refusal says for itself: the error of the API's own form, or the first line of plain text."""
    text = head.decode(errors="replace")
    try:
        error = json.loads(text)["error"]
    except (ValueError, LookupError, TypeError, RecursionError):
        error = "" if "<" in text else text.strip().partition("\n")[0]
    return f": {tidy(str(error))}" if error else "."
