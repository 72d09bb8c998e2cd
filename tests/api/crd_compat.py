"""Whether everything that an old CRD took is taken by a new one: the gate between releases.

Compared are structural schemas. Whatever narrows what users may write, or takes away what clients read, is a finding; what
widens is not.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

from binnacle.api.cel import exactly_one

Schema = dict[str, Any]

# A bound that is new, or that moved this way, refuses what was taken before.
_TIGHTER: dict[str, Callable[[Any, Any], bool]] = {
    "maxLength": lambda old, new: new < old,
    "maxItems": lambda old, new: new < old,
    "maxProperties": lambda old, new: new < old,
    "maximum": lambda old, new: new < old,
    "minLength": lambda old, new: new > old,
    "minItems": lambda old, new: new > old,
    "minProperties": lambda old, new: new > old,
    "minimum": lambda old, new: new > old,
}
_FIXED = (
    "type",
    "x-kubernetes-int-or-string",
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-map-type",
    "default",
)
_ONE = "].exists_one(given, given)"
_ABSENT = re.compile(r"!has\(self\.(\w+)\) \|\| ")
_MEMBER = re.compile(r"has\(self\.(\w+)\)")
_LOOSENED_BY_ABSENCE = ("pattern", "format", "exclusiveMinimum", "exclusiveMaximum")


def compare_crds(old: Schema, new: Schema) -> list[str]:
    """What in `new` breaks users of `old`, one sentence each with the path; empty when nothing does."""
    return sorted(_crd(old["spec"], new["spec"]))


def _crd(old: Schema, new: Schema) -> Iterator[str]:
    for field in ("group", "scope"):
        if old[field] != new[field]:
            yield f"{field} changed from {old[field]} to {new[field]}"
    for field in ("kind", "plural", "singular"):
        if old["names"].get(field) != new["names"].get(field):
            yield f"names.{field} changed"
    for field in ("shortNames", "categories"):
        for name in set(old["names"].get(field, ())) - set(new["names"].get(field, ())):
            yield f"names.{field}: {name} is gone"
    versions = {version["name"]: version for version in new["versions"]}
    for version in old["versions"]:
        name = version["name"]
        successor = versions.get(name)
        if successor is None or (version["served"] and not successor["served"]):
            yield f"version {name} is no longer served"
            continue
        if "status" in version.get("subresources", {}) and "status" not in successor.get("subresources", {}):
            yield f"version {name} has lost its status subresource"
        columns = {column["name"] for column in successor.get("additionalPrinterColumns", ())}
        for column in version.get("additionalPrinterColumns", ()):
            if column["name"] not in columns:
                yield f"version {name}: the column {column['name']} is gone"
        yield from _schema(version["schema"]["openAPIV3Schema"], successor["schema"]["openAPIV3Schema"], "")


def _schema(old: Schema, new: Schema, path: str) -> Iterator[str]:
    where = path or "."
    for key in _FIXED:
        if old.get(key) != new.get(key):
            yield f"{where}: {key} changed from {old.get(key)} to {new.get(key)}"
    for key, tighter in _TIGHTER.items():
        if key in new and (key not in old or tighter(old[key], new[key])):
            yield f"{where}: {key} narrowed from {old.get(key, 'none')} to {new[key]}"
    for key in _LOOSENED_BY_ABSENCE:
        if key in new and old.get(key) != new[key]:
            yield f"{where}: {key} changed from {old.get(key, 'none')} to {new[key]}"
    if "enum" in new and (gone := [value for value in old.get("enum", ["anything"]) if value not in new["enum"]]):
        yield f"{where}: no longer one of the choices: {', '.join(map(str, gone))}"
    if old.get("nullable") and not new.get("nullable"):
        yield f"{where}: null is no longer taken"
    if old.get("x-kubernetes-preserve-unknown-fields") and not new.get("x-kubernetes-preserve-unknown-fields"):
        yield f"{where}: unknown fields are no longer kept"
    rules = {rule["rule"] for rule in old.get("x-kubernetes-validations", ())}
    for rule in new.get("x-kubernetes-validations", ()):
        text = rule["rule"]
        if text not in rules and not _only_new_choices(text, old, rules) and not _about_new_field(text, old):
            yield f"{where}: a new rule: {text}"
    yield from _fields(old, new, path)


def _only_new_choices(rule: str, old: Schema, rules: set[str]) -> bool:
    """Whether a rule says "exactly one of", and what was taken before could not break it: only new fields joined the choice."""
    if not rule.endswith(_ONE):
        return False
    known = [name for name in _MEMBER.findall(rule) if name in old.get("properties", {})]
    return exactly_one(known) in rules or (len(known) == 1 and known[0] in old.get("required", ()))


def _about_new_field(rule: str, old: Schema) -> bool:
    """Whether a rule says "without this field, or else", and the field is new: what was taken before does not have it."""
    absent = _ABSENT.match(rule)
    return absent is not None and "?" not in rule and absent[1] not in old.get("properties", {})


def _fields(old: Schema, new: Schema, path: str) -> Iterator[str]:
    for name in sorted(set(new.get("required", ())) - set(old.get("required", ()))):
        yield f"{path}.{name}: now required"
    for name, field in old.get("properties", {}).items():
        successor = new.get("properties", {}).get(name)
        if successor is None:
            yield f"{path}.{name}: gone"
        else:
            yield from _schema(field, successor, f"{path}.{name}")
    for part, mark in (("items", "[]"), ("additionalProperties", "{}")):
        if isinstance(old.get(part), dict):
            if isinstance(new.get(part), dict):
                yield from _schema(old[part], new[part], f"{path}{mark}")
            else:
                yield f"{path}{mark}: gone"
