"""The files that Fluentd loads: one for each pipeline, and the one that includes them and has what is there once for all.

A pipeline's file is whole in itself: sources, labels of stages, labels of outputs, and nothing that another file refers to.
The file that includes them does not depend on any of them, so it stays as it is while pipelines come and go.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from binnacle.api.config import Config, QuarantineOutput
from binnacle.intent.pipeline import Loki, Output, Pipeline, Stdout
from binnacle.intent.refs import Key
from binnacle.targets.conventions import digest
from binnacle.targets.fluentd import conventions
from binnacle.targets.fluentd.elements import Element, Prepared, element
from binnacle.targets.fluentd.inputs import sources
from binnacle.targets.fluentd.outputs import outputs, quarantine_output
from binnacle.targets.fluentd.render import Embedded, embedded, render
from binnacle.targets.fluentd.stages import Program, quarantine, spelled

_DIGEST_LENGTH: Final = 12
_LABELS: Final = (("binnacle", conventions.QUARANTINE),)
"""Labels of stubs in Loki."""


@dataclass(frozen=True, slots=True)
class Written:
    """A file.

    Attributes:
        text: of the file.
        elements: what it says.
        programs: code in it that is ours.
        version: digest of what it says; empty for the file of all.
    """

    text: str
    elements: tuple[Element, ...]
    programs: tuple[Program, ...]
    version: str = ""

    @property
    def trusted(self) -> frozenset[str]:
        """All code in the file: what a lint may pass over."""
        return frozenset((*(program.code for program in self.programs), *_embedded(self.elements)))


def written(key: Key, pipeline: Pipeline, config: Config) -> Written:
    """Spell a pipeline.

    The first filter has an `@id` with a digest of all else: a running Fluentd that lists it has loaded exactly this version.

    Raises:
        ElementError: a name that Fluentd or a backend would take for something else.
    """
    buffers, secrets = config.fluentd.buffers, config.secrets.root
    stages = spelled(key, pipeline, secrets)
    ends = outputs(key, pipeline, buffers, secrets)
    elements = (*sources(key, pipeline, buffers), *stages.elements, *ends.elements)
    texts = [render([one]) for one in elements]
    version = digest(texts)[:_DIGEST_LENGTH]
    first = next(at for at, one in enumerate(elements) if one.argument == conventions.label(key))
    stamped = _stamped(elements[first], conventions.version_id(key, version))
    heading = f"{key.kind} {key.namespace}/{key.name}, written by Binnacle: change the resource, not this file."
    whole = (*elements[:first], stamped, *elements[first + 1 :])
    text = "".join((render((), heading=[heading]), *texts[:first], render([stamped]), *texts[first + 1 :]))
    return Written(text, whole, (*stages.programs, *ends.programs), version)


def entry(config: Config, files: str) -> Written:
    """Spell the file that Fluentd is started with, or that its main file includes.

    Everything that goes wrong anywhere becomes a stub in `@ERROR`. Fluentd's own messages, which come as events too, end here:
    they are in its log already.

    Args:
        config: the administrator's.
        files: names of the files of pipelines, in the same folder.
    """
    end = quarantine_output(_quarantine(config), config.fluentd.buffers, config.secrets.root)
    errors, stub = quarantine(end)
    prelude = Prepared("warn", "loki") if config.loki.url else None
    own = element("match", "**", {"@type": "null", "@log_level": prelude})
    elements = (errors, element("label", conventions.FLUENT_LOG_LABEL, {}, [own]))
    heading = "Written by Binnacle. Start Fluentd with this file, or include it in a file with <system> and sources of your own."
    return Written(render(elements, heading=[heading], includes=[files]), elements, (stub,))


def _quarantine(config: Config) -> Output:
    name = conventions.QUARANTINE
    match config.fluentd.quarantine:
        case QuarantineOutput.STDOUT:
            return Stdout(name)
        case QuarantineOutput.LOKI:
            return Loki(name, config.loki.url or "", _LABELS, tenant=config.loki.tenant or "")


def _stamped(label: Element, version: str) -> Element:
    first, *others = label.children
    return replace(label, children=(replace(first, params=(*first.params, ("@id", version))), *others))


def _embedded(elements: Iterable[Element]) -> Iterator[str]:
    for one in elements:
        values: tuple[Any, ...] = tuple(value for _, value in one.params)
        yield from (embedded(value) for value in values if isinstance(value, Embedded))
        yield from _embedded(one.children)
