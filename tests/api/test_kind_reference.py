"""The pages on the kinds: every field of the CRDs is there with all that belongs to it, links lead somewhere, examples are good.

Pages are read as GitHub shows them: by a Markdown parser, and not by their letters.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from binnacle.api.cel import VALIDATIONS
from binnacle.api.crd import crd_manifest
from binnacle.api.kind_reference import render_kind_pages
from binnacle.api.markdown import anchor, code, escaped, table
from binnacle.api.registry import KINDS

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "reference"
MINIMAL = ROOT / "examples" / "minimal"
READ = MarkdownIt("commonmark").enable("table")


@dataclass
class Section:
    """What stands below a heading: the rows of its table, the first of them the heads, and the text around it."""

    rows: list[list[str]] = field(default_factory=list)
    text: str = ""


@dataclass
class Page:
    """What a reader sees."""

    sections: dict[str, Section] = field(default_factory=dict)
    links: list[str] = field(default_factory=list)
    yaml: list[str] = field(default_factory=list)


def read_page(text: str) -> Page:
    page, section, within = Page(), Section(), ""
    for token in READ.parse(text):
        if token.type in ("heading_open", "tr_open"):
            within = token.type
            if within == "tr_open":
                section.rows.append([])
        elif token.type in ("heading_close", "tr_close"):
            within = ""
        elif token.type == "fence":
            page.yaml.append(token.content)
        elif token.type == "inline":
            parts = token.children or []
            shown = "".join(part.content for part in parts)
            page.links += [str(part.attrs["href"]) for part in parts if part.type == "link_open"]
            if within == "heading_open":
                assert shown not in page.sections
                section = page.sections[shown] = Section()
            elif within == "tr_open":
                section.rows[-1].append(shown)
            else:
                section.text += f"{shown}\n"
    return page


@cache
def rendered() -> dict[str, str]:
    return render_kind_pages({path.stem: path.read_text(encoding="utf-8") for path in MINIMAL.glob("*.yaml")})


@cache
def page_of(kind: str) -> Page:
    return read_page(rendered()[f"{kind.lower()}.md"])


def rows(kind: str, part: str) -> dict[str, dict[str, str]]:
    """The rows below `spec` or `status` by their whole path, those that are told elsewhere too."""
    page = page_of(kind)
    found: dict[str, dict[str, str]] = {}

    def take(section: str, at: str) -> None:
        heads, *lines = page.sections[section].rows
        for line in lines:
            assert len(line) == len(heads), line
            row = dict(zip(heads, line, strict=True))
            found[f"{at}.{row['field']}"] = row
            other = re.search(r"Its fields(?::| are those of) ([\w.\[\]*]+)\.$", row["meaning"])
            if other is not None:
                take(other[1], f"{at}.{row['field']}{'[]' if row[heads[1]].startswith('a list') else ''}")

    take(part, part)
    return found


def nodes(schema: dict[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any], bool]]:
    """Every field of a schema by its path, and whether it must be given."""
    for name, field_schema in schema.get("properties", {}).items():
        yield f"{path}.{name}", field_schema, name in schema.get("required", ())
        inner, below = field_schema, f"{path}.{name}"
        while "properties" not in inner and ("items" in inner or isinstance(inner.get("additionalProperties"), dict)):
            below += "[]" if "items" in inner else ""
            inner = inner.get("items") or inner["additionalProperties"]
        yield from nodes(inner, below)


def schema_of(kind: str) -> dict[str, Any]:
    schema: dict[str, Any] = crd_manifest(kind)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return schema


@pytest.mark.parametrize("part", ["spec", "status"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_field_of_the_crd_is_on_the_page_and_nothing_else(kind: str, part: str) -> None:
    told = rows(kind, part)
    wanted = {path: (schema, required) for path, schema, required in nodes(schema_of(kind)["properties"][part], part)}
    assert told.keys() == wanted.keys()
    for path, (schema, required) in wanted.items():
        row = told[path]
        words = row["takes" if part == "spec" else "holds"]
        assert words
        # What the description says of an absent field stands beside it, not in it.
        meaning, _, default = schema["description"].partition(" Absent means ")
        assert row["meaning"].startswith(meaning.replace("`", "")), path
        if part == "spec":
            assert (row["default"] == "must be given") == required, path
            assert not default or row["default"] in default, path
        for value in schema.get("enum", ()):
            assert str(value) in words, path
        for bound in ("maxItems", "maxProperties", "minimum", "maximum"):
            if schema.get(bound) and part == "spec":
                assert str(schema[bound]) in words, path
        assert part == "status" or not (schema.get("pattern") and words.startswith("text (")), path


@pytest.mark.parametrize("kind", KINDS)
def test_every_law_of_the_crd_is_on_the_page(kind: str) -> None:
    sections = page_of(kind).sections.values()
    shown = "\n".join(
        [*(cell for one in sections for row in one.rows for cell in row), *(one.text for one in sections)]
    )
    found = set(messages(schema_of(kind)))
    assert len(found) > 10
    # A duration is in words what its narrower law says of it.
    general = {
        "Write a Prometheus duration, largest unit first: 5m, 1h30m, 30d.",
        "Write a percentage with its sign: 99.9%.",
    }
    general.add("Write a Prometheus label name: letters, digits and _, not beginning with a digit.")
    for message in found - general:
        plain = message.replace("`", "")
        words = re.sub("^(Write|Choose) ", "", plain).removesuffix(".")
        assert plain in shown or words in shown, message


def messages(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        yield from (rule["message"] for rule in node.get(VALIDATIONS, ()))
        node = list(node.values())
    if isinstance(node, list):
        for inner in node:
            yield from messages(inner)


def test_what_fields_take_and_their_defaults_are_said() -> None:
    slo, policy = rows("SLO", "spec"), rows("AlertPolicy", "spec")
    assert slo["spec.objective"]["takes"] == "a percentage above 0% and below 100%"
    assert slo["spec.alerting.burnRates[].long"]["takes"] == "a duration from 5m to 90d that is a multiple of 1m"
    assert slo["spec.mode"] == {
        "field": "mode",
        "takes": "Apply or DryRun",
        "default": "Apply",
        "meaning": "DryRun compiles, checks, and reports in status what would change, and applies nothing.",
    }
    assert slo["spec.dependsOn[].inhibit"]["default"] == "false"
    assert slo["spec.dashboard.folder"]["default"] == "the namespace's name"
    assert slo["spec.alerting.minFailures"]["takes"] == "a whole number from 1 to 1000000000"
    assert policy["spec.rules"]["takes"] == "a list, at most 100, each with name of its own"
    assert policy["spec.rules[].noData.severity"]["default"] == "warning"
    # Told once, and found from everywhere.
    ca = "httpConfig.tlsConfig.insecureSkipVerify"
    assert policy[f"spec.receivers[].webhook.{ca}"] == policy[f"spec.receivers[].slack.{ca}"]


@pytest.mark.parametrize("kind", KINDS)
def test_links_lead_somewhere(kind: str) -> None:
    page = page_of(kind)
    anchors = [anchor(heading) for heading in page.sections]
    assert len(set(anchors)) == len(anchors)
    assert page.links
    for target in page.links:
        if target.startswith("#"):
            assert target[1:] in anchors
        else:
            assert (FOLDER / target).is_file(), target


def test_the_files_are_what_is_generated() -> None:
    files = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.iterdir()}
    assert files == rendered(), "docs/reference/ is stale: run `make generate`"


@pytest.mark.parametrize("kind", KINDS)
def test_the_page_shows_the_example(kind: str) -> None:
    assert page_of(kind).yaml == [(MINIMAL / f"{kind.lower()}.yaml").read_text(encoding="utf-8")]


def test_all_pages_are_linked_from_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for kind in KINDS:
        assert f"[{kind}](docs/reference/{kind.lower()}.md)" in readme


LINES = st.text(st.characters(exclude_categories=["C", "Zl", "Zp"], exclude_characters="`"), min_size=1, max_size=30)
HARD = st.text(r"\|*_[](){}<>&~!#-+.:$ ax1", min_size=1, max_size=20)


@given(LINES | HARD)
def test_text_is_shown_as_it_is(text: str) -> None:
    text = " ".join(text.split()) or "x"
    cells = [
        token for token in READ.parse("\n".join(table(("a", "b"), [(escaped(text), "c")]))) if token.type == "inline"
    ]
    assert [cell.content for cell in cells[:2]] == ["a", "b"]
    assert ["".join(part.content for part in cell.children or ()) for cell in cells[2:]] == [text, "c"]
    assert {part.type for part in cells[2].children or ()} <= {"text", "text_special"}


@given(HARD)
def test_code_is_shown_as_it_is(text: str) -> None:
    text = " ".join(text.split()) or "x"
    cells = [token for token in READ.parse("\n".join(table(("a", "b"), [(code(text), "c")]))) if token.type == "inline"]
    (shown,) = cells[2].children or ()
    assert (shown.type, shown.content) == ("code_inline", text)


def test_code_in_text_stays_code() -> None:
    assert escaped("the last `every`, *bare*: `{a|b}`") == r"the last `every`, \*bare\*: `{a\|b}`"
    for text in ("", " ", "a`b"):
        with pytest.raises(ValueError, match="as code"):
            code(text)
