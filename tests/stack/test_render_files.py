"""What `binnacle render --format files` writes is what Prometheus takes, on both lines."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from api.slo_cases import GOOD
from binnacle.cli.render import app


def test_prometheus_takes_every_file(promtool: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path) -> None:
    (tmp_path / "slos.yaml").write_text(yaml.safe_dump_all([one.object() for one in GOOD]))
    done = CliRunner().invoke(app, [str(tmp_path), "--format", "files", "-o", str(tmp_path / "out")])
    files = sorted((tmp_path / "out" / "prometheus" / "rules").iterdir())
    suspended = {one.name for one in GOOD if one.object()["spec"].get("suspend")}
    assert done.exit_code == 0, done.output
    assert {path.name for path in files} == {f"slo.shop.{one.name}.yaml" for one in GOOD} - {
        f"slo.shop.{name}.yaml" for name in suspended
    }
    said = promtool("check", "rules", *map(str, files), check=False)
    assert said.returncode == 0, said.stdout + said.stderr


@pytest.mark.parametrize(
    "example", sorted(Path(__file__).resolve().parents[2].glob("examples/*/")), ids=lambda path: path.name
)
def test_prometheus_takes_the_examples(
    promtool: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path, example: Path
) -> None:
    done = CliRunner().invoke(app, [str(example), "--format", "files", "-o", str(tmp_path)])
    assert done.exit_code == 0, done.output
    files = sorted(tmp_path.glob("prometheus/rules/*.yaml"))
    assert files
    said = promtool("check", "rules", *map(str, files), check=False)
    assert said.returncode == 0, said.stdout + said.stderr
