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
from binnacle.intent.dashboard import Board, folder_slug
from binnacle.intent.refs import Key, ObjectRef
from binnacle.targets import conventions
from binnacle.targets.base import AggregateKey, File, Output, Owner, Resource, Share
from binnacle.targets.grafana.board import text_of

_PURPOSE: Final = "dashboard"
_LABEL_VALUE: Final = "1"
"""What kube-prometheus-stack's sidecar selects by; Grafana's own chart takes any value."""


class GrafanaDashboards:
    """Target: dashboards for Grafana's file provisioning."""

    name = "dashboards"
    backend = "grafana"

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

    def assemble(
        self,
        aggregate: AggregateKey,  # noqa: ARG002 - the protocol's shape
        shares: Mapping[Key, str],  # noqa: ARG002 - the protocol's shape
        placed: Mapping[Key, int],
        config: Config,  # noqa: ARG002 - the protocol's shape
    ) -> tuple[tuple[Output, ...], Mapping[Key, int]]:
        """Return nothing: every dashboard has an object of its own."""
        return (), placed

    def split(self, body: Mapping[str, Any]) -> dict[Key, str]:  # noqa: ARG002 - the protocol's shape
        """Return nothing: no object is shared."""
        return {}

    def shard_of(self, body: Mapping[str, Any], config: Config) -> int:  # noqa: ARG002 - the protocol's shape
        """Return 0: no object is shared."""
        return 0

    def shard_name(self, shard: int, config: Config) -> str:
        """Return the name that a shared object would have."""
        return conventions.aggregate_name(config.instance, self.name, shard)

    def files(self, intents: Sequence[Intent], owner: Owner, config: Config) -> tuple[File, ...]:  # noqa: ARG002 - the protocol's shape
        """Spell the dashboards of a resource as files, in a folder each that Grafana can make its own folders of."""
        made = []
        for board in _boards(intents):
            text = text_of(board)
            path = f"grafana/dashboards/{folder_slug(board.folder)}/{_file_name(owner.key)}"
            made.append(File(path, f"{text}\n", owner.key, _facts(text)))
        return tuple(made)

    def assemble_files(self, aggregate: AggregateKey, shares: Mapping[Key, str], config: Config) -> tuple[File, ...]:  # noqa: ARG002 - the protocol's shape
        """Return nothing: every dashboard has a file of its own."""
        return ()

    def split_file(self, path: str, text: str, config: Config) -> tuple[Share, ...]:  # noqa: ARG002 - the protocol's shape
        """Return nothing: no file is shared."""
        return ()


def _boards(intents: Sequence[Intent]) -> list[Board]:
    return [intent for intent in intents if isinstance(intent, Board)]


def _file_name(key: Key) -> str:
    """Return the name of a dashboard's file: no other's, also where all of them lie in one folder."""
    return f"{key.namespace}.{key.name}.json"


def _facts(text: str) -> dict[str, int]:
    return {"size": len(text.encode())}


def _config_map(board: Board, owner: Owner, config: Config) -> Output:
    grafana = config.grafana
    key = owner.key
    text = text_of(board)
    size = len(text.encode())
    if size > conventions.OBJECT_BYTES:
        raise SpecError(
            f"The dashboard has {size} bytes, {conventions.OBJECT_BYTES} is the most that one object holds.",
            path="spec.rows",
            reason=Reason.OUTPUT_TOO_LARGE.value,
            fix="Spread its rows over several dashboards, and link them.",
        )
    name = conventions.object_name(key, grafana.namespace)
    metadata: dict[str, Any] = {
        "name": name,
        "namespace": grafana.namespace,
        "labels": {grafana.sidecar_label: _LABEL_VALUE, **conventions.owner_labels(key, config.instance)},
        "annotations": {grafana.folder_annotation: board.folder},
    }
    if key.namespace == grafana.namespace and owner.uid:
        metadata["ownerReferences"] = [conventions.owner_reference(key, owner.uid)]
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {_file_name(key): text}}
    ref = ObjectRef("v1", "ConfigMap", grafana.namespace, name)
    return Output(ref, conventions.with_hash(body), key, _PURPOSE, facts=_facts(text))
