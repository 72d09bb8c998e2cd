"""How to reach one API server: address, TLS and credentials, and the HTTP sessions set up from them.

Configuration and credentials are read by the official client (`kubernetes.aio.config`): kubeconfig with certificates,
tokens, OIDC and exec plugins, or a pod's ServiceAccount with its rotating token. Sessions put the current credentials
on each request; when the server answers 401 the configuration is read again, once for all waiting requests, and the
request is tried once more. Nothing of what was read appears in an error: the library's own messages can hold tokens.
"""

import asyncio
import contextlib
import functools
import os
import socket
import ssl
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Self

import aiohttp
import yaml
from aiohttp import AddrInfoType
from kubernetes.aio.client import ApiClient, Configuration
from kubernetes.aio.config import (
    KUBE_CONFIG_DEFAULT_LOCATION,
    ConfigException,
    load_incluster_config,
    load_kube_config,
    refresh_token,
)
from yarl import URL

from binnacle.errors import SpecError

REQUEST_SECONDS = 30.0
_UNAUTHORIZED = 401
_CREDENTIALS_CHECK_SECONDS = 60
_MEMORY = "/dev/shm"  # noqa: S108 - what is put there has a name of its own and is the owner's alone
_SERVICE_ACCOUNT_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")

RequestObserver = Callable[[str, str, float], None]
"""Told of every request: method, HTTP status or `<error>`, seconds until the answer began."""


class Connection:
    """One API server and the right to talk to it. Use `connect`; close with `close` or as a context manager."""

    def __init__(
        self,
        configuration: Configuration,
        kubeconfig: str | None,
        context: str | None,
        loader: Any,
        observer: RequestObserver | None,
    ):
        self._configuration = configuration
        self._kubeconfig = kubeconfig
        self._context = context
        self._observer = observer
        self._tls = _tls(configuration)
        self._reading = asyncio.Lock()
        self._refresher: asyncio.Task[None] | None = None
        if loader is not None:
            self._refresher = asyncio.create_task(
                refresh_token(loader, configuration, _CREDENTIALS_CHECK_SECONDS), name="credentials refresh"
            )
        self.server: str = configuration.host
        self._origin = _origin(self.server)
        self.namespace = _namespace(loader)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Stop looking after the credentials. Sessions belong to those who asked for them."""
        if self._refresher is not None:
            self._refresher.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await self._refresher

    def session(
        self, limit: int, *middlewares: aiohttp.ClientMiddlewareType, unacknowledged: float | None = None
    ) -> aiohttp.ClientSession:
        """Return a new session that authorizes, counts and times its requests.

        Args:
            limit: connections at any time.
            middlewares: see each request before its credentials are added.
            unacknowledged: seconds after which bytes that the other side's kernel has not acknowledged are dropped, and
                their connection with them (RFC 5482; where the system has it). None: the kernel's own patience, minutes.
        """
        sockets = None if unacknowledged is None else functools.partial(_socket, unacknowledged)
        return aiohttp.ClientSession(
            self.server,
            connector=aiohttp.TCPConnector(limit=limit, ssl=self._tls, socket_factory=sockets),
            middlewares=(*middlewares, self._authorized),
            timeout=aiohttp.ClientTimeout(total=REQUEST_SECONDS),
            # As Kubernetes' own controllers: to pack and unpack takes both sides longer than the wire within a cluster.
            headers={"User-Agent": _user_agent(), "Accept-Encoding": "identity"},
            cookie_jar=aiohttp.DummyCookieJar(),
            proxy=self._configuration.proxy,
            trust_env=False,
        )

    def api_client(self) -> ApiClient:
        """Return a client of the official library with the same configuration and credentials."""
        return ApiClient(self._configuration)

    async def reload(self, refused: str | None) -> bool:
        """Read the configuration again because the server refused `refused`; say whether there is something new."""
        async with self._reading:
            if await self._authorization() != refused:
                return True  # somebody else was faster
            fresh = Configuration()
            await _load(fresh, self._kubeconfig, self._context)
            self._configuration.api_key = fresh.api_key
            self._configuration.refresh_api_key_hook = fresh.refresh_api_key_hook
            if fresh.cert_file:
                self._tls.load_cert_chain(fresh.cert_file, fresh.key_file)
            return bool(fresh.cert_file) or await self._authorization() != refused

    async def _authorization(self) -> str | None:
        value = await self._configuration.get_api_key_with_prefix("BearerToken")
        if value is None:
            return None
        scheme, _, token = value.strip().partition(" ")
        return f"{scheme.capitalize()} {token}" if token else f"Bearer {scheme}"

    async def _authorized(
        self, request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        credentials = await self._authorization()
        response = await self._sent(request, send, credentials)
        if response.status != _UNAUTHORIZED or not await self.reload(credentials):
            return response
        response.release()
        return await self._sent(request, send, await self._authorization())

    async def _sent(
        self, request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType, credentials: str | None
    ) -> aiohttp.ClientResponse:
        # Whoever the API server redirects to is somebody else (CVE-2022-3172).
        if credentials is not None and request.url.origin() == self._origin:
            request.headers["Authorization"] = credentials
        request.server_hostname = self._configuration.tls_server_name
        started = time.perf_counter()
        code = "<error>"
        try:
            response = await send(request)
            code = str(response.status)
            return response
        finally:
            if self._observer is not None:
                self._observer(request.method, code, time.perf_counter() - started)


async def connect(
    kubeconfig: str | None = None, observer: RequestObserver | None = None, *, context: str | None = None
) -> Connection:
    """Find out how to reach the API server.

    Args:
        kubeconfig: path of a kubeconfig file; None: the pod's ServiceAccount, or else the user's own kubeconfig.
        context: which context of the kubeconfig; None: its current one.
        observer: told of every request of every session.

    Raises:
        SpecError: there is no usable configuration.
    """
    configuration = Configuration()
    loader = await _load(configuration, kubeconfig, context)
    return Connection(configuration, kubeconfig, context, loader, observer)


async def _load(configuration: Configuration, kubeconfig: str | None, context: str | None) -> Any:
    """Fill `configuration`; returns the library's loader where it can refresh tokens."""
    if kubeconfig is None and context is None:
        with contextlib.suppress(ConfigException):
            load_incluster_config(configuration)
            return None
    if kubeconfig is None and not _has_default():
        raise SpecError(
            f"this is no pod of a cluster, and there is no kubeconfig at {KUBE_CONFIG_DEFAULT_LOCATION}",
            fix="give one with --kubeconfig or in KUBECONFIG",
        )
    try:
        return await load_kube_config(
            kubeconfig,
            context=context,
            client_configuration=configuration,
            persist_config=False,
            temp_file_path=_scratch(),
        )
    except (ConfigException, OSError, yaml.YAMLError, ValueError, TypeError, LookupError, AttributeError) as error:
        where = kubeconfig or "the default kubeconfig"
        fix = "check the file, or run inside a cluster with a ServiceAccount"
        if context is not None:
            where += f", context {context}"
            fix = "check the file, and with kubectl config get-contexts that it has this context"
        if isinstance(error, OSError) and error.filename is None and _scratch() is None:
            raise SpecError(
                f"{where} has certificates in it, and there is no folder to put them in as files: none of /tmp, /var/tmp and "
                f"{_MEMORY} can be written",
                fix="mount an emptyDir of medium Memory at /tmp, or have the file name certificates that are mounted "
                "(certificate-authority, client-certificate, client-key), or leave --kubeconfig out and use the pod's ServiceAccount",
            ) from None
        # Neither the message nor the chain of the library's error: they quote the file, tokens included.
        raise SpecError(
            f"cannot read how to reach the API server from {where} ({type(error).__name__})",
            fix=fix,
        ) from None


