"""Alertmanager: one file, in one ConfigMap, that policies and SLOs add to and the administrator's base is part of.

What a resource adds is named `<namespace>/<name>/<item>`, so no two of a kind meet in a name; items of different kinds are
called differently. Beside its items it adds a receiver to which nothing is routed: its name has a digest of all else, so a
running Alertmanager that lists it has loaded exactly this version, routes and settings included.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from binnacle.api.config import Config
from binnacle.api.schedules import WEEKDAYS
from binnacle.api.values import Duration
from binnacle.intent.base import Intent
from binnacle.intent.refs import Key
from binnacle.intent.routing import InhibitRule, Receiver, RouteNode, Routing, SecretFile, Setting, Settings, Span
from binnacle.targets import alertmanager_text, conventions
from binnacle.targets.base import AggregateKey, File, Output, Owner, Resource, Share
from binnacle.targets.onefile import OneFile, OneFileTarget

DATA_KEY: Final = "alertmanager.yaml"
_PATH: Final = f"alertmanager/{DATA_KEY}"
_PURPOSE: Final = "routing"
_FILE: Final = OneFile("alertmanager", _PURPOSE, DATA_KEY)
_NAMED_INHIBITIONS: Final = (0, 30)
"""First version in which an inhibition may have a name."""


class Alertmanager(OneFileTarget):
    """Target: routes, receivers, times and inhibitions of Alertmanager."""

    name = _FILE.target
    file = _FILE
    backend = "alertmanager"
    spells: tuple[type[Intent], ...] = (Routing,)

    def resources(self, config: Config) -> tuple[Resource, ...]:
        """Return the kind of the object that holds the file."""
        return (Resource("v1", "ConfigMap", "configmaps", config.alertmanager.namespace),)

    def render(self, intents: Sequence[Intent], owner: Owner, config: Config) -> tuple[Output | Share, ...]:
        """Spell the routing of a resource; nothing when it has none.

        Raises:
            SpecError: `OutputTooLarge`, the routing of this one resource does not fit the file.
        """
        document = _document(intents, owner.key, config)
        if not any(document.values()):
            return ()
        version = conventions.routing_version(owner.key, conventions.digest(document))
        document["receivers"].append({"name": version})
        text = alertmanager_text.fragment(document)
        _FILE.check_size(
            _size(text),
            owner.key,
            what="The routing of {owner} has",
            fix="Spread it over several resources, or have fewer routes and mutes.",
        )
        return (
            Share(AggregateKey(self.name, config.alertmanager.namespace), owner.key, text, _PURPOSE, _marks(document)),
        )

    def size(self, owner: Key, fragment: str) -> int:
        """Return the bytes that a part takes in the file."""
        return _size_in_file(owner, fragment)

    def place(self, sizes: Mapping[Key, int], placed: Mapping[Key, int], config: Config) -> Mapping[Key, int]:  # noqa: ARG002 - the protocol's shape
        """Say who is in the file. Who is in stays in; one for whom there is no room is left out."""
        return _FILE.fitting(sizes, len(alertmanager_text.assemble(config.alertmanager.base, {}).encode()))

    def spell(self, aggregate: AggregateKey, shard: int, shares: Mapping[Key, str], config: Config) -> Output:  # noqa: ARG002 - the protocol's shape
        """Build the one ConfigMap."""
        text = alertmanager_text.assemble(config.alertmanager.base, shares)
        return _FILE.spell(aggregate, text, config.instance)

    def split(self, body: Mapping[str, Any]) -> dict[Key, str]:
        """Take the live file apart into what each resource added; the administrator's part is left out."""
        return alertmanager_text.split(_FILE.text(body))

    def files(self, intents: Sequence[Intent], owner: Owner, config: Config) -> tuple[File | Share, ...]:
        """Spell the same for a folder: a share of the one file."""
        return tuple(item for item in self.render(intents, owner, config) if isinstance(item, Share))

    def assemble_files(self, aggregate: AggregateKey, shares: Mapping[Key, str], config: Config) -> tuple[File, ...]:  # noqa: ARG002 - the protocol's shape
        """Build the one file."""
        text = alertmanager_text.assemble(config.alertmanager.base, shares)
        return (File(_PATH, text, None),)

    def split_file(self, path: str, text: str, config: Config) -> tuple[Share, ...]:
        """Take the one file apart into what each resource added."""
        shares = alertmanager_text.split(text) if path == _PATH else {}
        aggregate = AggregateKey(self.name, config.alertmanager.namespace)
        return tuple(Share(aggregate, owner, part, _PURPOSE) for owner, part in shares.items())


