"""Requests to the API server as JSON bytes through one bounded session; answers as values or as our errors."""

import io
import json
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import aiohttp
import orjson

from binnacle.api.reasons import Reason
from binnacle.cluster.fence import Fence
from binnacle.cluster.refusals import OPERATOR, Call, refusal
from binnacle.errors import TransientError

APPLY_PATCH = "application/apply-patch+yaml"
MERGE_PATCH = "application/merge-patch+json"
JSON = "application/json"
_METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
_PAGE = 500
_EXPIRED = 410
_LARGE = 2**20


class Client:
    """A thin client: one method per shape of request, every failure one of `binnacle.errors`.

    Args:
        session: from `Connection.session`; its limit bounds the sockets.
        who: asks, as messages about missing permissions call it.
        fence: until when what has a body may be sent; None where that is no question.
    """

    def __init__(self, session: aiohttp.ClientSession, who: str = OPERATOR, fence: Fence | None = None):
        self._session = session
        self._who = who
        self._fence = fence

    async def request(
        self,
        method: str,
        call: Call,
        *,
        body: bytes | None = None,
        content_type: str = JSON,
        params: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """Send one request and return the object of the answer.

        Raises:
            NotFoundError, TransientError, ConflictError, SpecError: as `refusal` decides; no answer within the
                session's time limit, or one that no API server gives, is a `TransientError` too.
        """
        status, retry_after, answer = await self._exchange(method, call, body, content_type, JSON, params)
        if status >= 400:
            raise refusal(call, status, retry_after, answer, self._who)
        return _object(str(call), answer)

    async def metadata(self, call: Call, selector: str = "") -> AsyncIterator[dict[str, Any]]:
        """Yield the metadata of every object of a collection, in pages, without bodies.

        Raises the same as `request`. When the server has forgotten the list's version midway, the listing starts again
        and repeats what it had yielded; a caller that counts must be ready for that.
        """
        # Metadata have no numbers but small ones. Where there may be others, orjson reads what is beyond 64 bits inexactly.
        async for item in self._items(call, selector, _METADATA_LIST, orjson.loads):
            yield item["metadata"]

    async def objects(self, call: Call, selector: str = "") -> AsyncIterator[dict[str, Any]]:
        """Yield every object of a collection, in pages. Raises and repeats as `metadata` does."""
        # A list names the kind of its items once, at its top.
        kind = {"apiVersion": call.resource.api_version, "kind": call.resource.kind}
        async for item in self._items(call, selector, JSON):
            yield {**kind, **item}

    async def _items(
        self, call: Call, selector: str, accept: str, read: Callable[[bytes], Any] = json.loads
    ) -> AsyncIterator[dict[str, Any]]:
        params = {"limit": str(_PAGE)}
        if selector:
            params["labelSelector"] = selector
        while True:
            status, retry_after, answer = await self._exchange("GET", call, None, JSON, accept, params)
            if status == _EXPIRED and "continue" in params:
                del params["continue"]
                continue
            if status >= 400:
                raise refusal(call, status, retry_after, answer, self._who)
            page = _object(str(call), answer, read)
            if "items" not in page or "metadata" not in page:
                raise _nonsense(str(call))
            for item in page["items"] or ():  # null when there is none
                yield item
            more = page["metadata"].get("continue")
            if not more:
                return
            params["continue"] = more

    async def serves(self, group_version: str) -> frozenset[str]:
        """Return the plural names that the server knows in a group and version; empty when it knows none.

        Raises `TransientError` when it cannot be asked.
        """
        root = "/apis/" if "/" in group_version else "/api/"
        try:
            async with self._session.get(f"{root}{group_version}", allow_redirects=False) as response:
                answer = await response.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise _unreachable("discover", error) from error
        if response.status == 404:
            return frozenset()
        if response.status != 200:
            raise TransientError(
                f"the API server answered {response.status} when asked what {group_version} holds",
                reason=Reason.API_SERVER_UNAVAILABLE,
            )
        resources = _object("discover", answer).get("resources")
        if resources is None:
            raise _nonsense("discover")
        return frozenset(item["name"] for item in resources)

    async def _exchange(
        self,
        method: str,
        call: Call,
        body: bytes | None,
        content_type: str,
        accept: str,
        params: Mapping[str, str] | None,
    ) -> tuple[int, str | None, bytes]:
        headers = {"Accept": accept}
        if body is not None:
            headers["Content-Type"] = content_type
        # A large body is sent in pieces, so that the loop goes on in between.
        data: Any = io.BytesIO(body) if body is not None and len(body) > _LARGE else body
        fence = self._fence if body is not None else None
        if body is not None and fence is not None:
            data, params = fence.payload(body), {**(params or {}), "timeout": fence.limit()}
        try:
            async with self._session.request(
                method, call.path, data=data, headers=headers, params=params, allow_redirects=False
            ) as response:
                return response.status, response.headers.get("Retry-After"), await response.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            if fence is not None:
                if not isinstance(error, aiohttp.ClientConnectorError):
                    fence.lost()
                fence.check()
            raise _unreachable(str(call), error) from error


def cause(error: Exception) -> str:
    """Say in words why there was no answer."""
    return "it gave no answer in time" if isinstance(error, TimeoutError) else str(error) or type(error).__name__


def _unreachable(what: str, error: Exception) -> TransientError:
    return TransientError(
        f"cannot reach the API server to {what}: {cause(error)}", reason=Reason.API_SERVER_UNAVAILABLE
    )


def _object(what: str, answer: bytes, read: Callable[[bytes], Any] = json.loads) -> dict[str, Any]:
    """Return the JSON object of an answer; a proxy in between may have written whatever it liked."""
    try:
        value = read(answer)
    except (ValueError, RecursionError):
        raise _nonsense(what) from None
    if not isinstance(value, dict):
        raise _nonsense(what)
    return value


def _nonsense(what: str) -> TransientError:
    return TransientError(
        f"what came back for an attempt to {what} is no answer of an API server: is there a proxy in between?",
        reason=Reason.API_SERVER_UNAVAILABLE,
    )