def _scratch() -> str | None:
    """Return where certificates are put that are in the kubeconfig itself, because TLS reads files; None when nowhere.

    On a read-only root the system has no such place, but containers have a piece of memory that looks like a folder.
    """
    try:
        return tempfile.gettempdir()
    except OSError:
        return _MEMORY if os.access(_MEMORY, os.W_OK) else None


def _has_default() -> bool:
    """Whether the user has a kubeconfig; KUBECONFIG may name several."""
    return any(Path(one).expanduser().exists() for one in KUBE_CONFIG_DEFAULT_LOCATION.split(os.pathsep) if one)


def _socket(unacknowledged: float, address: AddrInfoType) -> socket.socket:
    made = socket.socket(*address[:3])
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(unacknowledged * 1000))
    return made


def _tls(configuration: Configuration) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=configuration.ssl_ca_cert, cadata=configuration.ca_cert_data)
    if configuration.cert_file:
        context.load_cert_chain(configuration.cert_file, configuration.key_file)
    if not configuration.verify_ssl:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _origin(server: str) -> URL:
    try:
        return URL(server).origin()
    except ValueError:
        raise SpecError(
            "the address of the API server is not a URL", fix="give it with its scheme, such as https://host:6443"
        ) from None


def _namespace(loader: Any) -> str:
    """The namespace that "here" means: the pod's own, or that of the kubeconfig's context."""
    if loader is not None:
        context: dict[str, Any] = loader.current_context.get("context") or {}
        return str(context.get("namespace") or "default")
    try:
        return _SERVICE_ACCOUNT_NAMESPACE.read_text().strip() or "default"
    except OSError:
        return "default"


def _user_agent() -> str:
    try:
        return f"binnacle/{version('binnacle-operator')}"
    except PackageNotFoundError:
        return "binnacle"
