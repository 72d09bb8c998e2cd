"""The pages on the kinds: every field with what it takes, its default, its meaning and its laws, from the models of the CRDs."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from binnacle.api.cel import VALIDATIONS
from binnacle.api.markdown import anchor, code, escaped, table
from binnacle.api.model import SAYS
from binnacle.api.registry import KINDS, KindInfo
from binnacle.api.schema_reading import Definitions, Schema, followed, literal, takes, values_of

_TOP: Final = """\
# {kind}

{about}

{head} In a cluster `kubectl explain {short}.spec` shows the same fields.

A small one that does something, [{file}]({link}):

```yaml
{example}
```

`[]` stands for any item of a list; findings give its name there. The API server refuses what is written differently than said here, and so
does `binnacle check`, with the place in the file and the fix. A field that is not here is an error in a file, and the API server drops it.
Queries and references are looked into by `binnacle check`, by the [webhook](../webhook.md) and by the operator, which says in the status
what it found. Generated from `operator/binnacle/api`; do not edit.
"""
_STATUS: Final = "`binnacle folder` writes it into a file. [reasons.md](../reasons.md) explains every reason."
_ABSENT: Final = re.compile(r" ?Absent means (?:that )?(.+?)\.(?= |$)")
"""How a description says what holds without the field."""
_LITERAL: Final = re.compile(r"[0-9/][A-Za-z0-9./]*|true|false")
"""A default that is written as it stands there."""
_FEW: Final = 6
"""An object of at most so many fields, all of its parts counted, is told in its place; a larger one has a table of its own."""


def render_kind_pages(examples: Mapping[str, str]) -> dict[str, str]:
    """Return docs/reference/: a page for each kind by file name.

    Args:
        examples: YAML of a resource for each kind, by the kind in lower case; the files of examples/minimal/.
    """
    return {f"{kind.lower()}.md": _page(info, examples[kind.lower()]) for kind, info in KINDS.items()}


def _page(info: KindInfo, example: str) -> str:
    schema = info.model.model_json_schema(by_alias=True)
    fields = _Fields(schema["$defs"])
    name = f"examples/minimal/{info.kind.lower()}.yaml"
    head = f"Its `apiVersion` is {code(info.api_version)}, its short name {code(info.short)}."
    lines = [
        _TOP.format(
            kind=info.kind,
            about=escaped(schema["description"]),
            head=" ".join((head, *map(escaped, _laws(schema)))),
            short=info.short,
            file=name,
            link=f"../../{name}",
            example=example.strip(),
        ),
        *fields.section("spec", schema["properties"]["spec"]),
        *fields.section("status", schema["properties"]["status"], given=False),
        "## kubectl get",
        "",
        *table(
            ("column", "shows", "with"),
            ((column.name, escaped(column.description), "`-o wide`" if column.wide else "") for column in info.columns),
        ),
    ]
    return "\n".join(lines) + "\n"


class _Below(NamedTuple):
    """The object that a field holds, itself or as the items of its list or the values of its map."""

    path: str
    schema: Schema
    definition: str


class _Fields:
    """Writes the fields of a kind as sections with tables; an object that comes again is told once."""

    def __init__(self, definitions: Definitions) -> None:
        self._definitions = definitions
        self._used = Counter(_references(definitions))
        self._told: dict[str, str] = {}

    def section(self, path: str, field: Mapping[str, Any], *, given: bool = True) -> Iterator[str]:
        """Yield the section of an object, and those of the objects in it that are too large for its table.

        Args:
            path: of the object, as in findings.
            field: its schema.
            given: whether people write it; else nobody asks for defaults.
        """
        schema, _ = followed(field, self._definitions)
        later: list[_Below] = []
        rows = list(self._rows(path, "", schema, given, later))
        yield f"{'###' if '.' in path else '##'} {code(path)}"
        yield ""
        if path.endswith("]") or "." not in path:
            yield escaped(schema["description"])
            yield ""
        if not given and "." not in path:
            yield _STATUS
            yield ""
        heads = ("field", "takes", "default", "meaning") if given else ("field", "holds", "meaning")
        yield from table(heads, rows)
        yield ""
        if laws := _laws(schema):
            yield from (f"- {escaped(law)}" for law in laws)
            yield ""
        for below in later:
            yield from self.section(below.path, below.schema, given=given)

    def _rows(
        self, path: str, within: str, schema: Schema, given: bool, later: list[_Below]
    ) -> Iterator[tuple[str, ...]]:
        for name, field in schema["properties"].items():
            whole, _ = followed(field, self._definitions)
            said, default = _split(whole["description"])
            meaning = [escaped(text) for text in (said, *self._laws_of(whole)) if text]
            below = self._below(f"{path}.{within}{name}", field)
            inside: list[tuple[str, ...]] = []
            if below is not None:
                if self._has_section(below):
                    meaning.append(self._link(below, later))
                else:
                    meaning += map(escaped, _laws(below.schema))
                    inner = below.path.removeprefix(f"{path}.")
                    inside = list(self._rows(path, f"{inner}.", below.schema, given, later))
            cells = [code(f"{within}{name}"), takes(field, self._definitions), " ".join(meaning)]
            if given:
                required = name in schema.get("required", ())
                cells.insert(2, "must be given" if required else _default(default, whole))
            yield tuple(cells)
            yield from inside

    def _below(self, path: str, field: Mapping[str, Any]) -> _Below | None:
        schema, names = followed(field, self._definitions)
        while "properties" not in schema:
            inner, mark = (schema["items"], "[]") if "items" in schema else (values_of(schema), ".*")
            if inner is None:
                return None
            path += mark
            schema, names = followed(inner, self._definitions)
        return _Below(path, schema, names[-1])

    def _has_section(self, below: _Below) -> bool:
        return self._used[below.definition] > 1 or self._size(below.schema) > _FEW

    def _size(self, schema: Schema) -> int:
        """Count the rows of an object."""
        inner = (self._below("", field) for field in schema["properties"].values())
        return len(schema["properties"]) + sum(self._size(below.schema) for below in inner if below is not None)

    def _link(self, below: _Below, later: list[_Below]) -> str:
        place = self._told.setdefault(below.definition, below.path)
        if place == below.path:
            later.append(below)
        said = "Its fields:" if place == below.path else "Its fields are those of"
        return f"{said} [{code(place)}](#{anchor(place)})."

    def _laws_of(self, whole: Schema) -> list[str]:
        """Return the laws of a field that holds no object, and of the items and values in it."""
        if "properties" in whole:
            return []
        inner = whole.get("items") or values_of(whole)
        return [*_laws(whole), *(self._laws_of(followed(inner, self._definitions)[0]) if inner is not None else ())]


def _references(node: Any) -> Iterator[str]:
    """Yield the definitions that a schema refers to, each as often as it does."""
    if isinstance(node, Mapping):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"].removeprefix("#/$defs/")
        node = list(node.values())
    if isinstance(node, list):
        for inner in node:
            yield from _references(inner)


def _laws(schema: Schema) -> list[str]:
    """Return the laws that the API server checks, in words, without those that say only what the value is."""
    known = {f"{verb} {words}." for words in schema.get(SAYS, ()) for verb in ("Write", "Choose")}
    return list(dict.fromkeys(rule["message"] for rule in schema.get(VALIDATIONS, ()) if rule["message"] not in known))


def _split(description: str) -> tuple[str, str]:
    """Return what a field means, and what holds where it is absent."""
    absent = _ABSENT.search(description)
    if absent is None:
        return description, ""
    return (description[: absent.start()] + description[absent.end() :]).strip(), absent[1]


def _default(said: str, schema: Schema) -> str:
    default = schema.get("default")
    if not said and default not in (None, "", [], {}):
        said = literal(default)
    if said and (said in schema.get("enum", ()) or _LITERAL.fullmatch(said)):
        return code(said)
    return escaped(said)
