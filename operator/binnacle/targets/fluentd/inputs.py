r"""Where the records of a pipeline come from: `<source>` sections that tail the log files of containers.

What the recorded behaviour of Fluentd asks for (tests/data/fluentd/pipelines.json):

- No `encoding`: lines come as bytes, which no pattern of ASCII stumbles over. Joined lines are made valid text later, by a
  program, because a character may have been cut in two.
- A line that the parser refuses is written into Fluentd's own log as it is. So the expression takes every line: one that is
  not as the container runtime writes it becomes a whole record with an unread line. Its time is checked digit by digit, for
  a time that cannot be read would be such a refusal too. A fraction of a second may be missing, which parser-cri refuses.
- The tag ends with the path of the file: lines are joined by tag, and two containers must never meet in one line.
"""

import re
from collections.abc import Iterator
from typing import Final

from binnacle.intent.pipeline import Containers, Pipeline
from binnacle.intent.refs import Key
from binnacle.targets.fluentd import conventions
from binnacle.targets.fluentd.elements import Element, ElementError, Json, element

CRI: Final = (
    r"/\A(?:(?<time>[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,9})?"
    r"(?:Z|[+-](?:0[0-9]|1[0-4]):[0-5][0-9])) (?<stream>stdout|stderr) (?<logtag>[FP](?::[^ ]*)?)(?: |\z))?(?<message>.*)\z/m"
)
"""A line as containerd and CRI-O write it, or any other line as a message alone."""

_ID: Final = "?" * 64
"""The id of a container in the name of its file; its length tells the container `app` from `app-proxy`."""
_ANY: Final = ""
_POD: Final = re.compile(r"[a-z0-9*]([a-z0-9.*-]*[a-z0-9*])?")
_CONTAINER: Final = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_ROTATE_WAIT: Final = 30
"""Seconds for which a file that was moved away is still read to its end."""
_REFRESH: Final = 10
"""Seconds between two looks for new files."""
_COMPACTION: Final = 3600
"""Seconds after which files that are gone are taken out of the position file."""


def sources(key: Key, pipeline: Pipeline, buffers: str) -> tuple[Element, ...]:
    """Spell the inputs of a pipeline; their events go to the label `conventions.label(key)`.

    Args:
        key: of the resource; files of its own namespace only are read.
        pipeline: what it means.
        buffers: folder for what must outlive the process.

    Raises:
        ElementError: a name that would be something else in the name of a file.
    """
    return tuple(_tail(key, one, buffers) for one in pipeline.inputs)


def _tail(key: Key, source: Containers, buffers: str) -> Element:
    left_out = [_file("*", key.namespace, _named(name)) for name in source.exclude]
    parse = element("parse", "", {"@type": "regexp", "expression": CRI, "time_key": "time", "time_format": "%iso8601"})
    return element(
        "source",
        "",
        {
            "@type": "tail",
            "@id": conventions.plugin_id(key, "input", source.name),
            "@label": conventions.label(key),
            "tag": f"{conventions.tag(key, source.name)}.*",
            "path": ",".join(_files(key, source)),
            "exclude_path": Json.of(left_out) if left_out else None,
            "pos_file": conventions.position_path(buffers, key, source.name),
            "pos_file_compaction_interval": _COMPACTION,
            "read_from_head": True,
            "follow_inodes": True,
            "rotate_wait": _ROTATE_WAIT,
            "refresh_interval": _REFRESH,
            "ignore_repeated_permission_error": True,
        },
        [parse],
    )


def _files(key: Key, source: Containers) -> Iterator[str]:
    """Yield patterns of file names. Neither pods, namespaces nor containers have a `_`, so `*` does not reach beyond its part."""
    for pod in source.pods or ("*",):
        if not _POD.fullmatch(pod):
            raise ElementError(
                f"{pod!r} is not a pattern of names of pods", fix="use lower-case letters, digits, - . and *"
            )
        for name in [_named(container) for container in source.containers] or [_ANY]:
            path = _file(pod, key.namespace, name)
            # Without a star anywhere Fluentd takes the path for the name of one file.
            yield path if "*" in path else _file(f"**/{pod}", key.namespace, name)


def _file(pod: str, namespace: str, container: str) -> str:
    ending = "*" if container == _ANY else f"{container}-{_ID}"
    return f"{conventions.CONTAINERS}/{pod}_{namespace}_{ending}.log"


def _named(container: str) -> str:
    if not _CONTAINER.fullmatch(container):
        raise ElementError(f"{container!r} is not the name of a container", fix="use lower-case letters, digits and -")
    return container
