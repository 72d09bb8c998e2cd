"""`binnacle operator`: the operator on Kubernetes."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from pydantic import TypeAdapter, ValidationError

from binnacle import __version__
from binnacle.api.config import Config
from binnacle.api.values import DnsLabel, Duration
from binnacle.cli.logs import LogFormat, set_up
from binnacle.cli.stack import make_room
from binnacle.cluster.health import PORT as HEALTH_PORT
from binnacle.cluster.installing import rights, webhook_manifests
from binnacle.cluster.rbac import Installation, render
from binnacle.cluster.run import Options, WebhookOptions, run_operator
from binnacle.cluster.webhook.objects import PORT as WEBHOOK_PORT
from binnacle.control.ports import Clock, Observer
from binnacle.errors import BinnacleError, SpecError
from binnacle.folder.context import read_config
from binnacle.observe.alertmanager import UNCONFIGURED as ALERTMANAGER_UNCONFIGURED
from binnacle.observe.alertmanager import AlertmanagerObserver
from binnacle.observe.backend import open_session
from binnacle.observe.observer import UNCONFIGURED as PROMETHEUS_UNCONFIGURED
from binnacle.observe.observer import PrometheusObserver

app = typer.Typer(add_completion=False, rich_markup_mode="rich")
log = logging.getLogger("binnacle")

_SHORTEST_RESYNC = Duration.of(seconds=1)
_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----\s[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----")


class Level(StrEnum):
    """How much is logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"


@asynccontextmanager
async def _observers(config: Config, clock: Clock) -> AsyncIterator[Mapping[str, Observer]]:
    """Give the observer of each backend that can be asked; of one whose address is not configured, the one that says so."""
    async with open_session() as session:
        prometheus, alertmanager = config.prometheus.url, config.alertmanager.url
        observers: dict[str, Observer] = {
            "prometheus": PrometheusObserver(config, session, clock) if prometheus else PROMETHEUS_UNCONFIGURED,
            "alertmanager": AlertmanagerObserver(config, session) if alertmanager else ALERTMANAGER_UNCONFIGURED,
        }
        yield observers


