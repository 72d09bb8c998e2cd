"""Reading resources from files: what is found, what is passed over, and where things stand."""

import io
import json
import math
import os
import random
import string
import struct
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from binnacle.api.findings import Finding, Severity
from binnacle.api.reasons import Reason
from binnacle.errors import BinnacleError
from binnacle.folder.compose import Limits
from binnacle.folder.document import dotted
from binnacle.folder.located import in_reading_order, locate
from binnacle.folder.reader import Reading, read, read_text
from binnacle.folder.scalars import resolve
from binnacle.intent.refs import Key

EXAMPLES = int(os.environ.get("BINNACLE_FUZZ_EXAMPLES", "150"))
SHRUNK = min(EXAMPLES, 2000)
"""Examples that hypothesis draws: twenty times as slowly as they are read, but what it finds it makes small."""

CHECKOUT = """\
apiVersion: binnacle.dev/v1alpha1
kind: SLO
metadata: {name: checkout, namespace: shop}
spec:
  service: checkout
  alerting:
    burnRates:
    - {name: fast, long: 1h}
    - name: slow
      long: 6h
"""


def named(name: str) -> str:
    return CHECKOUT.replace("name: checkout", f"name: {name}")


def reasons(reading: Reading) -> list[tuple[Severity, Reason]]:
    return [(item.finding.severity, item.finding.reason) for item in reading.findings]


def only(reading: Reading) -> Any:
    assert reading.findings == ()
    (document,) = reading.documents
    return document


# -- what is read ---------------------------------------------------------------------------------------------------


def test_a_file_gives_its_resource(tmp_path: Path) -> None:
    file = tmp_path / "slo.yaml"
    file.write_text(CHECKOUT)
    document = only(read([str(file)]))
    assert document.key == Key("SLO", "shop", "checkout")
    assert document.file == str(file)
    assert document.obj["spec"]["alerting"]["burnRates"][1] == {"name": "slow", "long": "6h"}


def test_a_folder_is_read_recursively_in_the_order_of_names_and_hidden_files_are_left_out(tmp_path: Path) -> None:
    for name in ("b.yaml", "a/z.yml", "a/b/c.json", ".hidden.yaml", "..data/x.yaml", "notes.txt"):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        body = {"apiVersion": "binnacle.dev/v1alpha1", "kind": "SLO", "metadata": {"name": Path(name).stem.strip(".")}}
        file.write_text(json.dumps(body))
    reading = read([str(tmp_path)])
    assert [Path(document.file).relative_to(tmp_path).as_posix() for document in reading.documents] == [
        "a/b/c.json",
        "a/z.yml",
        "b.yaml",
    ]


def test_standard_input_is_a_dash() -> None:
    assert only(read(["-"], stdin=io.BytesIO(CHECKOUT.encode()))).file == "-"


def test_a_file_reached_twice_is_read_once(tmp_path: Path) -> None:
    file = tmp_path / "slo.yaml"
    file.write_text(CHECKOUT)
    assert len(read([str(tmp_path), str(file), f"{tmp_path}/./slo.yaml"]).documents) == 1


def test_a_path_that_does_not_exist_is_an_error_of_the_caller(tmp_path: Path) -> None:
    with pytest.raises(BinnacleError, match="no such file"):
        read([str(tmp_path / "nothing.yaml")])


def test_a_resource_without_namespace_gets_the_default_one() -> None:
    text = CHECKOUT.replace(", namespace: shop", "")
    assert only(read_text(text)).key.namespace == "default"
    assert only(read_text(text, namespace="team")).obj["metadata"]["namespace"] == "team"


def test_others_resources_are_passed_over_with_a_note() -> None:
    reading = read_text("apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n---\njust text\n---\n" + CHECKOUT)
    assert [document.key.name for document in reading.documents] == ["checkout"]
    assert reasons(reading) == [(Severity.INFO, Reason.NOT_A_RESOURCE)] * 2
    assert "Namespace shop" in reading.findings[0].finding.message
    assert "without a kind" in reading.findings[1].finding.message
    assert [item.line for item in reading.findings] == [1, 5]


