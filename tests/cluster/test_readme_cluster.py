"""The commands of the README's "In a cluster", as they stand there: the operator works under its own account and the printed rights."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess, run

import pytest
import yaml

from servers.controlplane import ControlPlane
from servers.errors import ServerMissingError
from servers.find import find
from servers.process import ServerProcess, clean_environment, free_port
from servers.skips import unavailable
from servers.waiting import PATIENCE, eventually

ROOT = Path(__file__).resolve().parents[2]
(SECTION,) = re.findall(r"^## In a cluster\n(.*?)^## ", (ROOT / "README.md").read_text(), re.DOTALL | re.MULTILINE)
BLOCKS = re.findall(r"```console\n(.*?)```", SECTION, re.DOTALL)
COMMANDS = [line.removeprefix("$ ") for block in BLOCKS for line in block.splitlines() if line.startswith("$ ")]
OPERATOR = next(
    number for number, command in enumerate(COMMANDS) if command.startswith("binnacle operator --kubeconfig")
)
KINDS = ("SLO", "AlertPolicy", "MetricSet", "Dashboard", "LogPipeline")


@pytest.fixture
def plane(tmp_path: Path) -> Iterator[ControlPlane]:
    """An API server on which nothing has been done: the README begins there."""
    try:
        made = ControlPlane(tmp_path / "plane")
    except ServerMissingError as error:
        unavailable(str(error))
    with made:
        yield made


def test_what_the_readme_says_is_enough(plane: ControlPlane, tmp_path: Path) -> None:
    here = tmp_path / "here"
    here.mkdir()
    for name in ("crds", "manifests", "examples"):
        (here / name).symlink_to(ROOT / name)
    (shown,) = re.findall(r"`config\.yaml` says where the backends are: `(.*)`\.", SECTION)
    # "and any other that config.yaml names"
    config = {**yaml.safe_load(shown), "fluentd": {"namespace": "logging"}}
    (here / "config.yaml").write_text(yaml.safe_dump(config))
    plane.kubectl("create", "namespace", "logging")
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "kubectl").symlink_to(find("kubectl"))
    (programs / "binnacle").symlink_to(Path(sys.executable).parent / "binnacle")
    environment = clean_environment(tmp_path, KUBECONFIG=str(plane.kubeconfig), PATH=f"{programs}:/usr/bin:/bin")

    def shell(command: str) -> CompletedProcess[str]:
        command = f"set -o pipefail; {command}"
        ended = run(
            ["bash", "-c", command], cwd=here, env=environment, capture_output=True, text=True, timeout=PATIENCE
        )
        assert ended.returncode == 0, (command, ended.stdout, ended.stderr)
        return ended

    for command in COMMANDS[:OPERATOR]:
        shell(command)
    users = yaml.safe_load((here / "operator.kubeconfig").read_text())["users"]
    assert [one["name"] for one in users] == ["binnacle"], "nobody else's credentials are in it"
    assert "secrets" not in shell("kubectl --kubeconfig operator.kubeconfig auth can-i --list -n shop").stdout
    # On a port of its own: the tests beside this one run operators, too.
    started = f"cd {here} && exec {COMMANDS[OPERATOR]} --health-address 127.0.0.1:{free_port()}"
    operator = ServerProcess("operator", ["bash", "-c", started], log=tmp_path / "operator.log", env=environment)
    operator.start()
    try:
        for command in COMMANDS[OPERATOR + 1 :]:
            shell(command)
        eventually(lambda: ready(plane) == set(KINDS), what="all of the quickstart Ready")
        assert plane.exists("configmap", "binnacle-default-fluentd", "-n", "logging")
    except TimeoutError as error:
        error.add_note(operator.tail())
        raise
    finally:
        operator.stop()


def ready(plane: ControlPlane) -> set[str]:
    return {
        one["kind"]
        for one in plane.get("binnacle", "-n", "shop")["items"]
        for condition in one.get("status", {}).get("conditions", ())
        if (condition["type"], condition["status"]) == ("Ready", "True")
    }
