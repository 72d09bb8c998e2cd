"""Stages of a LogPipeline, one by one. A stage is what those after it rely on, so one that is wrong leaves nothing of them.

Only a route stands for itself: nothing after it depends on it but the outputs that it alone feeds.
"""

from collections.abc import Sequence
from typing import Final

from binnacle.api import logpipeline_stages as api
from binnacle.api.findings import Finding, Severity
from binnacle.api.logpipeline_fields import RESERVED_PREFIX, FieldPath
from binnacle.api.reasons import Reason
from binnacle.api.values import Duration
from binnacle.compile.logpipeline.presets import STARTS
from binnacle.compile.logpipeline.regexes import Usable, usable
from binnacle.compile.onigmo import tree
from binnacle.compile.onigmo.dialect import Regexp
from binnacle.compile.redaction import PACKS
from binnacle.intent.pipeline import (
    Action,
    Asks,
    Condition,
    Enrich,
    Filter,
    Format,
    Kind,
    Multiline,
    OnError,
    Parse,
    Pattern,
    PrivateKey,
    Redact,
    Route,
    Stage,
)
from binnacle.intent.routing import SecretFile

_FLUSH: Final = Duration.of(seconds=2)
_MESSAGE: Final = "message"


def read(stage: api.Stage, path: str, findings: list[Finding]) -> Stage | None:
    """Return what a stage means, or None after findings of severity error say why it cannot be used.

    Args:
        stage: as it was written; outputs of a route are not looked at.
        path: its field.
        findings: grows.
    """
    before = len(findings)
    made = _made(stage, path, findings)
    refused = any(one.severity is Severity.ERROR for one in findings[before:])
    return None if refused else made


def count_regexes(stage: api.Stage) -> int:
    """Return how many regular expressions of a team a stage has."""
    asked = [*((stage.filter.drop or ()) if stage.filter else ()), *((stage.filter.keep or ()) if stage.filter else ())]
    asked += stage.route.when if stage.route else ()
    conditions_ = sum((one if one.not_ is None else one.not_).matches is not None for one in asked)
    patterns = len(stage.redact.patterns or ()) if stage.redact is not None else 0
    parsed = stage.parse is not None and stage.parse.pattern is not None
    started = stage.multiline is not None and stage.multiline.start is not None
    return conditions_ + patterns + parsed + started


def _made(stage: api.Stage, path: str, findings: list[Finding]) -> Stage | None:
    if stage.multiline is not None:
        return _multiline(stage.name, stage.multiline, f"{path}.multiline", findings)
    if stage.parse is not None:
        return _parse(stage.name, stage.parse, f"{path}.parse", findings)
    if stage.enrich is not None:
        add = tuple((FieldPath.parse(field).keys, value) for field, value in (stage.enrich.add or {}).items())
        return Enrich(stage.name, add, bool(stage.enrich.kubernetes))
    if stage.redact is not None:
        return _redact(stage.name, stage.redact, f"{path}.redact", findings)
    if stage.filter is not None:
        drop = conditions(stage.filter.drop or (), f"{path}.filter.drop", findings)
        return Filter(stage.name, drop, conditions(stage.filter.keep or (), f"{path}.filter.keep", findings))
    if stage.route is not None:
        when = conditions(stage.route.when, f"{path}.route.when", findings)
        return Route(stage.name, when, stage.route.outputs)
    raise ValueError("a stage has one member")


def _multiline(name: str, given: api.Multiline, path: str, findings: list[Finding]) -> Multiline | None:
    flush = (given.flush_after or _FLUSH).ms
    if given.preset is not None:
        return Multiline(name, STARTS[given.preset], flush)
    # Lines are joined by a plugin that measures no text before.
    start = usable(given.start or "", f"{path}.start", findings, None)
    return Multiline(name, start.source, flush) if start is not None else None


def _parse(name: str, given: api.Parse, path: str, findings: list[Finding]) -> Parse | None:
    pattern: Usable | None = Usable("")
    if given.pattern is not None:
        pattern = usable(given.pattern, f"{path}.pattern", findings, "a text beyond that cannot be parsed")
        if pattern is not None:
            findings += _groups(pattern.source, f"{path}.pattern")
    if pattern is None:
        return None
    return Parse(
        name,
        Format(given.format.value),
        given.field or _MESSAGE,
        pattern.source,
        given.time_key.keys if given.time_key is not None else (),
        tuple((one.field.keys, Kind(one.type.value)) for one in given.types),
        OnError(given.on_error.value),
        pattern.longest,
    )


