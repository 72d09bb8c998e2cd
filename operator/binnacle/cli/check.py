"""`binnacle check`: every admission and lint that needs no server, with file, line, column and field path."""

import sys

import typer

from binnacle.cli.compiling import compile_paths
from binnacle.cli.options import ContextFile, Date, Output, Paths, Strict
from binnacle.cli.output import Format, exit_status, nothing_to, write_findings
from binnacle.control.onepass import Keep

app = typer.Typer(add_completion=False, rich_markup_mode="rich")


@app.command()
def check(
    paths: Paths,
    output: Output = Format.TEXT,
    strict: Strict = False,
    context: ContextFile = None,
    date: Date = None,
) -> None:
    """Check resources without a server: structure, values, PromQL, and what would be compiled from them.

    \b
    [bold]Examples[/bold]
      binnacle check slos/
      binnacle check slos/ --strict --output github   in a pull request
      kustomize build . | binnacle check -

    Exit status: 0 nothing wrong, 1 findings of severity error (with --strict
    also warnings), 2 wrong usage.
    """  # noqa: D301 - \b keeps the lines of a paragraph apart
    done = compile_paths(paths, context, date, keep=Keep.FINDINGS)
    write_findings(done.findings, output, sys.stdout, texts=done.texts)
    status = exit_status(done.findings, strict=strict)
    if output is Format.TEXT and not exit_status(done.findings, strict=True):
        typer.echo(_praise(len(done.documents)))
    raise typer.Exit(status)


def _praise(resources: int) -> str:
    """Say how much was found good, so that a wrong path is not taken for good news."""
    if resources == 0:
        return nothing_to("check")
    return f"{resources} {'resource is' if resources == 1 else 'resources are'} good."
