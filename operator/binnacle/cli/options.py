"""Options that several commands share, so that they are called and explained alike everywhere."""

from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer

from binnacle.cli.output import Format

Paths = Annotated[
    list[str],
    typer.Argument(
        metavar="PATH",
        help="Files, folders (read recursively: .yaml, .yml, .json), or - for standard input.",
        show_default=False,
    ),
]
ContextFile = Annotated[
    Path | None,
    typer.Option(
        "--context",
        metavar="FILE",
        help="The administrator's configuration, as for binnacle operator --config.",
        show_default=False,
    ),
]
Kubeconfig = Annotated[
    Path | None,
    typer.Option(
        "--kubeconfig",
        metavar="FILE",
        help="How to reach the API server, and as whom.",
        show_default="$KUBECONFIG, or ~/.kube/config",
    ),
]
KubeContext = Annotated[
    str | None,
    typer.Option(
        "--kube-context",
        metavar="NAME",
        help="Which context of the kubeconfig, as kubectl --context.",
        show_default="the current one",
    ),
]
Date = Annotated[
    datetime | None,
    typer.Option(
        "--date", formats=["%Y-%m-%d"], help="Compile as of this day (UTC).", metavar="YYYY-MM-DD", show_default="today"
    ),
]
Output = Annotated[Format, typer.Option("--output", help="How findings are printed.", case_sensitive=False)]
Strict = Annotated[bool, typer.Option("--strict", help="Fail on warnings too.")]


def day(given: datetime | None, today: date) -> date:
    """Give the day that `--date` names, or today."""
    return given.date() if given is not None else today
