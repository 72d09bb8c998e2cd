"""The folder holds what is wanted and what is somebody else's, whatever happened to it before."""

import json
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from binnacle.errors import BinnacleError, ConflictError
from binnacle.folder.store import LEDGER, FolderStore
from binnacle.intent.refs import Key
from binnacle.targets.base import File

Tree = dict[str, bytes]


def owner(name: str) -> Key:
    return Key("SLO", "shop", name)


def file(path: str, text: str = "x\n", name: str | None = "a") -> File:
    return File(path, text, owner(name) if name else None)


def tree(folder: Path) -> Tree:
    """Every file below a folder, the ledger left out; a link counts by where it points."""
    found: Tree = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            found[name] = str(path.readlink()).encode()
        elif path.is_file() and name != LEDGER:
            found[name] = path.read_bytes()
    return found


def put(folder: Path, files: Mapping[str, bytes]) -> None:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


def texts(files: Iterable[File]) -> Tree:
    return {one.path: one.text.encode() for one in files}


# -- the course of things -------------------------------------------------------------------------------------------


def test_files_are_written_once_and_removed_when_they_are_not_wanted_any_more(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "new" / "out")
    first = store.sync([file("p/b.yaml"), file("p/a.yaml"), file("q/c.yaml", "ä\r\n")])
    assert first.written == ("p/a.yaml", "p/b.yaml", "q/c.yaml")
    assert tree(tmp_path / "new" / "out")["q/c.yaml"] == "ä\r\n".encode()
    again = store.sync([file("p/b.yaml"), file("p/a.yaml"), file("q/c.yaml", "ä\r\n")])
    assert (again.written, again.removed, again.unchanged) == ((), (), ("p/a.yaml", "p/b.yaml", "q/c.yaml"))
    last = store.sync([file("p/a.yaml", "y\n")])
    assert (last.written, last.removed) == (("p/a.yaml",), ("p/b.yaml", "q/c.yaml"))
    assert tree(tmp_path / "new" / "out") == {"p/a.yaml": b"y\n"}
    assert not (tmp_path / "new" / "out" / "q").exists()


