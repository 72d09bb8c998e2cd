"""`binnacle test`: run the tests that resources carry, and those generated for them."""

import json
import sys
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Annotated
from xml.etree import ElementTree as ET

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from binnacle.api.findings import printable
from binnacle.check.base import TestResult
from binnacle.check.registry import TESTS
from binnacle.cli.compiling import compile_paths
from binnacle.cli.options import ContextFile, Date, Paths
from binnacle.cli.output import Format, exit_status, write_findings
from binnacle.control.onepass import prove
from binnacle.intent.refs import Key

app = typer.Typer(add_completion=False, rich_markup_mode="rich")

Results = Mapping[Key, Sequence[TestResult]]


class TestFormat(StrEnum):
    """Ways of printing results."""

    TEXT = "text"
    JSON = "json"
    JUNIT = "junit"


@app.command()
def run_tests(
    paths: Paths,
    output: Annotated[TestFormat, typer.Option("--output", help="How results are printed.", case_sensitive=False)] = (
        TestFormat.TEXT
    ),
    context: ContextFile = None,
    date: Date = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Fail on a test that could not be run, and on warnings too.")
    ] = False,
) -> None:
    """Run the tests of resources: alerts on series you give, routes at times you give, lines through log pipelines.

    \b
    [bold]Examples[/bold]
      binnacle test policies/
      binnacle test policies/ --output junit > results.xml     for a CI that shows them
      binnacle test policies/ --strict                         what could not be run is no success

    Rules are tested by the real engine: what needs promtool is reported as not run where it is not installed.
    Exit status: 0 all that ran passed, 1 a test failed or a resource is wrong (with --strict also when one
    was not run, and warnings), 2 wrong usage.
    """  # noqa: D301 - \b keeps the lines of a paragraph apart
    done = compile_paths(paths, context, date)
    results: dict[Key, Sequence[TestResult]] = {}
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as progress:
        running = progress.add_task("testing")
        for key, found in prove(done.outcome, TESTS):
            progress.update(running, description=f"testing, {printable(str(key))} done")
            results[key] = found
    told = [item for item in done.findings if item.finding.severity == "error" or strict]
    write_findings(told, Format.TEXT, sys.stderr, texts=done.texts)
    if output is TestFormat.JSON:
        typer.echo(json.dumps(_as_json(results), indent=2))
    elif output is TestFormat.JUNIT:
        typer.echo(_as_junit(results))
    else:
        _print(results)
    failed = any(not one.passed and (strict or not one.unproved) for found in results.values() for one in found)
    raise typer.Exit(1 if failed else exit_status(told, strict=strict))


def _outcome(result: TestResult) -> str:
    if result.unproved:
        return "not run"
    return "passed" if result.passed else "failed"


_STYLES = {"passed": "green", "failed": "bold red", "not run": "yellow"}


def _print(results: Results) -> None:
    console = Console(highlight=False, soft_wrap=True)
    counts = dict.fromkeys(_STYLES, 0)
    for key, found in sorted(results.items()):
        console.print(Text(printable(f"{key.kind} {key.namespace}/{key.name}"), style="bold"))
        for result, after in zip(found, [*found[1:], None], strict=True):
            outcome = _outcome(result)
            counts[outcome] += 1
            console.print(Text.assemble("  ", (f"{outcome:8}", _STYLES[outcome]), printable(result.name)))
            # Of many that could not be run for the same reason it is said once, below the last of them.
            if result.unproved and after is not None and (after.unproved, after.fix) == (result.unproved, result.fix):
                continue
            for line in (*(result.unproved or result.message).splitlines(), *result.fix.splitlines()):
                console.print(Text(f"            {printable(line)}", style="dim" if result.unproved else ""))
    if not results:
        console.print("No resource here has tests.")
        return
    console.print(Text(", ".join(f"{count} {outcome}" for outcome, count in counts.items() if count), style="bold"))


def _as_json(results: Results) -> list[dict[str, str]]:
    return [
        {
            "kind": key.kind,
            "namespace": key.namespace,
            "name": key.name,
            "test": one.name,
            "path": one.path,
            "outcome": _outcome(one),
            "message": one.unproved or one.message,
        }
        for key, found in sorted(results.items())
        for one in found
    ]


def _as_junit(results: Results) -> str:
    """Return JUnit's XML as CI systems read it: a suite for each resource; control characters cannot stand in XML."""
    suites = ET.Element("testsuites")
    for key, found in sorted(results.items()):
        outcomes = [_outcome(one) for one in found]
        suite = ET.SubElement(
            suites,
            "testsuite",
            name=str(key),
            tests=str(len(found)),
            failures=str(outcomes.count("failed")),
            skipped=str(outcomes.count("not run")),
        )
        for one, outcome in zip(found, outcomes, strict=True):
            case = ET.SubElement(suite, "testcase", classname=str(key), name=printable(one.name))
            if outcome == "failed":
                ET.SubElement(case, "failure", message=_first_line(one.message)).text = _plain(one.message)
            elif outcome == "not run":
                ET.SubElement(case, "skipped", message=_first_line(one.unproved))
    ET.indent(suites)
    return ET.tostring(suites, encoding="unicode", xml_declaration=True)


def _plain(text: str) -> str:
    return "\n".join(printable(line) for line in text.splitlines())


def _first_line(text: str) -> str:
    return _plain(text).partition("\n")[0]
