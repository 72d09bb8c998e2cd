"""What a LogPipeline may say, and what a person is told who says something else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.cases import Case
from api.logpipeline_cases import BAD
from binnacle.api.findings import Severity
from binnacle.api.logpipeline import LogPipeline
from binnacle.api.logpipeline_fields import FieldPath, KeyPattern
from binnacle.api.registry import parse
from binnacle.errors import SpecError
from compile.logpipelines import good_pipeline, plain_pipeline


@pytest.mark.parametrize("body", [good_pipeline(), plain_pipeline()], ids=["good", "plain"])
def test_a_good_pipeline_is_read(body: dict[str, object]) -> None:
    model, findings = parse(body)
    assert findings == []
    assert isinstance(model, LogPipeline)


@pytest.mark.parametrize("bad", BAD, ids=lambda one: one.name)
def test_a_bad_pipeline_is_refused_at_its_field_with_a_fix(bad: Case) -> None:
    model, findings = parse(bad.object())
    assert model is None
    paths = [one.path for one in findings]
    if not bad.server and not bad.fix:
        assert any(one.reason == "UnknownField" for one in findings)
        return
    assert bad.path in paths
    (found, *_) = [one for one in findings if one.path == bad.path]
    assert bad.fix in found.fix
    assert found.fix
    assert found.severity is Severity.ERROR
    assert "pydantic" not in f"{found.message}{found.fix}".lower()


@given(
    st.lists(st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=10), min_size=1, max_size=8)
)
def test_any_keys_can_be_written_as_a_field(keys: list[str]) -> None:
    path = FieldPath(tuple(keys))
    assert FieldPath.parse(str(path)) == path


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("password", ("password",)),
        ("user.*.email", ("user", "*", "email")),
        ("booking.**", ("booking", "**")),
        ("*.id", ("*", "id")),
        (r"log\.level", ("log.level",)),
    ],
)
def test_private_fields(text: str, keys: tuple[str, ...]) -> None:
    assert KeyPattern.parse(text).keys == keys
    assert str(KeyPattern.parse(text)) == text


@pytest.mark.parametrize("text", ["*", "**", "a.**.b", "**.a", "pass*", "a..b", ".a", "a.", r"a\*", "", "a\n"])
def test_no_private_fields(text: str) -> None:
    with pytest.raises(SpecError):
        KeyPattern.parse(text)
