"""The target of dashboards: a ConfigMap of its own for each, in Grafana's namespace, or a file.

Grafana's sidecar finds the ConfigMaps by a label and writes what is in them into a folder that an annotation names; Grafana
knows a dashboard by the path of that file. Several dashboards in one ConfigMap are not removed properly, so each has one.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from binnacle.api.config import Config
from binnacle.api.reasons import Reason
from binnacle.errors import SpecError
from binnacle.intent.base import Intent
from binnacle.intent.dashboard import OWN_KIND, Board, folder_slug
from binnacle.intent.refs import Key, ObjectRef
from binnacle.targets import conventions
from binnacle.targets.base import AggregateKey, File, Output, Owner, Resource, Share, Standing
from binnacle.targets.grafana.board import text_of

_PURPOSE: Final = "dashboard"
_LABEL_VALUE: Final = "1"
"""What kube-prometheus-stack's sidecar selects by; Grafana's own chart takes any value."""


class GrafanaDashboards:
    """Target: dashboards for Grafana's file provisioning."""

    name = "dashboards"
    backend = "grafana"
    spells: tuple[type[Intent], ...] = (Board,)
    fewest = 0

    def resources(self, config: Config) -> tuple[Resource, ...]:
        """Return the ConfigMaps of Grafana's namespace."""
        return (Resource("v1", "ConfigMap", "configmaps", config.grafana.namespace),)

    def metadata_keys(self, config: Config) -> tuple[frozenset[str], frozenset[str]]:
        """Return the sidecar's label and the annotation that names the folder."""
        return frozenset({config.grafana.sidecar_label}), frozenset({config.grafana.folder_annotation})

    def render(self, intents: Sequence[Intent], owner: Owner, config: Config) -> tuple[Output, ...]:
        """Spell the dashboards of a resource as ConfigMaps.

        Raises:
            SpecError: `OutputTooLarge`, a dashboard does not fit an object.
        """
        return tuple(_config_map(board, owner, config) for board in _boards(intents))

    def size(self, owner: Key, fragment: str) -> int:  # noqa: ARG002 - the protocol's shape
        """Return 0: every dashboard has an object of its own."""
        return 0

    def of_one(self, config: Config) -> int | None:  # noqa: ARG002 - the protocol's shape
        """Return None: no object is shared."""
        return None

    def place(self, sizes: Mapping[Key, int], placed: Mapping[Key, int], config: Config) -> Mapping[Key, int]:  # noqa: ARG002 - the protocol's shape
        """Return nothing: no object is shared."""
        return {}

    def spell(self, aggregate: AggregateKey, shard: int, shares: Mapping[Key, str], config: Config) -> Output:
        """Refuse: no object is shared."""
        raise NotImplementedError

    def split(self, body: Mapping[str, Any]) -> dict[Key, str]:  # noqa: ARG002 - the protocol's shape
        """Return nothing: no object is shared."""
        return {}

    def shard_of(self, body: Mapping[str, Any], config: Config) -> int:  # noqa: ARG002 - the protocol's shape
        """Return 0: no object is shared."""
        return 0

    def shard_ref(self, aggregate: AggregateKey, shard: int, config: Config) -> ObjectRef:
        """Return which object a shared one would be."""
        return conventions.config_map(
            aggregate.namespace, conventions.aggregate_name(config.instance, self.name, shard)
        )

    def files(self, intents: Sequence[Intent], owner: Owner, config: Config) -> tuple[File, ...]:  # noqa: ARG002 - the protocol's shape
        """Spell the dashboards of a resource as files, in a folder each that Grafana can make its own folders of."""
        made = []
        for board in _boards(intents):
            text = text_of(board)
            made.append(File(_path(board, _file_name(owner.key)), f"{text}\n", owner.key, _facts(text, owner.key)))
        return tuple(made)

    def assemble_files(self, aggregate: AggregateKey, shares: Mapping[Key, str], config: Config) -> tuple[File, ...]:  # noqa: ARG002 - the protocol's shape
        """Return nothing: every dashboard has a file of its own."""
        return ()

    def split_file(self, path: str, text: str, config: Config) -> tuple[Share, ...]:  # noqa: ARG002 - the protocol's shape
        """Return nothing: no file is shared."""
        return ()


def _boards(intents: Sequence[Intent]) -> list[Board]:
    return [intent for intent in intents if isinstance(intent, Board)]


def standing(kind: str, boards: Mapping[str, Board], config: Config) -> Standing:
    """Spell the dashboards that there are while there is any resource of a kind.

    Args:
        kind: the kind.
        boards: the dashboards by name, none when there shall be none.
        config: the administrator's configuration.
    """
    target = f"{conventions.SHORT_NAMES[kind]}-boards"
    outputs, files = [], []
    for name, board in boards.items():
        # With the instance in it: two installations may share a Grafana.
        stem = conventions.aggregate_name(config.instance, name, 0)
        labels = conventions.aggregate_labels(target, config.instance)
        outputs.append(_object(board, stem, f"{stem}.json", labels, (), None, config))
        files.append(File(_path(board, f"{stem}.json"), f"{text_of(board)}\n", None))
    return Standing(kind, AggregateKey(target, config.grafana.namespace), tuple(outputs), tuple(files))


def _file_name(key: Key) -> str:
    """Return the name of a dashboard's file: no other's, also where all of them lie in one folder."""
    whose = f"{key.namespace}.{key.name}"
    return f"{whose}.json" if key.kind == OWN_KIND else f"{key.kind.lower()}.{whose}.json"


def _path(board: Board, name: str) -> str:
    return f"grafana/dashboards/{folder_slug(board.folder)}/{name}"


def _facts(text: str, owner: Key | None) -> dict[str, int]:
    return {"size": len(text.encode())} if owner is not None and owner.kind == OWN_KIND else {}


def _config_map(board: Board, owner: Owner, config: Config) -> Output:
    key, namespace = owner.key, config.grafana.namespace
    references = [conventions.owner_reference(key, owner.uid)] if key.namespace == namespace and owner.uid else []
    labels = conventions.owner_labels(key, config.instance)
    return _object(board, conventions.object_name(key, namespace), _file_name(key), labels, references, key, config)


def _object(
    board: Board,
    name: str,
    data_key: str,
    labels: Mapping[str, str],
    references: Sequence[Mapping[str, Any]],
    owner: Key | None,
    config: Config,
) -> Output:
    grafana = config.grafana
    text = text_of(board)
    size = len(text.encode())
    if size > conventions.OBJECT_BYTES:
        raise SpecError(
            f"The dashboard has {size} bytes, {conventions.OBJECT_BYTES} is the most that one object holds.",
            path="spec.rows",
            reason=Reason.OUTPUT_TOO_LARGE.value,
            fix="Spread its rows over several dashboards, and link them.",
        )
    metadata: dict[str, Any] = {
        "name": name,
        "namespace": grafana.namespace,
        "labels": {grafana.sidecar_label: _LABEL_VALUE, **labels},
        "annotations": {grafana.folder_annotation: board.folder},
    }
    if references:
        metadata["ownerReferences"] = list(references)
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {data_key: text}}
    ref = ObjectRef("v1", "ConfigMap", grafana.namespace, name)
    return Output(ref, conventions.with_hash(body), owner, _PURPOSE, facts=_facts(text, owner))
