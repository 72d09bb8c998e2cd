"""One pass over a set of resources: what the loop would do, without a world to do it in.

`binnacle render` and `binnacle check` are this. The same functions compile, spell and assemble as in the loop; what
is missing is only the comparison with what exists.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from enum import Enum, auto
from typing import Any, NamedTuple

from binnacle.api.meta import Mode
from binnacle.api.reasons import Reason
from binnacle.check.base import ProofFiles, TestResult, Tests
from binnacle.compile.world import Claim, Memory, World
from binnacle.control.aggregates import Aggregates
from binnacle.control.cache import owner_of, resource_key
from binnacle.control.desired import Desired, Toolchain, desire
from binnacle.intent.refs import Key, ObjectRef
from binnacle.targets.base import AggregateKey, File, Output, Owner, Share, Standing
from binnacle.targets.yamltext import document


class Keep(Enum):
    """What is kept of each resource when all are compiled.

    The less it is, the less room they take; texts and findings may be made by other processes.

    `MEANINGS`: everything, also what it was compiled to, for those who explain or test it. `OBJECTS`: what it wants. `TEXTS`: its
    findings, and what it wants as files, each object printed at once (a tenth of the room). `FINDINGS`: these alone.
    """

    MEANINGS = auto()
    OBJECTS = auto()
    TEXTS = auto()
    FINDINGS = auto()


class Made(NamedTuple):
    """What was made of one resource.

    Attributes:
        wants: what it wants, as far as that is kept.
        left: why nothing of it is applied.
        printed: its objects as files, with what they are.
    """

    wants: Desired
    left: Reason | None
    printed: tuple[tuple[ObjectRef, File], ...] = ()


Crew = Callable[[Sequence[Key], Callable[[Key], Made]], Iterable[tuple[Key, Made]]]
"""Makes each of the keys, in whatever order; what is made must be fit for another process."""


@dataclass(frozen=True, slots=True)
class Pass:
    """The outcome: what each resource wants, the objects to apply, and the files for those without a cluster.

    Attributes:
        desired: key -> what the resource wants, in the order given.
        left: resources of which nothing is applied, and why: they do not compile, are suspended, or only tried
            (`mode: DryRun`). What is there of them from before is to stay, unlike that of one that is withdrawn.
        world: the surroundings that all of them were compiled in.
        objects: all objects, aggregates included; empty when files or texts were asked for.
        files: all files, or all objects as files in the order of the objects; empty when objects were asked for.
        shared: aggregate -> the paths of its files.
        standing: kind -> the paths of the files that there are while there is any resource of it.
    """

    desired: Mapping[Key, Desired]
    left: Mapping[Key, Reason]
    world: World
    objects: tuple[Output, ...] = ()
    files: tuple[File, ...] = ()
    shared: Mapping[AggregateKey, tuple[str, ...]] = field(default_factory=dict)
    standing: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Earlier:
    """What an earlier pass has left behind.

    Attributes:
        objects: the objects of aggregates as they are now.
        unread: resources that exist but could not be read.
        all_wanted: nobody's share may be dropped, because there may be resources of which not even the name is known.
        files: path -> text of the files of aggregates as they are now.
    """

    objects: Sequence[Mapping[str, Any]] = ()
    unread: frozenset[Key] = frozenset()
    all_wanted: bool = False
    files: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Known:
    """The resources of one pass, parsed when somebody asks for them."""

    tools: Toolchain
    bodies: Mapping[Key, Mapping[str, Any]]
    among: Mapping[tuple[str, str], tuple[Key, ...]]
    models: dict[Key, Any] = field(default_factory=dict)
    claims: dict[Claim, set[Key]] = field(default_factory=dict)

    def lookup(self, key: Key) -> Any | None:
        if key not in self.models:
            body = self.bodies.get(key)
            self.models[key] = self.tools.parse(body)[0] if body is not None else None
        return self.models[key]

    def listing(self, kind: str, namespace: str) -> tuple[Key, ...]:
        return self.among.get((kind, namespace), ())

    def claimants(self, claim: Claim) -> Iterable[Key]:
        return self.claims.get(claim, ())

    def remember(self, key: Key, wants: Desired) -> None:
        for read in wants.reads:
            if isinstance(read, Claim):
                self.claims.setdefault(read, set()).add(key)

    def rivals(self) -> set[Key]:
        return {key for keys in self.claims.values() if len(keys) > 1 for key in keys}


def run(
    tools: Toolchain,
    bodies: Sequence[Mapping[str, Any]],
    today: date,
    *,
    files: bool = False,
    earlier: Earlier | None = None,
    keep: Keep = Keep.MEANINGS,
    crew: Crew | None = None,
) -> Pass:
    """Compile every resource and spell all that they want.

    Args:
        tools: the toolchain.
        bodies: resources of our kinds, namespaces filled in, no key twice.
        today: the date that compilers are given.
        files: spell the backends' own files instead of Kubernetes objects.
        earlier: where a resource of which nothing is applied keeps its share of an aggregate.
        keep: what is kept of each resource.
        crew: who compiles where texts or findings are enough; None: this process, one after the other.

    One that does not compile contributes nothing and changes no byte of the others.
    """
    by_key = {resource_key(body): body for body in bodies}
    known = _Known(tools, by_key, _among(by_key))
    aggregates = Aggregates(tools.targets, tools.config)
    left: dict[Key, Reason] = {}
    objects: list[Output] = []
    spelled: list[File] = []
    printed: list[tuple[ObjectRef, File]] = []

    memory = Memory()

    def world() -> World:
        return World(tools.config, today, known.lookup, known.listing, known.claimants, memory)

    def make(key: Key) -> Made:
        wants = desire(tools, by_key[key], Owner(key), world(), files=files)
        return _kept_of(wants, None if wants.withdrawn else _left(wants), keep)

    made = _make_all(tuple(by_key), make, known, crew if keep in (Keep.TEXTS, Keep.FINDINGS) else None)
    for key, one in made.items():
        if one.wants.withdrawn:
            continue
        if one.left is not None:
            left[key] = one.left
            continue
        objects.extend(one.wants.outputs)
        spelled.extend(one.wants.files)
        printed.extend(one.printed)
        for share in one.wants.shares:
            aggregates.put(share)
    desired = {key: one.wants for key, one in made.items()}
    for share in _kept(tools, earlier or Earlier(), desired, left, files=files):
        aggregates.put(share)
    shared: dict[AggregateKey, tuple[str, ...]] = {}
    for aggregate in sorted(aggregates.keys()):
        if files:
            assembled = aggregates.assemble_files(aggregate)
            shared[aggregate] = tuple(file.path for file in assembled)
            spelled.extend(assembled)
        else:
            objects.extend(aggregates.assemble(aggregate)[0])
    standing = [one for one in tools.standing if _is_wanted(one, earlier or Earlier(), desired, left)]
    spelled.extend(file for one in standing if files for file in one.files)
    objects.extend(output for one in standing if not files for output in one.outputs)
    spelled.sort(key=lambda one: one.path)
    if keep is Keep.TEXTS:
        printed.extend((one.ref, printed_object(one)) for one in objects)
        spelled.extend(file for _, file in sorted(printed, key=lambda one: one[0]))
        objects = []
    return Pass(
        desired,
        left,
        world(),
        tuple(sorted(objects, key=lambda one: one.ref)),
        tuple(spelled),
        shared,
        {one.kind: tuple(file.path for file in one.files) for one in standing},
    )


def _make_all(keys: Sequence[Key], make: Callable[[Key], Made], known: _Known, crew: Crew | None) -> dict[Key, Made]:
    """Return what was made of each key, in the order given."""
    made: dict[Key, Made] = {}
    if crew is not None:
        found = dict(crew(keys, make))
        made = {key: found[key] for key in keys}
    for key in keys:
        if crew is None:
            made[key] = make(key)
        known.remember(key, made[key].wants)
    # Who claims the same name is known only when all are compiled.
    for key in known.rivals():
        made[key] = make(key)
    return made


def printed_object(output: Output) -> File:
    """Return an object as one YAML file."""
    ref = output.ref
    return File(f"{ref.kind.lower()}.{ref.namespace}.{ref.name}.yaml", document(output.body), output.owner)


def _kept_of(wants: Desired, left: Reason | None, keep: Keep) -> Made:
    """Return what is kept of what a resource wants."""
    if keep is Keep.MEANINGS:
        return Made(wants, left)
    if keep is Keep.OBJECTS:
        return Made(replace(wants, compiled=None), left)
    claims = frozenset(one for one in wants.reads if isinstance(one, Claim))
    lean = replace(wants, model=None, compiled=None, readback=None, facts=None, marks=(), outputs=(), reads=claims)
    if keep is Keep.FINDINGS:
        return Made(replace(lean, shares=(), files=()), left)
    applied = () if left is not None else wants.outputs
    return Made(lean, left, tuple((one.ref, printed_object(one)) for one in applied))


def _is_wanted(
    standing: Standing, earlier: Earlier, desired: Mapping[Key, Desired], left: Mapping[Key, Reason]
) -> bool:
    """Say whether there is a resource for which something stands; what is there already stays for any, also for an unread one."""
    of_kind = [key for key in (*desired, *earlier.unread) if key.kind == standing.kind]
    if any(key in desired and left.get(key) is not Reason.DRY_RUN for key in of_kind):
        return True
    there = any(file.path in earlier.files for file in standing.files) or any(
        owner_of(body) == standing.aggregate for body in earlier.objects
    )
    return there and (bool(of_kind) or earlier.all_wanted)


def _among(keys: Iterable[Key]) -> Mapping[tuple[str, str], tuple[Key, ...]]:
    """Return the keys of each kind in each namespace."""
    among: dict[tuple[str, str], list[Key]] = {}
    for key in keys:
        among.setdefault((key.kind, key.namespace), []).append(key)
    return {where: tuple(found) for where, found in among.items()}


def _left(wants: Desired) -> Reason | None:
    """Return why nothing of a resource is applied, or None."""
    if not wants.valid:
        return Reason.COMPILE_FAILED
    spec = getattr(wants.model, "spec", None)
    if spec is not None and spec.suspend:
        return Reason.SUSPENDED
    if spec is not None and spec.mode is Mode.DRY_RUN:
        return Reason.DRY_RUN
    return None


def _kept(
    tools: Toolchain, earlier: Earlier, desired: Mapping[Key, Desired], left: Mapping[Key, Reason], *, files: bool
) -> Iterator[Share]:
    """Yield the shares of earlier aggregates that stay."""
    found = shares_of(tools, files=earlier.files) if files else shares_of(tools, earlier.objects)
    for share in found:
        owner = share.owner
        if owner in left or owner in earlier.unread or (earlier.all_wanted and owner not in desired):
            yield share


def shares_of(
    tools: Toolchain, objects: Iterable[Mapping[str, Any]] = (), files: Mapping[str, str] | None = None
) -> Iterator[Share]:
    """Take the objects and files of aggregates apart; what is no target's is passed over."""
    targets = {target.name: target for target in tools.targets}
    for body in objects:
        aggregate = owner_of(body)
        if isinstance(aggregate, AggregateKey) and aggregate.target in targets:
            for owner, text in targets[aggregate.target].split(body).items():
                yield Share(aggregate, owner, text, "")
    for path, text in (files or {}).items():
        for target in tools.targets:
            yield from target.split_file(path, text, tools.config)


def prove(outcome: Pass, tests: Mapping[str, Tests]) -> Iterator[tuple[Key, tuple[TestResult, ...]]]:
    """Run the tests of every resource that has some and compiled; yields each resource's results as they come.

    Args:
        outcome: of the pass in which the resources were compiled.
        tests: kind -> how its tests are run.
    """
    for key, wants in outcome.desired.items():
        if key.kind in tests and wants.compiled is not None:
            yield key, tests[key.kind](wants.model, wants.compiled, outcome.world)


def proof_files(outcome: Pass, proofs: Mapping[str, ProofFiles]) -> Iterator[File]:
    """Yield the generated tests of every resource of which something is applied, as files.

    Args:
        outcome: of the pass in which the resources were compiled, meanings kept.
        proofs: kind -> how its tests are spelled.
    """
    for key, wants in outcome.desired.items():
        if key.kind in proofs and wants.compiled is not None and key not in outcome.left:
            yield from proofs[key.kind](wants.model, wants.compiled, outcome.world)
