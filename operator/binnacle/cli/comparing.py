"""Comparing files with a cluster: read what is live, compile what would be, and ask the API server what it would take."""

import asyncio
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from binnacle.api.config import Config
from binnacle.api.findings import Finding, Severity
from binnacle.api.reasons import Reason
from binnacle.cluster.client import Client
from binnacle.cluster.connection import connect
from binnacle.cluster.installing import own_kinds, written_kinds
from binnacle.cluster.live import Answer, ask, look_up, read_live
from binnacle.cluster.platform import resolve
from binnacle.cluster.source import require
from binnacle.control.desired import Toolchain
from binnacle.control.difference import (
    Change,
    Live,
    affected,
    as_written,
    object_changes,
    resource_change,
    standing_changes,
    taken,
    unknown_objects,
)
from binnacle.control.onepass import run
from binnacle.control.toolchain import shipped
from binnacle.folder.document import Document
from binnacle.folder.located import Located, locate
from binnacle.folder.reader import read
from binnacle.intent.refs import Key, ObjectRef

_CONNECTIONS: Final = 16


@dataclass(frozen=True, slots=True)
class Comparison:
    """What was found: differences in the order to show them, findings, what could not be compared, and the files' texts."""

    changes: Sequence[Change]
    findings: Sequence[Located]
    notes: Sequence[str]
    files: Mapping[Key, str]
    texts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Server:
    """Which API server: path of a kubeconfig and a context of it; None for the default of each."""

    kubeconfig: str | None = None
    context: str | None = None


async def compare(paths: Sequence[str], server: Server, config: Config, today: date) -> Comparison:
    """Compare files with the cluster of a kubeconfig. Nothing is written.

    Args:
        paths: files, folders, `-`.
        server: what they are compared with.
        config: the administrator's configuration; `auto` is resolved by asking the cluster.
        today: the date that compilers are given.

    Raises:
        BinnacleError: no cluster, no CustomResourceDefinitions, or no right to read our kinds.
    """
    connecting = connect(server.kubeconfig, context=server.context)
    async with await connecting as connection, connection.session(_CONNECTIONS) as session:
        client = Client(session, who="your kubeconfig")
        # Like kubectl, what names no namespace is of the kubeconfig's.
        reading = read(paths, stdin=sys.stdin.buffer, namespace=connection.namespace)
        if not reading.documents:
            return Comparison((), reading.findings, (), {}, reading.texts)
        await require(client, own_kinds())
        tools = shipped(await resolve(config, client))
        children = written_kinds(tools)
        documents = {document.key: document for document in reading.documents}
        namespaces = sorted({key.namespace for key in documents})
        live, notes = await read_live(client, tools.config, own_kinds(), children, namespaces)
        kinds = {kind.kind: kind for kind in own_kinds()}
        answers = await asyncio.gather(
            *(ask(client, kinds[key.kind], one.obj, live.resources.get(key)) for key, one in documents.items())
        )
        stage = _Stage(tools, live, documents, dict(zip(documents, answers, strict=True)), today)
        stage.live = replace(
            live, objects={**live.objects, **await look_up(client, children, stage.names_to_look_up())}
        )
    return Comparison(
        list(stage.changes()),
        [*reading.findings, *stage.findings()],
        (*notes, *stage.notes()),
        {key: document.file for key, document in documents.items()},
        reading.texts,
    )


class _Stage:
    """What is compared: the resources as they are, and as they would be.

    Args:
        tools: compiles both.
        live: what is there; may be replaced when more of it is known.
        documents: what would be applied.
        answers: what the API server would make of each of them.
        today: the date that compilers are given.
    """

    def __init__(
        self,
        tools: Toolchain,
        live: Live,
        documents: Mapping[Key, Document],
        answers: Mapping[Key, Answer],
        today: date,
    ):
        self.live = live
        self._tools = tools
        self._documents = documents
        self._answers = answers
        there = {key: as_written(body) for key, body in live.resources.items()}
        written = {key: document.obj for key, document in documents.items()}
        self._before = run(tools, list(there.values()), today)
        self._written = run(tools, list({**there, **written}.values()), today)
        self._after = self._written
        refused = {key for key in documents if not self._applied(key)}
        if refused:
            # What the API server does not take leaves the resource as it is, for all that refer to it.
            applied = {key: obj for key, obj in written.items() if key not in refused}
            self._after = run(tools, list({**there, **applied}.values()), today)
        self._keys = (
            *(key for key in documents if key not in refused),
            *affected(self._before, self._after, documents.keys()),
        )

    def _applied(self, key: Key) -> bool:
        """Say whether a resource would come into the cluster; where the API server was not asked, whether it can be read."""
        answer = self._answers[key]
        return not answer.refused and (not answer.unasked or self._written.desired[key].model is not None)

    def names_to_look_up(self) -> list[ObjectRef]:
        """Return the objects that would be made, and of which it is not known yet whether somebody else has that name."""
        return unknown_objects(self._tools, self.live, self._after, self._keys)

    def changes(self) -> Iterator[Change]:
        """Yield the differences: each resource, then what comes of it; behind them those of resources that read them."""
        for key in self._keys:
            if key in self._documents:
                wanted = self._answers[key].body or self._documents[key].obj
                change = resource_change(key, self.live.resources.get(key), wanted)
                if change is not None:
                    yield change
            yield from object_changes(self._tools, self.live, self._after, [key])
        yield from standing_changes(self._tools, self.live, self._after, self._keys)

    def findings(self) -> Iterator[Located]:
        """Yield what is wrong with what would be applied, and what would become wrong by it."""
        for key, document in self._documents.items():
            desired = self._written.desired[key]
            said = [*desired.findings, *map(_taken, taken(self.live, self._written, key))]
            refused = self._answers[key].refused
            if refused and desired.model is not None:
                # Else it is said above, with the place and what to do.
                message = f"The API server would refuse it: {refused}"
                said.append(Finding(Severity.ERROR, Reason.APPLY_REFUSED, "", message))
            yield from locate(document, said)
        for key in self._keys:
            if key not in self._documents:
                old = self._before.desired[key].findings if key in self._before.desired else ()
                yield from (
                    Located(finding, key) for finding in self._after.desired[key].findings if finding not in old
                )

    def notes(self) -> Iterator[str]:
        """Yield why the API server could not be asked, and of which resources."""
        unasked: dict[str, list[str]] = {}
        for key, answer in self._answers.items():
            if answer.unasked:
                unasked.setdefault(answer.unasked, []).append(f"{key.kind} {key.namespace}/{key.name}")
        for why, names in unasked.items():
            yield f"{why}; so the API server could not be asked about {', '.join(names)}"


def _taken(ref: ObjectRef) -> Finding:
    return Finding(
        Severity.ERROR,
        Reason.NAME_TAKEN,
        "",
        f"{ref} exists and is not Binnacle's; it would be left as it is.",
        "Rename it, delete it, or rename this resource.",
    )
