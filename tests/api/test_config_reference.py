"""The page on the configuration: every field is on it with what it takes, and its example is good."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel

from binnacle.api.config import Config
from binnacle.api.config_reference import render_configuration

ROOT = Path(__file__).resolve().parents[2]


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from models_in(inner)


def fields(model: type[BaseModel], section: str = "", before: str = "") -> Iterator[tuple[str, str]]:
    """Section and name of every field as the page writes them; what only holds others is none."""
    for field in model.model_fields.values():
        name = before + str(field.alias)
        inner = list(models_in(field.annotation))
        if not inner:
            yield section, name
        elif inner == [field.annotation]:
            yield from fields(inner[0], section, f"{name}.") if section else fields(inner[0], name)
        else:
            yield section, name
            yield from fields(inner[0], section, f"{name}[].")


def test_every_field_is_on_the_page_with_all_that_belongs_to_it() -> None:
    head, *sections = re.split(r"^## (\w+)$", render_configuration(), flags=re.MULTILINE)
    page = {"": head, **dict(zip(sections[::2], sections[1::2], strict=True))}
    found = list(fields(Config))
    assert len(found) > 30
    for section, name in found:
        (row,) = [line for line in page[section].splitlines() if line.startswith(f"| `{name}` |")]
        cells = re.split(r"(?<!\\) \| ", row.strip("| "))
        assert len(cells) == 4, row
        assert all(cells), row
    assert {name for name in page if name} == {section for section, _ in found if section}


def test_what_fields_take_and_their_defaults_are_said() -> None:
    page = render_configuration()
    assert "| `scrapeInterval` | a duration from 1s to 10m | `1m` |" in page
    assert "| `output` | `auto` or `operator` or `configMap` | `auto` |" in page
    assert "| `privateProbeTargets` | true or false | `false` |" in page
    assert (
        "| `datasources[].uid` | the uid of a datasource in Grafana: letters, digits, \\_ and - (at most 40 characters) | must be given |"
        in page
    )
    assert (
        "| `namespaces` | a list, at most 1000, of lower-case letters, digits and - between them (at most 63 characters), none twice "
        "| none |" in page
    )
    assert "| `sharedObjects` | a whole number from 1 to 1000 | `16` |" in page


def test_the_examples_of_the_page_and_of_the_readme_are_good() -> None:
    (block,) = re.findall(r"```yaml\n(.*?)```", render_configuration(), re.DOTALL)
    Config.from_data(yaml.safe_load(block))
    (shown,) = re.findall(r"`config\.yaml` says where the backends are: `(.*)`\.", (ROOT / "README.md").read_text())
    Config.from_data(yaml.safe_load(shown))