@app.command()
def operator(
    namespaces: Annotated[
        list[str] | None,
        typer.Option("--namespace", metavar="NS", help="Serve only this namespace; may be given several times."),
    ] = None,
    config: Annotated[
        Path | None, typer.Option("--config", metavar="FILE", help="The administrator's configuration.")
    ] = None,
    kubeconfig: Annotated[
        Path | None,
        typer.Option("--kubeconfig", metavar="FILE", help="How to reach the API server; in a pod its ServiceAccount."),
    ] = None,
    lease_namespace: Annotated[
        str | None,
        typer.Option("--lease-namespace", metavar="NS", help="Where the Lease lives; in a pod its own namespace."),
    ] = None,
    health_address: Annotated[
        str,
        typer.Option(
            "--health-address",
            metavar="HOST:PORT",
            help="Address of /healthz, /readyz, /metrics and, on the loopback, /debug/key.",
        ),
    ] = f"0.0.0.0:{HEALTH_PORT}",
    resync_period: Annotated[
        str,
        typer.Option(
            "--resync-period",
            metavar="DURATION",
            help="How often everything is listed and compared, to find what a watch missed; at least 1s.",
        ),
    ] = "10m",
    webhook: Annotated[
        bool,
        typer.Option(
            "--webhook", help="Serve the validating webhook too: the API server then refuses what does not compile."
        ),
    ] = False,
    webhook_address: Annotated[
        str, typer.Option("--webhook-address", metavar="HOST:PORT", help="Address of the webhook.")
    ] = f"0.0.0.0:{WEBHOOK_PORT}",
    webhook_certificates: Annotated[
        Path,
        typer.Option(
            "--webhook-certificates",
            metavar="DIR",
            help="Folder of tls.crt and tls.key, a mounted Secret; read again when they change.",
        ),
    ] = Path("/etc/binnacle/webhook"),
    print_webhook: Annotated[
        bool,
        typer.Option(
            "--print-webhook",
            help="Print the objects by which the API server calls the webhook of an operator with these options, and end.",
        ),
    ] = False,
    webhook_ca: Annotated[
        Path | None,
        typer.Option(
            "--webhook-ca",
            metavar="FILE",
            help="With --print-webhook: the CA's certificate (PEM); without it cert-manager issues one.",
        ),
    ] = None,
    print_rights: Annotated[
        bool,
        typer.Option(
            "--print-rights",
            help="Print the account, roles and bindings that an operator with these options needs, and end.",
        ),
    ] = False,
    account: Annotated[
        str, typer.Option("--account", metavar="NAME", help="With --print-rights: the ServiceAccount that gets them.")
    ] = Installation().account,
    log_format: Annotated[
        LogFormat, typer.Option("--log-format", help="One JSON object a line, or text.", case_sensitive=False)
    ] = LogFormat.TEXT,
    log_level: Annotated[Level, typer.Option("--log-level", help="How much is logged.", case_sensitive=False)] = (
        Level.INFO
    ),
) -> None:
    """Run the operator: keep the cluster equal to what the resources say, and say in their status how that goes.

    \b
    [bold]Examples[/bold]
      binnacle operator --config /etc/binnacle/config.yaml
      binnacle operator --kubeconfig ~/.kube/config --namespace shop
      binnacle operator --namespace shop --print-rights | kubectl apply -f -
      binnacle operator --config /etc/binnacle/config.yaml --webhook

    With --namespace it needs no right that is cluster-wide. --webhook adds no
    right, and a webhook that is away refuses nothing.

    It ends in order on SIGTERM: running work is finished and the Lease is
    given back, so that another replica goes on at once. A lost Lease ends it
    with exit status 1.
    """  # noqa: D301 - \b keeps the lines of a paragraph apart
    set_up(log_format, log_level.value)
    make_room()
    settings = read_config(config)
    if namespaces:
        settings = _serving(settings, namespaces)
    if print_rights or print_webhook:
        home = lease_namespace or Installation().namespace
        where = Installation(namespace=_label("--lease-namespace", home), account=_label("--account", account))
        objects = rights(settings, where) if print_rights else []
        if print_webhook:
            port = _address("--webhook-address", webhook_address)[1]
            objects += webhook_manifests(settings, where, _authority(webhook_ca), port)
        typer.echo(render(objects), nl=False)
        return
    host, port = _address("--health-address", health_address)
    log.info("binnacle %s starts", __version__)
    options = Options(
        config=settings,
        kubeconfig=str(kubeconfig) if kubeconfig else None,
        namespace=lease_namespace,
        health_host=host,
        health_port=port,
        resync_period=_resync_seconds(resync_period),
        webhook=WebhookOptions(webhook_certificates, *_address("--webhook-address", webhook_address))
        if webhook
        else None,
    )
    try:
        orderly = asyncio.run(run_operator(options, _observers))
    except BinnacleError:
        raise
    except Exception as error:
        log.critical("the operator ends by a defect of Binnacle", exc_info=error)
        raise typer.Exit(1) from None
    if not orderly:
        raise typer.Exit(1)


def _serving(settings: Config, namespaces: list[str]) -> Config:
    """Put the namespaces of the command line in place of those of the configuration."""
    try:
        return Config.from_data({**settings.model_dump(mode="json", by_alias=True), "namespaces": namespaces})
    except SpecError as error:
        raise BinnacleError(f"--namespace: {error.message} {error.fix}") from error


def _label(option: str, text: str) -> str:
    """Return a name that goes into objects; raises `BinnacleError` when Kubernetes takes no such name."""
    try:
        return TypeAdapter(DnsLabel).validate_python(text)
    except ValidationError as error:
        raise BinnacleError(f"{option} {text}: write lower-case letters, digits and hyphens, at most 63") from error


def _resync_seconds(text: str) -> float:
    """Read the period between resyncs."""
    try:
        period = Duration.parse(text)
    except SpecError as error:
        raise BinnacleError(f"--resync-period: {error.message} {error.fix}") from error
    if period < _SHORTEST_RESYNC:
        raise BinnacleError(f"--resync-period {text}: the shortest is {_SHORTEST_RESYNC}")
    return period.ms / 1000


def _authority(file: Path | None) -> bytes | None:
    """Read the CA's certificate, and nothing else that may stand beside it in the file."""
    if file is None:
        return None
    try:
        found = _PEM.findall(file.read_bytes())
    except OSError as error:
        raise BinnacleError(f"--webhook-ca {file}: {error.strerror or error}") from error
    if not found:
        raise BinnacleError(f"--webhook-ca {file}: there is no certificate in PEM in it")
    return b"\n".join((*found, b""))


def _address(option: str, text: str) -> tuple[str, int]:
    """Read HOST:PORT; the host may be empty or an IPv6 address in brackets."""
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > 65535:
        example = "0.0.0.0:9443" if option == "--webhook-address" else "0.0.0.0:8080"
        raise BinnacleError(f"{option} {text}: write HOST:PORT, such as {example}")
    return host.strip("[]") or "0.0.0.0", int(port)  # noqa: S104 - as above
