"""Writing stays inside the folder that was named."""

from pathlib import Path

import pytest

from binnacle.cli.files import write_files
from binnacle.errors import BinnacleError


def test_files_are_written_below_the_folder_and_others_stay(tmp_path: Path) -> None:
    (tmp_path / "other").write_text("mine")
    write_files(tmp_path, {"a/b.yaml": "x: ä\r\n", "c": ""})
    assert (tmp_path / "a" / "b.yaml").read_bytes() == "x: ä\r\n".encode()
    assert (tmp_path / "other").read_text() == "mine"


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/etc/x", ""])
def test_a_name_that_leads_out_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(BinnacleError, match="not a file name"):
        write_files(tmp_path / "out", {name: "x"})
    assert list(tmp_path.iterdir()) == []
