"""What commands share that read the history of a Prometheus: their options, how they ask, and how they write a time."""

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.progress import Progress

from binnacle.api.values import Duration
from binnacle.errors import BinnacleError, SpecError
from binnacle.folder.compilation import Compilation
from binnacle.intent.refs import Key
from binnacle.intent.rules import RuleSet
from binnacle.observe.backend import Failure, Limits
from binnacle.observe.history import read_history
from binnacle.observe.prometheus import Prometheus, Row
from binnacle.promql.nodes import Node

LIMITS: Final = Limits(seconds=120.0)
"""Of each request: a piece of a long history may take a server long."""
_LONGEST: Final = Duration.of(days=366)

PrometheusAddress = Annotated[
    str, typer.Option("--prometheus", metavar="URL", help="Address of the Prometheus with the history.")
]
Until = Annotated[
    dt.datetime | None,
    typer.Option(
        "--until",
        formats=["%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d"],
        metavar="TIME",
        help="Its end, UTC.",
        show_default="now",
    ),
]


@dataclass(frozen=True, slots=True)
class Span:
    """A time in Unix seconds."""

    begin: int
    end: int


def moment(at: int) -> str:
    """Return Unix seconds as people read them, in UTC."""
    return f"{dt.datetime.fromtimestamp(at, dt.UTC):%Y-%m-%d %H:%M}"


def seconds_of(until: dt.datetime | None, now: dt.datetime) -> int:
    """Return the Unix seconds of `--until`, or of now."""
    return int((until.replace(tzinfo=dt.UTC) if until is not None else now).timestamp())


def length_of(text: str) -> Duration:
    """Return the length of time that `--since` names.

    Raises:
        BadParameter: it is none, or not from an hour to a year.
    """
    try:
        length = Duration.parse(text)
    except SpecError as error:
        raise typer.BadParameter(f"{error.message} {error.fix}", param_hint="--since") from error
    if not Duration.of(hours=1) <= length <= _LONGEST:
        raise typer.BadParameter(f"{text} is not from 1h to {_LONGEST}", param_hint="--since")
    return length


def is_compiled(done: Compilation, key: Key) -> bool:
    """Say whether a resource has come to something whose history can be read."""
    wants = done.outcome.desired[key]
    return wants.valid and wants.compiled is not None


def rule_sets(done: Compilation, key: Key) -> list[RuleSet]:
    """Return the rules that a resource has come to."""
    compiled = done.outcome.desired[key].compiled
    return [] if compiled is None else [one for one in compiled.intents if isinstance(one, RuleSet)]


@contextmanager
def progress(words: str, total: int) -> Iterator[Callable[[float], None]]:
    """Show progress on a terminal; in a pipe nothing is shown. What is yielded adds to the resources done."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as shown:
        task = shown.add_task(words, total=max(total, 1))
        yield lambda part: shown.advance(task, part)


async def read(
    api: Prometheus, node: Node, span: Span, step: int, take: Callable[[Row], None], advance: Callable[[], None]
) -> tuple[str, ...]:
    """Read an expression over a span; return the server's warnings.

    Raises:
        BinnacleError: the server gives no answer.
    """
    outcome = await read_history(api, node, start=span.begin, end=span.end, step=step, take=take, done=advance)
    if isinstance(outcome, Failure):
        raise BinnacleError(outcome.message)
    return outcome.warnings
