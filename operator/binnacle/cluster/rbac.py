"""The rights that the operator needs, from what it watches and writes; nothing else says any of them.

No wildcard, no Secrets, and nothing outside the namespaces that the configuration names. A kind that is written in one
namespace only (aggregates) is readable there only. Discovery needs no rule: every authenticated client may do it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from binnacle.cluster.leaseobject import LEASE
from binnacle.cluster.recorder import EVENT
from binnacle.targets import conventions
from binnacle.targets.base import Resource

READ = ("get", "list", "watch")
# Server-side apply needs create for an object that is not there yet, and patch for one that is.
WRITE = ("get", "list", "watch", "create", "patch", "delete")

LABELS = {"app.kubernetes.io/name": "binnacle"}


@dataclass(frozen=True, slots=True)
class Installation:
    """Where and as whom the operator runs.

    Attributes:
        namespace: its own namespace.
        account: its ServiceAccount.
        instance: its instance name, which names the Lease.
        namespaces: which it serves; empty for all of them.
    """

    namespace: str = "binnacle-system"
    account: str = "binnacle"
    instance: str = "default"
    namespaces: tuple[str, ...] = ()


Rule = dict[str, list[str]]


def served_rules(kinds: Iterable[Resource], children: Iterable[Resource]) -> list[Rule]:
    """Return the rules for the namespaces that are served: own kinds, their status, children beside them, Events."""
    rules = []
    for group, plurals in _by_group(kinds):
        rules.append(_rule(group, plurals, READ))
        rules.append(_rule(group, [f"{plural}/status" for plural in plurals], ("patch",)))
    rules += [_rule(group, plurals, WRITE) for group, plurals in _by_group(r for r in children if not r.namespace)]
    rules.append(_rule(EVENT.group, [EVENT.plural], ("create",)))
    return rules


def fixed_rules(children: Iterable[Resource]) -> dict[str, list[Rule]]:
    """Return, by namespace, the rules for kinds that are written in that namespace only."""
    places: dict[str, list[Resource]] = {}
    for resource in children:
        if resource.namespace:
            places.setdefault(resource.namespace, []).append(resource)
    return {
        namespace: [_rule(group, plurals, WRITE) for group, plurals in _by_group(resources)]
        for namespace, resources in sorted(places.items())
    }


def lease_rules(where: Installation) -> list[Rule]:
    """Return the rules for the Lease and the Events about it, which are in the operator's own namespace.

    `create` cannot be tied to a name: there is none yet when it is asked for.
    """
    named = _rule(LEASE.group, [LEASE.plural], ("get", "update"))
    named["resourceNames"] = [conventions.lease_name(where.instance)]
    rules = [_rule(LEASE.group, [LEASE.plural], ("create",)), named]
    if where.namespaces and where.namespace not in where.namespaces:  # else `served_rules` gives it there
        rules.append(_rule(EVENT.group, [EVENT.plural], ("create",)))
    return rules


def manifests(kinds: Sequence[Resource], children: Sequence[Resource], where: Installation) -> list[dict[str, Any]]:
    """Return the objects that give the operator its rights: account, roles and bindings.

    Args:
        kinds: our own kinds.
        children: what the targets write under the configuration, namespaces resolved.
        where: the installation.
    """
    name = f"binnacle-{where.instance}"
    objects: list[dict[str, Any]] = [
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": where.account, "namespace": where.namespace, "labels": LABELS},
        }
    ]
    rules = served_rules(kinds, children)
    if where.namespaces:
        for namespace in where.namespaces:
            objects += _role(name, namespace, rules, where)
    else:
        objects += _role(name, "", rules, where)
    for namespace, fixed in fixed_rules(children).items():
        objects += _role(f"{name}-outputs", namespace, fixed, where)
    return objects + _role(f"{name}-lease", where.namespace, lease_rules(where), where)


def render(objects: Iterable[dict[str, Any]]) -> str:
    """Return objects as one YAML file."""
    texts = (yaml.safe_dump(item, sort_keys=False, width=120, default_flow_style=False) for item in objects)
    return "".join(f"---\n{text}" for text in texts)


def _role(name: str, namespace: str, rules: list[Rule], where: Installation) -> list[dict[str, Any]]:
    """A role with its binding; of the whole cluster when `namespace` is empty."""
    kind = "Role" if namespace else "ClusterRole"
    metadata: dict[str, Any] = {"name": name, "labels": LABELS}
    if namespace:
        metadata = {"name": name, "namespace": namespace, "labels": LABELS}
    api = "rbac.authorization.k8s.io"
    return [
        {"apiVersion": f"{api}/v1", "kind": kind, "metadata": metadata, "rules": rules},
        {
            "apiVersion": f"{api}/v1",
            "kind": f"{kind}Binding",
            "metadata": metadata,
            "roleRef": {"apiGroup": api, "kind": kind, "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": where.account, "namespace": where.namespace}],
        },
    ]


def _by_group(resources: Iterable[Resource]) -> list[tuple[str, list[str]]]:
    groups: dict[str, set[str]] = {}
    for resource in resources:
        groups.setdefault(resource.group, set()).add(resource.plural)
    return [(group, sorted(plurals)) for group, plurals in sorted(groups.items())]


def _rule(group: str, plurals: Sequence[str], verbs: Sequence[str]) -> Rule:
    return {"apiGroups": [group], "resources": list(plurals), "verbs": list(verbs)}
