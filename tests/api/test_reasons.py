"""Every reason is explained, and the page is the one that the table gives."""

from pathlib import Path

import pytest

from binnacle.api.reasons import DOCS, Reason, render_reasons

PAGE = Path(__file__).parent.parent.parent / "docs" / "reasons.md"


@pytest.mark.parametrize("reason", Reason)
def test_a_reason_has_a_cause_and_a_fix(reason: Reason) -> None:
    doc = DOCS[reason]
    for text in (doc.cause, doc.fix):
        assert text[0].isupper() or text[0] == "`"
        assert text.endswith(".")
    assert reason.value.isalnum()
    assert reason.value[0].isupper()


def test_reasons_are_told_apart() -> None:
    causes = [doc.cause for doc in DOCS.values()]
    assert len(set(causes)) == len(causes)


def test_the_page_is_the_one_generated() -> None:
    assert PAGE.read_text(encoding="utf-8") == render_reasons(), "docs/reasons.md is stale: run `make generate`"
