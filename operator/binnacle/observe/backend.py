"""A backend's HTTP API at one address: one bounded request at a time, where everything that can go wrong is a value."""

import asyncio
import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import aiohttp

from binnacle.observe.jsonstream import ArrayStream

MAX_TEXT = 300
"""Characters of another's text (an error, a body) that are repeated."""
_HEAD = 4096
_CREDENTIALS = re.compile(r"(?<=://)[^/\s@]+@")
Take: TypeAlias = Callable[[Mapping[str, Any]], None]


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
        # Without `http://` what is before a colon is read as the scheme.
        return _bare(url).rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path.rstrip('/')}"


def _bare(url: str) -> str:
    """Return `url` without query and fragment, even if it is not quite one."""
    return url.split("?")[0].split("#")[0]


def tidy(text: str) -> str:
    """Return another's text as it may be repeated: one line, bounded, without credentials in URLs."""
    line = _CREDENTIALS.sub("", " ".join(text.split()))
    return line if len(line) <= MAX_TEXT else line[: MAX_TEXT - 1] + "…"


class Backend:
    """The API at one address. No method raises for anything that the other side does.

    Args:
        name: of the backend, in messages.
        setting: where a person sets the address, in messages.
        url: base address; a path prefix is kept.
        session: `open_session()`, or one like it.
        limits: of each request.
    """

    def __init__(
        self, name: str, setting: str, url: str, session: aiohttp.ClientSession, limits: Limits | None = None
    ) -> None:
        self._name = name
        self._setting = setting
        self._base = _bare(url).rstrip("/")
        self._session = session
        self._limits = limits or Limits()
        self._has_scheme = "//" in url
        self.address = address(url)

    async def ask(
        self,
        path: str,
        parameters: Sequence[tuple[str, str]] = (),
        key: str = "none",
        take: Take = lambda _one: None,
        *,
        post: bool = False,
    ) -> Mapping[str, Any] | Failure:
        """Ask `path`; give the elements of the array `key` to `take`; return the rest of the answer, a JSON object.

        With `post` the parameters go as a form.
        """
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
            return self.failure(f"did not finish its answer within {self._limits.seconds:g} s.")
        except aiohttp.ClientConnectorCertificateError:
            return self.failure("cannot be reached: its TLS certificate is not trusted.")
        except aiohttp.ClientConnectorSSLError:
            return self.failure("cannot be reached: no TLS handshake. Does it speak https?")
        except aiohttp.ClientConnectorDNSError:
            return self.failure("cannot be reached: the host name does not resolve.")
        except aiohttp.ClientConnectorError as error:
            return self.failure(f"cannot be reached: {_cause(error.os_error)}.")
        except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError):
            return self.failure(f"cannot be reached: {self._no_url()}")
        except aiohttp.ClientPayloadError:
            return self.failure("broke off in the middle of its answer.")
        except (aiohttp.ClientError, OSError) as error:
            return self.failure(f"ended the connection without a proper answer ({type(error).__name__}).")
        except (ValueError, RecursionError):
            return self.nonsense()

    async def _read(self, response: aiohttp.ClientResponse, key: str, take: Take) -> Mapping[str, Any] | Failure:
        stream = ArrayStream(key)
        size = 0
        async for chunk in response.content.iter_any():
            size += len(chunk)
            if size > self._limits.size:
                return self.failure(f"answered with more than {self._limits.size // 1024 // 1024} MiB.")
            for element in stream.feed(chunk):
                take(element)
        last, rest = stream.close()
        for element in last:
            take(element)
        return rest

    def _refusal(self, response: aiohttp.ClientResponse, head: bytes) -> Failure:
        status = response.status
        said = f"answered {status} {tidy(response.reason or '')}".rstrip()
        match status:
            case 200:
                text = "packs its answer although it was asked not to."
            case 401 | 403:
                text = f"{said}: it, or a proxy before it, wants credentials, and none are sent."
            case 404:
                text = f"{said}: there is no {self._name} API there. Check {self._setting}, its path too."
            case _ if 300 <= status < 400:
                where = address(response.headers.get("Location", "")) or "nowhere"
                text = f"{said} to {tidy(where)}, and redirects are not followed. Set {self._setting} to the final address."
            case _:
                text = f"{said}{_said(head)}"
        return Failure(f"{self._name} at {self.address} {text}", status)

    def _no_url(self) -> str:
        if self._has_scheme:
            return f"the address is not a valid URL. Set {self._setting} to one that begins with http:// or https://."
        return f"the address has no scheme. Set {self._setting} to http://{self.address}, or to https://."

    def failure(self, text: str) -> Failure:
        """Return a failure that says which backend it is about."""
        return Failure(f"{self._name} at {self.address} {text}")

    def nonsense(self) -> Failure:
        """Return the failure of an answer that is of another API."""
        return self.failure(
            f"answered with something that is not an answer of the {self._name} API. Check {self._setting}, its path too."
        )


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
