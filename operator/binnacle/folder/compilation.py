"""One pass over what was read: compiled, and each finding where it stands."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from binnacle.api.findings import Severity
from binnacle.control.desired import Toolchain
from binnacle.control.onepass import Crew, Earlier, Keep, Pass, run
from binnacle.folder.document import Document
from binnacle.folder.located import Located, locate
from binnacle.folder.reader import Reading
from binnacle.intent.refs import Key


@dataclass(frozen=True, slots=True)
class Compilation:
    """The outcome of one pass over files.

    Attributes:
        outcome: what the resources want.
        findings: of the reader and of the compilers, with their places.
        texts: the files read, to show lines of them.
        documents: the resources read.
        unread: resources that were named in the files but cannot be read.
        complete: whether all resources in the files are known by name; not when a whole file could not be read.
    """

    outcome: Pass
    findings: Sequence[Located]
    texts: Mapping[str, str]
    documents: Mapping[Key, Document]
    unread: frozenset[Key]
    complete: bool


def compile_reading(
    reading: Reading,
    tools: Toolchain,
    today: date,
    *,
    files: bool = False,
    earlier_objects: Sequence[Mapping[str, Any]] = (),
    earlier_files: Mapping[str, str] | None = None,
    keep: Keep = Keep.MEANINGS,
    crew: Crew | None = None,
) -> Compilation:
    """Compile all that was read.

    Args:
        reading: resources, and what is wrong with their files.
        tools: the toolchain.
        today: the date that compilers are given.
        files: spell the backends' own files instead of Kubernetes objects.
        earlier_objects: what an earlier pass has written of aggregates, to keep the last good version of what does not
            compile now.
        earlier_files: the same where files were written, path -> text.
        keep: what is kept of each resource.
        crew: who compiles where texts or findings are enough.
    """
    documents = {document.key: document for document in reading.documents}
    errors = [item for item in reading.findings if item.finding.severity is Severity.ERROR]
    unread = frozenset(item.key for item in errors if item.key.name) - documents.keys()
    complete = all(item.key.kind and item.key.name for item in errors)
    outcome = run(
        tools,
        [document.obj for document in documents.values()],
        today,
        files=files,
        earlier=Earlier(earlier_objects, unread, all_wanted=not complete, files=earlier_files or {}),
        keep=keep,
        crew=crew,
    )
    findings = list(reading.findings)
    for key, desired in outcome.desired.items():
        if desired.findings:
            findings.extend(locate(documents[key], desired.findings))
    return Compilation(outcome, findings, reading.texts, documents, unread, complete)
