"""`binnacle diff`: what applying resources would change in the cluster, children included."""

import asyncio
import difflib
import json
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.text import Text

from binnacle.api.findings import Severity, printable
from binnacle.cli.comparing import Comparison, Server, compare
from binnacle.cli.options import ContextFile, Date, Kubeconfig, KubeContext, Paths, day
from binnacle.cli.output import Format, exit_status, nothing_to, write_findings
from binnacle.cli.stack import make_room
from binnacle.control.difference import Action, Change
from binnacle.errors import BinnacleError
from binnacle.folder.context import read_config
from binnacle.intent.refs import Key

app = typer.Typer(add_completion=False, rich_markup_mode="rich")

_LINES: Final = 3
"""Unchanged lines around each difference."""


class DiffFormat(StrEnum):
    """Ways of printing differences."""

    TEXT = "text"
    JSON = "json"


@app.command()
def diff(
    paths: Paths,
    output: Annotated[
        DiffFormat, typer.Option("--output", help="How differences are printed.", case_sensitive=False)
    ] = DiffFormat.TEXT,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="End with 1 also when there are differences, as git diff does.")
    ] = False,
    kubeconfig: Kubeconfig = None,
    kube_context: KubeContext = None,
    context: ContextFile = None,
    on: Date = None,
) -> None:
    """Show what applying resources would change in the cluster: they themselves, and all that Binnacle makes of them.

    \b
    [bold]Examples[/bold]
      binnacle diff slos/
      binnacle diff slos/ --exit-code               in a pipeline that asks before it applies
      kustomize build . | binnacle diff - --output json
      binnacle diff slos/ --kube-context staging

    It reads with the rights of your kubeconfig and writes nothing; the API
    server is asked by dry runs what it would take. Resources that read what
    changes are compared too. Of an object that many resources fill, such as
    Alertmanager's file, only the part of each is shown. Give the operator's
    configuration with --context, or what it decides may look different here.
    Nothing in the cluster is missed because a file lacks it: as with kubectl
    apply, what is not in the files stays.
    Exit status: 0 good, with or without differences; 1 findings of severity
    error; 2 wrong usage, no cluster, or not the rights to read it.
    """  # noqa: D301 - \b keeps the lines of a paragraph apart
    make_room()
    if kubeconfig is not None and not kubeconfig.is_file():
        raise BinnacleError(f"{kubeconfig} is no file; --kubeconfig says how to reach the API server")
    config, today = read_config(context), day(on, datetime.now(UTC).date())
    server = Server(str(kubeconfig) if kubeconfig else None, kube_context)
    found = asyncio.run(compare(paths, server, config, today))
    if output is DiffFormat.JSON:
        typer.echo(json.dumps(_as_json(found), indent=2))
    else:
        _print(found)
        told = [item for item in found.findings if item.finding.severity is not Severity.INFO]
        write_findings(told, Format.TEXT, sys.stderr, texts=found.texts)
    for note in found.notes:
        typer.echo(printable(note), err=True)
    raise typer.Exit(exit_status(found.findings) or int(exit_code and bool(found.changes)))


# -- printing ------------------------------------------------------------------------------------------------------

_WORDS: Final = {Action.CREATE: "created", Action.UPDATE: "changed", Action.DELETE: "deleted"}
_STYLES: Final = {Action.CREATE: "bold green", Action.UPDATE: "bold yellow", Action.DELETE: "bold red"}
_LINE_STYLES: Final = {"+": "green", "-": "red", "@": "cyan"}


def _print(found: Comparison) -> None:
    console = Console(highlight=False, soft_wrap=True)
    for change in found.changes:
        own = _is_own(change)
        words = Text("" if own else "  ")
        words.append(printable(str(change.ref)), style="bold")
        if not change.owner.name:
            words.append(f" (for all {change.owner.kind}s)")
        elif change.share:
            words.append(printable(f" (the share of {_named(change.owner)})"))
        elif own and change.owner in found.files:
            words.append(printable(f" ({found.files[change.owner]})"), style="dim")
        words.append(" would be ").append(_WORDS[change.action], style=_STYLES[change.action])
        console.print(words)
        for line in _lines(change):
            console.print(Text(printable(f"    {line}"), style=_LINE_STYLES.get(line[:1], "")))
        console.print()
    console.print(Text(_summary(found.changes, compared=bool(found.files)), style="bold"))


def _lines(change: Change) -> list[str]:
    """Return the unified diff of a change, without the names of its sides."""
    pair = (change.before.splitlines(), change.after.splitlines())
    return list(difflib.unified_diff(*pair, lineterm="", n=_LINES))[2:]


def _is_own(change: Change) -> bool:
    return not change.share and change.ref[1:] == change.owner


def _named(key: Key) -> str:
    return f"{key.kind} {key.namespace}/{key.name}"


def _summary(changes: Sequence[Change], *, compared: bool) -> str:
    if not compared:
        return nothing_to("compare")
    if not changes:
        return "No differences: applying this would change nothing."
    parts = []
    for what, chosen in (("resource", True), ("object", False)):
        counts = Counter(change.action for change in changes if _is_own(change) is chosen)
        counted = [f"{count} {_WORDS[action]}" for action in Action if (count := counts[action])]
        if counted:
            parts.append(f"{what}s: {', '.join(counted)}")
    return "; ".join(parts).capitalize() + ". Nothing was written."


def _as_json(found: Comparison) -> dict[str, Any]:
    return {
        "changes": [
            {
                "action": change.action.value,
                **dict(zip(("apiVersion", "kind", "namespace", "name"), change.ref, strict=True)),
                "owner": dict(zip(("kind", "namespace", "name"), change.owner, strict=True)),
                "share": change.share,
                "diff": "\n".join(_lines(change)),
            }
            for change in found.changes
        ],
        "findings": [item.as_json() for item in found.findings],
        "notes": list(found.notes),
    }