@pytest.mark.parametrize("version", ["binnacel.dev/v1alpha1", "binnacle.io/v1", "binnacle/v1alpha1", ""])
def test_a_group_that_is_nearly_ours_is_told(version: str) -> None:
    head = f"apiVersion: {version}\n" if version else ""
    reading = read_text("# head\n" + head + CHECKOUT.split("\n", 1)[1])
    assert reading.documents == ()
    assert reasons(reading) == [(Severity.WARNING, Reason.NOT_A_RESOURCE)]
    assert "apiVersion: binnacle.dev/v1alpha1" in reading.findings[0].finding.fix
    assert reading.findings[0].line == 2


@pytest.mark.parametrize(
    ("version", "kind"),
    [
        ("openslo/v1", "SLO"),
        ("perses.dev/v1alpha1", "Dashboard"),
        ("7", "SLO"),
        ("binnacel.dev/v1", "Pod"),
        ("v1", "[]"),
    ],
)
def test_what_is_somebody_elses_is_no_more_than_noted(version: str, kind: str) -> None:
    reading = read_text(f"apiVersion: {version}\nkind: {kind}\nmetadata: {{name: x}}\n")
    assert reasons(reading) == [(Severity.INFO, Reason.NOT_A_RESOURCE)]


def test_what_is_wrong_with_others_yaml_is_theirs() -> None:
    reading = read_text("Resources: {A: !Ref B, 1: 2, A: on}\n")
    assert reasons(reading) == [(Severity.INFO, Reason.NOT_A_RESOURCE)]


@pytest.mark.parametrize("kind", ["List", "SLOList"])
def test_the_items_of_a_list_are_resources(kind: str) -> None:
    items = "".join("- " + named(name).replace("\n", "\n  ").rstrip() + "\n" for name in ("one", "two"))
    reading = read_text(f"# head\napiVersion: v1\nkind: {kind}\nitems:\n{items}- {{apiVersion: v1, kind: Pod}}\n")
    assert [document.key.name for document in reading.documents] == ["one", "two"]
    assert reading.documents[1].position("spec.service") == (19, 5)
    assert [(item.finding.reason, item.line) for item in reading.findings] == [(Reason.NOT_A_RESOURCE, 25)]


def test_a_bad_item_of_a_list_leaves_its_neighbours_alone() -> None:
    head = "apiVersion: binnacle.dev/v1, kind: SLO"
    reading = read_text(
        "kind: List\nitems:\n"
        f"- {{{head}, metadata: {{name: bad}}, spec: {{a: 1, a: 2}}}}\n"
        f"- {{{head}, metadata: {{name: good}}}}\n"
    )
    assert [document.key.name for document in reading.documents] == ["good"]
    (item,) = reading.findings
    assert (item.key.name, item.finding.reason, item.finding.path, item.line) == (
        "bad",
        Reason.DUPLICATE_FIELD,
        "spec.a",
        3,
    )


def test_a_broken_document_hides_neither_those_before_nor_those_after_it() -> None:
    reading = read_text(f"{named('one')}---\nspec: [\n---\n{named('two')}---\nb: }}\n---\n{named('three')}")
    assert [document.key.name for document in reading.documents] == ["one", "two", "three"]
    assert reasons(reading) == [(Severity.ERROR, Reason.YAML_SYNTAX)] * 2
    assert [item.line for item in reading.findings] == [13, 25]


def test_markers_directives_and_line_ends() -> None:
    text = f"%YAML 1.2\n---\n{named('one')}...\n# more\n%YAML 1.2\n--- # two\n{named('two')}---\n# nothing\n---\n"
    for line_end in ("\n", "\r\n"):
        reading = read_text(text.replace("\n", line_end))
        assert [document.key.name for document in reading.documents] == ["one", "two"]
        assert reading.findings == ()
        assert reading.documents[1].position("kind") == (18, 1)


def test_a_byte_order_mark_is_not_text(tmp_path: Path) -> None:
    file = tmp_path / "slo.yaml"
    file.write_text(CHECKOUT, encoding="utf-8-sig")
    assert only(read([str(file)])).position("kind") == (2, 1)


