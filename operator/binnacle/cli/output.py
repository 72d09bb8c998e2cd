"""Findings on standard output: as text for people, as JSON, SARIF 2.1.0 and GitHub annotations for programs.

Files, messages and field values come from whoever wrote the resource. Nothing of them may steer a terminal or a CI
that reads annotations, so each format escapes what it prints.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from pathlib import PurePath
from typing import Any, TextIO
from urllib.parse import quote

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from binnacle import __version__
from binnacle.api.findings import Severity, printable
from binnacle.api.reasons import DOCS, Reason
from binnacle.folder.located import Located, in_reading_order
from binnacle.folder.reader import STDIN


class Format(StrEnum):
    """Ways of printing findings."""

    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"
    GITHUB = "github"


def nothing_to(do: str, what: str = "resource of binnacle.dev") -> str:
    """Return what is said where there is nothing of ours in what was given; files of other tools are taken for ours."""
    return (
        f"Nothing to {do}: there is no {what} in what was given. "
        "SLOs of sloth, pyrra and OpenSLO are converted by binnacle import."
    )


def exit_status(findings: Iterable[Located], *, strict: bool = False) -> int:
    """0 when nothing is wrong; 1 when there is an error, with `strict` also when there is a warning."""
    failing = {Severity.ERROR, Severity.WARNING} if strict else {Severity.ERROR}
    return int(any(item.finding.severity in failing for item in findings))


def write_findings(
    findings: Iterable[Located],
    output: Format,
    out: TextIO,
    *,
    texts: Mapping[str, str] | None = None,
    color: bool | None = None,
) -> None:
    """Print findings in reading order.

    Args:
        findings: in any order.
        output: how.
        out: where to; a terminal gets colours in the text format unless NO_COLOR is set.
        texts: text of the files by name, to show the lines that findings point at.
        color: True or False to decide instead of the terminal.
    """
    ordered = in_reading_order(findings)
    if output is Format.TEXT:
        _write_text(ordered, out, texts or {}, color)
    elif output is Format.JSON:
        # ASCII only: valid whatever the encoding of the pipe.
        out.write(json.dumps([item.as_json() for item in ordered], indent=2) + "\n")
    elif output is Format.SARIF:
        out.write(json.dumps(sarif(ordered), indent=2) + "\n")
    else:
        out.writelines(f"{annotation(item)}\n" for item in ordered)


# -- text ---------------------------------------------------------------------------------------------------------

_STYLE = {Severity.ERROR: "bold red", Severity.WARNING: "bold yellow", Severity.INFO: "bold blue"}
_WIDEST_EXCERPT = 160


def _write_text(findings: Sequence[Located], out: TextIO, texts: Mapping[str, str], color: bool | None) -> None:
    console = Console(file=out, force_terminal=color, no_color=color is False or None, highlight=False, soft_wrap=True)
    lines: dict[str, list[str]] = {}
    for item in findings:
        console.print(_headline(item))
        if item.finding.severity is Severity.INFO:
            continue
        if item.line is not None and item.file in texts:
            if item.file not in lines:
                lines[item.file] = texts[item.file].split("\n")
            if item.line <= len(lines[item.file]):
                console.print(_excerpt(lines[item.file][item.line - 1], item), end="")
        if item.finding.fix:
            console.print(Text.assemble(("  fix: ", "bold"), printable(item.finding.fix)))
    if findings:
        console.print(Text(summary(findings), style="bold"))


def _headline(item: Located) -> Text:
    finding = item.finding
    line = Text()
    if item.file:
        place = [item.file if item.file != STDIN else "<stdin>", item.line, item.column]
        line.append(printable(":".join(str(part) for part in place if part is not None)) + ": ", style="bold")
    line.append(f"{finding.severity}[{finding.reason}]", style=_STYLE[finding.severity])
    line.append(": ")
    # What was passed over is named in its message already.
    subject = "" if finding.severity is Severity.INFO and not finding.path else _subject(item)
    where = " ".join(part for part in (subject, finding.path) if part)
    if where:
        line.append(f"{printable(where)}: ")
    line.append(printable(finding.message))
    return line


def _subject(item: Located) -> str:
    name = "/".join(part for part in (item.key.namespace, item.key.name) if part) if item.key.name else ""
    return f"{item.key.kind} {name}".strip()


def _excerpt(source: str, item: Located) -> Text:
    """The line with a caret under the column, cut around the column when it is long."""
    source = printable(source.rstrip("\r").replace("\t", " "))
    at = min((item.column or 1) - 1, len(source))
    begin = max(0, at - _WIDEST_EXCERPT // 2) if len(source) > _WIDEST_EXCERPT else 0
    source = source[begin : begin + _WIDEST_EXCERPT]
    margin = f"{item.line:>5} | "
    blank = " " * (len(margin) - 2) + "| "
    pad = " " * cell_len(source[: at - begin])
    return Text.assemble(
        (margin, "blue"), source, "\n", (blank, "blue"), pad, ("^", _STYLE[item.finding.severity]), "\n"
    )


def summary(findings: Iterable[Located]) -> str:
    """Count findings by severity: `2 errors, 1 warning`; notes are not counted where there is something worse."""
    counts = Counter(item.finding.severity for item in findings)
    parts = [_count(counts[Severity.ERROR], "error"), _count(counts[Severity.WARNING], "warning")]
    return ", ".join(part for part in parts if part) or _count(counts[Severity.INFO], "note") or "nothing found"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' if number != 1 else ''}" if number else ""


# -- SARIF --------------------------------------------------------------------------------------------------------

_LEVEL = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}


def sarif(findings: Sequence[Located]) -> dict[str, Any]:
    """Give findings as a SARIF 2.1.0 log (https://docs.oasis-open.org/sarif/sarif/v2.1.0/), reasons as its rules."""
    reasons = sorted({item.finding.reason for item in findings})
    rules = {reason: index for index, reason in enumerate(reasons)}
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "binnacle",
                        "semanticVersion": __version__,
                        "rules": [_rule(reason) for reason in reasons],
                    }
                },
                "columnKind": "unicodeCodePoints",
                "results": [_result(item, rules[item.finding.reason]) for item in findings],
            }
        ],
    }


