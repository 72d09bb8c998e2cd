"""Regular expressions of a team in a process of everybody: good ones only, and with a bound on what they cost."""

from dataclasses import dataclass

from binnacle.api.findings import Finding, Severity
from binnacle.api.reasons import Reason
from binnacle.compile.onigmo import dialect
from binnacle.compile.onigmo.cost import LONGEST, Growth, growth
from binnacle.compile.onigmo.tree import PatternError

_SLOW_FIX = (
    "Let repeats that follow each other, or lie in each other, not take the same characters ([^ ]+ instead of .*), and begin "
    "with fixed text."
)


@dataclass(frozen=True, slots=True)
class Usable:
    """A regular expression that may run.

    Attributes:
        source: as it runs.
        longest: characters of the longest text that it is tried on; 0 for any.
    """

    source: str
    longest: int = 0


def usable(source: str, path: str, findings: list[Finding], beyond: str | None) -> Usable | None:
    r"""Return a regular expression that may run, or None after a finding says why it may not.

    A `^` at its beginning becomes `\A`: people mean the beginning of the text, and a search need not begin at every line.

    Args:
        source: as it was written.
        path: its field.
        findings: grows.
        beyond: what becomes of a text that is too long (`a text beyond that does not match`), to be told when the time grows with the
            square of the text; None where a text cannot be measured before, so that the time must grow with it and no faster.
    """
    source = f"\\A{source[1:]}" if source.startswith("^") else source

    refused = _refusal(source, path, any_length=beyond is None)
    if refused is not None:
        findings.append(refused)
        return None
    if growth(source) is Growth.LINEAR:
        return Usable(source)
    message = f"The time that it takes grows with the square of the length, so it is used on at most {LONGEST} characters: {beyond}."
    findings.append(Finding(Severity.WARNING, Reason.SLOW_PATTERN, path, message, _SLOW_FIX))
    return Usable(source, LONGEST)


def _refusal(source: str, path: str, *, any_length: bool) -> Finding | None:
    def refuse(reason: Reason, message: str, fix: str) -> Finding:
        return Finding(Severity.ERROR, reason, path, message, fix)

    wrong = dialect.problem(source)
    if wrong:
        return refuse(Reason.REGEX_SYNTAX, f"This is no regular expression of Ruby: {wrong}.", "Correct it.")
    try:
        cost = growth(source)
    except PatternError as error:
        return refuse(Reason.REGEX_SYNTAX, f"What it costs cannot be told: {error}.", "Write it without that.")
    if cost is Growth.FASTER or (any_length and cost is Growth.SQUARE):
        how = "the square of the length" if cost is Growth.SQUARE else "much more than the square of the length"
        return refuse(Reason.SLOW_PATTERN, f"The time that it takes grows with {how} of a line.", _SLOW_FIX)
    return None