@pytest.mark.parametrize(
    ("metadata", "path", "place"),
    [
        ("metadata: {namespace: shop}", "metadata.name", (3, 1)),
        ("metadata: {name: 5}", "metadata.name", (3, 12)),
        ("metadata: {name: a, namespace: 5}", "metadata.namespace", (3, 21)),
        ("metadata: a", "metadata.name", (3, 1)),
        ("spec: {}", "metadata.name", (1, 1)),
    ],
)
def test_what_has_no_identity_is_refused_and_hides_nobody(metadata: str, path: str, place: tuple[int, int]) -> None:
    bad = f"apiVersion: binnacle.dev/v1alpha1\nkind: SLO\n{metadata}\n"
    reading = read_text(f"{bad}---\n{bad}---\n{CHECKOUT}")
    assert [document.key.name for document in reading.documents] == ["checkout"]
    found = [item for item in reading.findings if item.finding.path == path]
    assert {item.finding.reason for item in reading.findings} == {Reason.MISSING_FIELD}
    assert (found[0].line, found[0].column) == place
    assert len(found) == 2


def test_the_second_of_two_resources_of_a_name_is_refused(tmp_path: Path) -> None:
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text(CHECKOUT)
    reading = read([str(tmp_path)])
    assert [Path(document.file).name for document in reading.documents] == ["a.yaml"]
    (item,) = reading.findings
    assert item.finding.reason is Reason.DUPLICATE_RESOURCE
    assert (Path(item.file).name, item.line, item.column) == ("b.yaml", 3, 12)
    assert f"{tmp_path}/a.yaml" in item.finding.message


# -- JSON -----------------------------------------------------------------------------------------------------------


def test_json_is_read_as_json_even_where_yaml_would_fail() -> None:
    # A surrogate pair, an escaped slash and tabs for indentation: all good JSON.
    text = '\n{\t"apiVersion": "binnacle.dev\\/v1",\n\t"kind": "SLO", "metadata": {"name": "\\ud83d\\ude00"}}'
    document = only(read_text(text))
    assert document.key == Key("SLO", "default", "😀")
    assert document.position("kind")[0] == 1


@pytest.mark.parametrize(
    ("member", "reason"),
    [
        ('"kind": "SLO"', Reason.DUPLICATE_FIELD),
        ('"a": Infinity, 1: 2', Reason.YAML_UNSUPPORTED),
        ('"a": "\\ud800"', Reason.YAML_SYNTAX),
        ('"a": [}', Reason.YAML_SYNTAX),
    ],
)
def test_what_is_wrong_in_json_is_found(member: str, reason: Reason) -> None:
    reading = read_text('{"apiVersion": "binnacle.dev/v1", "kind": "SLO", "metadata": {"name": "a"},\n' + member + "}")
    assert reading.documents == ()
    assert (Severity.ERROR, reason) in reasons(reading)
    assert reading.findings[0].line == 2


# -- what is refused ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "reason", "path", "column"),
    [
        ("{a: 1, b: {c: 1, c: 2}}", Reason.DUPLICATE_FIELD, "spec.b.c", 24),
        ("!!python/object/apply:os.system [x]", Reason.YAML_UNSUPPORTED, "spec", 7),
        ("{a: !Ref b}", Reason.YAML_UNSUPPORTED, "spec.a", 11),
        ("{a: !!binary aGk=}", Reason.YAML_UNSUPPORTED, "spec.a", 11),
        ("{a: !!int x}", Reason.YAML_UNSUPPORTED, "spec.a", 11),
        ("{1: a}", Reason.YAML_UNSUPPORTED, "spec", 8),
        ("{true: a}", Reason.YAML_UNSUPPORTED, "spec", 8),
        ("{~: a}", Reason.YAML_UNSUPPORTED, "spec", 8),
        ("{[a]: b}", Reason.YAML_UNSUPPORTED, "spec", 8),
        ("{a: .inf}", Reason.YAML_UNSUPPORTED, "spec.a", 11),
        ("{a: .nan}", Reason.YAML_UNSUPPORTED, "spec.a", 11),
        ("{<<: 1}", Reason.YAML_UNSUPPORTED, "spec", 12),
        ("{a: *nobody}", Reason.YAML_SYNTAX, "", 11),
        ("{a: &a [*a]}", Reason.YAML_SYNTAX, "", 15),
    ],
)
def test_what_json_cannot_say_is_refused_with_its_place(spec: str, reason: Reason, path: str, column: int) -> None:
    reading = read_text(f"apiVersion: binnacle.dev/v1\nkind: SLO\nmetadata: {{name: a}}\nspec: {spec}\n")
    assert reading.documents == ()
    item = reading.findings[0]
    assert (item.finding.severity, item.finding.reason, item.finding.path) == (Severity.ERROR, reason, path)
    assert (item.line, item.column) == (4, column)
    assert item.finding.fix or reason is Reason.YAML_SYNTAX


