"""Configuration files run as Fluentd would run them, on logs of the test: what its real one is compared with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from binnacle.check.fluentd.grammar import parse
from binnacle.check.pipeline.engine import ROOT, Engine
from binnacle.check.pipeline.events import Arrived
from binnacle.check.pipeline.programs import operation
from binnacle.targets.fluentd.stages import Program
from check.tailing import tailed


def run_files(
    files: Mapping[str, str],
    entry: str,
    trusted: Iterable[Program],
    logs: Mapping[str, list[bytes]],
    failing: frozenset[str] = frozenset(),
) -> list[Arrived]:
    """Run whatever Fluentd would load: read the files, tail the logs, and return what came to outputs, by their `@id`.

    Args:
        files: name -> text of configuration files.
        entry: which of them Fluentd is started with.
        trusted: programs in them.
        logs: absolute path -> lines with their ends.
        failing: ids of outputs that raise on every event.

    Raises:
        FluentdSyntaxError: a file that Fluentd cannot read.
        ValueError: something that is not simulated.
    """
    root = parse(files[entry], files=files, name=entry).root
    engine = Engine(root, {program.code: operation(program) for program in trusted}, failing)
    for source in root.all("source"):
        for event in tailed(source, logs):
            engine.emit([event], str(source.get("@label") or ROOT))
    engine.idle()
    return engine.arrived
