"""CustomResourceDefinitions from the models: pydantic's JSON schema made structural, as Kubernetes asks.

Where the two differ (reference resolution, optional values, exclusive bounds, constants, names of map keys) the schema is
rewritten; what a structural schema cannot say is refused here, when the files are generated, and not by an API server. Every
field must come with a description and every string, list and map with a bound, or CEL's cost estimate assumes the worst.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

import yaml
from pydantic.json_schema import GenerateJsonSchema

from binnacle.api.cel import VALIDATIONS
from binnacle.api.meta import Column
from binnacle.api.model import LIST_KEYS, LIST_TYPE, SAYS
from binnacle.api.registry import KINDS, KindInfo
from binnacle.api.schema_reading import INT_OR_STRING, Schema, followed

CATEGORIES: Final = ("binnacle", "observability")
PRESERVE: Final = "x-kubernetes-preserve-unknown-fields"
HEADER: Final = "# Generated from the models in operator/binnacle/api. Do not edit.\n"

# Seen from a tool such as kstatus, a status without conditions looks finished; a generation that no spec has does not.
FRESH_STATUS: Final = {"observedGeneration": -1}

_NOISE: Final = ("title", "examples", "deprecated", "default", "$defs", "propertyNames", "readOnly", "writeOnly", SAYS)
_KNOWN: Final = frozenset(
    {
        "additionalProperties", "anyOf", "default", "description", "enum", "exclusiveMaximum", "exclusiveMinimum", "format", "items",
        "maxItems", "maxLength", "maxProperties", "maximum", "minItems", "minLength", "minProperties", "minimum", "nullable",
        "pattern", "properties", "required", "type", VALIDATIONS, LIST_TYPE, LIST_KEYS, "x-kubernetes-map-type", INT_OR_STRING, PRESERVE,
    }
)  # fmt: skip
_FORMATS: Final = frozenset({"int32", "int64", "date-time"})


class SchemaError(Exception):
    """A model says something that a structural schema cannot; the text begins with the path in the schema."""


def crd_manifest(kind: str) -> Schema:
    """Return the CustomResourceDefinition of a kind.

    Raises:
        SchemaError: the model cannot be written as a structural schema.
        KeyError: there is no such kind.
    """
    info = KINDS[kind]
    singular = kind.lower()
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{info.plural}.{info.group}", "labels": {"app.kubernetes.io/part-of": "binnacle"}},
        "spec": {
            "group": info.group,
            "scope": "Namespaced",
            "names": {
                "kind": kind,
                "listKind": f"{kind}List",
                "plural": info.plural,
                "singular": singular,
                "shortNames": [info.short],
                "categories": list(CATEGORIES),
            },
            "versions": [
                {
                    "name": info.version,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": [_column(column) for column in info.columns],
                    "schema": {"openAPIV3Schema": openapi_schema(info)},
                }
            ],
        },
    }


def render_crds() -> dict[str, str]:
    """Return every CRD as YAML text by file name (`binnacle.dev_slos.yaml`); the same models give the same bytes."""
    return {
        f"{info.group}_{info.plural}.yaml": HEADER
        + yaml.dump(crd_manifest(kind), Dumper=_Dumper, width=120, allow_unicode=True)
        for kind, info in KINDS.items()
    }


class _Dumper(yaml.SafeDumper):
    """The plain Python dumper on every machine, without anchors: equal parts of a schema are written out."""

    def ignore_aliases(self, _data: Any) -> bool:
        return True


def _column(column: Column) -> dict[str, Any]:
    entry = {"name": column.name, "type": column.type, "jsonPath": column.path, "description": column.description}
    return entry | ({"priority": 1} if column.wide else {})


def openapi_schema(info: KindInfo) -> Schema:
    """Return the structural schema of a kind's resources."""
    raw = info.model.model_json_schema(by_alias=True, mode="validation", schema_generator=GenerateJsonSchema)
    schema = structural(raw)
    fields = schema["properties"]
    # The API server checks these three itself, against the version that the object is stored in.
    for name in ("apiVersion", "kind"):
        fields[name] = {"type": "string", "description": fields[name]["description"]}
    fields["metadata"] = {"type": "object"}  # not even a description is allowed
    fields["status"]["default"] = dict(FRESH_STATUS)
    schema["required"] = ["spec"]
    return schema