def test_anchors_aliases_and_merge_keys_mean_what_they_mean_to_kubectl() -> None:
    text = CHECKOUT.replace("spec:", "x: &x {p: 1, q: [2]}\nz: &z {p: 3, r: 4}\nspec:")
    document = only(read_text(text + "  merged: {<<: [*x, *z], q: 5}\n  same: *x\n  quoted: {'<<': 6}\n"))
    spec = document.obj["spec"]
    assert spec["merged"] == {"p": 1, "q": 5, "r": 4}
    assert spec["same"] == {"p": 1, "q": [2]}
    assert spec["same"]["q"] is not document.obj["x"]["q"]
    assert spec["quoted"] == {"<<": 6}


def test_values_that_kubectl_reads_differently_are_reported_and_kept_as_text() -> None:
    reading = read_text(CHECKOUT + "  a: on\n  b: 'on'\n  c: !!str on\n  d: 2026-01-01\n  e: 1:30\n")
    (document,) = reading.documents
    assert [document.obj["spec"][key] for key in "abcde"] == ["on", "on", "on", "2026-01-01", "1:30"]
    (item,) = reading.findings
    assert (item.finding.severity, item.finding.path) == (Severity.WARNING, "spec.a")
    assert item.finding.reason is Reason.AMBIGUOUS_VALUE


def test_a_file_too_large_is_refused_whole_and_the_next_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("#" * 2000 + "\n" + named("big"))
    (tmp_path / "b.yaml").write_text(named("small"))
    reading = read([str(tmp_path)], limits=Limits(file_bytes=2000))
    assert [document.key.name for document in reading.documents] == ["small"]
    assert reasons(reading) == [(Severity.ERROR, Reason.YAML_TOO_LARGE)]


def test_a_file_that_is_not_text_is_refused_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"a: b\nc: \xff\n")
    (item,) = read([str(tmp_path)]).findings
    assert (item.finding.reason, item.line) == (Reason.FILE_UNREADABLE, 2)


def test_a_file_that_cannot_be_read_is_a_finding(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.symlink_to("/proc/self/mem")
    (item,) = read([str(file)]).findings
    assert item.finding.reason is Reason.FILE_UNREADABLE


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("a: {{ .Values.x }}\nb: {{- end }}\n", "helm template"),
        ("a:\n\tb: 1\n", "spaces"),
        ("a: b\n---\na: 'x\nb: c\n", "begins on line 3"),
        ("a: [x,\n  y\nb: c\n", "begins on line 1"),
    ],
)
def test_the_usual_mistakes_come_with_a_fix(text: str, hint: str) -> None:
    (error,) = [item.finding for item in read_text(text).findings if item.finding.severity is Severity.ERROR]
    assert hint in error.fix


# -- where things stand -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("", (1, 1)),
        ("kind", (2, 1)),
        ("metadata.name", (3, 12)),
        ("spec.alerting.burnRates[fast].long", (8, 20)),
        ("spec.alerting.burnRates[slow].long", (10, 7)),
        ("spec.alerting.burnRates[1].long", (10, 7)),
        ("spec.alerting.burnRates[slow].short", (9, 7)),
        ("spec.alerting.burnRates[none].long", (7, 5)),
        ("spec.objective", (4, 1)),
        ("nothing", (1, 1)),
        ("...", (1, 1)),
        ("[", (1, 1)),
    ],
)
def test_a_path_leads_to_its_field_or_the_nearest_that_exists(path: str, place: tuple[int, int]) -> None:
    assert only(read_text(CHECKOUT)).position(path) == place


def test_keys_with_dots_are_found_both_ways() -> None:
    document = only(read_text(CHECKOUT + "  labels:\n    team.x/y: a\n    team: {x/y: b}\n"))
    assert document.position("spec.labels.team.x/y").line == 12
    assert document.position("spec.labels[team.x/y]").line == 12


