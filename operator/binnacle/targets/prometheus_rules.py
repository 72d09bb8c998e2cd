"""Prometheus rules: a PrometheusRule of the resource, a rule file in shared ConfigMaps, or a plain rule file.

Where prometheus-operator's kind exists, each resource has a PrometheusRule of its own beside it. Elsewhere rule files
lie in ConfigMaps in Prometheus' namespace, one data key for each resource.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from binnacle.api.config import Config, RuleOutput
from binnacle.api.reasons import Reason
from binnacle.errors import SpecError
from binnacle.intent.base import Intent
from binnacle.intent.refs import Key, ObjectRef
from binnacle.intent.rules import RuleSet
from binnacle.targets import conventions, rulefile
from binnacle.targets.base import AggregateKey, File, Output, Owner, Resource, Share
from binnacle.targets.sharding import place

_PURPOSE: Final = "rules"
_RULE_API: Final = "monitoring.coreos.com/v1"
_RULE_KIND: Final = "PrometheusRule"
_LIMIT: Final = 900_000
"""Bytes of one object: etcd refuses 1.5 MiB, the API server 3 MiB, a ConfigMap 1 MiB; the rest is metadata and room."""
_SUFFIX: Final = ".yaml"
_KINDS: Final = {kind.lower(): kind for kind in conventions.SHORT_NAMES}


class PrometheusRules:
    """Target: rules for Prometheus and for the rulers that read its format."""

    name = "rules"
    backend = "prometheus"

    def resources(self, config: Config) -> tuple[Resource, ...]:
        """Return the kinds of objects that hold rules: both, because after a switch the other's must be taken away."""
        return (
            Resource(_RULE_API, _RULE_KIND, "prometheusrules"),
            Resource("v1", "ConfigMap", "configmaps", config.prometheus.namespace),
        )

    def metadata_keys(self, config: Config) -> tuple[frozenset[str], frozenset[str]]:
        """Return the administrator's labels, by which Prometheus selects the objects."""
        return frozenset(config.prometheus.rule_labels), frozenset()

    def render(self, intents: Sequence[Intent], owner: Owner, config: Config) -> tuple[Output | Share, ...]:
        """Spell the rules of a resource; nothing when it has none.

        Raises:
            SpecError: `OutputTooLarge`, the rules of this one resource do not fit an object.
        """
        groups = _groups(intents, owner.key)
        if not groups:
            return ()
        marks = rulefile.names(groups)
        if config.prometheus.output is RuleOutput.OPERATOR:
            output = _prometheus_rule(groups, owner, config, marks)
            _check_size(len(conventions.canonical(output.body)), owner.key)
            return (output,)
        text = rulefile.text_of(groups, owner.key)
        _check_size(_size(text, owner.key), owner.key)
        aggregate = AggregateKey(self.name, config.prometheus.namespace)
        return (Share(aggregate, owner.key, text, _PURPOSE, marks),)

    def assemble(
        self, aggregate: AggregateKey, shares: Mapping[Key, str], placed: Mapping[Key, int], config: Config
    ) -> tuple[tuple[Output, ...], Mapping[Key, int]]:
        """Build the ConfigMaps that hold all rule files.

        The first exists even when it is empty: a pod that mounts a ConfigMap does not start without it.

        Raises:
            SpecError: `OutputTooLarge`, a share that fits no object.
        """
        sizes = {key: _size(shares[key], key) for key in sorted(shares)}
        for key, size in sizes.items():
            _check_size(size, key)
        shards = place(sizes, placed, _LIMIT)
        data: dict[int, dict[str, str]] = {0: {}}
        for key in sorted(shares):
            data.setdefault(shards[key], {})[_data_key(key)] = shares[key]
        outputs = (self._config_map(aggregate, shard, data[shard], config) for shard in sorted(data))
        return tuple(outputs), shards

    def split(self, body: Mapping[str, Any]) -> dict[Key, str]:
        """Take a ConfigMap apart into the rule files of resources; other keys are left out."""
        shares = {}
        for name, text in (body.get("data") or {}).items():
            key = _key(name)
            if key is not None:
                shares[key] = text
        return shares

    def shard_of(self, body: Mapping[str, Any], config: Config) -> int:
        """Return the number at the end of a ConfigMap's name; the first has none."""
        rest = str(body["metadata"]["name"]).removeprefix(self.shard_name(0, config)).removeprefix("-")
        return int(rest) if rest.isdecimal() else 0

    def shard_name(self, shard: int, config: Config) -> str:
        """Return the name of the ConfigMap that holds a shard."""
        return conventions.aggregate_name(config.instance, self.name, shard)

    def files(self, intents: Sequence[Intent], owner: Owner, config: Config) -> tuple[File, ...]:  # noqa: ARG002 - the protocol's shape
        """Spell the rules of a resource as one rule file."""
        groups = _groups(intents, owner.key)
        if not groups:
            return ()
        path = f"prometheus/rules/{_data_key(owner.key)}"
        return (File(path, rulefile.text_of(groups, owner.key), owner.key),)

    def assemble_files(self, aggregate: AggregateKey, shares: Mapping[Key, str], config: Config) -> tuple[File, ...]:  # noqa: ARG002 - the protocol's shape
        """Return nothing: every resource has a file of its own."""
        return ()

    def _config_map(self, aggregate: AggregateKey, shard: int, data: Mapping[str, str], config: Config) -> Output:
        name = self.shard_name(shard, config)
        labels = {**config.prometheus.rule_labels, **conventions.aggregate_labels(self.name, config.instance)}
        body = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": name, "namespace": aggregate.namespace, "labels": labels},
            "data": dict(data),
        }
        ref = ObjectRef("v1", "ConfigMap", aggregate.namespace, name)
        return Output(ref, conventions.with_hash(body), None, _PURPOSE)


