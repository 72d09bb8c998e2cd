"""`binnacle folder`: the loop on a folder."""

import http.client
import logging
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from pathlib import Path
from time import monotonic
from typing import Annotated, Final
from urllib.parse import SplitResult, urlsplit

import typer

from binnacle.cli.compiling import offline
from binnacle.cli.logs import LogFormat, set_up
from binnacle.cli.options import ContextFile, Date, day
from binnacle.cli.output import Format, exit_status, write_findings
from binnacle.cli.stack import make_room
from binnacle.control.toolchain import shipped
from binnacle.errors import BinnacleError, TransientError
from binnacle.folder.context import read_config
from binnacle.folder.lock import only_one
from binnacle.folder.loop import FolderLoop, Turn, Wait
from binnacle.folder.reloads import Reloads

app = typer.Typer(add_completion=False, rich_markup_mode="rich")
log = logging.getLogger("binnacle")

_ANSWER: Final = 10.0
"""Seconds that a backend has to answer; Prometheus answers when it has loaded everything."""
_ONCE: Final = 15.0
"""Seconds for which reloads are tried with --once."""


@app.command()
def folder(
    source: Annotated[Path, typer.Argument(metavar="IN", help="Resources: a folder (read recursively) or a file.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Where the backends' files and the status go.")],
    once: Annotated[bool, typer.Option("--once", help="Do it once and end.")] = False,
    reload: Annotated[
        list[str] | None,
        typer.Option(
            "--reload",
            metavar="URL",
            help="POST here when files of backends have changed; may be given several times.",
            show_default=False,
        ),
    ] = None,
    context: ContextFile = None,
    on: Date = None,
    log_format: Annotated[
        LogFormat, typer.Option("--log-format", help="One JSON object a line, or text.", case_sensitive=False)
    ] = LogFormat.TEXT,
) -> None:
    """Keep a folder equal to what the resources say: the operator for those without a cluster.

    \b
    [bold]Examples[/bold]
      binnacle folder slos/ out/ --reload http://localhost:9090/-/reload
      binnacle folder slos/ out/ --once               in a pipeline

    Each resource has its status in OUT/status. A resource that does not
    compile keeps its last good files; files that somebody changes or removes
    are put back; files of others are never touched. Findings go to standard
    error, when they are new.
    Exit status with --once: 0 good, 1 findings of severity error, 2 wrong
    usage, or a reload that failed. Without, it ends on SIGTERM, with 0.
    """  # noqa: D301 - \b keeps the lines of a paragraph apart
    urls = [_checked(url) for url in reload or ()]
    if not source.exists():
        raise BinnacleError(f"{source}: no such file or folder")
    if out.resolve().is_relative_to(source.resolve()):
        raise BinnacleError(f"{out} is inside {source}: what is written would be read again; choose a folder beside it")
    make_room()
    tools = shipped(offline(read_config(context)))
    with only_one(out), ThreadPoolExecutor(len(urls) or 1, "reload") as executor:
        reloads = Reloads(urls, _post, executor, monotonic)
        loop = FolderLoop(
            source,
            out,
            tools,
            reloads=reloads,
            today=lambda: _today(on),
            now=lambda: datetime.now(UTC),
            monotonic=monotonic,
            tell=lambda turn: _tell(out, turn),
        )
        if once:
            done = loop.turn().compilation
            _settle(reloads, threading.Event().wait)
            raise typer.Exit(exit_status(done.findings))
        set_up(log_format, "info")
        end = threading.Event()
        for one in (signal.SIGTERM, signal.SIGINT):
            signal.signal(one, lambda *_: end.set())
        log.info("watching", extra={"in": source, "out": out})
        loop.run(end.wait)
        log.info("ended")


def _today(on: datetime | None) -> date:
    return day(on, datetime.now(UTC).date())


def _tell(out: Path, turn: Turn) -> None:
    """Say what a turn did, if anything, and what was found that is new."""
    write_findings(turn.news, Format.TEXT, sys.stderr, texts=turn.compilation.texts)
    changes = turn.changes
    if changes.written or changes.removed:
        counts = f"{len(changes.written)} written, {len(changes.unchanged)} unchanged, {len(changes.removed)} removed"
        typer.echo(f"{out}: {counts}", err=True)
    if turn.news and not turn.compilation.complete:
        typer.echo(f"{out}: nothing was removed, because not everything could be read", err=True)


def _settle(reloads: Reloads, wait: Wait) -> None:
    """See reloads through.

    Raises:
        TransientError: a backend has not heard in time.
    """
    until = monotonic() + _ONCE
    reloads.tick()
    while reloads.pending and monotonic() < until:
        wait(0.05)
        reloads.tick()
    if reloads.pending:
        raise TransientError(f"everything is written, but {' and '.join(reloads.pending)} did not take it up")


def _split(url: str) -> SplitResult:
    """Take an address apart; reading its port raises ValueError for one that is none."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None or parts.port == 0:
        raise ValueError(url)
    return parts


def _checked(url: str) -> str:
    try:
        _split(url)
    except ValueError as error:
        # Not repeated: it may hold a password.
        raise BinnacleError(
            "--reload: write an address such as http://localhost:9090/-/reload, without a user"
        ) from error
    return url


def _post(url: str) -> None:
    """Tell a backend to load its files again: a POST that is answered with 2xx. No proxy and no redirect is followed.

    Raises:
        TransientError: it cannot be reached, or does not do it.
    """
    parts = _split(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=_ANSWER)
    try:
        connection.request("POST", (parts.path or "/") + (f"?{parts.query}" if parts.query else ""))
        answer = connection.getresponse()
        said = answer.read(200).decode(errors="replace").strip()
    except (OSError, http.client.HTTPException) as error:
        raise TransientError(f"it cannot be reached: {error}") from error
    finally:
        connection.close()
    if not 200 <= answer.status < 300:
        raise TransientError(f"it answered {answer.status} {answer.reason}: {said}")