def test_findings_are_located_and_sorted() -> None:
    document = only(read_text(CHECKOUT))
    found = [
        Finding(Severity.WARNING, Reason.INVALID_VALUE, "spec.service", "w"),
        Finding(Severity.ERROR, Reason.INVALID_VALUE, "spec.service", "e", column=3),
        Finding(Severity.ERROR, Reason.MISSING_FIELD, "metadata", "m"),
    ]
    located = in_reading_order(locate(document, found))
    assert [(item.finding.message, item.line, item.column) for item in located] == [
        ("m", 3, 1),
        ("w", 5, 3),
        ("e", 5, 14),
    ]
    assert located[0].as_json() == {
        "severity": "error",
        "reason": "MissingField",
        "kind": "SLO",
        "namespace": "shop",
        "name": "checkout",
        "path": "metadata",
        "file": "-",
        "line": 3,
        "column": 1,
        "message": "m",
        "fix": "",
    }


STYLES = {
    "plain": "  x: {}\n",
    "single": "  x: '{}'\n",
    "double": '  x: "{}"\n',
    "literal": "  x: |-\n      {}\n",
    "indented": "  x: |2-\n      {}\n",
    "behind": "  {{a: 1, x: '{}'}}\n",
}


@pytest.mark.parametrize("style", STYLES)
def test_a_column_inside_a_value_is_found_however_it_is_written(style: str) -> None:
    value = "sum(rate(ä😀[5m])) by (x)"
    text = CHECKOUT.partition("spec:")[0] + "spec:\n" + STYLES[style].format(value)
    document = only(read_text(text))
    for column in range(1, len(document.obj["spec"]["x"]) + 1):
        place = document.position("spec.x", column)
        assert text.split("\n")[place.line - 1][place.column - 1] == document.obj["spec"]["x"][column - 1]


@pytest.mark.parametrize("written", ["'it''s x'", '"a\\tx"', "!!str abx", "&a abx", ">-\n    a\n    b", "*v", "|\n\n"])
def test_where_a_column_cannot_be_found_the_value_is(written: str) -> None:
    text = CHECKOUT.replace("spec:", "v: &v abx\nspec:") + f"  x: {written}\n"
    place = only(read_text(text)).position("spec.x", 4)
    assert place.line in (12, 13)
    assert place.column >= 5 or place.line == 13


def test_a_literal_block_points_into_the_right_line() -> None:
    text = CHECKOUT + "  x: |\n    sum(\n      rate(a[5m])\n    )\n"
    document = only(read_text(text))
    column = document.obj["spec"]["x"].index("rate") + 1
    assert document.position("spec.x", column) == (13, 7)


# -- laws -----------------------------------------------------------------------------------------------------------

TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"], exclude_characters="\ufeff\u2028\u2029"), max_size=12
)
KEYS = st.text(string.ascii_letters + "./-_", min_size=1, max_size=8)
ODD = (*("on", "no", "0777", "1_0", "1e3", "~", "<<", "2026-01-01", "12:30:45", "0x1F", "=", "y"), None, True, False)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT
    | st.sampled_from(ODD),
    lambda below: st.lists(below, max_size=4) | st.dictionaries(KEYS, below, max_size=4),
    max_leaves=20,
)


def resource(spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "binnacle.dev/v1alpha1",
        "kind": "SLO",
        "metadata": {"name": "a", "namespace": "b"},
        "spec": spec,
    }


class Dumper(yaml.CSafeDumper):
    """PyYAML writes YAML 1.1, where `0E0` is text: what is a number in 1.2 needs quotes."""


def represent_text(dumper: Dumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, None if isinstance(resolve(text), str) else '"')


Dumper.add_representer(str, represent_text)


def is_read_back_from_yaml(spec: Any, flow: bool | None, unicode: bool) -> None:
    text = yaml.dump(resource(spec), Dumper=Dumper, default_flow_style=flow, allow_unicode=unicode)
    (document,) = read_text(text).documents
    assert document.obj == resource(spec), text