def test_an_unchanged_file_is_not_touched(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    store.sync([file("a")])
    before = [(tmp_path / name).stat().st_mtime_ns for name in ("a", LEDGER)]
    store.sync([file("a")])
    assert [(tmp_path / name).stat().st_mtime_ns for name in ("a", LEDGER)] == before


def test_what_somebody_did_to_our_files_is_undone(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    store.sync([file("p/a"), file("p/b"), file("p/c")])
    (tmp_path / "p" / "a").write_text("edited")
    (tmp_path / "p" / "b").unlink()
    (tmp_path / "p" / "c").unlink()
    (tmp_path / "p" / "c").symlink_to(tmp_path / "elsewhere")
    assert store.sync([file("p/a"), file("p/b"), file("p/c")]).written == ("p/a", "p/b", "p/c")
    assert tree(tmp_path) == {"p/a": b"x\n", "p/b": b"x\n", "p/c": b"x\n"}
    assert not (tmp_path / "elsewhere").exists()


def test_removing_goes_on_where_somebody_removed_already(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    store.sync([file("p/q/a"), file("r/b")])
    (tmp_path / "p" / "q" / "a").unlink()
    (tmp_path / "p" / "q").rmdir()
    assert store.sync([]).removed == ("p/q/a", "r/b")
    assert [path.name for path in tmp_path.iterdir()] == [LEDGER]


def test_files_can_be_read_by_everybody_whoever_runs_prometheus(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        FolderStore(tmp_path).sync([file("a")])
    finally:
        os.umask(before)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o644


def test_files_of_owners_that_are_kept_stay(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    store.sync([file("a", name="a"), file("b", name="b"), file("c", name=None)])
    assert store.sync([], keep=[str(owner("a"))]).removed == ("b", "c")
    assert tree(tmp_path) == {"a": b"x\n"}
    assert store.sync([]).removed == ("a",)


def test_nothing_is_removed_where_not_everything_is_known(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    store.sync([file("a"), file("b", name="b")])
    assert store.sync([file("c")], keep_all=True).removed == ()
    assert set(tree(tmp_path)) == {"a", "b", "c"}
    assert store.sync([file("c")]).removed == ("a", "b")


def test_shared_files_are_those_without_an_owner(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    assert store.shared() == {}
    store.sync([file("a"), file("b", "shared\n", name=None), file("c", "gone\n", name=None)])
    (tmp_path / "c").unlink()
    (tmp_path / "foreign").write_text("foreign")
    assert store.shared() == {"b": "shared\n"}


# -- what is not ours ------------------------------------------------------------------------------------------------


def put_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("theirs")
    (tmp_path / "folder" / "x").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "outside")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("file", "was not written by binnacle"),
        ("dangling", "was not written by binnacle"),
        ("folder/x", "is a folder"),
        ("file/x", "is a file"),
        ("link/x", "is a link"),
    ],
)
def test_something_in_the_way_is_an_error_and_nothing_is_written(tmp_path: Path, path: str, says: str) -> None:
    put_in_the_way(tmp_path)
    before = tree(tmp_path)
    with pytest.raises(ConflictError, match=says) as caught:
        FolderStore(tmp_path).sync([file("aaa"), file(path), file("zzz")])
    assert str(tmp_path / path.partition("/")[0]) in str(caught.value)
    assert "Remove it, or choose another folder." in str(caught.value)
    assert tree(tmp_path) == before
    assert not (tmp_path / LEDGER).exists()
    assert list((tmp_path / "outside").iterdir()) == []


def test_a_folder_that_took_the_place_of_our_file_is_left_alone(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    store.sync([file("a"), file("b")])
    (tmp_path / "a").unlink()
    put(tmp_path, {"a/theirs": b"1"})
    for wanted in ([file("a"), file("c")], [file("c")]):
        with pytest.raises(ConflictError, match="is a folder"):
            store.sync(wanted)
    assert tree(tmp_path) == {"a/theirs": b"1", "b": b"x\n"}


@pytest.mark.parametrize("path", ["../a", "p/../../a", "/etc/a", "", ".", LEDGER, "a\0b"])
def test_a_path_that_leads_out_is_refused(tmp_path: Path, path: str) -> None:
    with pytest.raises(BinnacleError, match="not a file name below"):
        FolderStore(tmp_path / "out").sync([file("ok"), file(path)])
    assert list(tmp_path.iterdir()) == []


def test_two_files_with_one_path_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BinnacleError, match="two files"):
        FolderStore(tmp_path).sync([file("a", "1"), file("a", "2", "b")])
    assert list(tmp_path.iterdir()) == []


def test_a_file_where_the_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("theirs")
    with pytest.raises(BinnacleError, match="is a file; name a folder"):
        FolderStore(tmp_path / "out").sync([file("a")])


# -- the ledger ------------------------------------------------------------------------------------------------------


def ledger_of(*paths: object, **more: object) -> str:
    files = [{"path": path, "owner": "", "digest": ""} for path in paths]
    return json.dumps({"version": 1, "files": files, **more})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "null",
        "[]",
        "5",
        '"x"',
        "{}",
        '{"version": 1}',
        '{"version": 1, "files": 5}',
        '{"version": 1, "files": [5]}',
        '{"version": 1, "files": [{}]}',
        '{"version": 1, "files": {"a": 1}}',
        '{"version": 1, "files": [{"path": "a", "owner": 5, "digest": ""}]}',
        '{"version": 1, "files": [{"path": "a", "owner": "", "digest": []}]}',
        "\xff",
        "[" * 100_000,
        ledger_of(5),
        ledger_of([]),
        ledger_of("../victim"),
        ledger_of("/etc/passwd"),
        ledger_of(LEDGER),
        ledger_of("a\0"),
    ],
)
def test_a_damaged_ledger_is_told_and_nothing_is_touched(tmp_path: Path, text: str) -> None:
    out = tmp_path / "out"
    put(tmp_path, {"victim": b"1", "out/a": b"2", f"out/{LEDGER}": text.encode("latin-1")})
    before = tree(tmp_path)
    with pytest.raises(BinnacleError, match="damaged"):
        FolderStore(out).sync([file("b")])
    assert tree(tmp_path) == before
    with pytest.raises(BinnacleError, match="damaged"):
        FolderStore(out).shared()


def test_a_ledger_of_another_version_is_told(tmp_path: Path) -> None:
    (tmp_path / LEDGER).write_text(ledger_of(version=2))
    with pytest.raises(BinnacleError, match="another version of binnacle"):
        FolderStore(tmp_path).sync([])


def test_a_ledger_cannot_make_us_remove_through_a_link(tmp_path: Path) -> None:
    out = tmp_path / "out"
    put(tmp_path, {"outside/victim": b"1", f"out/{LEDGER}": ledger_of("link/victim").encode()})
    (out / "link").symlink_to(tmp_path / "outside")
    with pytest.raises(ConflictError, match="is a link"):
        FolderStore(out).sync([])
    with pytest.raises(ConflictError, match="is a link"):
        FolderStore(out).shared()
    assert (tmp_path / "outside" / "victim").read_bytes() == b"1"


def test_a_lost_ledger_makes_our_files_foreign(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    store.sync([file("a")])
    (tmp_path / LEDGER).unlink()
    with pytest.raises(ConflictError, match="was not written by binnacle"):
        store.sync([file("a")])


# -- laws ------------------------------------------------------------------------------------------------------------

OURS = [f"{folder}{name}" for folder in ("", "p/", "p/q/") for name in ("a", "b", "c")]
FOREIGN = ["foreign", "p/foreign", "p/q/foreign"]

wanted = st.dictionaries(
    st.sampled_from(OURS), st.tuples(st.sampled_from(["1", "2", "ü\n"]), st.sampled_from(["x", "y", None])), max_size=6
).map(lambda chosen: [file(path, text, name) for path, (text, name) in chosen.items()])
foreign = st.dictionaries(st.sampled_from(FOREIGN), st.sampled_from([b"theirs", b""]))


class Crash(BaseException):
    """The process ends here, as by a signal."""


class Crashing(FolderStore):
    """A store whose process ends before one of its changes to the disk."""

    def __init__(self, folder: Path, steps: int):
        super().__init__(folder)
        self._steps = steps

    def _step(self) -> None:
        self._steps -= 1
        if self._steps < 0:
            raise Crash

    def _write(self, path: str, data: bytes) -> None:
        if self._steps == 0:
            put(self._folder, {f"{path.rpartition('/')[0]}/.binnacle-abc.tmp".lstrip("/"): b"begun"})
        self._step()
        super()._write(path, data)

    def _remove(self, path: str) -> None:
        self._step()
        super()._remove(path)


@settings(max_examples=50, deadline=None)
@given(syncs=st.lists(st.tuples(wanted, st.none() | st.integers(0, 6)), max_size=5), theirs=foreign, last=wanted)
def test_after_any_history_the_folder_is_what_is_wanted_and_what_is_foreign(
    syncs: list[tuple[list[File], int | None]], theirs: Tree, last: list[File]
) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        put(folder, theirs)
        for files, crash in syncs:
            if crash is None:
                FolderStore(folder).sync(files)
                assert tree(folder) == {**theirs, **texts(files)}
                continue
            with suppress(Crash):
                Crashing(folder, crash).sync(files)
            held = tree(folder)
            assert {path: held[path] for path in theirs} == theirs
        changes = FolderStore(folder).sync(last)
        assert tree(folder) == {**theirs, **texts(last)}
        assert sorted([*changes.written, *changes.unchanged]) == sorted(texts(last))
        again = FolderStore(folder).sync(last)
        assert (again.written, again.removed) == ((), ())


@settings(max_examples=30, deadline=None)
@given(first=wanted, second=wanted, keep=st.sets(st.sampled_from(["x", "y"])))
def test_kept_owners_lose_nothing_and_others_everything(first: list[File], second: list[File], keep: set[str]) -> None:
    with TemporaryDirectory() as name:
        store = FolderStore(Path(name))
        store.sync(first)
        store.sync(second, keep=[str(owner(one)) for one in keep])
        kept = [one for one in first if one.owner and one.owner.name in keep]
        assert tree(Path(name)) == {**texts(kept), **texts(second)}
