"""Why a key is as it is: an account in plain text of all that the loop knows of it, for people who debug.

Names, versions, times, conditions and errors; no spec and no body of an object, so nothing that is not in status anyway.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from binnacle.control.aggregates import Aggregates
from binnacle.control.cache import Cache, Resource, WorkKey
from binnacle.control.journal import Entry, Journal
from binnacle.control.queue import WorkQueue
from binnacle.intent.refs import Key, ObjectRef
from binnacle.targets.base import AggregateKey

_SHOWN = 50
"""Lines of a list; a namespace of thousands must not become a page of megabytes."""


def account(
    key: WorkKey,
    *,
    cache: Cache,
    aggregates: Aggregates,
    queue: WorkQueue[WorkKey],
    journal: Journal,
    troubles: Mapping[tuple[str, str], tuple[str, str]],
    now: datetime,
) -> str:
    """Return the account of one key.

    Args:
        key: a resource, or an aggregate.
        cache: what exists.
        aggregates: who has which share.
        queue: where the key is.
        journal: what was done about it last.
        troubles: (apiVersion, kind) -> (reason, message) of kinds that cannot be watched.
        now: wall clock, UTC.
    """
    lines = [str(key), f"queue: {queue.state(key)}", *_work(journal.of(key), now)]
    if isinstance(key, Key):
        lines += _resource(key, cache.resources.get(key), cache)
        lines += _shares(key, aggregates)
    else:
        lines += _aggregate(key, aggregates)
    lines += _list("objects", (_child(ref, cache) for ref in cache.children_of(key)))
    lines += [f"watch of {kind} in trouble: {reason}: {message}" for (_, kind), (reason, message) in troubles.items()]
    return "\n".join(lines) + "\n"


def _work(entry: Entry | None, now: datetime) -> Iterator[str]:
    if entry is None:
        yield "last work: none since this process started"
        return
    took = "going on" if entry.seconds is None else f"took {entry.seconds:.3f} s"
    yield f"last work: {entry.began.isoformat(timespec='milliseconds')}, {(now - entry.began).total_seconds():.0f} s ago, {took}"
    yield f"  wrote: {', '.join(entry.wrote) or 'nothing'}"
    if entry.error:
        yield f"  error: {entry.error}"
    if entry.pause is not None:
        yield f"  tried again after: {entry.pause:.1f} s"


def _resource(key: Key, resource: Resource | None, cache: Cache) -> Iterator[str]:
    if resource is None:
        yield "resource: not in the cache"
        return
    yield f"resource: uid {resource.uid}, version {resource.resource_version}, generation {resource.generation}"
    status = resource.live_status()
    yield f"  status speaks of generation {status.get('observedGeneration', 'none')}"
    for one in status.get("conditions", ()):
        yield f"  {one['type']}={one['status']} {one['reason']}: {one.get('message', '')}"
    seen = resource.observed
    yield f"  backend: {'not looked at yet' if seen is None else f'{seen.liveness} {seen.message}'.rstrip()}"
    if resource.dispute is not None and resource.dispute.other is not None:
        yield f"  this generation is told in two ways; the API server was asked {resource.dispute.asked} times which it is"
    yield from _list("  expected of backends", (f"{mark.backend} {mark.name}" for mark in resource.marks))
    yield from _list("  reads", sorted(map(str, resource.reads)))
    yield from _list("  read by", sorted(map(str, cache.read_by(key))))


def _shares(key: Key, aggregates: Aggregates) -> Iterator[str]:
    for aggregate in aggregates.contributes(key):
        state = aggregates.get(aggregate)
        if state is None:
            continue
        how = (
            "refused: its namespace has all that one may have"
            if key in state.beyond
            else "refused: no room"
            if key in state.refused
            else "not written yet"
            if key in state.unwritten()
            else "written"
        )
        kept = ", the last good one" if key in aggregates.inherited_owners(aggregate) else ""
        yield f"share of {aggregate}: {how}{kept}"
        if state.problem is not None:
            yield f"  {state.problem.reason}: {state.problem.message}"


def _aggregate(key: AggregateKey, aggregates: Aggregates) -> Iterator[str]:
    state = aggregates.get(key)
    if state is None:
        yield "aggregate: nothing is known of it"
        return
    yield f"aggregate: {len(state.held)} shares, {'assembled' if state.assembled else 'not assembled yet'}"
    if state.problem is not None:
        yield f"  {state.problem.reason}: {state.problem.message}"
    yield from _list("  not written yet", sorted(map(str, state.unwritten())))
    yield from _list("  refused: no room", sorted(map(str, state.refused)))


def _child(ref: ObjectRef, cache: Cache) -> str:
    child = cache.children[ref]
    how = "" if child.applied else ", not applied by us"
    return f"{ref}: uid {child.uid}, version {child.resource_version}{how}"


def _list(title: str, items: Iterable[str]) -> list[str]:
    """Return a titled list, cut where it is long; nothing when it is empty."""
    found = list(items)
    if not found:
        return []
    indent = " " * (len(title) - len(title.lstrip()) + 2)
    lines = [f"{title}:", *(f"{indent}{one}" for one in found[:_SHOWN])]
    return [*lines, f"{indent}… and {len(found) - _SHOWN} more"] if len(found) > _SHOWN else lines
