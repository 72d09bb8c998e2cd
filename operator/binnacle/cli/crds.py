"""`binnacle crds`: the custom resource definitions, to apply or to keep."""

from pathlib import Path
from typing import Annotated

import typer

from binnacle.api.crd import render_crds
from binnacle.cli.files import write_files

app = typer.Typer(add_completion=False, rich_markup_mode="rich")


@app.command()
def crds(
    output: Annotated[
        Path | None, typer.Option("--output-dir", "-o", metavar="DIR", help="Write one file for each kind into DIR.")
    ] = None,
) -> None:
    """Print the custom resource definitions.

    \b
    [bold]Examples[/bold]
      binnacle crds | kubectl apply -f -
      binnacle crds -o crds/
    """  # noqa: D301 - \b keeps the lines of a paragraph apart
    files = render_crds()
    if output is not None:
        write_files(output, files)
        return
    for text in files.values():
        typer.echo(text if text.startswith("---") else f"---\n{text}", nl=False)
