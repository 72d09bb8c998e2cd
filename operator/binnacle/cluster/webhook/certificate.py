"""The certificate of the webhook: read from files, and read again when they change, without a connection lost.

The files are a Secret of type `kubernetes.io/tls`, mounted. The kubelet replaces them by moving one symbolic link, so they
are looked at by content, not by inode or time.
"""

import hashlib
import logging
import math
import ssl
from pathlib import Path

from binnacle.cluster.webhook.validity import not_after
from binnacle.control.metrics import WebhookMetrics

log = logging.getLogger(__name__)

CERTIFICATE = "tls.crt"
KEY = "tls.key"

_LARGEST = 1 << 20


class Certificate:
    """What the webhook shows to who connects.

    `context` is given to the server once, for good. At each handshake it hands the connection to the context that was loaded
    last, so a new certificate is there whole or not at all, and connections that are open go on under theirs.

    Args:
        directory: holds `tls.crt`, the chain with the webhook's own certificate first, and `tls.key`.
        metrics: counts what was read.
    """

    def __init__(self, directory: Path, metrics: WebhookMetrics) -> None:
        self._paths = (directory / CERTIFICATE, directory / KEY)
        self._metrics = metrics
        self._seen: bytes | None = b""  # None stands for files that cannot be read
        self._current: ssl.SSLContext | None = None
        self.context = _context()
        self.context.sni_callback = self._choose

    @property
    def usable(self) -> bool:
        """Whether there is a certificate to show."""
        return self._current is not None

    def refresh(self) -> None:
        """Look at the files, and take the new certificate when they have changed and are good.

        Otherwise the one before stays; log and metric say so, once for each content of the files.
        """
        seen = self._digest()
        if seen == self._seen:
            return
        context, problem = self._load()
        if self._digest() != seen:
            return  # replaced while it was read: perhaps one file of each, so the next look decides
        self._seen = seen
        if problem:
            self._metrics.certificate_errors.inc()
            log.warning(
                "the webhook's certificate cannot be used%s",
                "; the one before stays" if self.usable else "; it does not answer until there is one",
                extra={"certificate": str(self._paths[0]), "key": str(self._paths[1]), "error": problem},
            )
            return
        self._current = context
        self._metrics.certificates.inc()
        self._metrics.certificate_not_after.set(self._not_after())
        log.info("the webhook's certificate was read", extra={"certificate": str(self._paths[0])})

    def _load(self) -> tuple[ssl.SSLContext, str]:
        """Return a context with what the files hold, and why it is of no use; empty when it is."""
        context = _context()
        try:
            # A key with a password would have the library ask for one on the terminal.
            context.load_cert_chain(*self._paths, password="")
        except (OSError, ValueError) as error:
            return context, _reason(error)
        return context, ""

    def _not_after(self) -> float:
        """Return when the certificate ends; what does not say so, or has just been replaced, counts as endless."""
        try:
            return not_after(self._paths[0].read_text("ascii", "replace"))
        except (OSError, ValueError):
            return math.inf

    def _digest(self) -> bytes | None:
        digest = hashlib.sha256()
        try:
            for path in self._paths:
                with path.open("rb") as file:
                    digest.update(hashlib.sha256(file.read(_LARGEST)).digest())
        except OSError:
            return None
        return digest.digest()

    def _choose(self, connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        # OpenSSL asks at each handshake, also of clients that name no server.
        if self._current is not None:
            connection.context = self._current


def _context() -> ssl.SSLContext:
    return ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)


def _reason(error: OSError | ValueError) -> str:
    """Return why a certificate was not taken; of neither file anything is quoted."""
    if isinstance(error, ssl.SSLError):
        return (error.reason or "it is not PEM").lower().replace("_", " ")
    return (error.strerror or type(error).__name__) if isinstance(error, OSError) else type(error).__name__
