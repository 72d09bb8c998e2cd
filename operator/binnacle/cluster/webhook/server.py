"""The webhook as a server: bounded in time, in room and in connections, and open rather than shut when it is in doubt.

Whoever cannot be judged in time passes, with a warning that says so: what is wrong then shows in status, as it does without
a webhook.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from binnacle.cluster.webhook import review as reviews
from binnacle.cluster.webhook.certificate import Certificate
from binnacle.cluster.webhook.review import Review
from binnacle.cluster.webhook.threads import Threads
from binnacle.control.admission import Body, Verdict, is_unchanged
from binnacle.control.metrics import WebhookMetrics, WebhookVerdict
from binnacle.control.ports import Clock

log = logging.getLogger(__name__)

PATH: Final = "/validate"

Judge = Callable[[Body, Body | None], Verdict]


@dataclass(frozen=True, slots=True)
class Limits:
    """What the webhook spends on its callers.

    Attributes:
        answer: seconds from a call to its answer; the API server waits 5 s, its connection included.
        reading: seconds of these for the body.
        body: bytes of a call. The API server takes objects of 3 MiB, and a call may hold the new one and the old one.
        room: bytes of all calls that are being answered together; a call waits for its room.
        connections: open at the same time.
        threads: that judge.
        spare: that may take the place of those that are busy with what nobody waits for any more.
        look: seconds between looks at the files of the certificate.
    """

    answer: float = 4.0
    reading: float = 2.0
    body: int = 8 << 20
    room: int = 32 << 20
    connections: int = 512
    threads: int = 2
    spare: int = 2
    look: float = 2.0


class WebhookServer:
    """Answers AdmissionReviews over TLS, on every replica.

    It listens once there is a certificate that can be used.

    Args:
        judge: gives the verdict on an object and the one that it replaces; called from several threads.
        certificates: the folder of `tls.crt` and `tls.key`.
        metrics: counts calls.
        clock: for looking at the files now and then.
        limits: what it spends.
    """

    def __init__(
        self, judge: Judge, certificates: Path, metrics: WebhookMetrics, clock: Clock, limits: Limits | None = None
    ) -> None:
        self._judge = judge
        self._metrics = metrics
        self._clock = clock
        self._limits = limits or Limits()
        self._certificate = Certificate(certificates, metrics)
        self._threads = Threads(self._limits.threads, self._limits.threads + self._limits.spare)
        self._room = _Room(self._limits.room)
        self._server: asyncio.Server | None = None
        self._silent: set[RequestHandler] = set()
        self.missing = "the webhook has no certificate that can be used yet"
        """What keeps it from answering; empty when nothing does."""

    @property
    def port(self) -> int:
        """The port that it listens on; 0 while it does not listen."""
        return int(self._server.sockets[0].getsockname()[1]) if self._server is not None else 0

    @asynccontextmanager
    async def serving(self, host: str, port: int) -> AsyncIterator[None]:
        """Serve while what is within runs; at its end calls that are under way are still answered.

        An address that cannot be had is tried again, as a certificate is: the loop works without a webhook.
        """
        application = web.Application(client_max_size=self._limits.body)
        application.router.add_post(PATH, self._handle)
        runner = web.AppRunner(
            application,
            access_log=None,
            shutdown_timeout=self._limits.answer,
            # Longer than the 90 s after which the API server ends an idle connection: a call never meets our end of it.
            keepalive_timeout=120.0,
            # The API server does not compress, and what is small when it comes must not be large when it is read.
            auto_decompress=False,
        )
        await runner.setup()
        with self._threads:
            try:
                await self._look(runner, host, port)
                looking = asyncio.create_task(self._look_regularly(runner, host, port), name="binnacle-webhook")
                try:
                    yield
                finally:
                    looking.cancel()
                    await asyncio.gather(looking, return_exceptions=True)
            finally:
                if self._server is not None:
                    self._server.close()
                    self._server = None
                await runner.cleanup()

    async def _look_regularly(self, runner: web.AppRunner, host: str, port: int) -> None:
        while True:
            await self._clock.sleep(self._limits.look)
            await self._look(runner, host, port)

    async def _look(self, runner: web.AppRunner, host: str, port: int) -> None:
        self._certificate.refresh()
        if self._server is not None or not self._certificate.usable:
            return
        loop = asyncio.get_running_loop()
        answering = runner.server
        if answering is None:
            return

        def connected() -> asyncio.Protocol:
            if len(answering.connections) >= self._limits.connections:
                return _Refusing()
            protocol = answering()
            self._silent.add(protocol)
            loop.call_later(self._limits.answer, self._end_if_silent, protocol)
            return protocol

        try:
            self._server = await loop.create_server(
                connected,
                host,
                port,
                ssl=self._certificate.context,
                ssl_handshake_timeout=self._limits.answer,
                backlog=self._limits.connections,
            )
        except OSError as error:
            self._say_missing(f"the webhook cannot listen on port {port}: {error.strerror or error}")
        else:
            self.missing = ""
            log.info("serving the webhook on port %d", self.port)

    def _say_missing(self, what: str) -> None:
        if what != self.missing:
            log.error("%s", what)
        self.missing = what

    def _end_if_silent(self, protocol: RequestHandler) -> None:
        """End a connection that has brought no whole head of a call in the time of one."""
        if protocol in self._silent:
            self._silent.remove(protocol)
            protocol.force_close()

    async def _handle(self, request: web.Request) -> web.Response:
        began = time.perf_counter()
        self._silent.discard(request.protocol)
        self._metrics.in_flight.labels(PATH).inc()
        status = 500
        try:
            response = await self._answer(request)
            status = response.status
        except web.HTTPException as error:
            status = error.status
            raise
        finally:
            self._metrics.in_flight.labels(PATH).dec()
            self._metrics.seconds.labels(PATH).observe(time.perf_counter() - began)
            self._metrics.requests.labels(PATH, str(status)).inc()
        return response

    async def _answer(self, request: web.Request) -> web.Response:
        deadline = asyncio.get_running_loop().time() + self._limits.answer
        if request.content_type != "application/json":
            raise web.HTTPUnsupportedMediaType(text="Send application/json.\n")
        size = request.content_length
        if size is None:
            raise web.HTTPLengthRequired(text="Say how long the body is.\n")
        if size > self._limits.body:
            raise web.HTTPRequestEntityTooLarge(self._limits.body, size, text="The body is too large.\n")
        try:
            async with asyncio.timeout_at(deadline), self._room.taken(size):
                review = reviews.read(await self._body(request))
                text = await self._reviewed(review, deadline)
        except reviews.MalformedError as error:
            raise web.HTTPBadRequest(text=f"{error}\n") from error
        except TimeoutError as error:
            # What was asked is not known, so there is no answer to it; the API server goes by its failurePolicy.
            late = web.HTTPServiceUnavailable(text="The call did not arrive in time.\n")
            late.force_close()
            raise late from error
        return web.Response(body=text, content_type="application/json")

    async def _body(self, request: web.Request) -> bytes:
        async with asyncio.timeout(self._limits.reading):
            return await request.read()

    async def _reviewed(self, review: Review, deadline: float) -> bytes:
        body, before = review.body, review.before
        if not review.ours or body is None:
            return reviews.pass_unjudged(review)
        if not review.known:
            # A newer definition than this replica, in the middle of an upgrade.
            return reviews.pass_unjudged(review, f"not checked, this operator knows no {review.kind} {review.version}.")
        if is_unchanged(body, before):
            return reviews.pass_unjudged(review)
        if self._threads.stuck:
            return self._unchecked(review, "there was no time")
        try:
            # A little before the deadline of the call, to have time for the answer.
            async with asyncio.timeout_at(deadline - self._limits.answer / 8):
                verdict = await self._threads.run(lambda: self._judge(body, before))
        except TimeoutError:
            return self._unchecked(review, "there was no time")
        except Exception as error:  # noqa: BLE001 - the fence around everything that reads what people wrote
            # Only the kind of the error: its text, or a traceback, could quote the resource.
            return self._unchecked(review, f"by a defect of Binnacle ({type(error).__name__})")
        self._note(review, verdict)
        return reviews.answer(review, verdict)

    def _unchecked(self, review: Review, why: str) -> bytes:
        log.warning("not checked", extra={"resource": review.subject, "uid": review.uid, "why": why})
        self._metrics.verdicts.labels(review.kind, WebhookVerdict.UNCHECKED).inc()
        return reviews.pass_unjudged(review, f"not checked, {why}: see its status, or `binnacle check`.")

    def _note(self, review: Review, verdict: Verdict) -> None:
        outcome = (
            WebhookVerdict.DENIED
            if verdict.refused
            else WebhookVerdict.WARNED
            if verdict.told
            else WebhookVerdict.ALLOWED
        )
        self._metrics.verdicts.labels(review.kind, outcome).inc()
        if verdict.refused:
            findings = ", ".join(f"{one.reason} at {one.path or '.'}" for one in verdict.refused[:5])
            log.info("refused", extra={"resource": review.subject, "uid": review.uid, "findings": findings})


class _Room:
    """Bytes that calls may take together; who finds no room waits for it."""

    def __init__(self, size: int) -> None:
        self._left = size
        self._freed = asyncio.Event()

    @asynccontextmanager
    async def taken(self, size: int) -> AsyncIterator[None]:
        """Take room while what is within runs."""
        while self._left < size:
            self._freed.clear()
            await self._freed.wait()
        self._left -= size
        try:
            yield
        finally:
            self._left += size
            self._freed.set()


class _Refusing(asyncio.Protocol):
    """Ends a connection that is one too many."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Close it."""
        transport.close()
