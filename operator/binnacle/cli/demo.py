"""`binnacle demo`: a guided tour in a temporary folder; needs nothing but Python."""

import signal
import tempfile
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
from rich.console import Console

from binnacle.cli.stack import make_room
from binnacle.cli.tour.folder import Tour
from binnacle.cli.tour.stage import Stage
from binnacle.errors import BinnacleError

app = typer.Typer(add_completion=False, rich_markup_mode="rich")


@app.command()
def demo(
    quickstart: Annotated[
        Path, typer.Argument(metavar="[FOLDER]", help="The resources to show.", show_default=True)
    ] = Path("examples/quickstart"),
) -> None:
    """Show what Binnacle does: compile the quickstart, change it, break it. Writes only to a temporary folder.

    \b
    [bold]Examples[/bold]
      binnacle demo

    Where prometheus and promtool are on the PATH it also loads the rules and
    shows SLI, budget and alerts of made-up traffic, on the loopback. What it
    starts it ends, also when it is interrupted.
    """  # noqa: D301 - \b keeps the lines of a paragraph apart
    if not quickstart.is_dir():
        raise BinnacleError(f"{quickstart} is not a folder; run this in the repository, or name a folder of resources")
    make_room()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)
    with tempfile.TemporaryDirectory(prefix="binnacle-demo-") as scratch:
        Tour(quickstart, Path(scratch), Stage(Console(highlight=False))).run()


def _end(number: int, _: FrameType | None) -> None:
    """Leave through everything that is open, so that nothing stays behind."""
    raise SystemExit(128 + number)
