"""`binnacle import`: SLOs of other tools as resources of ours, with a report of what became of every field."""

import datetime as dt
import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple, TextIO

import typer
from rich.console import Console
from rich.text import Text

from binnacle.api.config import Config
from binnacle.api.findings import Finding, Severity, printable
from binnacle.api.meta import API_VERSION
from binnacle.api.reasons import Reason
from binnacle.api.slo import SLO
from binnacle.api.values import Duration
from binnacle.cli.files import write_files
from binnacle.cli.output import exit_status
from binnacle.cli.stack import make_room
from binnacle.compile.world import World
from binnacle.convert.base import Options
from binnacle.convert.names import DNS_LABEL
from binnacle.convert.report import Fate, Imported
from binnacle.convert.run import TOOLS, run
from binnacle.errors import BinnacleError, SpecError
from binnacle.folder.document import Document
from binnacle.folder.located import Located
from binnacle.folder.reader import STDIN, Reading, read_any
from binnacle.intent.refs import Key
from binnacle.targets.yamltext import document as as_yaml

app = typer.Typer(add_completion=False, rich_markup_mode="rich")


class ToolName(StrEnum):
    """Tools whose files can be imported."""

    SLOTH = "sloth"
    PYRRA = "pyrra"
    OPENSLO = "openslo"


class _Line(NamedTuple):
    """A line of the report: what became of a field, and where the field stands."""

    fate: str
    target: str
    located: Located


class _Section(NamedTuple):
    """What the report says of one SLO, or of a document: its place, its name there, and what it is called here."""

    place: str
    title: str
    became: str
    lines: tuple[_Line, ...]


@app.command("import")
def import_(
    tool: Annotated[ToolName, typer.Argument(help="Whose files they are.", show_default=False)],
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE...",
            help="Files, folders (read recursively: .yaml, .yml, .json), or - for standard input.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output-dir", "-o", metavar="DIR", help="Write one file for each resource into DIR."),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(
            "--report",
            metavar="FILE",
            help="Write the whole report into FILE, as JSON where its name ends with .json; what is wrong is told all the same.",
        ),
    ] = None,
    namespace: Annotated[
        str | None, typer.Option("--namespace", metavar="NAME", help="Namespace of SLOs that name none.")
    ] = None,
    window: Annotated[
        str, typer.Option("--window", metavar="DURATION", help="Window of SLOs that name none, as all of sloth's.")
    ] = "30d",
) -> None:
    """Convert SLOs of other tools, and report what became of every field: carried, changed or lost.

    \b
    [bold]Examples[/bold]
      binnacle import sloth slos/ > slo.yaml
      binnacle import pyrra slos/ -o converted/ --report report.json
      kubectl get slo -A -o yaml | binnacle import pyrra -

    Resources go to standard output or into DIR, the report to standard error.
    What cannot be carried over is left out and is an error. Every resource
    that is printed compiles: binnacle check finds no error in it.
    Exit status: 0 good, 1 findings of severity error, 2 wrong usage.
    """  # noqa: D301 - \b keeps the lines of a paragraph apart
    make_room()
    options = Options(World(Config(), dt.datetime.now(dt.UTC).date()), _namespace(namespace), _window(window))
    reading = read_any(paths, stdin=sys.stdin.buffer)
    imported = run(TOOLS[tool], [_value(one) for one in reading.documents], options)
    sections = [*_unread(reading), *_sections(imported, reading.documents)]
    _write_resources(imported, reading.documents, output)
    findings = [line.located for section in sections for line in section.lines]
    if report is not None:
        _write_report(report, sections, imported)
    _print(sections if report is None else _only_bad(sections), imported, sys.stderr, into=output)
    raise typer.Exit(exit_status(findings))


def _namespace(given: str | None) -> str | None:
    if given is not None and not DNS_LABEL.fullmatch(given):
        raise typer.BadParameter(f"{given} is no name of a namespace", param_hint="--namespace")
    return given


def _window(given: str) -> Duration:
    try:
        length = Duration.parse(given)
    except SpecError as error:
        raise typer.BadParameter(f"{error.message} {error.fix}", param_hint="--window") from error
    if not Duration.of(days=1) <= length <= Duration.of(days=366) or length.ms % Duration.of(hours=1).ms:
        raise typer.BadParameter(f"{given} is not from 1d to 366d in whole hours", param_hint="--window")
    return length


def _value(document: Document) -> object:
    """Return what a document holds; the reader puts an empty map for what is no map."""
    return document.obj or None


# -- resources ----------------------------------------------------------------------------------------------------


def _write_resources(imported: Imported, documents: Sequence[Document], folder: Path | None) -> None:
    files: dict[str, str] = {}
    for number, body in imported.resources.items():
        part = imported.parts[number]
        origin = f"# {printable(part.title)}, {printable(_place(documents[part.source], part.path))}\n"
        text = f"{origin}{as_yaml(body)}"
        metadata = body["metadata"]
        if folder is None:
            typer.echo(f"---\n{text}", nl=False)
        files[f"slo.{metadata.get('namespace', 'default')}.{metadata['name']}.yaml"] = text
    if folder is not None:
        write_files(folder, files)


