"""The error of PromQL text that cannot be used."""

from binnacle.errors import SpecError

SYNTAX = "PromQLSyntax"
TOO_LARGE = "PromQLTooLarge"
NOT_A_SELECTOR = "NotASelector"


class PromQLError(SpecError):
    """A PromQL expression is refused; `column` is 1-based and counts characters of the text as it was written.

    Args:
        message: what is wrong, one sentence.
        column: where, when the error has a place.
        fix: what to write instead.
        reason: `PromQLSyntax`, `PromQLTooLarge` or `NotASelector`.
    """

    def __init__(self, message: str, *, column: int | None = None, fix: str = "", reason: str = SYNTAX):
        super().__init__(message, reason=reason, fix=fix, column=column)
