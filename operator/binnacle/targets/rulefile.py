"""Rule groups as Prometheus reads them: as values for a PrometheusRule, and as the text of a rule file.

Only what Prometheus 2.42, Mimir and Thanos know is written (docs/rulers.md).
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from binnacle.intent.refs import Key
from binnacle.intent.rules import Alert, Recording, RuleSet
from binnacle.promql import to_text
from binnacle.promql.printer import duration_text
from binnacle.targets.conventions import canonical, canonical_list, digest_of
from binnacle.targets.yamltext import scalar

_DIGEST_LENGTH: Final = 8
_STAMP: Final = re.compile(f"[0-9a-f]{{{_DIGEST_LENGTH}}}", re.ASCII)
_STEM_PARTS: Final = 4
"""Kind, namespace, name, part: none of them holds a dot."""

Group = Mapping[str, Any]


def groups_of(rule_sets: Sequence[RuleSet], owner: Key) -> tuple[Group, ...]:
    """Return the groups of a resource in the shape of `spec.groups` of a PrometheusRule, which is also a rule file's.

    A group is called `<kind>.<namespace>.<name>.<part>`; no part holds a dot, so two resources never meet in a name. The
    stamped group's name ends with a digest of the whole set: a backend that lists it has loaded exactly this version.
    """
    return spelled_groups_of(rule_sets, owner)[0]


def spelled_groups_of(rule_sets: Sequence[RuleSet], owner: Key) -> tuple[tuple[Group, ...], bytes]:
    """Return the groups of a resource, as `groups_of` does, and their canonical spelling, which their digest needs anyway."""
    stem = f"{owner.kind.lower()}.{owner.namespace}.{owner.name}"
    groups: list[dict[str, Any]] = []
    stamped: list[int] = []
    for rule_set in rule_sets:
        for group in rule_set.groups:
            body: dict[str, Any] = {"name": f"{stem}.{group.part}"}
            if group.interval_ms is not None:
                body["interval"] = duration_text(group.interval_ms)
            body["rules"] = [_rule(rule) for rule in group.rules]
            if group.stamped:
                stamped.append(len(groups))
            groups.append(body)
    spelled = [canonical(body) for body in groups]
    stamp = digest_of(canonical_list(spelled))[:_DIGEST_LENGTH]
    for index in stamped:
        groups[index]["name"] += f".{stamp}"
        spelled[index] = canonical(groups[index])
    return tuple(groups), canonical_list(spelled)


def names(groups: Sequence[Group]) -> tuple[str, ...]:
    """Return the names of groups: what a backend lists once it has loaded them."""
    return tuple(group["name"] for group in groups)


def unstamped(name: str) -> str | None:
    """Return the name of a stamped group without its stamp, the same in every version; None for any other group."""
    *stem, stamp = name.split(".")
    return ".".join(stem) if len(stem) == _STEM_PARTS and _STAMP.fullmatch(stamp) else None


def text_of(groups: Sequence[Group], owner: Key) -> str:
    """Return the rule file that holds `groups`, for Prometheus and for people."""
    lines = [f"# {owner.kind} {owner.namespace}/{owner.name}, written by Binnacle: change the resource, not this file."]
    lines.append("groups:")
    for group in groups:
        lines.append(f"- name: {scalar(group['name'])}")
        if "interval" in group:
            lines.append(f"  interval: {group['interval']}")
        lines.append("  rules:")
        for rule in group["rules"]:
            lines += _rule_lines(rule)
    return "\n".join(lines) + "\n"


def _rule(rule: Recording | Alert) -> dict[str, Any]:
    if isinstance(rule, Recording):
        body: dict[str, Any] = {"record": rule.record, "expr": to_text(rule.expr)}
    else:
        body = {"alert": rule.alert, "expr": to_text(rule.expr)}
        if rule.for_ms:
            body["for"] = duration_text(rule.for_ms)
        if rule.keep_firing_for_ms:
            body["keep_firing_for"] = duration_text(rule.keep_firing_for_ms)
    if rule.labels:
        body["labels"] = dict(rule.labels)
    if isinstance(rule, Alert) and rule.annotations:
        body["annotations"] = dict(rule.annotations)
    return body


def _rule_lines(rule: Mapping[str, Any]) -> list[str]:
    lines = []
    for key, value in rule.items():
        if isinstance(value, str):
            lines.append(f"    {key}: {scalar(value)}")
        else:
            lines.append(f"    {key}:")
            lines += [f"      {scalar(name)}: {scalar(text)}" for name, text in value.items()]
    lines[0] = f"  - {lines[0].lstrip()}"
    return lines