def structural(raw: Schema) -> Schema:
    """Rewrite a JSON schema of pydantic as a structural schema and check it.

    Args:
        raw: what `model_json_schema` gives, definitions included.

    Raises:
        SchemaError: recursion, a union, a missing bound or description, a pattern that RE2 lacks, a floating point number.
    """
    return _node(raw, raw.get("$defs", {}), "", ())


def _node(raw: Schema, definitions: Mapping[str, Schema], path: str, inside: tuple[str, ...]) -> Schema:
    node, names = followed(raw, definitions)
    if again := set(names) & set(inside):
        raise SchemaError(f"{path}: {again.pop()} contains itself")
    node, inside = _respelled(node, path), (*inside, *names)
    for part in ("items", "additionalProperties"):
        if isinstance(node.get(part), dict):
            node[part] = _node(node[part], definitions, f"{path}[]", inside)
    if "properties" in node:
        node["properties"] = {
            name: _node(field, definitions, f"{path}.{name}", inside) for name, field in node["properties"].items()
        }
    _check(node, path)
    return node


def _respelled(node: Schema, path: str) -> Schema:
    """Write what both dialects can say in the words of Kubernetes' one."""
    for name in _NOISE:
        node.pop(name, None)
    if "const" in node:
        node["enum"] = [node.pop("const")]
    for bound in ("Minimum", "Maximum"):
        limit = node.pop(f"exclusive{bound}", None)
        if limit is not None:
            node |= {bound.lower(): limit, f"exclusive{bound}": True}
    if node.get("additionalProperties") is False:
        del node["additionalProperties"]
    if node.get(PRESERVE):
        node.pop("additionalProperties", None)
    if "patternProperties" in node:
        (node["additionalProperties"],) = node.pop("patternProperties").values()
        if VALIDATIONS not in node:
            raise SchemaError(f"{path}: a map whose keys are checked by no CEL rule")
    if node.get("type") == "integer":
        node.setdefault("format", "int64")
    return node


_CLASS: Final = re.compile(r"\[\^?(?:\\.|[^\]\\])*\]")
"""A class of characters in a regular expression."""
_ONLY_SOME: Final = re.compile(r"\(\?(?!:)|\\[1-9]|[*+?}]\+")
"""Look-around, named groups and flags, references back, possessive repetition."""
_UNLIKE: Final = re.compile(r"\\[dwsDWSbBAzZGQEpP]")
"""Escapes that mean Unicode in one engine and ASCII in another, or nothing at all."""


def _portable(pattern: str) -> bool:
    """Tell whether a pattern means the same to RE2 and to Python."""
    return not _UNLIKE.search(pattern) and not _ONLY_SOME.search(_CLASS.sub("x", pattern))


def _check(node: Schema, path: str) -> None:
    """Refuse what the API server would refuse, and what we ask beyond it."""
    kind = node.get("type")
    for holds, problem in (
        (not (unknown := set(node) - _KNOWN), f"not part of a structural schema: {', '.join(sorted(unknown))}"),
        ("anyOf" not in node or node.get(INT_OR_STRING), "a union; give each member a field of its own"),
        (kind is not None or node.get(INT_OR_STRING) or node.get(PRESERVE), "no type"),
        (kind != "number", "a floating point number; use Number"),
        (kind != "string" or {"maxLength", "enum"} & set(node), "a string without maxLength"),
        (kind != "array" or {"maxItems", LIST_TYPE} <= set(node), "a list without maxItems or list type; use Items"),
        (kind != "array" or "items" in node, "a list without a schema of its items"),
        ("additionalProperties" not in node or "maxProperties" in node, "a map without maxProperties"),
        (
            kind != "object"
            or {"properties", "additionalProperties"} & set(node)
            or node.get(PRESERVE)
            or path == ".metadata",
            "an object without fields",
        ),
        ("format" not in node or node["format"] in _FORMATS, f"format {node.get('format')}"),
        (_portable(node.get("pattern", "")), "a pattern outside the common ground of RE2 and Python"),
    ):
        if not holds:
            raise SchemaError(f"{path or '.'}: {problem}")
    for name, field in node.get("properties", {}).items():
        if not field.get("description"):
            raise SchemaError(f"{path}.{name}: no description")
    keys = node.get(LIST_KEYS, ())
    if not set(keys) <= set(node.get("items", {}).get("required", ())):
        raise SchemaError(f"{path}: the keys {', '.join(keys)} of a list must be required in its items")