# -- report -------------------------------------------------------------------------------------------------------


def _unread(reading: Reading) -> Iterator[_Section]:
    """Yield what the reader has to say: files that cannot be read, and files with nothing in them."""
    for item in reading.findings:
        yield _Section(_file(item.file, item.line), "", "", (_Line(Fate.LOST, "", item),))
    spoken = {item.file for item in reading.findings} | {document.file for document in reading.documents}
    for file in reading.texts:
        if file not in spoken:
            finding = Finding(
                Severity.ERROR, Reason.NOTHING_TO_IMPORT, "", "There is no document in it.", "Check its path."
            )
            yield _Section(_file(file, None), "", "", (_Line(Fate.LOST, "", Located(finding, file=file)),))
    if not reading.texts and not reading.findings:
        finding = Finding(Severity.ERROR, Reason.NOTHING_TO_IMPORT, "", "There is no file to read.", "Check the path.")
        yield _Section("", "", "", (_Line(Fate.LOST, "", Located(finding)),))


def _sections(imported: Imported, documents: Sequence[Document]) -> Iterator[_Section]:
    for number, part in enumerate(imported.parts):
        document = documents[part.source]
        body = imported.resources.get(number)
        key = Key("", "", "")
        if body is not None:
            key = Key(SLO.__name__, body["metadata"].get("namespace", "default"), body["metadata"]["name"])
        lines = tuple(
            _Line(
                entry.fate,
                entry.target,
                Located(entry.finding, key, document.file, *document.position(entry.finding.path)),
            )
            for entry in part.entries
        )
        if lines:
            yield _Section(_place(document, part.path), part.title, f"{key.kind} {key.name}" if key.name else "", lines)


def _place(document: Document, path: str) -> str:
    return _file(document.file, document.position(path).line)


def _file(file: str, line: int | None) -> str:
    named = file if file != STDIN else "<stdin>"
    return named if line is None else f"{named}:{line}"


def _only_bad(sections: Iterable[_Section]) -> Iterator[_Section]:
    for section in sections:
        bad = tuple(line for line in section.lines if line.located.finding.severity is not Severity.INFO)
        if bad:
            yield section._replace(lines=bad)


_STYLES: Final = {Severity.ERROR: "bold red", Severity.WARNING: "bold yellow", Severity.INFO: ""}


def _print(
    sections: Iterable[_Section],
    imported: Imported,
    out: TextIO,
    *,
    color: bool | None = None,
    into: Path | None = None,
) -> None:
    console = Console(file=out, no_color=color is False or None, highlight=False, soft_wrap=True)
    for section in sections:
        heading = Text(printable(" ".join(one for one in (section.place, section.title) if one)), style="bold")
        became = section.became or ("not carried over" if _failed(section) else "")
        heading.append(f" → {printable(became)}" if became else "", style="")
        console.print(heading)
        for line in section.lines:
            finding = line.located.finding
            said = Text.assemble(
                (f"  {line.fate:<7} ", ""),
                (
                    f"{finding.severity:<7} " if finding.severity is not Severity.INFO else " " * 8,
                    _STYLES[finding.severity],
                ),
                printable(f"{finding.path}: " if finding.path else ""),
                printable(finding.message),
            )
            console.print(said)
            if finding.fix and finding.severity is not Severity.INFO:
                console.print(Text(f"{'':18}fix: {printable(finding.fix)}"))
    console.print(Text(_summary(imported, into), style="bold"))


def _failed(section: _Section) -> bool:
    return any(line.located.finding.severity is Severity.ERROR for line in section.lines)


def _summary(imported: Imported, folder: Path | None = None) -> str:
    fates = Counter(entry.fate for part in imported.parts for entry in part.entries)
    count = len(imported.resources)
    fields = ", ".join(f"{fates[fate]} {fate}" for fate in Fate)
    into = f" into {folder}" if folder is not None else ""
    return f"{count} {'SLO' if count == 1 else 'SLOs'} imported{into}; fields: {fields}"


def _write_report(path: Path, sections: Sequence[_Section], imported: Imported) -> None:
    """Write the whole report.

    Raises:
        BinnacleError: the file cannot be written.
    """
    try:
        with path.open("w", encoding="utf-8", newline="\n") as out:
            if path.suffix == ".json":
                out.write(json.dumps(_as_json(sections, imported), indent=2) + "\n")
            else:
                _print(sections, imported, out, color=False)
    except OSError as error:
        raise BinnacleError(f"{path} cannot be written: {error.strerror or error}") from error


def _as_json(sections: Sequence[_Section], imported: Imported) -> Mapping[str, Any]:
    lines = [line for section in sections for line in section.lines]
    return {
        "apiVersion": API_VERSION,
        "imported": len(imported.resources),
        "fields": {fate.value: sum(line.fate == fate for line in lines) for fate in Fate},
        "report": [
            {"fate": str(line.fate), "target": line.target, **line.located.as_json()}
            for section in sections
            for line in section.lines
        ],
    }