def _rule(reason: Reason) -> dict[str, Any]:
    doc = DOCS[reason]
    return {
        "id": reason.value,
        "name": reason.value,
        "shortDescription": {"text": doc.cause},
        "help": {"text": f"{doc.cause}\n\n{doc.fix}"},
    }


def _result(item: Located, rule: int) -> dict[str, Any]:
    finding = item.finding
    location: dict[str, Any] = {}
    if item.file and item.file != STDIN:
        location["physicalLocation"] = {"artifactLocation": {"uri": _uri(item.file)}}
        if item.line is not None:
            region = {"startLine": item.line, **({"startColumn": item.column} if item.column is not None else {})}
            location["physicalLocation"]["region"] = region
    if item.key.name:
        name = "/".join((*item.key, finding.path)) if finding.path else "/".join(item.key)
        location["logicalLocations"] = [{"fullyQualifiedName": name, "kind": "resource"}]
    identity = "\0".join((finding.reason, *item.key, finding.path, "" if item.key.name else item.file))
    return {
        "ruleId": finding.reason.value,
        "ruleIndex": rule,
        "level": _LEVEL[finding.severity],
        "message": {"text": " ".join(part for part in (finding.message, finding.fix) if part)},
        "locations": [location] if location else [],
        # Not the line: the same finding keeps its identity when lines are added above it.
        "partialFingerprints": {"binnacle/v1": hashlib.sha256(identity.encode("utf-8", "replace")).hexdigest()},
    }


def _uri(file: str) -> str:
    path = PurePath(file)
    return path.as_uri() if path.is_absolute() else quote(path.as_posix())


# -- GitHub -------------------------------------------------------------------------------------------------------

_COMMAND = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}


def annotation(item: Located) -> str:
    """Give a finding as a GitHub workflow command: `::error file=…,line=…,col=…,title=…::…`."""
    finding = item.finding
    properties = {
        "file": item.file if item.file != STDIN else "",
        "line": item.line or "",
        "col": item.column or "",
        "title": printable(" ".join(part for part in (finding.reason, _subject(item)) if part)),
    }
    listed = ",".join(f"{name}={_escape(str(value), ':,')}" for name, value in properties.items() if value)
    text = printable(f"{finding.path}: {finding.message}" if finding.path else finding.message)
    if finding.fix:
        text += f"\n{printable(finding.fix)}"
    return f"::{_COMMAND[finding.severity]} {listed}::{_escape(text)}"


def _escape(text: str, more: str = "") -> str:
    return "".join(f"%{ord(char):02X}" if char in f"%\r\n{more}" else char for char in text)
