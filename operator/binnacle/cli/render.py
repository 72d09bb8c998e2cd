"""`binnacle render`: compile offline, and print or write everything that would be applied."""

import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from binnacle.api.findings import Finding, Severity
from binnacle.api.reasons import Reason
from binnacle.check.registry import PROOFS
from binnacle.cli.compiling import compile_paths
from binnacle.cli.options import ContextFile, Date, Paths
from binnacle.cli.output import Format, exit_status, nothing_to, write_findings
from binnacle.control.onepass import Keep, proof_files
from binnacle.folder.compilation import Compilation
from binnacle.folder.compose import Unreadable, compose
from binnacle.folder.located import Located, locate
from binnacle.folder.store import FolderStore
from binnacle.targets.base import File

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
    tests: Annotated[
        bool,
        typer.Option("--tests", help="With --format files: the generated tests too, for `promtool test rules`."),
    ] = False,
    context: ContextFile = None,
    date: Date = None,
) -> None:
    """Compile resources and print or write everything that the operator would apply. Same input, same bytes.

    \b
    [bold]Examples[/bold]
      binnacle render slos/                          see what comes of them
      binnacle render slos/ -o rendered/             one file for each object
      binnacle render slos/ --format files -o out/   rule files for Prometheus
      binnacle render slos/ --format files --tests -o out/   and tests
      binnacle render slos/ | kubectl apply --server-side -f -

    Findings go to standard error. A resource that does not compile is left
    out and the exit status is 1; with -o its files of an earlier run stay.
    Exit status: 0 good, 1 findings of severity error, 2 wrong usage.
    """  # noqa: D301 - \b keeps the lines of a paragraph apart
    if tests and form is not Form.FILES:
        raise typer.BadParameter("tests are files: add --format files", param_hint="--tests")
    kept = Keep.MEANINGS if tests else Keep.TEXTS
    if output is None:
        done = compile_paths(paths, context, date, files=form is Form.FILES, keep=kept)
        for file in _files(done, tests=tests):
            typer.echo(f"---\n# {file.path}\n{file.text}", nl=False)
    else:
        store = FolderStore(output)
        shared = store.shared()
        earlier = [] if form is Form.FILES else _objects(shared.values())
        done = compile_paths(
            paths, context, date, files=form is Form.FILES, earlier=earlier, earlier_files=shared, keep=kept
        )
        keep = [str(key) for key in (*done.outcome.left, *done.unread)]
        changes = store.sync(tuple(_files(done, tests=tests)), keep, keep_all=not done.complete)
        counts = f"{len(changes.written)} written, {len(changes.unchanged)} unchanged, {len(changes.removed)} removed"
        typer.echo(f"{output}: {counts}", err=True)
        if not done.complete:
            typer.echo(f"{output}: nothing was removed, because not everything could be read", err=True)
    if not done.documents and not exit_status(done.findings):
        typer.echo(nothing_to("render"), err=True)
    findings = [*done.findings, *_left_alone(done)]
    write_findings(findings, Format.TEXT, sys.stderr, texts=done.texts)
    raise typer.Exit(exit_status(findings))


def _files(done: Compilation, *, tests: bool) -> Iterator[File]:
    """Yield what is rendered, one after the other."""
    yield from done.outcome.files
    if tests:
        yield from proof_files(done.outcome, PROOFS)


def _objects(texts: Iterable[str]) -> list[Mapping[str, Any]]:
    """Return the objects in files of an earlier run; one that somebody has broken counts as gone."""
    objects: list[Mapping[str, Any]] = []
    for text in texts:
        with suppress(Unreadable):
            objects += [one.value for one in compose(text) if isinstance(one.value, dict)]
    return [one for one in objects if isinstance(one.get("metadata"), dict)]


def _left_alone(done: Compilation) -> list[Located]:
    """Say of which good resources nothing is rendered, and why."""
    notes = []
    for key, reason in done.outcome.left.items():
        if reason in _NOTES:
            path, message = _NOTES[reason]
            notes += locate(done.documents[key], [Finding(Severity.INFO, reason, path, message)])
    return notes


_NOTES: Final = {
    Reason.SUSPENDED: ("spec.suspend", "It is suspended and left out; what was rendered of it earlier stays."),
    Reason.DRY_RUN: ("spec.mode", "It is only tried and left out; what was rendered of it earlier stays."),
}
