"""Every folder of examples compiles without anything to say against it, and can be explained."""

from pathlib import Path

import pytest

from cli.running import Runner

EXAMPLES = sorted(path for path in (Path(__file__).resolve().parents[2] / "examples").iterdir() if path.is_dir())


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Runner:
    return Runner(capsys, monkeypatch)


@pytest.mark.parametrize("folder", EXAMPLES, ids=lambda folder: folder.name)
def test_an_example_compiles_and_is_explained(run: Runner, folder: Path) -> None:
    checked = run("check", folder, "--strict")
    assert checked.status == 0, checked.out + checked.err
    explained = run("explain", folder)
    assert explained.status == 0, explained.out + explained.err
