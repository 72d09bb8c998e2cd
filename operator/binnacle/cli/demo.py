"""`binnacle demo`: a guided tour in a temporary folder; needs nothing but Python."""

import difflib
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.rule import Rule
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from binnacle.api.findings import Severity
from binnacle.cli.compiling import Compilation, compile_paths
from binnacle.cli.output import Format, write_findings
from binnacle.control.desired import Desired
from binnacle.errors import BinnacleError
from binnacle.folder.store import FolderStore

app = typer.Typer(add_completion=False, rich_markup_mode="rich")

_LABELS = re.compile(r"\{slo=[^}]*\}")


@app.command()
def demo(
    quickstart: Annotated[
        Path, typer.Argument(metavar="[FOLDER]", help="The resources to show.", show_default=True)
    ] = Path("examples/quickstart"),
) -> None:
    """Show what Binnacle does: compile the quickstart, change it, break it. Writes only to a temporary folder.

    \b
    [bold]Examples[/bold]
      binnacle demo
    """  # noqa: D301 - \b keeps the lines of a paragraph apart
    if not quickstart.is_dir():
        raise BinnacleError(f"{quickstart} is not a folder; run this in the repository, or name a folder of resources")
    with tempfile.TemporaryDirectory(prefix="binnacle-demo-") as scratch:
        _Tour(quickstart, Path(scratch), Console(highlight=False)).run()


class _Tour:
    """The tour.

    Args:
        source: the folder to show.
        scratch: where the copy that is changed, and what is compiled from it, go.
        console: where it is shown.
    """

    def __init__(self, source: Path, scratch: Path, console: Console):
        self._resources = scratch / "resources"
        self._out = FolderStore(scratch / "out")
        self._out_path = scratch / "out"
        self._console = console
        shutil.copytree(source, self._resources)
        self._file = next(path for path in sorted(self._resources.glob("*.yaml")) if "kind: SLO" in path.read_text())
        self._source = source

    def run(self) -> None:
        """Go through the steps."""
        self._step(1, "What a team writes", f"{self._source / self._file.name}")
        self._console.print(Syntax(self._file.read_text().strip(), "yaml", background_color="default"))
        self._step(2, "What becomes of it", "what `kubectl get binnacle` would show, and what fires when")
        good = self._compile()
        self._console.print(_resources(good))
        self._console.print()
        self._console.print(_alerts(good))
        self._step(3, "What is written for the backends", "binnacle render --format files -o out/")
        self._write(good)
        self._step(4, "A change, and what it changes", "the objective goes from 99.9% to 99.95%")
        self._change("objective: 99.9%", "objective: 99.95%")
        self._step(5, "A mistake, and what becomes of that", "a bracket is lost in the errors' selector")
        self._break('code=~"5.."}', 'code=~"5.."')
        self._console.print(Rule(style="dim"))
        self._console.print(
            "Next: [bold]binnacle check[/bold] in your pipeline, [bold]binnacle render[/bold] for GitOps, "
            "[bold]binnacle operator[/bold] in a cluster. [bold]binnacle --help[/bold] lists the rest."
        )

    def _step(self, number: int, title: str, what: str) -> None:
        self._console.print()
        self._console.print(Rule(Text.assemble((f" {number}. {title} ", "bold"), (f"{what} ", "dim")), align="left"))

    def _compile(self) -> Compilation:
        return compile_paths([str(self._resources)], None, None, files=True)

    def _write(self, done: Compilation) -> None:
        broken = [str(key) for key, desired in done.outcome.desired.items() if not desired.valid]
        changes = self._out.sync(done.outcome.files, keep=broken)
        for path in changes.written:
            text = (self._out_path / path).read_text()
            rules = sum(line.lstrip(" -").startswith(("record:", "alert:")) for line in text.splitlines())
            size = f"{rules} rules, {len(text):,} bytes" if rules else f"{len(text):,} bytes"
            self._console.print(f"  [green]written[/green]    out/{path}  [dim]{size}[/dim]", soft_wrap=True)
        for path in changes.unchanged:
            self._console.print(f"  [dim]unchanged  out/{path}[/dim]")
        if not changes.written and not changes.unchanged:
            self._console.print("  [dim]nothing written; what was there stays[/dim]")

    def _change(self, old: str, new: str) -> None:
        before = self._texts()
        self._edit(old, new)
        self._write(self._compile())
        after = self._texts()
        for path in sorted(before.keys() | after.keys()):
            old_lines, new_lines = before.get(path, "").splitlines(), after.get(path, "").splitlines()
            lines = list(difflib.unified_diff(old_lines, new_lines, lineterm="", n=0))[2:]
            if not lines:
                continue
            self._console.print(f"  [dim]{path}, this SLO's own labels written as {{…}}:[/dim]")
            for line in lines:
                # The alerts' texts repeat the numbers; the rules are what matters here.
                if not line.startswith("@@") and "{{ range" not in line:
                    style = "green" if line.startswith("+") else "red"
                    short = Text(f"  {_LABELS.sub('{…}', line)}", style=style)
                    self._console.print(short, no_wrap=True, overflow="ellipsis")

    def _break(self, old: str, new: str) -> None:
        kept = self._texts()
        self._edit(old, new)
        done = self._compile()
        errors = [item for item in done.findings if item.finding.severity is Severity.ERROR]
        write_findings(errors, Format.TEXT, sys.stdout, texts=done.texts)
        self._write(done)
        same = "byte for byte as before" if self._texts() == kept else "CHANGED"
        self._console.print(f"  The rules of the last good version are in place, {same}.")

    def _edit(self, old: str, new: str) -> None:
        text = self._file.read_text()
        if old not in text:
            raise BinnacleError(f"the tour expects {old!r} in {self._source / self._file.name}")
        self._file.write_text(text.replace(old, new, 1))

    def _texts(self) -> dict[str, str]:
        return {path.name: path.read_text() for path in sorted(self._out_path.rglob("*.yaml"))}


