"""From pydantic's JSON schema to a structural one: each difference between the two, and what is refused."""

import re
from collections.abc import Iterator
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
import yaml
from pydantic import Field, create_model

from binnacle.api.crd import SchemaError, crd_manifest, render_crds, structural
from binnacle.api.labels import Labels
from binnacle.api.matchers import Matcher
from binnacle.api.model import Items, Model
from binnacle.api.registry import KINDS
from binnacle.api.schedules import Schedule
from binnacle.api.secrets import SecretValue
from binnacle.api.values import Duration, Number, Percentage, PlainText, Quantity, Rate

ROOT = Path(__file__).parent.parent.parent


def test_the_files_are_those_that_the_models_give() -> None:
    found = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "crds").glob("*.yaml")}
    assert found == render_crds(), "crds/ is stale: run `make generate`"


def test_the_text_reads_back_as_the_manifest() -> None:
    texts = render_crds()
    assert len(texts) == len(KINDS)
    for kind, info in KINDS.items():
        assert yaml.safe_load(texts[f"{info.group}_{info.plural}.yaml"]) == crd_manifest(kind)


def field(annotation: Any, **more: Any) -> dict[str, Any]:
    """The structural schema of one field."""
    model = create_model(
        "Probe", __base__=Model, value=(Annotated[annotation, Field(description="A value.")], more.pop("default", ...))
    )
    result = structural(model.model_json_schema())["properties"]["value"]
    assert result.pop("description") == "A value."
    return dict(result)


class Colour(StrEnum):
    """A colour."""

    RED = "red"
    BLUE = "blue"


class Inner(Model):
    """An inner thing."""

    name: Annotated[PlainText, Field(description="Its name.")]


@pytest.mark.parametrize(
    ("annotation", "schema"),
    [
        pytest.param(bool, {"type": "boolean"}, id="boolean"),
        pytest.param(int, {"type": "integer", "format": "int64"}, id="format of integers"),
        pytest.param(Annotated[int, Field(gt=0)], {"type": "integer", "format": "int64", "minimum": 0, "exclusiveMinimum": True}, id="exclusive bound"),
        pytest.param(Literal["a"], {"type": "string", "enum": ["a"]}, id="constant"),
        pytest.param(Colour, {"type": "string", "enum": ["red", "blue"]}, id="enumeration inlined"),
        pytest.param(PlainText, {"type": "string", "minLength": 1, "maxLength": 1024}, id="text"),
        pytest.param(
            Annotated[tuple[Inner, ...], Items("map", 4, least=1)],
            {
                "type": "array", "minItems": 1, "maxItems": 4, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"],
                "items": {
                    "type": "object", "description": "An inner thing.", "required": ["name"],
                    "properties": {"name": {"type": "string", "minLength": 1, "maxLength": 1024, "description": "Its name."}},
                },
            },
            id="list of items with identity",
        ),
        pytest.param(
            Annotated[tuple[PlainText, ...], Items("set", 4)],
            {"type": "array", "maxItems": 4, "x-kubernetes-list-type": "set", "items": {"type": "string", "minLength": 1, "maxLength": 1024}},
            id="set",
        ),
    ],
)  # fmt: skip
def test_a_difference_between_the_dialects(annotation: Any, schema: dict[str, Any]) -> None:
    assert field(annotation) == schema
    assert field(annotation | None, default=None) == schema, (
        "a field that may be absent has the schema of one that may not"
    )


def test_a_decimal_is_an_integer_or_text() -> None:
    schema = field(Number)
    assert schema["x-kubernetes-int-or-string"] is True
    assert schema["anyOf"] == [{"type": "integer"}, {"type": "string"}]
    assert "type" not in schema


def test_keys_of_a_map_are_checked_by_a_rule() -> None:
    schema = field(Labels)
    assert schema["additionalProperties"] == {"type": "string", "maxLength": 1024}
    assert schema["maxProperties"] == 32
    assert any("self.all(name, name.matches" in rule["rule"] for rule in schema["x-kubernetes-validations"])
    assert not {"patternProperties", "propertyNames"} & set(schema)


@pytest.mark.parametrize("shared", [Duration, Percentage, Quantity, Rate, Matcher, Schedule, SecretValue])
def test_the_shared_types_can_be_written(shared: Any) -> None:
    field(shared)


