"""A folder that holds what was written there and remembers what that was.

`.binnacle.json` lists every file with its owner and digest. What is not listed is somebody else's and is never touched;
what is listed and no longer wanted is removed; what is listed and unchanged is not written again. Files appear whole:
a program that watches the folder never reads half of one.
"""

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NoReturn

from binnacle.api.reasons import Reason
from binnacle.errors import BinnacleError, ConflictError
from binnacle.targets.base import File

LEDGER = ".binnacle.json"
_VERSION = 1
_UNFINISHED = (".binnacle-", ".tmp")
"""Beginning and end of the name under which a file is written before it gets its own."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What a sync did, as relative paths, sorted."""

    written: tuple[str, ...]
    removed: tuple[str, ...]
    unchanged: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Entry:
    owner: str
    digest: str


class FolderStore:
    """One folder of ours.

    Args:
        folder: made when it does not exist.
    """

    def __init__(self, folder: Path):
        self._folder = folder

    def shared(self) -> dict[str, str]:
        """Return the files that belong to no single resource, as they lie there now: path -> text.

        Raises:
            BinnacleError: the folder cannot be read.
        """
        texts = {}
        for path, entry in sorted(self._read_ledger().items()):
            if not entry.owner:
                self._check(path, ours=True)
                data = self._read(path)
                if data is not None:
                    texts[path] = data.decode(errors="replace")
        return texts

    def holds(self) -> dict[str, str]:
        """Return the files of ours that are there, as they lie there now: path -> text.

        Raises:
            BinnacleError: the folder cannot be read.
        """
        found = {path: self._read(path) for path in sorted(self._read_ledger())}
        return {path: data.decode(errors="replace") for path, data in found.items() if data is not None}

    def owners(self) -> dict[str, str]:
        """Return path -> owner (as `str(key)`, empty for a file of many) of all files that are listed as ours.

        Raises:
            BinnacleError: the folder cannot be read.
        """
        return {path: entry.owner for path, entry in self._read_ledger().items()}

    def taken(self, paths: Iterable[str]) -> dict[str, ConflictError]:
        """Return which paths cannot be written because something that is not ours is there or on the way, and what.

        Raises:
            BinnacleError: the folder cannot be read, or a path leads out of it.
        """
        ledger = self._read_ledger()
        found = {}
        for path in paths:
            try:
                self._check(path, ours=path in ledger)
            except ConflictError as error:
                found[path] = error
        return found

    def sync(self, files: Iterable[File], keep: Iterable[str] = (), *, keep_all: bool = False) -> Changes:
        """Make the folder hold exactly `files` of what is ours.

        Args:
            files: what is wanted, no path twice.
            keep: owners (as `str(key)`) whose files stay even if they are not among `files`: resources that do not
                compile now and keep their last good version.
            keep_all: remove nothing, because it is not known whose files are still wanted.

        Raises:
            ConflictError: a wanted path holds something that is not ours; nothing has been written then.
            BinnacleError: the folder cannot be read or written, or a path leads out of it.
        """
        wanted: dict[str, File] = {}
        for file in files:
            if wanted.setdefault(file.path, file) is not file:
                raise BinnacleError(f"two files are to be written as {self._at(file.path)}")
        ledger = self._read_ledger()
        kept = frozenset(keep)
        stale = [path for path, entry in ledger.items() if not (keep_all or path in wanted or entry.owner in kept)]
        for path in (*wanted, *stale):
            self._check(path, ours=path in ledger)
        written: list[str] = []
        unchanged: list[str] = []
        entries = {path: entry for path, entry in ledger.items() if path not in wanted and path not in stale}
        for path, file in sorted(wanted.items()):
            data = file.text.encode()
            entries[path] = _Entry(str(file.owner) if file.owner else "", hashlib.sha256(data).hexdigest())
            (unchanged if self._read(path) == data else written).append(path)
        self._clean(ledger)
        # The ledger goes first: after a crash it may list a file that is not there, never the other way round.
        self._write_ledger({**{path: ledger[path] for path in stale}, **entries})
        for path in written:
            self._write(path, wanted[path].text.encode())
        for path in stale:
            self._remove(path)
        if stale:
            self._write_ledger(entries)
        return Changes(tuple(written), tuple(sorted(stale)), tuple(unchanged))

    # -- what may be touched --------------------------------------------------------------------------------------

    def _check(self, path: str, *, ours: bool) -> None:
        """Refuse a path at which, or on the way to which, there is something that is not ours."""
        if not _is_inside(path) or path == LEDGER:
            raise BinnacleError(f"{path} is not a file name below {self._folder}")
        place = self._folder
        if place.exists() and not place.is_dir():
            raise BinnacleError(f"{place} is a file; name a folder")
        *parents, _ = PurePosixPath(path).parts
        for part in parents:
            place /= part
            if place.is_symlink():
                self._in_the_way(place, "is a link and could lead out of the folder")
            if place.exists() and not place.is_dir():
                self._in_the_way(place, "is a file, and a folder is to be there")
        target = self._at(path)
        if target.is_dir() and not target.is_symlink():
            self._in_the_way(target, "is a folder, and a file is to be there")
        if not ours and os.path.lexists(target):
            self._in_the_way(target, "exists and was not written by binnacle")

    def _in_the_way(self, place: Path, what: str) -> NoReturn:
        raise ConflictError(
            f"{place} {what}. Nothing was written. Remove it, or choose another folder.", reason=Reason.NAME_TAKEN
        )

    def _at(self, path: str) -> Path:
        return self._folder.joinpath(*PurePosixPath(path).parts)

    # -- the ledger -----------------------------------------------------------------------------------------------

    def _read_ledger(self) -> dict[str, _Entry]:
        place = self._folder / LEDGER
        try:
            raw = json.loads(place.read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except OSError as error:
            raise BinnacleError(f"{place} cannot be read: {error.strerror or error}") from error
        except (ValueError, RecursionError) as error:
            raise self._damaged() from error
        if isinstance(raw, dict) and isinstance(raw.get("version"), int) and raw["version"] != _VERSION:
            raise BinnacleError(
                f"{place} was written by another version of binnacle. Use that version, or write into another folder."
            )
        try:
            entries = {entry["path"]: _Entry(entry["owner"], entry["digest"]) for entry in raw["files"]}
        except (KeyError, TypeError) as error:
            raise self._damaged() from error
        for path, entry in entries.items():
            # Whoever can edit the ledger must not be able to have files removed elsewhere.
            if not (_is_text(path, entry.owner, entry.digest) and _is_inside(path) and path != LEDGER):
                raise self._damaged()
        return entries

    def _damaged(self) -> BinnacleError:
        return BinnacleError(
            f"{self._folder / LEDGER}, the list of files that binnacle wrote, is damaged. Restore it, or remove it "
            "together with those files."
        )

    def _write_ledger(self, entries: dict[str, _Entry]) -> None:
        files = [
            {"path": path, "owner": entry.owner, "digest": entry.digest} for path, entry in sorted(entries.items())
        ]
        data = (json.dumps({"version": _VERSION, "files": files}, indent=1) + "\n").encode()
        if self._read(LEDGER) != data:
            self._write(LEDGER, data)

    # -- files ----------------------------------------------------------------------------------------------------

    def _read(self, path: str) -> bytes | None:
        """Return what is in a file; None where there is none that could be read, or only a link to one."""
        target = self._at(path)
        try:
            return None if target.is_symlink() else target.read_bytes()
        except OSError:
            return None

    def _write(self, path: str, data: bytes) -> None:
        target = self._at(path)
        prefix, suffix = _UNFINISHED
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=prefix, suffix=suffix)
            try:
                with os.fdopen(handle, "wb") as stream:
                    stream.write(data)
                Path(temporary).chmod(0o644)
                Path(temporary).replace(target)
            except BaseException:
                Path(temporary).unlink(missing_ok=True)
                raise
        except OSError as error:
            raise BinnacleError(f"{target} cannot be written: {error.strerror or error}") from error

    def _clean(self, ledger: Iterable[str]) -> None:
        """Remove what a run that was killed had begun to write."""
        prefix, suffix = _UNFINISHED
        for folder in {self._folder, *(self._at(path).parent for path in ledger)}:
            for left in folder.glob(f"{prefix}*{suffix}"):
                left.unlink(missing_ok=True)

    def _remove(self, path: str) -> None:
        """Remove a file, and the folders that it leaves empty."""
        target = self._at(path)
        try:
            target.unlink(missing_ok=True)
            for folder in target.parents:
                if folder == self._folder or (folder.exists() and any(folder.iterdir())):
                    break
                if folder.exists():
                    folder.rmdir()
        except OSError as error:
            raise BinnacleError(f"{target} cannot be removed: {error.strerror or error}") from error


def _is_text(*values: object) -> bool:
    return all(isinstance(value, str) for value in values)


def _is_inside(path: str) -> bool:
    """Say whether a relative path with `/` names something below a folder."""
    parts = PurePosixPath(path).parts
    return bool(parts) and not PurePosixPath(path).is_absolute() and ".." not in parts and "\0" not in path
