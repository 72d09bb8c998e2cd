"""The page on the administrator's configuration: every field with what it takes, its default and its meaning, from the models."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from binnacle.api.config import Config
from binnacle.api.markdown import code, escaped, table
from binnacle.api.schema_reading import Definitions, followed, literal, takes

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


def render_configuration() -> str:
    """Return docs/configuration.md: the fields of the top, then a table for each section."""
    schema = Config.model_json_schema(by_alias=True)
    page = _Page(schema.get("$defs", {}))
    defaults = Config.from_data({}).model_dump(mode="json", by_alias=True)
    fields = schema["properties"]
    sections = {name: whole for name, field in fields.items() if "properties" in (whole := page.whole(field))}
    lines = [_TOP, *page.table({name: field for name, field in fields.items() if name not in sections}, defaults)]
    for name, whole in sections.items():
        lines += ["", f"## {name}", "", escaped(whole["description"]), ""]
        lines += page.table(whole["properties"], defaults[name])
    return "\n".join(lines) + "\n"


class _Page:
    """Writes fields of a JSON schema as rows of tables."""

    def __init__(self, definitions: Definitions) -> None:
        self._definitions = definitions

    def whole(self, field: Mapping[str, Any]) -> dict[str, Any]:
        """Return the schema of a field that is there."""
        return followed(field, self._definitions)[0]

    def table(self, fields: Mapping[str, Any], defaults: Mapping[str, Any]) -> Iterator[str]:
        """Return a table of fields; those of a list's items stand below the list, those of a member in its place."""
        return table(("field", "takes", "default", "meaning"), self._rows(fields, defaults))

    def _rows(self, fields: Mapping[str, Any], defaults: Mapping[str, Any], within: str = "") -> Iterator[list[str]]:
        for name, field in fields.items():
            inner = self.whole(field).get("properties")
            if inner is not None:
                yield from self._rows(inner, defaults[name], f"{within}{name}.")
                continue
            yield self._row(f"{within}{name}", field, _default(defaults.get(name)))
            yield from self._items(f"{within}{name}", field)

    def _items(self, name: str, field: Mapping[str, Any]) -> Iterator[list[str]]:
        item = self.whole(self.whole(field).get("items", {}))
        for inner, one in item.get("properties", {}).items():
            default = "must be given" if inner in item.get("required", ()) else _default(one.get("default"))
            yield self._row(f"{name}[].{inner}", one, default)

    def _row(self, name: str, field: Mapping[str, Any], default: str) -> list[str]:
        return [code(name), takes(field, self._definitions), default, escaped(self.whole(field)["description"])]


def _default(value: Any) -> str:
    if value in (None, [], {}):
        return "none"
    return code(literal(value))