def is_read_back_from_json(spec: Any, indent: int | str | None, ascii_only: bool) -> None:
    text = json.dumps(resource(spec), indent=indent, ensure_ascii=ascii_only)
    assert only(read_text(text)).obj == resource(spec), text


def paths(value: Any, at: tuple[str | int, ...] = ()) -> Any:
    yield at, value
    if isinstance(value, dict):
        for key, item in value.items():
            yield from paths(item, (*at, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from paths(item, (*at, index))


def has_every_key_where_its_position_says(spec: Any) -> None:
    text = yaml.dump(resource(spec), Dumper=yaml.CSafeDumper, sort_keys=False, width=10_000)
    (document,) = read_text(text).documents
    lines = text.split("\n")
    for path, _ in paths(document.obj):
        if path and isinstance(path[-1], str) and not any("name" in str(step) for step in path):
            place = document.position(dotted(path))
            written = lines[place.line - 1][place.column - 1 :]
            assert written.lstrip("'\"").startswith(path[-1]), text


FLOWS, INDENTS = (True, False, None), (None, 2, "\t")


@given(spec=VALUES, flow=st.sampled_from(FLOWS), unicode=st.booleans())
@settings(max_examples=SHRUNK, deadline=None)
def test_what_is_dumped_as_yaml_is_read_back(spec: Any, flow: bool | None, unicode: bool) -> None:
    is_read_back_from_yaml(spec, flow, unicode)


@given(spec=VALUES, indent=st.sampled_from(INDENTS), ascii_only=st.booleans())
@settings(max_examples=SHRUNK, deadline=None)
def test_what_is_dumped_as_json_is_read_back(spec: Any, indent: int | str | None, ascii_only: bool) -> None:
    is_read_back_from_json(spec, indent, ascii_only)


@given(spec=st.dictionaries(KEYS.filter(lambda key: "." not in key), VALUES, min_size=1, max_size=4))
@settings(max_examples=SHRUNK, deadline=None)
def test_every_key_is_where_its_position_says(spec: Any) -> None:
    has_every_key_where_its_position_says(spec)


class Plain:
    """Values like those of `VALUES`, drawn by nothing but a random number: as fast as they are read."""

    _letters = string.ascii_letters + "./-_"
    _signs = "{}[],:-?&*!|>'\"%@`#\\ ~=<"

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def one_of(self, choices: Sequence[Any]) -> Any:
        return self._random.choice(choices)

    def mapping(self, depth: int, fewest: int = 0, letters: str = _letters) -> dict[str, Any]:
        lengths = [self._random.randint(1, 8) for _ in range(self._random.randint(fewest, 4))]
        return {"".join(self._random.choices(letters, k=length)): self.value(depth + 1) for length in lengths}

    def value(self, depth: int = 0) -> Any:
        what = self._random.random()
        if depth < 4 and what < 0.3:
            return self.mapping(depth)
        if depth < 4 and what < 0.5:
            return [self.value(depth + 1) for _ in range(self._random.randint(0, 4))]
        return self.one_of((self._number, self._text, self._text, lambda: self.one_of(ODD)))()

    def _number(self) -> float:
        if self._random.random() < 0.5:
            return self._random.randint(-(2**63), 2**63) >> self._random.randint(0, 64)
        (number,) = struct.unpack("d", self._random.randbytes(8))
        return number if math.isfinite(number) else 0.5

    def _text(self) -> str:
        return "".join(self._character() for _ in range(self._random.randint(0, 12)))

    def _character(self) -> str:
        if self._random.random() < 0.7:
            return str(self.one_of(self._signs + self._letters))
        one = chr(self._random.randint(0x20, self.one_of((0x17F, 0xFFFF, 0x10FFFF))))
        return "." if unicodedata.category(one) in ("Cs", "Cc") or one in "\ufeff\u2028\u2029" else one


def test_the_laws_hold_of_plainly_random_values() -> None:
    for seed in range(EXAMPLES):
        plain = Plain(seed)
        has_every_key_where_its_position_says(plain.mapping(0, 1, string.ascii_letters + "/-_"))
        is_read_back_from_yaml(plain.value(), plain.one_of(FLOWS), plain.one_of((True, False)))
        is_read_back_from_json(plain.value(), plain.one_of(INDENTS), plain.one_of((True, False)))
