"""Prometheus rules: a PrometheusRule of the resource, a rule file in shared ConfigMaps, or a plain rule file.

Where prometheus-operator's kind exists, each resource has a PrometheusRule of its own beside it. Elsewhere rule files
lie in ConfigMaps in Prometheus' namespace, one data key for each resource.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from binnacle.api.config import Config, RuleOutput
from binnacle.intent.base import Intent
from binnacle.intent.refs import Key, ObjectRef
from binnacle.intent.rules import RuleSet
from binnacle.targets import conventions, rulefile
from binnacle.targets.base import AggregateKey, File, Output, Owner, Resource, Share
from binnacle.targets.datakeys import DataKeys, KeyedTarget

_PURPOSE: Final = "rules"
_RULE_API: Final = conventions.MONITORING_API
_RULE_KIND: Final = "PrometheusRule"
_FILES: Final = DataKeys("rules", _PURPOSE)


class PrometheusRules(KeyedTarget):
    """Target: rules for Prometheus and for the rulers that read its format."""

    name = _FILES.target
    keys = _FILES
    backend = "prometheus"
    spells: tuple[type[Intent], ...] = (RuleSet,)

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
        groups, spelled = rulefile.spelled_groups_of(_rule_sets(intents), owner.key)
        if not groups:
            return ()
        marks = rulefile.names(groups)
        if config.prometheus.output is RuleOutput.OPERATOR:
            output, size = _prometheus_rule(groups, spelled, owner, config, marks)
            _FILES.check_size(size, owner.key)
            return (output,)
        text = _FILES.checked(rulefile.text_of(groups, owner.key), owner.key)
        aggregate = AggregateKey(self.name, config.prometheus.namespace)
        return (Share(aggregate, owner.key, text, _PURPOSE, marks),)

    def spell(self, aggregate: AggregateKey, shard: int, shares: Mapping[Key, str], config: Config) -> Output:
        """Build one of the ConfigMaps that hold rule files."""
        return _FILES.spell(aggregate, shard, shares, config.instance, config.prometheus.rule_labels)

    def files(self, intents: Sequence[Intent], owner: Owner, config: Config) -> tuple[File, ...]:  # noqa: ARG002 - the protocol's shape
        """Spell the rules of a resource as one rule file."""
        groups = rulefile.groups_of(_rule_sets(intents), owner.key)
        if not groups:
            return ()
        path = f"prometheus/rules/{_FILES.name(owner.key)}"
        return (File(path, rulefile.text_of(groups, owner.key), owner.key),)

    def assemble_files(self, aggregate: AggregateKey, shares: Mapping[Key, str], config: Config) -> tuple[File, ...]:  # noqa: ARG002 - the protocol's shape
        """Return nothing: every resource has a file of its own."""
        return ()

    def split_file(self, path: str, text: str, config: Config) -> tuple[Share, ...]:  # noqa: ARG002 - the protocol's shape
        """Return nothing: no file is shared."""
        return ()


def _rule_sets(intents: Sequence[object]) -> list[RuleSet]:
    return [intent for intent in intents if isinstance(intent, RuleSet)]


def _prometheus_rule(
    groups: tuple[rulefile.Group, ...], spelled: bytes, owner: Owner, config: Config, marks: tuple[str, ...]
) -> tuple[Output, int]:
    """Return the object, and its size in bytes; `spelled` is the canonical spelling of the groups."""
    key = owner.key
    name = conventions.object_name(key, key.namespace)
    metadata: dict[str, Any] = {
        "name": name,
        "namespace": key.namespace,
        "labels": {**config.prometheus.rule_labels, **conventions.owner_labels(key, config.instance)},
    }
    if owner.uid:
        metadata["ownerReferences"] = [conventions.owner_reference(key, owner.uid)]
    spec: dict[str, Any] = {"groups": list(groups)}
    body = {
        "apiVersion": _RULE_API,
        "kind": _RULE_KIND,
        "metadata": metadata,
        "spec": spec,
    }
    ref = ObjectRef(_RULE_API, _RULE_KIND, key.namespace, name)
    known = {"spec": conventions.canonical_map(spec, {"groups": spelled})}
    stamped, size = conventions.with_hash_and_size(body, known)
    return Output(ref, stamped, key, _PURPOSE, marks), size
