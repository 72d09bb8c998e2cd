"""`binnacle explain`: say in words and small tables what resources do."""

import json
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table as Drawn
from rich.text import Text

from binnacle.api.findings import printable
from binnacle.api.reasons import Reason
from binnacle.api.registry import KINDS
from binnacle.check.explain.base import Section, Table
from binnacle.check.explain.registry import EXPLANATIONS
from binnacle.cli.compiling import compile_paths
from binnacle.cli.options import ContextFile, Date
from binnacle.cli.output import Format, exit_status, nothing_to, write_findings
from binnacle.cli.pictures import has_board, picture_of, write_picture
from binnacle.control.onepass import Pass
from binnacle.errors import BinnacleError
from binnacle.folder.compilation import Compilation
from binnacle.folder.located import Located
from binnacle.intent.dashboard import OWN_KIND
from binnacle.intent.refs import Key

app = typer.Typer(add_completion=False, rich_markup_mode="rich")

_WIDEST: Final = 100
"""Columns; longer lines are hard to read."""
_INDENT: Final = 2
_NAMED: Final = re.compile(r"([A-Za-z]+)/(?:([a-z0-9-]+)/)?([a-z0-9-]+)")
_LEFT: Final[Mapping[Reason, str]] = {
    Reason.COMPILE_FAILED: "Nothing comes of it as it is written; the findings say why. What an earlier version put in place stays.",
    Reason.SUSPENDED: "It is suspended (spec.suspend): this is what it would do, and what is in place stays as it is.",
    Reason.DRY_RUN: "It is only tried (spec.mode: DryRun): this is what it would do, and nothing is applied.",
}
_NO_WORDS: Final = "There are no words for this kind yet; binnacle render shows what comes of it."
_WITHDRAWN: Final = "Nothing comes of it, and what an earlier version put in place is removed; the findings say why."


class ExplainFormat(StrEnum):
    """Ways of printing explanations."""

    TEXT = "text"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class Explained:
    """One resource: what becomes of it, what it does, and what is wrong with it."""

    key: Key
    state: str
    sections: tuple[Section, ...]
    findings: tuple[Located, ...]


@app.command()
def explain(
    what: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH... [KIND/NAME]",
            help="Files, folders or - for standard input; KIND/NAME or KIND/NAMESPACE/NAME picks resources in them.",
            show_default=False,
        ),
    ],
    output: Annotated[
        ExplainFormat, typer.Option("--output", help="How explanations are printed.", case_sensitive=False)
    ] = ExplainFormat.TEXT,
    picture: Annotated[
        Path | None,
        typer.Option(
            "--picture",
            metavar="FILE.svg",
            help="Also draw the Dashboard, with made-up data; pick one if there are several.",
            show_default=False,
        ),
    ] = None,
    context: ContextFile = None,
    date: Date = None,
) -> None:
    """Say in words what resources do: what is recorded, what fires when, who is told, and what it costs.

    \b
    [bold]Examples[/bold]
      binnacle explain slos/checkout.yaml
      binnacle explain . slo/checkout            one resource among many
      binnacle explain . alertpolicy/shop/team   the one of a namespace
      binnacle explain . dash/checkout --picture checkout.svg

    Give the files of the AlertPolicies too: they decide who is told.
    Exit status: 0 good, 1 findings of severity error in what is explained, 2 wrong usage.
    """  # noqa: D301 - \b keeps the lines of a paragraph apart
    paths = [one for one in what if _picked(one) is None]
    _refuse_unknown_kinds(paths)
    picks = [pick for one in what if (pick := _picked(one)) is not None]
    if not paths:
        raise typer.BadParameter("say in which files or folders to look for it: binnacle explain . slo/checkout")
    if picture is not None and picture.suffix.lower() != ".svg":
        raise typer.BadParameter(f"{picture}: the picture is an SVG; give a name that ends in .svg")
    done = compile_paths(paths, context, date)
    wanted = _wanted(picks)
    _refuse_unknown(picks, {*done.documents, *done.unread})
    drawn = _drawn_board(done, wanted) if picture is not None else None
    explained = [
        Explained(
            key,
            _state(done.outcome, key),
            _sections(done.outcome, key),
            tuple(item for item in done.findings if item.key == key),
        )
        for key in done.documents
        if wanted(key)
    ]
    keys = {one.key for one in explained}
    # What is no resource, or one that cannot be read, is told beside the explanations.
    aside = [item for item in done.findings if item.key not in keys and (not item.key.name or wanted(item.key))]
    aside = [item for item in aside if exit_status([item])]
    if output is ExplainFormat.JSON:
        typer.echo(json.dumps([_as_json(one) for one in explained], indent=2))
    else:
        _print(explained, done.texts)
    write_findings(aside, Format.TEXT, sys.stderr, texts=done.texts)
    if picture is not None and drawn is not None:
        write_picture(picture, drawn)
        typer.echo(f"{picture}: written; the data in it is made up", err=True)
    raise typer.Exit(exit_status([*aside, *(item for one in explained for item in one.findings)]))


Pick = tuple[str, str | None, str]
"""Kind, namespace where it was given, name."""


