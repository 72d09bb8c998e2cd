"""Who is told about an alert: the routing of every AlertPolicy that may see it, asked."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from binnacle.api.alertpolicy import AlertPolicy
from binnacle.api.alertpolicy_routing import AppliesTo
from binnacle.api.meta import Mode
from binnacle.api.receivers import BLACKHOLE
from binnacle.check import routing as router
from binnacle.check.explain.words import listed
from binnacle.compile.alertpolicy import compile_alertpolicy
from binnacle.compile.world import World
from binnacle.intent.refs import Key
from binnacle.intent.routing import RouteNode, Routing
from binnacle.intent.rules import Alert, RuleSet

NOBODY = "nobody"
ELSEWHERE = "An alert that nobody here is told about goes where the administrator's own routes send it."
_OURS = "binnacle_"


@dataclass(frozen=True, slots=True)
class Policy:
    """An AlertPolicy that is in force, and its routing."""

    key: Key
    routing: Routing


def policies(namespace: str, named: str | None, world: World) -> tuple[Policy, ...]:
    """Return the policies that may tell somebody about an alert of a namespace.

    Args:
        namespace: of the alert.
        named: the policy of the namespace whose routes carry it, if there is one.
        world: where policies are found: the one that is named, and those with routes for all alerts of the namespace.
    """
    found = []
    for where in dict.fromkeys((namespace, *world.config.platform_namespaces)):
        for key in world.list(AlertPolicy.__name__, where):
            model = world.get(key)
            if model is None or not in_force(model):
                continue
            if key.name != named and all(one.applies_to is not AppliesTo.NAMESPACE for one in model.spec.routes):
                continue
            intents = compile_alertpolicy(model, world).intents
            found += [Policy(key, intent) for intent in intents if isinstance(intent, Routing)]
    return tuple(found)


def in_force(policy: AlertPolicy) -> bool:
    """Say whether what a policy says is applied; not while it is suspended or only tried."""
    return not policy.spec.suspend and policy.spec.mode is not Mode.DRY_RUN


def receivers(routing: Routing, labels: Mapping[str, str]) -> str:
    """Return whom one policy's routing tells, with the schedules in which it does not; `nobody` for no one."""
    told: dict[str, None] = {}
    for delivery in router.deliveries(routing, labels):
        name = f"{NOBODY} ({BLACKHOLE})" if delivery.receiver == BLACKHOLE else delivery.receiver
        quiet = f", not during {listed(delivery.node.mute, 'or')}" if delivery.node.mute else ""
        told[name + quiet] = None
    return "; ".join(told) or NOBODY


def unknown_labels(routing: Routing, labels: Mapping[str, str]) -> tuple[str, ...]:
    """Return the labels that routes ask of this alert and that only its series can bring, sorted."""

    def asked(nodes: Sequence[RouteNode]) -> Iterator[str]:
        for node in nodes:
            # What no user can set decides whether the rest of a node is looked at.
            if router.matches((one for one in node.matchers if one.name.startswith(_OURS)), labels):
                yield from (one.name for one in node.matchers)
                yield from asked(node.routes)

    return tuple(sorted({name for name in asked(routing.routes) if name not in labels and not name.startswith(_OURS)}))


def about_unknown(names: Iterable[str]) -> tuple[str, ...]:
    """Return what is to be said about routes that ask for such labels."""
    asked = sorted(set(names))
    if not asked:
        return ()
    return (
        (
            f"Some routes look at {listed(asked)}, which only the series can bring; here that counts as absent, "
            "so others may be told too, or fewer."
        ),
    )


def labels_of(alert: Alert) -> dict[str, str]:
    """Return the labels of an alert as far as its rule sets them."""
    return {**dict(alert.labels), "alertname": alert.alert}


def alerts_of(intents: Iterable[object]) -> tuple[Alert, ...]:
    """Return all alerting rules, in order."""
    return tuple(
        rule
        for intent in intents
        if isinstance(intent, RuleSet)
        for group in intent.groups
        for rule in group.rules
        if isinstance(rule, Alert)
    )
