"""A pipeline run offline: its stages are spelled, printed, read back as Fluentd reads them, and then records pass them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from binnacle.api.config import SecretsConfig
from binnacle.check.fluentd.grammar import parse
from binnacle.check.pipeline.engine import Engine
from binnacle.check.pipeline.events import Event, Record
from binnacle.check.pipeline.programs import REMEMBERING, operation
from binnacle.intent.pipeline import Pipeline
from binnacle.intent.refs import Key
from binnacle.targets.fluentd import Element, conventions, element
from binnacle.targets.fluentd.render import render
from binnacle.targets.fluentd.stages import output_label, quarantine, spelled

QUARANTINE: Final = "@quarantine"
"""Sink of the stubs; no output of a pipeline is called so."""
_FILE: Final = "test-0_{}_test-" + "0" * 64 + ".log"
"""The file of the container that lines seem to come from: container `test` of pod `test-0`."""
_START: Final = 1_700_000_000


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came where.

    Attributes:
        outputs: events by output, in the order in which they came; every output is there.
        quarantine: the stubs.
    """

    outputs: Mapping[str, list[Event]]
    quarantine: list[Event] = field(default_factory=list)

    def records(self, output: str) -> list[Record]:
        """Return the records that came to an output."""
        return [event.record for event in self.outputs[output]]


class Offline:
    """The stages of a pipeline as Fluentd would have them, ready to be sent records.

    Args:
        key: of the resource.
        pipeline: what it compiled to.

    Raises:
        ElementError: a name that Fluentd cannot have.
    """

    def __init__(self, key: Key, pipeline: Pipeline):
        stages = spelled(key, pipeline, SecretsConfig().root)
        ends = [_end(output_label(key, output.name), output.name) for output in pipeline.outputs]
        errors, stub = quarantine(element("match", "**", {"@type": "capture", "@id": QUARANTINE}))
        self._key = key
        self._outputs = [output.name for output in pipeline.outputs]
        self._root = parse(render([*stages.elements, *ends, errors])).root
        programs = (*stages.programs, stub)
        self._ready = {one.code: operation(one) for one in programs if one.operation not in REMEMBERING}
        self._remembering = [one for one in programs if one.operation in REMEMBERING]

    def run(self, records: Iterable[Mapping[str, Any]]) -> Outcome:
        """Send records through the stages, as if they had just been read from a container, one second apart.

        Args:
            records: `{"message": line}`, or whole records; a text with bad bytes is `bytes`. They are not changed.

        Raises:
            ValueError: an invalid regular expression.
        """
        key = self._key
        # A new engine each time: it holds lines that wait for others, and remembers what arrived.
        remembering = {program.code: operation(program) for program in self._remembering}
        engine = Engine(self._root, {**self._ready, **remembering})
        tag = f"{conventions.tag(key, 'test')}{conventions.CONTAINERS.replace('/', '.')}.{_FILE.format(key.namespace)}"
        for number, record in enumerate(records):
            event = Event(tag, (_START + number, 0), {"stream": "stdout", "logtag": "F", **record})
            engine.emit([event], conventions.label(key))
        engine.idle()
        outcome = Outcome({output: [] for output in self._outputs})
        for arrived in engine.arrived:
            if arrived.sink == QUARANTINE:
                outcome.quarantine.append(arrived.event)
            elif arrived.sink in outcome.outputs:
                outcome.outputs[arrived.sink].append(arrived.event)
        return outcome


def _end(label: str, sink: str) -> Element:
    return element("label", label, {}, [element("match", "**", {"@type": "capture", "@id": sink})])