def _size(text: str) -> int:
    # Routes stand two deeper in the file.
    return len(text.encode()) + 2 * text.count("\n")


def _size_in_file(key: Key, text: str) -> int:
    return _size(text) + len(str(key)) * len(alertmanager_text.SECTIONS) * 2


def _marks(document: Mapping[str, Sequence[Any]]) -> tuple[str, ...]:
    """Return what Alertmanager shows once it has loaded the items.

    The version tells of all of them. The others' names are for the message: which of them are missing.
    """
    return tuple(
        conventions.routing_mark(section, item["name"])
        for section in alertmanager_text.SECTIONS
        for item in document[section]
        if "name" in item
    )


def _document(intents: Sequence[Intent], owner: Key, config: Config) -> dict[str, list[Any]]:
    document: dict[str, list[Any]] = {section: [] for section in alertmanager_text.SECTIONS}
    named = config.alertmanager.line >= _NAMED_INHIBITIONS
    for intent in intents:
        if not isinstance(intent, Routing):
            continue
        document["routes"] += [_route(node, owner) for node in intent.routes]
        document["inhibit_rules"] += [_inhibition(rule, owner, named=named) for rule in intent.inhibits]
        document["receivers"] += [_receiver(receiver, owner, config) for receiver in intent.receivers]
        document["time_intervals"] += [
            {"name": _qualified(owner, one.name), "time_intervals": [_span(span) for span in one.spans]}
            for one in intent.intervals
        ]
    return document


def _qualified(owner: Key, item: str) -> str:
    return f"{owner.namespace}/{owner.name}/{item}"


def _route(node: RouteNode, owner: Key) -> dict[str, Any]:
    body: dict[str, Any] = {}
    if node.receiver is not None:
        body["receiver"] = _qualified(owner, node.receiver)
    if node.matchers:
        body["matchers"] = [str(matcher) for matcher in node.matchers]
    if node.continues:
        body["continue"] = True
    if (grouping := node.grouping) is not None:
        if grouping.by is not None:
            body["group_by"] = list(grouping.by)
        for name, milliseconds in (
            ("group_wait", grouping.wait_ms),
            ("group_interval", grouping.interval_ms),
            ("repeat_interval", grouping.repeat_ms),
        ):
            if milliseconds is not None:
                body[name] = str(Duration(milliseconds))
    if node.mute:
        body["mute_time_intervals"] = [_qualified(owner, name) for name in node.mute]
    if node.routes:
        body["routes"] = [_route(inner, owner) for inner in node.routes]
    return body


def _inhibition(rule: InhibitRule, owner: Key, *, named: bool) -> dict[str, Any]:
    body: dict[str, Any] = {"name": _qualified(owner, rule.name)} if named else {}
    body["source_matchers"] = [str(matcher) for matcher in rule.source]
    body["target_matchers"] = [str(matcher) for matcher in rule.target]
    if rule.equal:
        body["equal"] = list(rule.equal)
    return body


def _receiver(receiver: Receiver, owner: Key, config: Config) -> dict[str, Any]:
    body: dict[str, Any] = {"name": _qualified(owner, receiver.name)}
    for integration in receiver.integrations:
        body.setdefault(f"{integration.type}_configs", []).append(_settings(integration.settings, owner, config))
    return body


def _settings(settings: Settings, owner: Key, config: Config) -> dict[str, Any]:
    body = {}
    for name, value in settings.items:
        if isinstance(value, SecretFile):
            body[f"{name}_file"] = conventions.secret_file(
                config.secrets.root, owner.namespace, value.secret, value.key
            )
        else:
            body[name] = _plain(value, owner, config)
    return body


def _plain(value: Setting, owner: Key, config: Config) -> Any:
    match value:
        case Settings():
            return _settings(value, owner, config)
        case tuple():
            return [_plain(one, owner, config) for one in value]
        case _:
            return value


def _span(span: Span) -> dict[str, Any]:
    body: dict[str, Any] = {}
    if (span.start, span.end) != (0, 1440):
        body["times"] = [{"start_time": _clock(span.start), "end_time": _clock(span.end)}]
    if span.weekdays:
        body["weekdays"] = [WEEKDAYS[day] for day in span.weekdays]
    if span.days is not None:
        body["days_of_month"] = [f"{span.days[0]}:{span.days[1]}"]
    if span.month is not None:
        body["months"] = [str(span.month)]
    if span.year is not None:
        body["years"] = [str(span.year)]
    return {**body, "location": span.zone}


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02d}:{minutes % 60:02d}"
