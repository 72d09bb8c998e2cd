"""Documents of others: each sort is told once, with what there is to do about it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from binnacle.api.findings import Severity
from binnacle.convert.run import TOOLS
from binnacle.folder.located import Located
from binnacle.folder.reader import read, read_any, read_text

DATA = Path(__file__).resolve().parents[1] / "data" / "convert"
RULES = "groups:\n- name: a\n  rules:\n  - {alert: Down, expr: up == 0}\n"
BOARD = {"title": "Shop", "schemaVersion": 39, "panels": []}


def notes(text: str) -> list[Located]:
    reading = read_text(text)
    assert reading.documents == ()
    assert {item.finding.severity for item in reading.findings} == {Severity.INFO}
    return list(reading.findings)


def said(text: str) -> str:
    (note,) = notes(text)
    return note.finding.message


@pytest.mark.parametrize(
    "board",
    [
        BOARD,
        {"dashboard": BOARD, "overwrite": True},
        {"title": "old", "schemaVersion": 12, "rows": []},
        {"apiVersion": "dashboard.grafana.app/v1beta1", "kind": "Dashboard", "metadata": {"name": "x"}, "spec": {}},
    ],
    ids=["saved", "from the API", "of old", "of new"],
)
def test_a_dashboard_of_grafana_is_called_one(board: dict[str, object]) -> None:
    message = said(json.dumps(board))
    assert message.startswith("This is a dashboard of Grafana, which is passed over. ")
    assert "A Dashboard of binnacle.dev is written anew" in message


def test_a_rule_file_is_called_one_and_it_is_said_what_takes_its_place() -> None:
    message = said(RULES)
    assert message.startswith("This is a rule file of Prometheus, which is passed over. ")
    assert "rules of an AlertPolicy" in message
    assert "recording of a MetricSet" in message


@pytest.mark.parametrize("text", ["groups: []", "groups: [1]", "groups: {rules: []}", "dashboard: 1", "panels: []"])
def test_what_only_looks_alike_is_a_document_without_a_kind(text: str) -> None:
    assert said(text) == "A document without a kind is not of binnacle.dev and is passed over."


@pytest.mark.parametrize("path", sorted(DATA.iterdir()), ids=lambda path: path.name)
def test_slos_of_others_name_the_import_that_takes_them(path: Path) -> None:
    """What a tool of `binnacle import` recognises is told by its name, and nothing else is."""
    documents = [document.obj for document in read_any([str(path)]).documents]
    (tool,) = {name for name, tool in TOOLS.items() if all(map(tool.recognises, documents))}
    assert documents
    for obj in documents:
        assert said(json.dumps(obj)).endswith(f"passed over. binnacle import {tool} converts them.")


def test_many_of_a_sort_are_one_note_at_the_first(tmp_path: Path) -> None:
    for number in range(50):
        (tmp_path / f"{number:02}.json").write_text(json.dumps(BOARD))
        (tmp_path / f"{number:02}.yaml").write_text("# head\n" + RULES)
    boards, rules = read([str(tmp_path)]).findings
    assert boards.finding.message.startswith("This is the first of 50 dashboards of Grafana, which are passed over. ")
    assert (boards.file, boards.line) == (f"{tmp_path.as_posix()}/00.json", 1)
    assert rules.finding.message.startswith("This is the first of 50 rule files of Prometheus, ")
    assert (rules.file, rules.line) == (f"{tmp_path.as_posix()}/00.yaml", 2)


def test_kinds_of_others_are_counted_the_most_frequent_first() -> None:
    kinds = ["Pod", *["Service"] * 2, *["Deployment"] * 3]
    text = "---\n".join(f"apiVersion: v1\nkind: {kind}\nmetadata: {{name: x}}\n" for kind in kinds)
    assert said(text) == (
        "This is the first of 6 documents of other kinds, which are passed over: 3 Deployment, 2 Service, 1 Pod."
    )
    many = "---\n".join(f"apiVersion: v1\nkind: K{number}\n" for number in range(9))
    assert said(many).endswith(": 1 K0, 1 K1, 1 K2, 1 K3, 1 K4, 1 K5 and 3 more kinds.")
    assert len(said("---\n".join([f"apiVersion: v1\nkind: {'x' * 5000}\n"] * 2))) < 200
