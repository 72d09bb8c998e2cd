"""The full counts: none is left out, what has passed is not run again, and a part that fails is not held to have held."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from servers.operator import REPOSITORY
from soak.parts import FULL, PARTS
from soak.passed import names
from soak.record import Record, Result, version

HERE = Path(__file__)
THREE = """
import pytest

def test_holds(): pass

def test_fails(): assert False

@pytest.fixture
def broken():
    yield
    raise RuntimeError

def test_leaves_a_mess(broken): pass
"""
RESULT = Result(held=True, passed=2, seconds=90.0, effort=60.0, day="2026-01-01")


@pytest.fixture(autouse=True)
def findable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY / "tests"))


def test_every_file_that_can_count_further_is_in_a_part() -> None:
    paths = [REPOSITORY / one for part in PARTS for one in part.tests if not one.startswith("-")]
    asked = re.compile(rf"environ\.get\(\"({'|'.join(FULL)})\"")
    files = [
        file for file in (REPOSITORY / "tests").rglob("test_*.py") if file != HERE and asked.search(file.read_text())
    ]
    assert len(files) > 10
    missing = [file for file in files if not any(file == path or path in file.parents for path in paths)]
    assert missing == []


def test_every_part_has_its_tests_and_a_name_of_its_own() -> None:
    assert all((REPOSITORY / one).exists() for part in PARTS for one in part.tests if not one.startswith("-"))
    assert len({part.name for part in PARTS}) == len(PARTS)


@pytest.mark.parametrize("workers", ["0", "2"])
def test_what_has_passed_is_left_out_and_what_has_not_runs_again(pytester: pytest.Pytester, workers: str) -> None:
    pytester.makepyfile(THREE)
    given = ("-p", "soak.passed", "--passed", "names", "-n", workers, "-p", "no:cacheprovider")

    def run() -> dict[str, int]:
        return pytester.runpytest_subprocess(*given, "-W", "ignore").parseoutcomes()

    first = run()
    assert (first["passed"], first["failed"], first["errors"]) == (2, 1, 1)
    assert [name.partition("::")[2] for name in names(pytester.path / "names")] == ["test_holds"]
    second = run()
    assert (second["passed"], second["failed"], second["errors"]) == (1, 1, 1)


def test_when_all_has_passed_before_nothing_runs_and_that_is_well(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_holds(): pass")
    for passed in (1, 0):
        ran = pytester.runpytest_subprocess("-p", "soak.passed", "--passed", "names", "-n", "1")
        assert (ran.ret, ran.parseoutcomes().get("passed", 0)) == (0, passed)


def test_a_name_that_was_not_written_to_its_end_counts_for_nothing(tmp_path: Path) -> None:
    (tmp_path / "names").write_text("tests/a.py::test_one\ntests/a.py::test_tw")
    assert names(tmp_path / "names") == {"tests/a.py::test_one"}


def test_results_are_kept_add_up_and_can_be_forgotten(tmp_path: Path) -> None:
    part, other = PARTS[:2]
    record = Record.of(tmp_path)
    broken_off = Result(held=None, passed=1, seconds=10.0, effort=5.0, day="2026-01-01")
    record.keep(part, broken_off)
    record.keep(part, RESULT.after(Record.of(tmp_path).results[part.name]))
    assert Record.of(tmp_path).results == {
        part.name: Result(held=True, passed=2, seconds=100.0, effort=65.0, day="2026-01-01")
    }
    failed = Result(held=False, passed=1, seconds=1.0, effort=1.0, day="2026-01-01")
    assert RESULT.after(failed).word == "held, after 1 that failed"
    assert RESULT.after(failed.after(failed)).word == "held, after 2 that failed"
    for number in range(1, 12):
        record.next_log(part).touch()
        assert record.logs(part)[-1].name == f"{part.name}.{number}.log"
    row = f"| {part.name} | {part.what} | held | 2 | 100 s | 65 s | 2026-01-01 |"
    assert record.table([part, other]).splitlines()[2:] == [row]
    Record.of(tmp_path).keep(other, broken_off)  # by another soak
    record.passed(part).write_text("tests/a.py::test_one\n")
    record.forget(part)
    assert record.results == Record.of(tmp_path).results == {other.name: broken_off}
    assert not record.passed(part).exists()


def test_where_nobody_can_tell_the_commit_nothing_is_known_of_it(tmp_path: Path) -> None:
    assert version(tmp_path) == "unknown+"


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not on the PATH")
def test_results_are_of_the_code_and_words_may_change_beside_it(tmp_path: Path) -> None:
    def git(*arguments: str) -> None:
        subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments], cwd=tmp_path, check=True)

    (tmp_path / "docs").mkdir()
    (tmp_path / "code.py").touch()
    (tmp_path / "docs" / "page.md").touch()
    git("init", "--quiet")
    git("add", ".")
    git("commit", "--quiet", "-m", "all")
    first = version(tmp_path)
    (tmp_path / "docs" / "page.md").write_text("words")
    assert version(tmp_path) == first
    git("commit", "--quiet", "-a", "-m", "words")
    assert version(tmp_path) == first
    (tmp_path / "code.py").write_text("1")
    assert version(tmp_path) == f"{first}+"
    git("commit", "--quiet", "-a", "-m", "code")
    assert version(tmp_path) not in (first, f"{first}+")
