"""What every command that compiles does first: read, fill in, compile, and find where each finding stands."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from binnacle.api.config import Config, RuleOutput
from binnacle.api.findings import Severity
from binnacle.cli.options import day
from binnacle.cli.stack import make_room
from binnacle.control.onepass import Earlier, Pass, run
from binnacle.control.toolchain import shipped
from binnacle.folder.context import read_config
from binnacle.folder.document import Document
from binnacle.folder.located import Located, locate
from binnacle.folder.reader import read
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


def compile_paths(
    paths: Iterable[str],
    context: Path | None,
    when: datetime | None,
    *,
    files: bool = False,
    earlier: Sequence[Mapping[str, Any]] = (),
) -> Compilation:
    """Read resources and compile them all.

    Args:
        paths: files, folders, `-`.
        context: the administrator's configuration.
        when: the date to compile for; None is today.
        files: spell the backends' own files instead of Kubernetes objects.
        earlier: objects that an earlier run has written, to keep the last good version of what does not compile now.

    Raises:
        BinnacleError: a path does not exist, or the configuration is unusable.
    """
    make_room()
    config = offline(read_config(context))
    reading = read(paths, stdin=sys.stdin.buffer)
    today: date = day(when, datetime.now(UTC).date())
    documents = {document.key: document for document in reading.documents}
    errors = [item for item in reading.findings if item.finding.severity is Severity.ERROR]
    unread = frozenset(item.key for item in errors if item.key.name) - documents.keys()
    complete = all(item.key.kind and item.key.name for item in errors)
    outcome = run(
        shipped(config),
        [document.obj for document in documents.values()],
        today,
        files=files,
        earlier=Earlier(earlier, unread, all_wanted=not complete),
    )
    findings = list(reading.findings)
    for key, desired in outcome.desired.items():
        if desired.findings:
            findings.extend(locate(documents[key], desired.findings))
    return Compilation(outcome, findings, reading.texts, documents, unread, complete)


def offline(config: Config) -> Config:
    """Resolve `auto` where no cluster can be asked: PrometheusRule objects, what most clusters have."""
    if config.prometheus.output is not RuleOutput.AUTO:
        return config
    prometheus = config.prometheus.model_copy(update={"output": RuleOutput.OPERATOR})
    return config.model_copy(update={"prometheus": prometheus})
