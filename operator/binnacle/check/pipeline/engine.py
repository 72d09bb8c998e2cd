"""Fluentd's router over a configuration that has been read: labels, filters in their order, the way to outputs, errors.

What the real one does with errors is kept, also where it is a trap: filters that all work on single records run as one
chain, in which a record that raised goes to `@ERROR` and on; behind a filter that works on whole streams it goes to
`@ERROR` only.
"""

import copy
from collections.abc import Iterable, Mapping
from typing import Final

from binnacle.check.fluentd.match import section_matcher
from binnacle.check.fluentd.sections import Section
from binnacle.check.pipeline.events import Arrived, Event, RaisedError
from binnacle.check.pipeline.plugins import Filter, made
from binnacle.check.pipeline.programs import Operation

ERROR: Final = "@ERROR"
ROOT: Final = ""
_COPIES: Final = ("deep", "marshal")
_MOST_LABELS: Final = 500


class Engine:
    """A configuration at work; it keeps what arrives at outputs in `arrived`.

    Args:
        root: the configuration; sources in it are left out.
        programs: code that is ours, and what it does.
        failing: ids of outputs that raise on every event.

    Raises:
        ValueError: a plugin or parameter that is not simulated.
    """

    def __init__(self, root: Section, programs: Mapping[str, Operation], failing: frozenset[str] = frozenset()):
        self.arrived: list[Arrived] = []
        self._domains = {ROOT: root, **{str(label.argument): label for label in root.all("label")}}
        self._filters: dict[int, Filter] = {
            id(section): made(section, programs)
            for domain in self._domains.values()
            for section in domain.all("filter")
        }
        for domain in self._domains.values():
            for section in domain.all("match"):
                _check_output(section)
        self._failing = failing
        self._stopping = False
        self._depth = 0

    def emit(self, events: Iterable[Event], label: str = ROOT) -> None:
        """Send a stream of events of one tag into a label."""
        stream = list(events)
        domain = self._domains.get(label)
        if not stream or domain is None:
            return
        self._depth += 1
        try:
            if self._depth > _MOST_LABELS:
                raise ValueError("labels lead in a circle")
            self._through(domain, stream)
        finally:
            self._depth -= 1

    def idle(self) -> None:
        """Let so much time pass that nothing waits any longer."""
        self._drain(stopping=False)

    def stop(self) -> None:
        """Stop the process: what was held comes out."""
        self._stopping = True
        self._drain(stopping=True)

    def _drain(self, *, stopping: bool) -> None:
        for domain in self._domains.values():
            for section in domain.all("filter"):
                plugin = self._filters[id(section)]
                for label, event in list(plugin.stop() if stopping else plugin.idle()):
                    self.emit([event], label or ERROR)

    def _through(self, domain: Section, stream: list[Event]) -> None:
        tag = stream[0].tag
        filters, output = [], None
        for section in domain.sections:
            if section.name == "filter" and section_matcher(section).matches(tag):
                filters.append(self._filters[id(section)])
            elif section.name == "match" and section_matcher(section).matches(tag):
                output = section
                break
        if output is None:
            return
        chained = not any(plugin.whole_streams for plugin in filters)
        stream = self._chained(filters, stream) if chained else self._staged(filters, stream)
        if stream:
            self._deliver(domain, output, stream)

    def _staged(self, filters: list[Filter], stream: list[Event]) -> list[Event]:
        for plugin in filters:
            after: list[Event] = []
            for event in stream:
                try:
                    after.extend(plugin.one(event, self._fail))
                except RaisedError:
                    self._fail(event)
            stream = after
        return stream

    def _chained(self, filters: list[Filter], stream: list[Event]) -> list[Event]:
        after = []
        for event in stream:
            now: list[Event] = [event]
            for plugin in filters:
                try:
                    now = list(plugin.one(now[0], self._fail))
                except RaisedError:
                    self._fail(now[0])
                if not now:
                    break
            after.extend(now)
        return after

    def _fail(self, event: Event) -> None:
        self.emit([Event(event.tag, event.time, copy.deepcopy(event.record))], ERROR)

    def _deliver(self, domain: Section, output: Section, stream: list[Event]) -> None:
        try:
            self._write(output, stream)
        except RaisedError as error:
            if self._domains.get(ERROR) is domain:
                raise ValueError("an output in @ERROR failed: Fluentd calls itself until its stack ends") from error
            self.emit(stream, ERROR)

    def _write(self, output: Section, stream: list[Event]) -> None:
        kind = str(output.get("@type"))
        match kind:
            case "relabel":
                self.emit(stream, str(output.get("@label")))
            case "copy":
                deep = str(output.get("copy_mode")) in _COPIES
                for store in output.all("store"):
                    self._write(store, copy.deepcopy(stream) if deep else stream)
            case "null":
                return
            case _:
                sink = str(output.get("@id") or kind)
                if sink in self._failing:
                    raise RaisedError(sink)
                self.arrived.extend(Arrived(sink, copy.deepcopy(event), self._stopping) for event in stream)


def _check_output(section: Section) -> None:
    """Refuse a way to outputs that is not simulated."""
    if str(section.get("@type")) != "copy":
        return
    known = {"@type", "copy_mode", "@id"}
    if not {key for key, _ in section.params} <= known or any(store.argument for store in section.all("store")):
        raise ValueError("not simulated: a copy that handles errors of its own")
    if section.get("copy_mode") not in (None, "no_copy", *_COPIES):
        raise ValueError(f"not simulated: copy_mode {section.get('copy_mode')}")
    for store in section.all("store"):
        _check_output(store)
