"""A JSON schema of pydantic, read: references followed, and what a field takes in words, as Markdown."""

from collections.abc import Mapping
from typing import Any, Final

from binnacle.api.markdown import code, escaped
from binnacle.api.model import LIST_KEYS, LIST_TYPE, SAYS

Schema = dict[str, Any]
Definitions = Mapping[str, Schema]

INT_OR_STRING: Final = "x-kubernetes-int-or-string"

_NOTATION: Final = 32
"""A notation of at most so many characters (a duration, a percentage) bounds itself, and nobody need count them."""


def followed(field: Mapping[str, Any], definitions: Definitions) -> tuple[Schema, tuple[str, ...]]:
    """Put definitions in the place of references, and X in the place of `X or null`.

    What the field says comes before what its type says.

    Returns:
        The schema, and the names of the definitions that lead there.
    """
    node, names = dict(field), []
    while True:
        if "$ref" in node:
            names.append(node.pop("$ref").removeprefix("#/$defs/"))
            node = definitions[names[-1]] | node
        elif (inner := _optional(node)) is not None:
            del node["anyOf"]
            node = inner | node
        else:
            return node, tuple(names)


def _optional(node: Schema) -> Schema | None:
    """Return X of `X or null`: a field that may be left out. Kubernetes knows no null beside a value."""
    choices = node.get("anyOf", ())
    if node.get(INT_OR_STRING) or {"type": "null"} not in choices:
        return None
    rest = [choice for choice in choices if choice != {"type": "null"}]
    return rest[0] if len(rest) == 1 else None


def values_of(schema: Schema) -> Schema | None:
    """Return the schema of a map's values, None where it is none."""
    values = [*schema.get("patternProperties", {}).values(), schema.get("additionalProperties")]
    return values[0] if isinstance(values[0], dict) else None


def takes(field: Mapping[str, Any], definitions: Definitions) -> str:
    """Say what a field takes: its type with its bounds, or its values."""
    schema, _ = followed(field, definitions)
    values = [schema["const"]] if "const" in schema else schema.get("enum")
    if values is not None:
        return " or ".join(code(str(value)) for value in values)
    kind = schema.get("type")
    if kind == "array":
        return f"a list, {_count(schema, 'Items')}{_items(schema, definitions)}"
    if (of := values_of(schema)) is not None:
        return f"a map, {_count(schema, 'Properties')}, to {takes(of, definitions)}"
    if kind == "object":
        return "an object" if "properties" in schema else f"a map, {_count(schema, 'Properties')}"
    if kind == "boolean":
        return "true or false"
    if kind == "integer":
        return _whole(schema)
    length = schema.get("maxLength", 0)
    words = escaped(schema[SAYS][-1]) if SAYS in schema else "text"
    return f"{words} (at most {length} characters)" if length > _NOTATION else words


def literal(value: Any) -> str:
    """Return a value as YAML writes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _count(schema: Schema, what: str) -> str:
    """Say how many there may be of something, which every list and map of a spec says."""
    least, most = schema.get(f"min{what}", 0), schema.get(f"max{what}")
    if most is None:
        return "of any length"
    return f"{least} to {most}" if least else f"at most {most}"


def _items(schema: Schema, definitions: Definitions) -> str:
    """Say what the items of a list are, and how they are told apart."""
    keys = " and ".join(map(code, schema.get(LIST_KEYS, ())))
    if keys:
        return f", each with {keys} of its own"
    item, _ = followed(schema["items"], definitions)
    of = "" if "properties" in item else f", of {takes(item, definitions)}"
    return of + (", none twice" if schema.get(LIST_TYPE) == "set" else "")


def _whole(schema: Schema) -> str:
    least, most = schema.get("minimum"), schema.get("maximum")
    if least is not None and most is not None:
        return f"a whole number from {least} to {most}"
    if least is not None:
        return f"a whole number, at least {least}"
    return "a whole number" if most is None else f"a whole number, at most {most}"
