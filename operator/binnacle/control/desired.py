"""From one resource to all that it wants: parse, compile, spell. Pure; the loop and the one-pass commands share it."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from binnacle.api.config import Config
from binnacle.api.findings import Finding, Severity
from binnacle.api.meta import Mode
from binnacle.api.reasons import Reason
from binnacle.check.base import Check, Checked
from binnacle.compile.world import Compiled, Read, World
from binnacle.control.ports import Mark
from binnacle.errors import BinnacleError, SpecError
from binnacle.intent.readback import Readback
from binnacle.targets.base import File, Output, Owner, Share, Standing, Target

log = logging.getLogger(__name__)

Parse = Callable[[Mapping[str, Any]], tuple[Any | None, list[Finding]]]
Compile = Callable[[Any, World], Compiled]


@dataclass(frozen=True, slots=True)
class Toolchain:
    """Everything that turns a resource into outputs; the registries of the layers below, gathered once.

    Attributes:
        parse: reads a resource as its model, or says what is wrong with it.
        compilers: kind -> what it means.
        targets: how each backend spells it.
        checks: kind -> what is checked of it with every compilation.
        standing: what there is while there is any resource of a kind.
        config: the administrator's configuration with `auto` resolved.
        fills: name of a target -> the kinds whose resources may have a part of what it writes; of one that is not here, all.
    """

    parse: Parse
    compilers: Mapping[str, Compile]
    targets: Sequence[Target]
    config: Config
    checks: Mapping[str, Check] = field(default_factory=dict)
    standing: Sequence[Standing] = ()
    fills: Mapping[str, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Desired:
    """What one resource wants.

    Attributes:
        model: the resource as its model; None when it cannot be read.
        valid: whether it compiled to something, or to nothing without an error; when not, what was applied last stays.
        outputs, shares: what to apply.
        findings: sorted, errors first.
        marks: what the backends list once they have loaded exactly this.
        facts: the kind's own status fields that follow from the spec.
        readback: what to observe.
        reads: what the compilation depended on.
        withdrawn: nothing is wanted, and what was applied before must go. Never of a resource that is suspended or only tried.
        compiled: what it means; None when it cannot be read.
    """

    model: Any | None
    valid: bool
    outputs: tuple[Output, ...] = ()
    shares: tuple[Share, ...] = ()
    files: tuple[File, ...] = ()
    findings: tuple[Finding, ...] = ()
    marks: tuple[Mark, ...] = ()
    facts: Mapping[str, Any] | None = None
    readback: Readback | None = None
    reads: frozenset[Read] = frozenset()
    withdrawn: bool = False
    renew: date | None = None
    compiled: Compiled | None = None

    @property
    def quarantined(self) -> int:
        """How many findings left something out."""
        return sum(finding.severity is Severity.ERROR for finding in self.findings)


def desire(tools: Toolchain, body: Mapping[str, Any], owner: Owner, world: World, *, files: bool = False) -> Desired:
    """Return what the resource `body` wants.

    Never raises: what a person wrote wrong is a finding, and a defect of ours is one too (`InternalError`), so that
    one resource cannot stop the work on another. With `files` the outputs are spelled for a folder.
    """
    try:
        model, problems = tools.parse(body)
        if model is None:
            return Desired(None, valid=False, findings=tuple(sorted(problems)))
        compiled = tools.compilers[owner.key.kind](model, world)
        check = tools.checks.get(owner.key.kind)
        checked = check(model, compiled, world) if check is not None else Checked()
    except Exception as error:  # noqa: BLE001 - the fence around everything that reads what people wrote
        return Desired(None, valid=False, findings=(_finding(error),), reads=frozenset(world.reads))
    findings = [*problems, *compiled.findings, *checked.findings]
    outputs: list[Output] = []
    shares: list[Share] = []
    spelled: list[File] = []
    # Who wants nothing, without a mistake, is served by nothing: what was applied before must go.
    sound = not any(finding.severity is Severity.ERROR for finding in findings)
    valid = (bool(compiled.intents) or sound) and not checked.refused
    marks: list[Mark] = []
    facts = {**compiled.facts, **checked.facts}
    try:
        for target in tools.targets:
            spell = target.files if files else target.render
            for item in spell(compiled.intents if valid else (), owner, tools.config):
                facts.update(item.facts)
                if isinstance(item, File):
                    spelled.append(item)
                    continue
                if isinstance(item, Share):
                    shares.append(item)
                else:
                    outputs.append(item)
                marks.extend(Mark(target.backend, mark) for mark in item.marks)
    except Exception as error:  # noqa: BLE001 - as above
        findings.append(_finding(error))
        valid, outputs, shares, spelled, marks = False, [], [], [], []
    return Desired(
        model,
        valid=valid,
        outputs=tuple(outputs),
        shares=tuple(shares),
        files=tuple(spelled),
        findings=tuple(sorted(findings)),
        marks=tuple(marks),
        facts=facts,
        readback=compiled.readback,
        reads=frozenset(world.reads),
        withdrawn=compiled.withdrawn and not valid and not model.spec.suspend and model.spec.mode != Mode.DRY_RUN,
        renew=compiled.renew,
        compiled=compiled,
    )


def _finding(error: Exception) -> Finding:
    """Turn an exception into a finding; only a defect of ours is logged with its traceback."""
    if isinstance(error, SpecError):
        reason = Reason(error.reason) if error.reason else Reason.COMPILE_FAILED
        return Finding(Severity.ERROR, reason, error.path, error.message, error.fix, error.column)
    if isinstance(error, BinnacleError):
        return Finding(Severity.ERROR, Reason.COMPILE_FAILED, "", str(error))
    log.error("compilation failed", exc_info=error)
    return Finding(
        Severity.ERROR,
        Reason.INTERNAL_ERROR,
        "",
        f"Binnacle failed on this resource ({type(error).__name__}); this is a defect of Binnacle, not of the resource.",
        "Please report it with the resource and the operator's log; what was applied before stays in place.",
    )
