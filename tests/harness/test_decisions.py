"""Decisions are found by their number: each has one of its own, and its heading says the same."""

from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "adr"


def test_each_decision_has_a_number_of_its_own() -> None:
    records = sorted(FOLDER.glob("[0-9]*.md"))
    numbers = [path.name[:4] for path in records]
    assert numbers == [f"{number:04}" for number in range(1, len(records) + 1)]
    for path in records:
        assert path.read_text().startswith(f"# {path.name[:4]}: "), path.name
