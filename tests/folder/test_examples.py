"""The examples and the README: what they show can be read, fits its model, and is the same in both places."""

import re
from pathlib import Path

import pytest

from binnacle.api.findings import Severity
from binnacle.api.registry import parse
from binnacle.cli.main import main
from binnacle.folder.reader import read, read_text

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = sorted(path for path in (ROOT / "examples").iterdir() if path.is_dir())


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
def test_an_example_is_good(folder: Path) -> None:
    reading = read([str(folder)])
    assert reading.documents
    assert [item for item in reading.findings if item.finding.severity is not Severity.INFO] == []
    for document in reading.documents:
        model, findings = parse(document.obj)
        assert findings == []
        assert model is not None


def test_the_page_about_logs_shows_what_works(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    pipeline, config = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "logs.md").read_text(), re.DOTALL)
    (tmp_path / "pipeline.yaml").write_text(pipeline)
    context = tmp_path / "context"
    context.write_text(config)
    arguments = [str(tmp_path / "pipeline.yaml"), "--context", str(context)]
    for command in (["check", "--strict"], ["test"]):
        with pytest.raises(SystemExit) as ended:
            main([*command, *arguments])
        assert not ended.value.code, capsys.readouterr()
    assert "1 passed" in capsys.readouterr().out


def test_the_readme_shows_the_quickstart() -> None:
    (block,) = re.findall(r"```yaml\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    (shown,) = read_text(block).documents
    assert shown.obj in [document.obj for document in read([str(ROOT / "examples" / "quickstart")]).documents]
