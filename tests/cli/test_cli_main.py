"""The frame of the command line: the table of commands, exit status, errors without tracebacks, start-up."""

import json
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest
import typer
import yaml
from typer.main import get_command

from binnacle import __version__
from binnacle.cli import main as cli
from binnacle.errors import SpecError
from servers.waiting import PATIENCE

OPERATOR = Path(__file__).resolve().parents[2] / "operator"


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "binnacle.cli.main", *arguments],
        env={**os.environ, "PYTHONPATH": str(OPERATOR), "COLUMNS": "120", **environment},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=PATIENCE,
    )


@pytest.fixture
def extra_command(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A command `try` whose body a test decides."""
    app = typer.Typer(add_completion=False)
    module = SimpleNamespace(app=app, body=lambda: None)

    @app.command()
    def attempt() -> None:
        module.body()

    monkeypatch.setitem(sys.modules, "binnacle.cli.attempt", module)
    monkeypatch.setattr(cli, "COMMANDS", (cli.Command("try", "binnacle.cli.attempt", "Try."),))
    app = typer.Typer(cls=cli._Commands)
    app.callback()(cli._root)
    monkeypatch.setattr(cli, "app", app)
    return module


def raising(error: BaseException) -> object:
    def body() -> None:
        raise error

    return body


def test_help_teaches_with_examples_and_lists_every_command() -> None:
    done = run("--help")
    assert done.returncode == 0
    assert "Examples" in done.stdout
    assert "\x1b[" not in done.stdout
    for command in cli.COMMANDS:
        assert command.name in done.stdout
        assert command.summary in done.stdout


@pytest.mark.parametrize("command", cli.COMMANDS, ids=lambda command: command.name)
def test_each_command_exists_and_shows_examples(command: cli.Command) -> None:
    loaded = get_command(import_module(command.module).app)
    assert loaded.help is not None
    assert "Examples" in loaded.help


CLUSTER_ONLY = {"kopf", "kubernetes", "aiohttp"}
OFFLINE = [["crds"], ["render", "examples/quickstart"], ["check", "examples/quickstart"]]


@pytest.mark.parametrize(
    ("arguments", "heavy"),
    [
        (["--help"], {"pydantic", "yaml", "promql_parser", "prometheus_client"} | CLUSTER_ONLY),
        *[pytest.param(arguments, CLUSTER_ONLY, id=arguments[0]) for arguments in OFFLINE],
    ],
)
def test_what_needs_no_cluster_does_not_wait_for_its_client(arguments: list[str], heavy: set[str]) -> None:
    script = (
        "import sys, json\n"
        "from binnacle.cli.main import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit: pass\n"
        "sys.stderr.write(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        cwd=OPERATOR.parent,
        env={**os.environ, "PYTHONPATH": str(OPERATOR)},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    imported = set(json.loads(done.stderr.splitlines()[-1]))
    assert "typer" in imported
    assert not imported & heavy


def test_version() -> None:
    assert run("--version").stdout == f"binnacle {__version__}\n"


@pytest.mark.parametrize("arguments", [[], ["no-such-command"], ["crds", "--no-such-option"]])
def test_wrong_usage_is_status_2(arguments: list[str]) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert "Usage: binnacle" in (done.stderr if arguments else done.stdout)
    assert "Traceback" not in done.stderr


def test_a_command_nearly_right_is_suggested() -> None:
    assert "'crds'" in run("crd").stderr


def test_an_error_of_ours_is_a_sentence(extra_command: SimpleNamespace, capsys: pytest.CaptureFixture[str]) -> None:
    extra_command.body = raising(SpecError("The sky is down."))
    assert cli.main(["try"]) == 2
    assert capsys.readouterr().err == "binnacle: The sky is down.\n"


def test_an_unexpected_error_says_how_to_report_it(
    extra_command: SimpleNamespace, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    extra_command.body = raising(KeyError("surprise"))
    monkeypatch.delenv("BINNACLE_DEBUG", raising=False)
    assert cli.main(["try"]) == 2
    said = capsys.readouterr().err
    assert "KeyError: 'surprise'" in said
    assert "BINNACLE_DEBUG=1" in said
    assert "Traceback" not in said
    monkeypatch.setenv("BINNACLE_DEBUG", "1")
    assert cli.main(["try"]) == 2
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(("error", "status"), [(typer.Exit(1), 1), (typer.Exit(0), 0), (KeyboardInterrupt(), 130)])
def test_a_command_decides_its_status(extra_command: SimpleNamespace, error: BaseException, status: int) -> None:
    extra_command.body = raising(error)
    with pytest.raises(SystemExit) as ended:
        raise SystemExit(cli.main(["try"]))
    assert ended.value.code == status


def test_as_a_kubectl_plugin_it_calls_itself_so(
    extra_command: SimpleNamespace, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["/usr/local/bin/kubectl-binnacle"])
    extra_command.body = raising(SpecError("No."))
    cli.main(["try"])
    assert capsys.readouterr().err == "kubectl binnacle: No.\n"


# -- crds -----------------------------------------------------------------------------------------------------------


def test_crds_are_printed_as_one_stream() -> None:
    done = run("crds")
    assert done.returncode == 0, done.stderr
    kinds = [document["spec"]["names"]["kind"] for document in yaml.safe_load_all(done.stdout)]
    assert "SLO" in kinds


def test_crds_are_written_into_the_folder_that_is_named(tmp_path: Path) -> None:
    done = run("crds", "-o", str(tmp_path / "new" / "crds"))
    assert (done.returncode, done.stdout) == (0, "")
    files = sorted((tmp_path / "new" / "crds").iterdir())
    assert [yaml.safe_load(file.read_text())["kind"] for file in files] == ["CustomResourceDefinition"] * len(files)
    assert list(tmp_path.iterdir()) == [tmp_path / "new"]


def test_a_folder_that_cannot_be_written_is_an_error_of_the_environment(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = run("crds", "-o", str(tmp_path / "file"))
    assert done.returncode == 2
    assert "cannot be written" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_small_stack_is_made_large_enough_for_what_people_write(tmp_path: Path) -> None:
    promql = "+".join(["x"] * 390)
    slo = tmp_path / "slo.yaml"
    slo.write_text(
        "apiVersion: binnacle.dev/v1alpha1\nkind: SLO\nmetadata: {name: a, namespace: b}\nspec:\n  service: a\n"
        f"  objective: 99%\n  window: {{rolling: 1d}}\n  indicator: {{ratio: {{errors: '{promql}', total: total_events}}}}\n"
    )
    command = f"ulimit -Ss 256; exec {sys.executable} -m binnacle.cli.main check {slo}"
    done = subprocess.run(
        ["bash", "-c", command],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(OPERATOR)},
        timeout=PATIENCE,
    )
    assert done.returncode == 1, done.stderr
    assert "spec.indicator.ratio.errors" in done.stdout
