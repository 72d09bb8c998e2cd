"""`binnacle render`: compile offline, and print or write everything that would be applied."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
import yaml

from binnacle.cli.compiling import compile_paths
from binnacle.cli.options import ContextFile, Date, Paths
from binnacle.cli.output import Format, exit_status, write_findings
from binnacle.folder.store import FolderStore
from binnacle.targets.base import File, Output

app = typer.Typer(add_completion=False, rich_markup_mode="rich")


class Form(StrEnum):
    """What is rendered."""

    KUBERNETES = "kubernetes"
    FILES = "files"


@app.command()
def render(
    paths: Paths,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output-dir",
            "-o",
            metavar="DIR",
            help="Write into DIR; what an earlier run wrote there and is not wanted any more is removed.",
        ),
    ] = None,
    form: Annotated[
        Form,
        typer.Option("--format", help="Objects to apply, or the backends' own files.", case_sensitive=False),
    ] = Form.KUBERNETES,
    context: ContextFile = None,
    date: Date = None,
) -> None:
    """Compile resources and print or write everything that the operator would apply. Same input, same bytes.

    \b
    [bold]Examples[/bold]
      binnacle render slos/ | kubectl apply --server-side -f -
      binnacle render slos/ --format files -o out/           rule files for a Prometheus without Kubernetes

    Findings go to standard error. A resource that does not compile is left out and the exit status is 1; with -o its
    files of an earlier run stay.
    """  # noqa: D301 - \b keeps the lines of a paragraph apart
    done = compile_paths(paths, context, date, files=form is Form.FILES)
    files = done.outcome.files or tuple(_file(one) for one in done.outcome.objects)
    if output is not None:
        broken = [str(key) for key, desired in done.outcome.desired.items() if not desired.valid]
        changes = FolderStore(output).sync(files, keep=broken)
        typer.echo(
            f"{output}: {len(changes.written)} written, {len(changes.unchanged)} unchanged, {len(changes.removed)} removed",
            err=True,
        )
    else:
        for file in files:
            typer.echo(f"---\n# {file.path}\n{file.text}", nl=False)
    write_findings(done.findings, Format.TEXT, sys.stderr, texts=done.texts)
    raise typer.Exit(exit_status(done.findings))


def _file(output: Output) -> File:
    """Return an object as one YAML file."""
    ref = output.ref
    text = yaml.dump(
        output.body,
        Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper),
        sort_keys=False,
        width=120,
        allow_unicode=True,
        default_flow_style=False,
    )
    return File(f"{ref.kind.lower()}.{ref.namespace}.{ref.name}.yaml", text, output.owner)
