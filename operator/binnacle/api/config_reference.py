"""The page on the administrator's configuration: every field with what it takes, its default and its meaning, from the models."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from binnacle.api.cel import VALIDATIONS
from binnacle.api.config import Config

Schema = Mapping[str, Any]

_TOP: Final = """\
# The administrator's configuration

One YAML file says where the backends are and what they are like: `--config` of `binnacle operator`, `--context` of the commands that
work on files. Every field may be left out, and an empty file is a good one. What is written differently than said here is refused with
the field and the fix.

```yaml
prometheus: {url: "http://prometheus.monitoring:9090", version: "3.5", scrapeInterval: 15s, evaluationInterval: 15s}
alertmanager: {url: "http://alertmanager.monitoring:9093", version: "0.31"}
grafana: {url: "https://grafana.example"}
platformNamespaces: [platform]
```

The rights of the operator follow from it: `binnacle operator --config FILE --print-rights`. What the backends then mount is in
[mounting.md](mounting.md). Generated from `operator/binnacle/api/config.py`; do not edit.
"""
_LEADING_VERB: Final = re.compile("^(Write|Choose) ")
_SIMPLE: Final = {"boolean": "true or false", "integer": "a whole number", "string": "text"}


def render_configuration() -> str:
    """Return docs/configuration.md: the fields of the top, then a table for each section."""
    schema = Config.model_json_schema(by_alias=True)
    page = _Page(schema.get("$defs", {}))
    defaults = Config.from_data({}).model_dump(mode="json", by_alias=True)
    fields = schema["properties"]
    sections = {name: field for name, field in fields.items() if "properties" in page.resolved(field)}
    lines = [_TOP, *page.table({name: field for name, field in fields.items() if name not in sections}, defaults)]
    for name, field in sections.items():
        whole = page.resolved(field)
        lines += [
            "",
            f"## {name}",
            "",
            page.meaning(field),
            "",
            *page.table(whole["properties"], defaults[name]),
        ]
    return "\n".join(lines) + "\n"


class _Page:
    """Writes fields of a JSON schema as rows of tables."""

    def __init__(self, definitions: Mapping[str, Schema]) -> None:
        self._definitions = definitions

    def resolved(self, field: Schema) -> Schema:
        """Return the schema of a field that is there: references followed, null left out."""
        if "$ref" in field:
            return self._definitions[field["$ref"].rsplit("/", 1)[-1]]
        if "anyOf" in field:
            return self.resolved(next(one for one in field["anyOf"] if one.get("type") != "null"))
        return field

    def meaning(self, field: Schema) -> str:
        """Return the description of a field, which is its model's where the two are the same."""
        return str(field.get("description") or self.resolved(field)["description"])

    def table(self, fields: Mapping[str, Schema], defaults: Mapping[str, Any]) -> list[str]:
        """Return a table of fields; those of a list's items stand below the list, those of a member in its place."""
        rows = self._rows(fields, defaults)
        return ["| field | takes | default | meaning |", "|---|---|---|---|", *map(_row, rows)]

    def _rows(
        self, fields: Mapping[str, Schema], defaults: Mapping[str, Any], within: str = ""
    ) -> Iterator[tuple[str, ...]]:
        for name, field in fields.items():
            inner = self.resolved(field).get("properties")
            if inner is not None:
                yield from self._rows(inner, defaults[name], f"{within}{name}.")
                continue
            yield f"`{within}{name}`", self._takes(field), _default(defaults.get(name)), self.meaning(field)
            yield from self._items(f"{within}{name}", field)

    def _items(self, name: str, field: Schema) -> Iterator[tuple[str, ...]]:
        item = self.resolved(self.resolved(field).get("items", {}))
        for inner, one in item.get("properties", {}).items():
            default = "" if inner in item.get("required", ()) else _default(one.get("default"))
            yield f"`{name}[].{inner}`", self._takes(one), default or "must be given", self.meaning(one)

    def _takes(self, field: Schema) -> str:
        schema = self.resolved(field)
        if "enum" in schema:
            return " or ".join(f"`{value}`" for value in schema["enum"])
        if "items" in schema:
            item = self.resolved(schema["items"])
            return f"a list, at most {schema['maxItems']}" + (
                "" if "properties" in item else f", of {self._takes(schema['items'])}"
            )
        if schema["type"] == "object":
            values = list(schema.get("patternProperties", {}).values())
            return f"a map, at most {schema['maxProperties']}" + (f", to {self._takes(values[0])}" if values else "")
        # The last law is the narrowest: a duration, and then from when to when.
        laws = [rule["message"] for rule in schema.get(VALIDATIONS, ())]
        return _LEADING_VERB.sub("", laws[-1]).removesuffix(".") if laws else _SIMPLE[schema["type"]]


def _default(value: Any) -> str:
    if value in (None, [], {}):
        return "none"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _row(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("<", "&lt;") for cell in cells) + " |"