@pytest.mark.parametrize(
    ("annotation", "problem"),
    [
        pytest.param(str, "maxLength", id="text without bound"),
        pytest.param(float, "floating point", id="float"),
        pytest.param(Annotated[int | PlainText, Field()], "union", id="union"),
        pytest.param(tuple[PlainText, ...], "maxItems", id="list without marker"),
        pytest.param(dict[str, PlainText], "maxProperties", id="map without bound"),
        pytest.param(Annotated[str, Field(max_length=9, pattern=r"^\d$")], "RE2", id="class of Unicode"),
        pytest.param(Any, "type", id="anything"),
        pytest.param(tuple[int, int], "not part of a structural schema", id="tuple"),
        pytest.param(Decimal, "union", id="decimal as pydantic has it"),
    ],
)  # fmt: skip
def test_what_kubernetes_would_not_take_is_refused_here(annotation: Any, problem: str) -> None:
    with pytest.raises(SchemaError, match=problem) as error:
        field(annotation)
    assert str(error.value).startswith(".value")


@pytest.mark.parametrize(
    "pattern", [r"^(?=a)b$", r"^(?!a)b$", r"^(?P<n>a)$", r"^(a)\1$", r"^a*+$", r"^\w+$", r"^(?i)a$"]
)
def test_a_pattern_outside_re2_is_refused(pattern: str) -> None:
    with pytest.raises(SchemaError, match="RE2"):
        structural({"type": "string", "maxLength": 9, "pattern": pattern})


def test_a_field_without_description_is_refused() -> None:
    with pytest.raises(SchemaError, match=r"\.value: no description"):
        structural(create_model("Probe", __base__=Model, value=(bool, ...)).model_json_schema())


def test_recursion_is_refused() -> None:
    with pytest.raises(SchemaError, match="contains itself"):
        structural(
            {"$ref": "#/$defs/A", "$defs": {"A": {"type": "object", "properties": {"a": {"$ref": "#/$defs/A"}}}}}
        )


def test_an_optional_key_of_a_list_is_refused() -> None:
    class Item(Model):
        """An item."""

        name: Annotated[PlainText | None, Field(description="Its name.")] = None

    with pytest.raises(SchemaError, match="must be required"):
        field(Annotated[tuple[Item, ...], Items("map", 4)])


def nodes(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    yield path, schema
    for name, inner in schema.get("properties", {}).items():
        yield from nodes(inner, f"{path}.{name}")
    for part in ("items", "additionalProperties"):
        if isinstance(schema.get(part), dict):
            yield from nodes(schema[part], f"{path}[]")


@pytest.mark.parametrize("kind", KINDS)
def test_the_whole_crd(kind: str) -> None:
    manifest = crd_manifest(kind)
    (version,) = manifest["spec"]["versions"]
    schema = version["schema"]["openAPIV3Schema"]
    assert schema["properties"]["metadata"] == {"type": "object"}
    assert schema["properties"]["status"]["default"] == {"observedGeneration": -1}
    assert version["subresources"] == {"status": {}}
    assert manifest["spec"]["names"]["categories"] == ["binnacle", "observability"]
    for path, node in nodes(schema):
        assert "default" not in node or path == ".status", f"{path}: a default that is not for ever"
        for rule in node.get("x-kubernetes-validations", ()):
            assert rule["message"].endswith("."), path
            assert "\n" not in rule["message"], path
            assert rule["reason"] == "FieldValueInvalid", path
        if path not in (".apiVersion", ".kind"):
            assert node.get("type") != "string" or "enum" in node or node["maxLength"] <= 4096, path


def test_the_columns_are_those_that_are_promised() -> None:
    columns = crd_manifest("SLO")["spec"]["versions"][0]["additionalPrinterColumns"]
    assert [one["name"] for one in columns if not one.get("priority")] == [
        "Service",
        "Objective",
        "Window",
        "SLI",
        "Budget",
        "Ready",
        "Age",
    ]
    assert "Reason" in [one["name"] for one in columns if one.get("priority")]


@pytest.mark.parametrize("kind", KINDS)
def test_a_column_points_at_a_field_that_exists(kind: str) -> None:
    version = crd_manifest(kind)["spec"]["versions"][0]
    known = {path for path, _ in nodes(version["schema"]["openAPIV3Schema"])}
    for column in version["additionalPrinterColumns"]:
        plain = re.sub(r"\[\?.*?\]", "[]", column["jsonPath"])
        # One of several fields: ['a','b'].
        parent, _, names = plain.partition("['")
        for path in [f"{parent}.{name}" for name in names.removesuffix("']").split("','")] if names else [plain]:
            assert path in known or path == ".metadata.creationTimestamp", column["name"]
