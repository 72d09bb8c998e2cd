"""AdmissionReview: what is read of a question, and what people read in the answer."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.slo_cases import good_slo
from binnacle.api.findings import Finding, Severity
from binnacle.api.reasons import Reason
from binnacle.cluster.webhook import review as reviews
from binnacle.control.admission import TAKEN, Verdict
from cluster.webhook_calls import encoded, review


def asked(**request: Any) -> reviews.Review:
    return reviews.read(encoded(review(good_slo(), **request)))


def response(verdict: Verdict = TAKEN, *notes: str) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(reviews.answer(asked(uid="u-1"), verdict, notes))
    assert (made["apiVersion"], made["kind"]) == ("admission.k8s.io/v1", "AdmissionReview")
    answer: dict[str, Any] = made["response"]
    assert answer["uid"] == "u-1"
    return answer


def finding(number: int = 0, *, severity: Severity = Severity.ERROR, message: str = "It is wrong.") -> Finding:
    return Finding(severity, Reason.PROMQL_SYNTAX, f"spec.a[{number}]", message, "Mend it.", 7)


def test_which_questions_are_about_a_spec_of_ours() -> None:
    assert asked().ours
    assert not asked(operation="DELETE").ours
    assert not asked(operation="CONNECT").ours
    assert not asked(subResource="status").ours
    assert not asked(kind={"group": "apps", "version": "v1", "kind": "SLO"}).ours
    going = good_slo()
    going["metadata"]["deletionTimestamp"] = "2026-11-20T00:00:00Z"
    assert not reviews.read(encoded(review(going, good_slo()))).ours
    assert not reviews.read(encoded(review(None, good_slo(), operation="DELETE"))).ours


def test_a_kind_or_version_of_later_is_not_known() -> None:
    assert asked().known
    assert not asked(kind={"group": "binnacle.dev", "version": "v1beta1", "kind": "SLO"}).known
    body = {**good_slo(), "kind": "Runbook"}
    assert not reviews.read(encoded(review(body))).known


def test_name_and_namespace_come_from_the_question_where_the_object_lacks_them() -> None:
    body = good_slo()
    body["metadata"] = {"generateName": "x-"}
    read = reviews.read(encoded(review(body, namespace="shop", name="x-1")))
    assert read.subject == "SLO shop/x-1"
    assert reviews.read(encoded(review(body))).subject == "SLO /"


@pytest.mark.parametrize(
    "wrong",
    [
        b"", b"{", b"[]", b"null", b'"x"', b"\xff", b"[" * 100_000, b'{"a":' * 100_000,
        *(
            encoded({**review(good_slo()), **change})
            for change in ({"kind": "Review"}, {"apiVersion": "admission.k8s.io/v1beta1"}, {"request": None}, {"request": []})
        ),
        *(
            encoded(review(good_slo(), **change))
            for change in (
                {"uid": None}, {"uid": 5}, {"uid": "x" * 1000}, {"kind": None}, {"kind": {}}, {"operation": None},
                {"object": None}, {"object": []}, {"object": {}}, {"object": {"metadata": []}}, {"oldObject": "x"},
                {"object": {"kind": "SLO", "metadata": {"name": {"a": 1}}}}, {"namespace": 5, "object": {"kind": "SLO", "metadata": {}}},
                {"kind": {"group": "binnacle.dev", "version": "v1alpha1", "kind": "Dashboard"}},
            )
        ),
    ],
)  # fmt: skip
def test_what_is_no_question_is_malformed_and_nothing_of_it_is_quoted(wrong: bytes) -> None:
    with pytest.raises(reviews.MalformedError) as caught:
        reviews.read(wrong)
    assert len(str(caught.value)) < 80
    assert "checkout" not in str(caught.value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


@given(
    st.dictionaries(
        st.sampled_from(("uid", "kind", "operation", "namespace", "name", "object", "oldObject", "subResource")), JSON
    )
)
def test_any_question_is_read_or_malformed(request: dict[str, Any]) -> None:
    try:
        read = reviews.read(encoded(review(good_slo(), **request)))
    except reviews.MalformedError:
        return
    assert json.loads(reviews.pass_unjudged(read))["response"]["allowed"]


def test_a_refusal_has_for_each_finding_path_reason_message_and_fix() -> None:
    answer = response(Verdict((finding(1), finding(2))))
    assert not answer["allowed"]
    assert "warnings" not in answer
    status = answer["status"]
    assert (status["code"], status["reason"]) == (422, "Invalid")
    assert status["message"].splitlines() == [
        "SLO shop/checkout-availability is refused:",
        "* spec.a[1]: PromQLSyntax: It is wrong. (column 7) Mend it.",
        "* spec.a[2]: PromQLSyntax: It is wrong. (column 7) Mend it.",
    ]
    assert status["details"]["causes"][0] == {
        "reason": "PromQLSyntax",
        "field": "spec.a[1]",
        "message": "PromQLSyntax: It is wrong. (column 7) Mend it.",
    }


def test_warnings_do_not_refuse() -> None:
    answer = response(Verdict((), (finding(severity=Severity.WARNING),)), "by the way.")
    assert answer["allowed"]
    assert answer["warnings"] == [
        "SLO shop/checkout-availability: by the way.",
        "SLO shop/checkout-availability: spec.a[0]: PromQLSyntax: It is wrong. (column 7) Mend it.",
    ]
    assert response() == {"uid": "u-1", "allowed": True}


def test_many_findings_and_long_ones_are_bounded() -> None:
    many = tuple(finding(number, message="wrong " * 1000) for number in range(500))
    answer = response(Verdict(many, many))
    lines = answer["status"]["message"].splitlines()
    assert len(lines) == 22
    assert lines[-1] == "* and 480 more; `binnacle check` lists all of them"
    assert max(map(len, lines)) <= 1002
    assert len(answer["status"]["details"]["causes"]) == 21
    assert len(answer["warnings"]) == 15
    assert max(map(len, answer["warnings"])) <= 256
    assert sum(map(len, answer["warnings"])) <= 4096
    assert answer["warnings"][-1].startswith("486 more warnings")


@given(st.text(max_size=400))
def test_nothing_in_an_answer_steers_a_terminal(text: str) -> None:
    answer = response(Verdict((finding(message=text),), (finding(message=text),)))
    for said in (*answer["warnings"], *answer["status"]["message"].splitlines()):
        assert said.isprintable()
