"""The loop on a folder: make OUT equal to what the resources in IN say, and say in status files how that goes.

Level-triggered: a turn looks at all of IN and all of OUT, never at what changed, so it may run at any time, twice, or
again after a crash between any two writes. At rest files are only looked at: nothing is read and nothing is written.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Final

from binnacle.api.findings import Finding, Severity
from binnacle.api.reasons import Reason
from binnacle.control.desired import Desired, Toolchain
from binnacle.control.onepass import Keep, shares_of
from binnacle.control.status import ChildStatus, Problem
from binnacle.errors import BinnacleError, ConflictError, TransientError
from binnacle.folder import status
from binnacle.folder.compilation import Compilation, compile_reading
from binnacle.folder.located import Located
from binnacle.folder.reader import Reading, read
from binnacle.folder.reloads import Reloads
from binnacle.folder.store import LEDGER, Changes, FolderStore
from binnacle.folder.watch import Fingerprint, of_files, of_source
from binnacle.intent.refs import Key
from binnacle.targets.base import File

log = logging.getLogger(__name__)

POLL: Final = 1.0
"""Seconds between two looks."""
QUIET: Final = 0.3
"""Seconds for which nothing may change before a turn: who writes files writes several."""
RESTLESS: Final = 5.0
"""Seconds after which a turn is done although IN still changes."""
BACKOFF_CAP: Final = 10.0
_TRIES: Final = 5
"""How often IN is read again in one turn because it changed under the reader."""

Wait = Callable[[float], bool]
"""Pauses for seconds; returns whether to end."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What one turn did: what was compiled, what that changed in OUT, and the findings that the turn before had not."""

    compilation: Compilation
    changes: Changes
    news: tuple[Located, ...]


@dataclass(frozen=True, slots=True)
class _Seen:
    """All that a turn depends on, by its looks."""

    source: Fingerprint
    out: Fingerprint
    today: date


@dataclass(slots=True)
class _Plan:
    """What a turn is going to write.

    Attributes:
        files: of backends.
        keep: owners whose files of before stay.
        taken: paths at which something is that is not ours.
        blocked: resource -> why its files, or one that it has a share of, cannot be written.
    """

    files: list[File] = field(default_factory=list)
    keep: set[Key] = field(default_factory=set)
    taken: frozenset[str] = frozenset()
    blocked: dict[Key, Problem] = field(default_factory=dict)


