"""Alertmanager's configuration as text: one file of everybody's shares, fenced by comments so that it can be taken apart.

A share is the text of its items in four sections. It is printed line by line, with every value of a user a scalar on one
line, so a line that begins a fence can only be one of ours.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from binnacle.intent.refs import Key
from binnacle.targets import conventions
from binnacle.targets.yamltext import scalar

SECTIONS: Final = ("routes", "inhibit_rules", "receivers", "time_intervals")
_FENCE: Final = re.compile(rf"# ({'|'.join(conventions.SHORT_NAMES)}) ([a-z0-9-]+)/([a-z0-9-]+)")
_BASE: Final = "# The administrator's own"
_HEADER: Final = (
    "# Written by Binnacle: change the AlertPolicies, the SLOs and the administrator's configuration, not this file."
)
Document = Mapping[str, Sequence[Any]]


def fragment(document: Document) -> str:
    """Return a share: the items of each section that has some, under the name of the section."""
    return _text({section: _items(document[section]) for section in SECTIONS if document.get(section)})


def assemble(base: Mapping[str, Any], shares: Mapping[Key, str]) -> str:
    """Return the whole file: the administrator's base with everybody's shares in it."""
    parts = {key: _sections(shares[key]) for key in sorted(shares)}
    route = dict(base.get("route") or {"receiver": "blackhole"})
    receivers = list(base.get("receivers") or [{"name": "blackhole"}])
    own_routes = list(route.pop("routes", None) or ())
    lines = [_HEADER]
    for name, value in base.items():
        if name not in ("route", "receivers", "inhibit_rules", "time_intervals"):
            lines += _entry(str(name), value)
    lines.append("route:")
    for name, value in route.items():
        lines += [f"  {line}" for line in _entry(str(name), value)]
    # Ours come first: each continues, so the administrator's routes see every alert as before.
    routes = _fenced("routes", parts, own_routes)
    lines += [f"  {line}" for line in (["routes:", *routes] if routes else [])]
    for section, own in (
        ("inhibit_rules", base.get("inhibit_rules") or ()),
        ("receivers", receivers),
        ("time_intervals", base.get("time_intervals") or ()),
    ):
        items = _fenced(section, parts, own)
        if items:
            lines += [f"{section}:", *items]
    return "\n".join(lines) + "\n"


def split(text: str) -> dict[Key, str]:
    """Take a file apart into the shares that it was assembled from; what else is in it is left out."""
    found: dict[Key, dict[str, list[str]]] = {}
    top, section, owner = "", "", None
    for line in text.split("\n"):
        if line and line[0] not in " -#":
            top = line.partition(":")[0]
            section, owner = (top if top in SECTIONS else ""), None
            continue
        if top == "route" and line == "  routes:":
            section, owner = "routes", None
            continue
        inner = line.removeprefix("  ") if section == "routes" else line
        if inner.startswith("#"):
            fence = _FENCE.fullmatch(inner)
            owner = Key(*fence.groups()) if fence is not None else None
        elif inner and section and owner is not None:
            found.setdefault(owner, {}).setdefault(section, []).append(inner)
    return {owner: _text(sections) for owner, sections in found.items()}


def _text(sections: Mapping[str, Sequence[str]]) -> str:
    lines = [line for name in SECTIONS if name in sections for line in (f"{name}:", *sections[name])]
    return "\n".join(lines) + "\n" if lines else ""


def _sections(share: str) -> dict[str, list[str]]:
    sections: dict[str, list[str]] = {}
    current: list[str] = []
    for line in share.split("\n"):
        if line.endswith(":") and line[:-1] in SECTIONS:
            current = sections.setdefault(line[:-1], [])
        elif line:
            current.append(line)
    return sections


def _fenced(section: str, parts: Mapping[Key, Mapping[str, list[str]]], own: Iterable[Any]) -> list[str]:
    lines: list[str] = []
    for key, sections in parts.items():
        if section in sections:
            lines += [f"# {key.kind} {key.namespace}/{key.name}", *sections[section]]
    items = _items(own)
    return [*lines, _BASE, *items] if items else lines


def _items(items: Iterable[Any]) -> list[str]:
    lines: list[str] = []
    for item in items:
        first, *rest = _value(item)
        lines += [f"- {first}", *(f"  {line}" for line in rest)]
    return lines


def _entry(name: str, value: Any) -> list[str]:
    """Return a key and its value."""
    key = scalar(name)
    if isinstance(value, Mapping) and value:
        return [f"{key}:", *(f"  {line}" for line in _value(value))]
    if isinstance(value, list | tuple) and value:
        return [f"{key}:", *_items(value)]
    return [f"{key}: {_value(value)[0]}"]


def _value(value: Any) -> list[str]:
    """Return a value as lines."""
    match value:
        case Mapping() if value:
            return [line for name, inner in value.items() for line in _entry(str(name), inner)]
        case Mapping():
            return ["{}"]
        case list() | tuple() if value:
            return _items(value)
        case list() | tuple():
            return ["[]"]
        case bool():
            return ["true" if value else "false"]
        case None:
            return ["null"]
        case int() | float():
            return [str(value)]
        case _:
            return [scalar(str(value))]
