"""What a dry run of Fluentd does not find: a configuration that loads and then fails, leaks or loses records.

The rules are facts about Fluentd 1.16 to 1.19; each is shown by a case of tests/data/fluentd/dryrun.json. Nothing is run
and nothing outside the text is looked at: whether a host answers or a file can be written is not known here.
"""

from collections.abc import Collection
from typing import Final

from binnacle.api.findings import Finding, Severity
from binnacle.api.reasons import Reason
from binnacle.check.fluentd import dangers, options, routing, values
from binnacle.check.fluentd.grammar import parse
from binnacle.check.fluentd.places import Config, places
from binnacle.check.fluentd.sections import FluentdSyntaxError, Parsed

_RULES: Final = (options.check, values.check, routing.check, dangers.check)


def lint(
    parsed: Parsed, *, whole: bool = True, trusted: Collection[str] = frozenset(), roots: tuple[str, ...] = ()
) -> tuple[Finding, ...]:
    """Return what is wrong with a configuration, errors first.

    Args:
        parsed: as read by `grammar.parse`.
        whole: whether this is all that Fluentd loads; of a part, sources and labels may be elsewhere.
        trusted: code that is the program's own: Ruby of `embedded`, and whole values of `<record>`.
        roots: folders within which files may be written; any when empty.
    """
    config = Config(parsed, tuple(places(parsed.root)), whole, frozenset(trusted), roots)
    return tuple(sorted({finding for rule in _RULES for finding in rule(config)}))


def lint_text(
    text: str | bytes, *, whole: bool = True, trusted: Collection[str] = frozenset(), roots: tuple[str, ...] = ()
) -> tuple[Finding, ...]:
    """Read a configuration without includes and lint it; text that cannot be read is a finding too."""
    try:
        parsed = parse(text)
    except FluentdSyntaxError as error:
        return (Finding(Severity.ERROR, Reason.FLUENTD_SYNTAX, f"{error.file}:{error.line}", error.problem),)
    return lint(parsed, whole=whole, trusted=trusted, roots=roots)
