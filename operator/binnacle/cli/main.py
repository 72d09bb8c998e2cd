"""The command `binnacle`: the table of commands, and what becomes of an error.

A command's module is imported when it is called, not before: `binnacle --help` must not wait for the Kubernetes client,
and `binnacle render` never needs it. Exit status: 0 good, 1 findings of severity error, 2 usage or environment.
"""

import os
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from binnacle import __version__
from binnacle.cli.logs import set_up_commands
from binnacle.errors import BinnacleError, SpecError

EXIT_FINDINGS = 1
EXIT_ENVIRONMENT = 2
_EXIT_INTERRUPTED = 130


class Command(NamedTuple):
    """A row of the table: `binnacle <name>` is the one command of `app` in `module`; `summary` is its line in --help."""

    name: str
    module: str
    summary: str


COMMANDS = (
    Command("check", "binnacle.cli.check", "Check resources without a server."),
    Command("test", "binnacle.cli.test", "Run the tests that resources carry."),
    Command("explain", "binnacle.cli.explain", "Say in words what resources do, and who is told."),
    Command("diff", "binnacle.cli.diff", "Show what applying resources would change in the cluster."),
    Command("render", "binnacle.cli.render", "Compile resources, print or write what would be applied."),
    Command("backtest", "binnacle.cli.backtest", "Replay SLOs and alert rules over a Prometheus' history."),
    Command("backfill", "binnacle.cli.backfill", "Fill in the history of SLOs that are new to a Prometheus."),
    Command("import", "binnacle.cli.importing", "Convert SLOs of sloth, pyrra and OpenSLO."),
    Command("operator", "binnacle.cli.operator", "Run the operator on Kubernetes."),
    Command("folder", "binnacle.cli.folder", "Run the same loop on a folder."),
    Command("demo", "binnacle.cli.demo", "A guided tour in a temporary folder."),
    Command("crds", "binnacle.cli.crds", "Print the custom resource definitions."),
)

_HELP = """\
Observability as code for Kubernetes: say what matters about a service, and get the rules that watch over it.

\b
[bold]Examples[/bold]
  binnacle check slos/                            find mistakes before anything is applied
  binnacle test slos/                             run the tests that resources carry
  binnacle explain slos/ slo/checkout             read what a resource does, in words
  binnacle render slos/                           see what the operator would apply
  binnacle render slos/ --format files -o out/    rule files for a Prometheus without Kubernetes
  binnacle diff slos/                             see what applying them would change in the cluster
  binnacle import sloth slos.yml                  convert what another tool's files say
  binnacle backtest slos/ --prometheus URL        when would it have fired, and what is left of the budget
  binnacle backfill slos/ --prometheus URL -o .   give new SLOs the history that Prometheus has of their metrics
  binnacle crds | kubectl apply -f -              install the resource definitions
  binnacle operator --config config.yaml          run the operator
  binnacle folder slos/ out/                      the same without a cluster

Also installed as kubectl binnacle. Exit status: 0 good, 1 findings of severity error, 2 wrong usage or environment.
NO_COLOR turns colours off, BINNACLE_DEBUG=1 shows where an unexpected error comes from.
"""


class _Commands(TyperGroup):
    """Commands that are imported when they are called. For a listing the table's summaries will do."""

    def __init__(self, **attributes: Any):
        super().__init__(**attributes)
        self._listing = False
        for command in COMMANDS:
            self.add_command(TyperCommand(command.name, help=command.summary))

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help without importing any command."""
        self._listing = True
        try:
            super().format_help(ctx, formatter)
        finally:
            self._listing = False

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Import a command, unless only its summary is wanted."""
        if not self._listing:
            for command in COMMANDS:
                if command.name == cmd_name:
                    loaded = get_command(import_module(command.module).app)
                    loaded.name = cmd_name
                    return loaded
        return super().get_command(ctx, cmd_name)


app = typer.Typer(
    cls=_Commands,
    help=_HELP,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    no_args_is_help=True,
)


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"binnacle {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    _version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Take the options that come before a command."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the entry point of `binnacle` and `kubectl-binnacle`.

    Args:
        arguments: without the program's name; those of the process when None.

    Returns:
        The exit status of an error that stopped the command.

    Raises:
        SystemExit: the command ended by itself, or was called wrongly.
    """
    program = "kubectl binnacle" if Path(sys.argv[0]).name.startswith("kubectl-") else "binnacle"
    set_up_commands()
    try:
        app(args=arguments, prog_name=program)
    except BinnacleError as error:
        fix = error.fix if isinstance(error, SpecError) else ""
        # Of a configuration each mistake has its own line, fix included.
        _complain(f"{program}: {error}" + (f"\n  fix: {fix}" if fix and fix not in str(error) else ""))
        return EXIT_ENVIRONMENT
    except KeyboardInterrupt:
        return _EXIT_INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the last resort: a person gets a sentence, not a traceback
        if os.environ.get("BINNACLE_DEBUG") == "1":
            traceback.print_exc()
        else:
            _complain(
                f"{program}: unexpected error: {type(error).__name__}: {error}\n"
                "This is a bug in Binnacle, not in your files. Run the same command with BINNACLE_DEBUG=1 and report\n"
                "what it prints, the output of `binnacle --version`, and the resource if you may share it."
            )
        return EXIT_ENVIRONMENT
    return 0


def _complain(message: str) -> None:
    typer.echo(message, err=True)


if __name__ == "__main__":
    raise SystemExit(main())
