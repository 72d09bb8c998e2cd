"""The one exception tree: what the loop does with an error is decided by its class.

A finding about a resource is a value (`binnacle.api.findings.Finding`), never an exception; exceptions end the work
at hand. `SpecError` is terminal until somebody edits the resource, `TransientError` is retried with back-off,
`ConflictError` means that what we wanted to change is not ours or has changed under us.
"""

import traceback
from pathlib import PurePath
from typing import Final


class BinnacleError(Exception):
    """Root of every error that Binnacle raises on purpose."""


class SpecError(BinnacleError):
    """What a person wrote cannot be used as it is; retrying does not help.

    Args:
        message: what is wrong, one sentence, for the person who wrote it.
        path: field path in dotted form (`spec.indicator.ratio.errors`); empty when the whole input is meant.
        reason: CamelCase reason of `binnacle.api.reasons`, kept as text here because this layer knows no reasons.
        fix: what to do about it.
        column: 1-based column inside the field's text, where the error has a place there.
    """

    def __init__(self, message: str, *, path: str = "", reason: str = "", fix: str = "", column: int | None = None):
        super().__init__(message)
        self.message = message
        self.path = path
        self.reason = reason
        self.fix = fix
        self.column = column


class TransientError(BinnacleError):
    """Something outside failed in a way that may pass; the key is tried again.

    Args:
        message: what failed.
        reason: CamelCase reason to show in status while it lasts, when it has one.
        retry_after: seconds the other side asked for, a lower bound for the back-off.
    """

    def __init__(self, message: str, *, reason: str = "", retry_after: float | None = None):
        super().__init__(message)
        self.message = message
        self.reason = reason
        self.retry_after = retry_after


class ConflictError(BinnacleError):
    """An object is somebody else's, or changed between our read and our write.

    Args:
        message: whose it is, or what changed.
        reason: CamelCase reason for status, for example `NameTaken`.
    """

    def __init__(self, message: str, *, reason: str = ""):
        super().__init__(message)
        self.message = message
        self.reason = reason


_FRAMES: Final = 50
"""Calls of a traceback that are told: the last ones."""


def untold(error: BaseException) -> str:
    """Return the traceback of a defect, with types and places and without what any exception says.

    What it says may quote the values that it failed on, and these may be secrets: nobody foresees what a defect is about.
    """
    return "\n".join(_untold(error, set()))


def _untold(error: BaseException, seen: set[int]) -> list[str]:
    seen.add(id(error))
    lines = []
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if before is not None and id(before) not in seen:
        lines += [*_untold(before, seen), "", "Then, because of this or while it was handled:", ""]
    lines.append("Traceback (most recent call last):")
    lines += [line.rstrip("\n") for line in traceback.format_tb(error.__traceback__, limit=-_FRAMES)]
    lines.append(_name(error))
    for one in error.exceptions if isinstance(error, BaseExceptionGroup) else ():
        lines += ["", f"One of the {_name(error)}:", *_untold(one, seen)] if id(one) not in seen else []
    return lines


def defect(error: BaseException) -> str:
    """Return the type of a defect and where it arose, in one line."""
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return _name(error)
    *_, folder, file = ("", *PurePath(frames[-1].filename).parts)
    return f"{_name(error)} at {folder}/{file}:{frames[-1].lineno}"


def _name(error: BaseException) -> str:
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