def _groups(intents: Sequence[object], owner: Key) -> tuple[rulefile.Group, ...]:
    return rulefile.groups_of([intent for intent in intents if isinstance(intent, RuleSet)], owner)


def _prometheus_rule(
    groups: tuple[rulefile.Group, ...], owner: Owner, config: Config, marks: tuple[str, ...]
) -> Output:
    key = owner.key
    name = conventions.object_name(key, key.namespace)
    metadata: dict[str, Any] = {
        "name": name,
        "namespace": key.namespace,
        "labels": {**config.prometheus.rule_labels, **conventions.owner_labels(key, config.instance)},
    }
    if owner.uid:
        metadata["ownerReferences"] = [conventions.owner_reference(key, owner.uid)]
    body = {
        "apiVersion": _RULE_API,
        "kind": _RULE_KIND,
        "metadata": metadata,
        "spec": {"groups": list(groups)},
    }
    ref = ObjectRef(_RULE_API, _RULE_KIND, key.namespace, name)
    return Output(ref, conventions.with_hash(body), key, _PURPOSE, marks)


def _size(text: str, owner: Key) -> int:
    """Return the bytes that a share takes in a ConfigMap."""
    return len(text.encode()) + len(_data_key(owner))


def _check_size(size: int, owner: Key) -> None:
    if size > _LIMIT:
        raise SpecError(
            f"The rules of {owner} have {size} bytes, {_LIMIT} is the most that one object holds.",
            reason=Reason.OUTPUT_TOO_LARGE.value,
            fix="Spread them over several resources.",
        )


def _data_key(key: Key) -> str:
    return f"{key.kind.lower()}.{key.namespace}.{key.name}{_SUFFIX}"


def _key(name: str) -> Key | None:
    """Return the resource that a data key belongs to, or None for one that is not ours."""
    parts = name.removesuffix(_SUFFIX).split(".")
    if not name.endswith(_SUFFIX) or len(parts) != 3 or parts[0] not in _KINDS:
        return None
    return Key(_KINDS[parts[0]], parts[1], parts[2])
