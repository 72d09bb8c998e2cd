"""The one exception tree: what the loop does with an error is decided by its class.

A finding about a resource is a value (`binnacle.api.findings.Finding`), never an exception; exceptions end the work
at hand. `SpecError` is terminal until somebody edits the resource, `TransientError` is retried with back-off,
`ConflictError` means that what we wanted to change is not ours or has changed under us.
"""


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