class FolderLoop:
    """The loop.

    Args:
        source: IN, a folder or a file.
        out: OUT. That nobody else writes there is the caller's to ensure (`lock.only_one`).
        tools: the toolchain.
        reloads: told when files of backends have changed.
        today: the date that compilers are given.
        now: wall clock, UTC; for conditions that change.
        monotonic: seconds that never jump.
        tell: called after every turn.
    """

    def __init__(
        self,
        source: Path,
        out: Path,
        tools: Toolchain,
        *,
        reloads: Reloads,
        today: Callable[[], date],
        now: Callable[[], datetime],
        monotonic: Callable[[], float],
        tell: Callable[[Turn], None],
    ):
        self._source = source
        self._out = out
        self._store = FolderStore(out)
        self._tools = tools
        self._reloads = reloads
        self._today = today
        self._now = now
        self._monotonic = monotonic
        self._tell = tell
        self._said: dict[str, str] = {}
        """Status files as they were last written: what somebody does to one of them is not taken for our own words."""
        self._findings: frozenset[Located] = frozenset()
        self._seen: _Seen | None = None
        self._taken: frozenset[str] = frozenset()
        """Paths at which there is something that is not ours: once it is gone there is work to do."""
        self._failures = 0
        self._failure = ""
        self._retry_at = 0.0

    def run(self, wait: Wait) -> None:
        """Go on until `wait` says to end. What fails is logged and tried again, after a while that grows."""
        while True:
            try:
                if self._look() != self._seen and self._monotonic() >= self._retry_at:
                    if not self._settle(wait):
                        return
                    self.turn()
                    self._failures, self._failure = 0, ""
            except (BinnacleError, OSError) as error:
                self._failed(str(error))
            self._reloads.tick()
            if wait(POLL):
                return

    def turn(self) -> Turn:
        """Look at everything once and put it right.

        Raises:
            BinnacleError: IN or OUT cannot be read or written as a whole. OUT holds what it held, or a part of what is
                new, and the next turn puts that right.
        """
        today = self._today()
        source, reading = self._read()
        held = self._store.holds()
        shared = {path: held[path] for path, owner in self._store.owners().items() if not owner and path in held}
        done = compile_reading(reading, self._tools, today, files=True, earlier_files=shared, keep=Keep.OBJECTS)
        plan = self._plan(done)
        self._taken = frozenset(plan.taken)
        said = list(self._statuses(done, plan, held))
        changes = self._store.sync([*plan.files, *said], map(str, plan.keep), keep_all=not done.complete)
        self._said = {file.path: file.text for file in said}
        if any(not path.startswith(status.FOLDER) for path in (*changes.written, *changes.removed)):
            self._reloads.ask()
        self._seen = _Seen(source, self._look_out(), today)
        findings = frozenset(done.findings)
        turn = Turn(done, changes, tuple(item for item in done.findings if item not in self._findings))
        self._findings = findings
        self._tell(turn)
        return turn

    # -- looking --------------------------------------------------------------------------------------------------

    def _look(self) -> _Seen:
        return _Seen(of_source(self._source), self._look_out(), self._today())

    def _look_out(self) -> Fingerprint:
        return of_files(self._out / path for path in (LEDGER, *self._store.owners(), *self._taken))

    def _settle(self, wait: Wait) -> bool:
        """Wait until nothing changes; returns whether to go on."""
        until = self._monotonic() + RESTLESS
        seen = self._look()
        while not wait(QUIET):
            before, seen = seen, self._look()
            if seen == before or self._monotonic() >= until:
                return True
        return False

    def _read(self) -> tuple[Fingerprint, Reading]:
        """Read IN as it is at one moment: half of an edit could look like resources taken away."""
        for _ in range(_TRIES):
            before = of_source(self._source)
            reading = read([str(self._source)])
            if of_source(self._source) == before:
                return before, reading
        raise TransientError(f"{self._source} changes while it is read")

    def _failed(self, error: str) -> None:
        pause = min(BACKOFF_CAP, 2.0**self._failures)
        self._failures = min(self._failures + 1, 16)
        self._retry_at = self._monotonic() + pause
        self._seen = None
        if error != self._failure:
            self._failure = error
            log.error("cannot go on; what is written stays", extra={"error": error})

    # -- planning -------------------------------------------------------------------------------------------------

    def _plan(self, done: Compilation) -> _Plan:
        """Decide what is written; a file in whose place is somebody else's stands back, and harms no other."""
        outcome = done.outcome
        taken = self._store.taken(file.path for file in outcome.files)
        plan = _Plan(
            [file for file in outcome.files if file.path not in taken],
            {*outcome.left, *done.unread},
            frozenset(taken),
        )
        for file in outcome.files:
            if file.path in taken and file.owner is not None:
                plan.blocked[file.owner] = _problem(taken[file.path])
                plan.keep.add(file.owner)
        for key, desired in outcome.desired.items():
            for path in (*_shared(done, desired), *outcome.standing.get(key.kind, ())):
                if path in taken:
                    plan.blocked.setdefault(key, _problem(taken[path]))
        return plan

    # -- status ---------------------------------------------------------------------------------------------------

    def _statuses(self, done: Compilation, plan: _Plan, held: Mapping[str, str]) -> Iterator[File]:
        """Yield the status of every resource that can have one."""
        known = [key for key in (*done.documents, *sorted(done.unread)) if key.kind in self._tools.compilers]
        paths = {key: path for key in known if (path := status.path_of(key)) is not None}
        taken = self._store.taken(paths.values())
        findings: dict[Key, list[Finding]] = defaultdict(list)
        for item in done.findings:
            if item.finding.severity is not Severity.INFO or item.key in done.outcome.desired:
                findings[item.key].append(item.finding)
        for key, path in paths.items():
            if path in taken:
                log.error("cannot write status", extra={"key": str(key), "error": taken[path].message})
                continue
            before = status.parse(self._said.get(path) or held.get(path, ""))
            standing = self._standing(key, done, plan, held, findings[key])
            yield status.status_file(path, key, standing, before, self._now())

    def _standing(
        self, key: Key, done: Compilation, plan: _Plan, held: Mapping[str, str], findings: list[Finding]
    ) -> status.Standing:
        desired = done.outcome.desired.get(key)
        if desired is None:
            return status.Standing(None, None, findings=findings)
        left = done.outcome.left.get(key)
        return status.Standing(
            spec=done.documents[key].obj.get("spec"),
            desired=desired,
            left=left,
            findings=findings,
            children=_children(key, done, desired, plan),
            changes=self._changes(key, done, desired, held) if left is Reason.DRY_RUN else (),
            problem=plan.blocked.get(key),
        )

    def _changes(self, key: Key, done: Compilation, desired: Desired, held: Mapping[str, str]) -> list[dict[str, str]]:
        """Return what applying a resource would change, for one that is only tried."""
        changes = []
        wanted = {file.path: file.text for file in desired.files}
        for path, text in sorted(wanted.items()):
            if held.get(path) != text:
                changes.append(_change("Update" if path in held else "Create", key, path))
        owners = self._store.owners()
        shared = {path: text for path, text in held.items() if not owners.get(path)}
        for path, text in shared.items():
            now = {
                one.aggregate: one.fragment for one in shares_of(self._tools, files={path: text}) if one.owner == key
            }
            new = {
                one.aggregate: one.fragment
                for one in desired.shares
                if path in done.outcome.shared.get(one.aggregate, ())
            }
            if now != new:
                changes.append(_change("Update", key, path))
        gone = [path for path, owner in owners.items() if owner == str(key) and path not in wanted]
        changes.extend(_change("Delete", key, path) for path in sorted(gone) if not path.startswith(status.FOLDER))
        return changes


def _shared(done: Compilation, desired: Desired) -> Iterator[str]:
    """Yield the paths of the files that a resource has a share of."""
    for share in desired.shares:
        yield from done.outcome.shared.get(share.aggregate, ())


def _children(key: Key, done: Compilation, desired: Desired, plan: _Plan) -> tuple[ChildStatus, ...]:
    written = {file.path for file in plan.files}
    own = [status.child(file.path, key) for file in desired.files if file.path in written]
    for share in desired.shares:
        paths = done.outcome.shared.get(share.aggregate, ())
        own += [status.child(path, key, share.purpose) for path in paths if path in written]
    return tuple(own)


def _change(action: str, key: Key, path: str) -> dict[str, str]:
    return {"action": action, "kind": "File", "namespace": key.namespace, "name": path}


def _problem(error: ConflictError) -> Problem:
    return Problem(Reason.NAME_TAKEN, error.message, terminal=True)
