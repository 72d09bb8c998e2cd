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

from binnacle.api.reasons import Reason
from binnacle.errors import BinnacleError, ConflictError
from binnacle.targets.base import File

LEDGER = ".binnacle.json"
_VERSION = 1


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

    def sync(self, files: Iterable[File], keep: Iterable[str] = ()) -> Changes:
        """Make the folder hold exactly `files` of what is ours.

        Args:
            files: what is wanted.
            keep: owners (as `str(key)`) whose files stay even if they are not among `files`: resources that do not
                compile now and keep their last good version.

        Raises:
            ConflictError: a wanted path holds a file that is not ours; nothing has been written then.
            BinnacleError: the folder cannot be read or written, or a path leads out of it.
        """
        wanted = {file.path: file for file in files}
        ledger = self._read_ledger()
        kept = frozenset(keep)
        for path in wanted:
            self._check(path, path in ledger)
        stale = [path for path in ledger if path not in wanted and ledger[path].owner not in kept]
        written, unchanged = [], []
        entries = {path: ledger[path] for path in ledger if path not in wanted and path not in stale}
        for path, file in sorted(wanted.items()):
            data = file.text.encode()
            entries[path] = _Entry(str(file.owner) if file.owner else "", hashlib.sha256(data).hexdigest())
            if self._same(path, data):
                unchanged.append(path)
            else:
                written.append(path)
        # The ledger goes first: after a crash it may list a file that is not there, never the other way round.
        self._write_ledger({**{path: ledger[path] for path in stale}, **entries})
        for path in written:
            self._write(path, wanted[path].text.encode())
        for path in stale:
            self._remove(path)
        if stale:
            self._write_ledger(entries)
        return Changes(tuple(written), tuple(sorted(stale)), tuple(unchanged))

    def _check(self, path: str, ours: bool) -> None:
        parts = PurePosixPath(path).parts
        if not parts or PurePosixPath(path).is_absolute() or ".." in parts:
            raise BinnacleError(f"{path} is not a file name below {self._folder}")
        if not ours and self._at(path).exists():
            raise ConflictError(
                f"{self._at(path)} exists and was not written by binnacle; remove it or choose another folder",
                reason=Reason.NAME_TAKEN,
            )

    def _at(self, path: str) -> Path:
        return self._folder.joinpath(*PurePosixPath(path).parts)

    def _same(self, path: str, data: bytes) -> bool:
        try:
            return self._at(path).read_bytes() == data
        except OSError:
            return False

    def _read_ledger(self) -> dict[str, _Entry]:
        try:
            raw = json.loads((self._folder / LEDGER).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise BinnacleError(f"{self._folder / LEDGER} cannot be read: {error}") from error
        try:
            if raw["version"] != _VERSION:
                raise BinnacleError(f"{self._folder / LEDGER} was written by another version of binnacle")
            return {entry["path"]: _Entry(entry["owner"], entry["digest"]) for entry in raw["files"]}
        except (KeyError, TypeError) as error:
            raise BinnacleError(f"{self._folder / LEDGER} is damaged; remove it and the files beside it") from error

    def _write_ledger(self, entries: dict[str, _Entry]) -> None:
        files = [
            {"path": path, "owner": entry.owner, "digest": entry.digest} for path, entry in sorted(entries.items())
        ]
        text = json.dumps({"version": _VERSION, "files": files}, indent=1) + "\n"
        if not self._same(LEDGER, text.encode()):
            self._write(LEDGER, text.encode())

    def _write(self, path: str, data: bytes) -> None:
        target = self._at(path)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=".", suffix=".tmp")
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

    def _remove(self, path: str) -> None:
        """Remove a file, and the folders that it leaves empty."""
        target = self._at(path)
        try:
            target.unlink(missing_ok=True)
            for folder in target.parents:
                if folder == self._folder or any(folder.iterdir()):
                    break
                folder.rmdir()
        except OSError as error:
            raise BinnacleError(f"{target} cannot be removed: {error.strerror or error}") from error