def _groups(source: str, path: str) -> list[Finding]:
    """Return what is wrong with the groups that become fields."""
    names = tree.names(source)
    reserved = [name for name in names if name.startswith(RESERVED_PREFIX)]
    if not names:
        reason, wrong = Reason.INVALID_VALUE, "No group has a name, so no field would come of it."
        fix = "Name groups: (?<level>[A-Z]+)."
    elif len(set(names)) < len(names):
        reason, wrong, fix = Reason.INVALID_VALUE, "Two groups have the same name.", "Give each its own name."
    elif reserved:
        reason, wrong, fix = Reason.RESERVED_FIELD, f"The field {reserved[0]} is reserved.", "Choose another name."
    else:
        return []
    return [Finding(Severity.ERROR, reason, path, wrong, fix)]


def _redact(name: str, given: api.Redact, path: str, findings: list[Finding]) -> Redact:
    action = Action(given.action.value)
    packs = [PACKS[pack.value] for pack in given.packs or ()]
    patterns = [_acting(one, action) for pack in packs for one in pack.patterns]
    keys = [PrivateKey(one.path, action) for pack in packs for one in pack.keys]
    # What a team names itself comes first: a pack's pattern for any key must not decide over its own.
    keys = [*(PrivateKey(one.keys, action) for one in given.keys or ()), *keys]
    for one in given.patterns or ():
        at = f"{path}.patterns[{one.name}].regex"
        regex = usable(
            one.regex, at, findings, "a record with a text beyond that goes to quarantine as a stub, and to no output"
        )
        if regex is None:
            continue
        if Regexp(regex.source).compiled().search("") is not None:
            message = "It matches the empty text, which is everywhere."
            findings.append(Finding(Severity.ERROR, Reason.INVALID_VALUE, at, message, "Let it take a character."))
        own = Action(one.action.value) if one.action is not None else action
        patterns.append(Pattern(one.name, regex.source, f"[{one.name.upper()}]", action=own, longest=regex.longest))
    hashes = Action.HASH in {*(one.action for one in patterns), *(one.action for one in keys)}
    if hashes and given.salt is None:
        message = "What is hashed without a secret salt can be found again by hashing all there is."
        fix = "Add salt: {secretRef: {name: ..., key: ...}}."
        findings.append(Finding(Severity.ERROR, Reason.MISSING_FIELD, f"{path}.salt", message, fix))
    if given.salt is not None and not hashes:
        message = "There is a salt, and nothing is hashed."
        findings.append(Finding(Severity.WARNING, Reason.INVALID_VALUE, f"{path}.salt", message, "Leave it out."))
    salt = given.salt.secret_ref if given.salt is not None and hashes else None
    return Redact(name, tuple(patterns), tuple(keys), SecretFile(salt.name, salt.key) if salt is not None else None)


def _acting(one: Pattern, action: Action) -> Pattern:
    return Pattern(one.name, one.regex, one.placeholder, one.check, action, one.longest)


def conditions(given: Sequence[api.Condition], path: str, findings: list[Finding]) -> tuple[Condition, ...]:
    """Return conditions; those that cannot be asked are left out, and a finding of severity error says so."""
    made = (_condition(one, f"{path}[{number}]", findings) for number, one in enumerate(given))
    return tuple(one for one in made if one is not None)


def _condition(given: api.Condition, path: str, findings: list[Finding]) -> Condition | None:
    negated = given.not_ is not None
    test: api.Test = given if given.not_ is None else given.not_
    path = f"{path}.not" if negated else path
    field = given.field.keys
    if test.matches is not None:
        regex = usable(test.matches, f"{path}.matches", findings, "a text beyond that does not match")
        if regex is None:
            return None
        return Condition(field, Asks.MATCHES, pattern=regex.source, negated=negated, longest=regex.longest)
    if test.exists is not None:
        return Condition(field, Asks.EXISTS, negated=negated is test.exists)
    if test.equals is not None:
        return Condition(field, Asks.EQUALS, (test.equals,), negated=negated)
    return Condition(field, Asks.IN, test.in_ or (), negated=negated)
