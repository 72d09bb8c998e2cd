"""What the resource definitions have taken so far: a record that grows with them and never shrinks.

`make generate` takes in whatever the models add, so that from then on it cannot go unnoticed; what they no longer take is refused
there and by the tests.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from api.crd_compat import Schema, compare_crds
from binnacle.api.crd import crd_manifest
from binnacle.api.registry import KINDS

FOLDER = Path(__file__).parents[1] / "data" / "crds-baseline" / "v1alpha1"
HEADER = "# What has been taken since the first commit, without descriptions. Grown by `make generate`; nothing is removed here.\n"


class NarrowedError(Exception):
    """The current definitions no longer take what has been taken: one line for each place."""


def recorded() -> dict[str, str]:
    """The record's files: text by name."""
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.yaml"))}


def current() -> dict[str, Schema]:
    """The definitions that the models give now, by the names of their files."""
    return {f"{info.group}_{info.plural}.yaml": crd_manifest(kind) for kind, info in KINDS.items()}


def grown(record: Mapping[str, str], definitions: Mapping[str, Schema]) -> dict[str, str]:
    """Return the record with all that the definitions add to it; the same text where they add nothing.

    Raises:
        NarrowedError: something in the record is no longer taken.
    """
    broken = []
    for name, text in record.items():
        if name not in definitions:
            broken.append(f"{name}: the kind is gone")
            continue
        broken += [f"{name}: {problem}" for problem in compare_crds(yaml.safe_load(text), definitions[name])]
    if broken:
        lines = "\n".join(broken)
        raise NarrowedError(
            f"{lines}\nResources that were good would be refused. Where that is meant, change tests/data/crds-baseline/ by hand, "
            "in the commit that says why."
        )
    return {name: HEADER + yaml.safe_dump(bare(definition), width=120) for name, definition in definitions.items()}


def bare(node: Any) -> Any:
    """The definition without its descriptions: words may change."""
    if isinstance(node, dict):
        return {
            key: bare(value) for key, value in node.items() if not (key == "description" and isinstance(value, str))
        }
    return [bare(value) for value in node] if isinstance(node, list) else node