def _picked(argument: str) -> Pick | None:
    """Return the resource that an argument names, or None when it is a path; what exists is a path."""
    found = _NAMED.fullmatch(argument)
    if found is None or Path(argument).exists():
        return None
    said, namespace, name = found.groups()
    for kind, info in KINDS.items():
        if said.lower() in {kind.lower(), info.plural, info.short}:
            return kind, namespace, name
    return None


def _refuse_unknown_kinds(paths: Iterable[str]) -> None:
    """Refuse what looks like a resource, and is neither one nor a path.

    Raises:
        BinnacleError: there is no such file, and no such kind.
    """
    for one in paths:
        if _NAMED.fullmatch(one) and not Path(one).exists() and not Path(one).suffix:
            kinds = ", ".join(sorted(kind.lower() for kind in KINDS))
            said = printable(one.partition("/")[0])
            raise BinnacleError(f"{printable(one)}: no such file or folder, and {said} is none of the kinds {kinds}")


def _wanted(picks: Sequence[Pick]) -> Callable[[Key], bool]:
    def wanted(key: Key) -> bool:
        return not picks or any(_fits(pick, key) for pick in picks)

    return wanted


def _fits(pick: Pick, key: Key) -> bool:
    kind, namespace, name = pick
    return (key.kind, key.name) == (kind, name) and namespace in (None, key.namespace)


def _refuse_unknown(picks: Iterable[Pick], known: Set[Key]) -> None:
    """Refuse a name that nothing in the files has.

    Raises:
        BinnacleError: there is no such resource.
    """
    for pick in picks:
        if any(_fits(pick, key) for key in known):
            continue
        there = ", ".join(str(key) for key in sorted(known) if key.kind == pick[0])
        name = "/".join(part for part in pick if part)
        raise BinnacleError(
            f"there is no {name} in what was given" + (f"; there is {printable(there)}" if there else "")
        )


def _drawn_board(done: Compilation, wanted: Callable[[Key], bool]) -> str | None:
    """Return the picture of the only dashboard that is wanted; None where nothing comes of it.

    Dashboards go before resources of other kinds that have a dashboard besides.

    Raises:
        BinnacleError: there is none, or there are several.
    """
    chosen = [key for key in done.documents if wanted(key)]
    keys = [key for key in chosen if key.kind == OWN_KIND] or [
        key for key in chosen if has_board(done.outcome.desired[key])
    ]
    if len(keys) == 1:
        return picture_of(done.outcome.desired[keys[0]])
    there = ", ".join(f"{key.kind.lower()}/{key.namespace}/{key.name}" for key in sorted(keys))
    raise BinnacleError(
        f"--picture draws one Dashboard; pick one of {printable(there)}"
        if keys
        else "--picture draws a Dashboard, and there is none in what is explained"
    )


def _sections(outcome: Pass, key: Key) -> tuple[Section, ...]:
    """Return what there is to be said of a resource; nothing of one that did not compile."""
    desired = outcome.desired[key]
    explain = EXPLANATIONS.get(key.kind)
    if explain is None or desired.compiled is None or not desired.valid:
        return ()
    return explain(desired.model, desired.compiled, desired.facts or {}, outcome.world)


def _state(outcome: Pass, key: Key) -> str:
    """Return what is to be known of a resource before all else; empty when it simply works."""
    if outcome.desired[key].withdrawn:
        return _WITHDRAWN
    reason = outcome.left.get(key)
    said = _LEFT.get(reason, "") if reason is not None else ""
    return said or ("" if key.kind in EXPLANATIONS else _NO_WORDS)


def _print(explained: Sequence[Explained], texts: Mapping[str, str]) -> None:
    console = Console(highlight=False)
    console.width = min(console.width, _WIDEST)
    if not explained:
        console.print(nothing_to("explain"))
    for number, one in enumerate(explained):
        if number:
            console.print()
        console.print(Text(printable(f"{one.key.kind} {one.key.namespace}/{one.key.name}"), style="bold"))
        if one.state:
            console.print()
            _say(console, one.state, "bold yellow")
        for section in one.sections:
            console.print()
            console.print(Text(printable(section.title), style="bold cyan"))
            for said in section.said:
                _say(console, said)
            if section.table is not None:
                above, below = int(bool(section.said)), int(bool(section.notes))
                console.print(Padding(_drawn(section.table), (above, 0, below, _INDENT)))
            for said in section.notes:
                _say(console, said)
        if one.findings:
            console.print()
            console.print(Text("Findings", style="bold cyan"))
            sys.stdout.flush()
            write_findings(one.findings, Format.TEXT, sys.stdout, texts=texts)


def _say(console: Console, said: str, style: str = "") -> None:
    """Print a paragraph, indented; unlike padding this leaves no blanks at the ends of lines."""
    for line in Text(printable(said), style=style).wrap(console, console.width - _INDENT):
        line.rstrip()
        console.print(Text(" " * _INDENT).append_text(line))


def _drawn(table: Table) -> Drawn:
    drawn = Drawn(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
    for column in table.columns:
        drawn.add_column(Text(column), overflow="fold", vertical="top")
    for row in table.rows:
        drawn.add_row(*(Text(printable(cell)) for cell in row))
    return drawn


def _as_json(one: Explained) -> dict[str, Any]:
    return {
        "kind": one.key.kind,
        "namespace": one.key.namespace,
        "name": one.key.name,
        "state": one.state,
        "sections": [asdict(section) for section in one.sections],
        "findings": [item.as_json() for item in one.findings],
    }