def _resources(done: Compilation) -> Table:
    table = _table("KIND", "NAME", "ACCEPTED", "WHAT IT IS")
    for key, desired in sorted(done.outcome.desired.items()):
        accepted = "True" if desired.valid and not desired.quarantined else f"False ({desired.quarantined})"
        table.add_row(key.kind, f"{key.namespace}/{key.name}", accepted, _summary(desired))
    return table


def _summary(desired: Desired) -> str:
    """Return a resource's own facts in a few words, whatever kind it is."""
    facts = desired.facts or {}
    parts = []
    spec = desired.model.spec if desired.model is not None else None
    if spec is not None and hasattr(spec, "objective"):
        parts.append(f"{spec.objective} over {spec.window.rolling}")
    if "cost" in facts:
        parts.append(f"{facts['cost']['rules']} rules, ~{facts['cost']['samplesPerMinute']:,} samples/min")
    for name in ("rules", "receivers", "panels", "declared"):
        if name in facts:
            count = len(facts[name]) if isinstance(facts[name], list) else facts[name]
            parts.append(f"{count} {name}")
    if "tests" in facts:
        tests = facts["tests"]
        later = f", {tests['unproved']} for binnacle test" if tests.get("unproved") else ""
        parts.append(f"{tests.get('passed', 0)} tests passed{later}")
    return ", ".join(parts)


def _alerts(done: Compilation) -> Table:
    table = _table("ALERT", "SEVERITY", "BURN RATE", "BUDGET", "LONG", "SHORT", "TOTAL OUTAGE")
    alerts = [alert for desired in done.outcome.desired.values() for alert in (desired.facts or {}).get("alerts", ())]
    for alert in alerts:
        names = ("name", "severity", "factor", "budget", "long", "short", "worstCaseDetection")
        table.add_row(*(str(alert.get(name, "")) for name in names))
    return table


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, no_wrap=True)
    return table
