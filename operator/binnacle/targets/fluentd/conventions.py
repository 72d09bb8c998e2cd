"""Every name that a pipeline has inside Fluentd: labels, plugin ids, tags, buffer and position paths, file names.

Parts are joined with dots, and none of them has one (namespaces and names are DNS labels, items of a list have letters,
digits, `-` and `_`), so two pipelines never meet in one name, and a path never leaves its root.
"""

import re
from typing import Final

from binnacle.intent.refs import Key
from binnacle.targets.fluentd.elements import ElementError

SHORT: Final = "lp"
ERROR_LABEL: Final = "@ERROR"
FLUENT_LOG_LABEL: Final = "@FLUENT_LOG"
RESERVED_LABELS: Final = frozenset({ERROR_LABEL, FLUENT_LOG_LABEL, "@ROOT"})
"""Labels with a meaning of their own in Fluentd; a pipeline's labels always begin with `@lp.`."""
FOLDER: Final = "fluentd"
ENTRY: Final = "binnacle.conf"
"""The file that Fluentd is started with, or that its main file includes; it includes the file of every pipeline."""
QUARANTINE: Final = "quarantine"
CONTAINERS: Final = "/var/log/containers"
"""Where the kubelet keeps the log files of containers: `<pod>_<namespace>_<container>-<id>.log`."""
ORIGIN: Final = (
    rf"\A{SHORT}(?:\.[A-Za-z0-9_-]+){{3}}{CONTAINERS.replace('/', '[.]')}\."
    r"([a-z0-9][a-z0-9.-]{0,252})_([a-z0-9-]{1,63})_([a-z0-9-]{1,63})-([0-9a-f]{64})\.log\z"
)
"""What the tag of an event from a container looks like: `tag(...)`, and the path of the file with dots for slashes.

Its groups are pod, namespace, container, and id of the container. (Ruby's dialect.)"""

_PART: Final = re.compile(r"[A-Za-z0-9_-]+")
_ROOT: Final = re.compile(r"(?:/[A-Za-z0-9_-][A-Za-z0-9._-]*)+")


def label(key: Key, *parts: str) -> str:
    """Return the name of a label of a pipeline: `@lp.shop.checkout`, `@lp.shop.checkout.after-join`."""
    return "@" + _joined(key, parts)


def plugin_id(key: Key, *parts: str) -> str:
    """Return the `@id` of a plugin of a pipeline: `lp.shop.checkout.stage.parse`. Fluentd makes folders of ids."""
    return _joined(key, parts)


def tag(key: Key, *parts: str) -> str:
    """Return how the tag of events begins that an input of a pipeline gives: `lp.shop.checkout.app`.

    An input that tails adds `.*`, for which Fluentd puts the path of the file: see `ORIGIN`.
    """
    return _joined(key, parts)


def buffer_path(root: str, key: Key, output: str) -> str:
    """Return the folder of an output's buffer below the administrator's `root`: `/buffers/lp.shop.checkout.loki`."""
    return f"{_root(root)}/{_joined(key, (output,))}"


def position_path(root: str, key: Key, source: str) -> str:
    """Return the file in which a tailing input remembers how far it has read: `/buffers/pos/lp.shop.checkout.app.pos`."""
    return f"{_root(root)}/pos/{_joined(key, (source,))}.pos"


def secret_path(root: str, namespace: str, name: str, key: str) -> str:
    """Return where the value of a Secret is mounted: `<root>/<namespace>/<name>/<key>`. The path is checked by `SecretFile`."""
    return f"{root.rstrip('/')}/{namespace}/{name}/{key}"


def refused_path(root: str, key: Key, output: str) -> str:
    """Return the folder of chunks that a backend has refused for ever: `/buffers/refused/lp.shop.checkout.loki`."""
    return f"{_root(root)}/refused/{_joined(key, (output,))}"


def version_id(key: Key, digest: str) -> str:
    """Return the `@id` by which a running Fluentd tells which version of a pipeline it has: `lp.shop.checkout.version.<digest>`."""
    return _joined(key, ("version", digest))


def _joined(key: Key, parts: tuple[str, ...]) -> str:
    every = (SHORT, key.namespace, key.name, *parts)
    for part in every:
        if not _PART.fullmatch(part):
            raise ElementError(f"{part!r} cannot be part of a name in Fluentd", fix="use letters, digits, - and _")
    return ".".join(every)


def _root(path: str) -> str:
    if not _ROOT.fullmatch(path.rstrip("/")):
        raise ElementError(f"{path!r} is not an absolute path of plain names", fix="write something like /buffers")
    return path.rstrip("/")
