"""What an answer of the API server means for the loop."""

import json

import pytest

from binnacle.api.reasons import Reason
from binnacle.cluster.refusals import Call, NotFoundError, refusal
from binnacle.errors import BinnacleError, ConflictError, SpecError, TransientError
from cluster.objects import CONFIG_MAP, RULE, SLO

PATCH_RULE = Call("patch", RULE, "shop", "r")


def status(message: str, **details: object) -> bytes:
    return json.dumps({"kind": "Status", "message": message, "details": details}).encode()


@pytest.mark.parametrize(
    ("code", "body", "kind", "reason"),
    [
        (400, status("bad"), SpecError, Reason.APPLY_REFUSED),
        (401, status("Unauthorized"), TransientError, Reason.PERMISSION_DENIED),
        (403, status('rules is forbidden: User "u" cannot patch resource "r"'), TransientError, Reason.PERMISSION_DENIED),
        (403, status("unable to create new content", causes=[{"reason": "NamespaceTerminating"}]), TransientError, Reason.APPLY_REFUSED),
        (403, status("exceeded quota: q"), TransientError, Reason.APPLY_REFUSED),
        (403, status('admission webhook "w" denied the request: no'), SpecError, Reason.APPLY_REFUSED),
        (404, status('namespaces "n" not found'), NotFoundError, Reason.APPLY_REFUSED),
        (409, status("the object has been modified"), ConflictError, ""),
        (413, status("limit is 3145728"), SpecError, Reason.OUTPUT_TOO_LARGE),
        (422, status("invalid"), SpecError, Reason.APPLY_REFUSED),
        (429, b"", TransientError, Reason.API_SERVER_UNAVAILABLE),
        (500, status("etcd"), TransientError, Reason.API_SERVER_UNAVAILABLE),
        (500, status("failed to create typed patch object (x): .spec: field not declared"), SpecError, Reason.APPLY_REFUSED),
        (503, b"<html>a proxy</html>", TransientError, Reason.API_SERVER_UNAVAILABLE),
    ],
)  # fmt: skip
def test_mapping(code: int, body: bytes, kind: type[BinnacleError], reason: str) -> None:
    error = refusal(PATCH_RULE, code, None, body)
    assert type(error) is kind
    assert error.reason == reason
    assert str(error)


def test_a_missing_permission_names_verb_resource_and_namespace() -> None:
    assert "patch prometheusrules of monitoring.coreos.com r in namespace shop" in str(
        refusal(PATCH_RULE, 403, None, b"")
    )
    assert "list configmaps in all namespaces" in str(refusal(Call("list", CONFIG_MAP), 403, None, b""))
    assert "patch slos/status of binnacle.dev" in str(refusal(Call("patch", SLO, "a", "b", "status"), 403, None, b""))


def test_an_apply_that_would_create_names_the_right_that_is_missing() -> None:
    answer = status('prometheusrules "r" is forbidden: User "u" cannot create resource "prometheusrules" in API group')
    assert "create prometheusrules of monitoring.coreos.com r in namespace shop" in str(
        refusal(PATCH_RULE, 403, None, answer)
    )


@pytest.mark.parametrize(
    ("header", "seconds"), [("7", 7.0), (None, None), ("Wed, 21 Oct 2026 07:28:00 GMT", None), ("-1", 0.0)]
)
def test_the_server_says_how_long_to_wait(header: str | None, seconds: float | None) -> None:
    error = refusal(PATCH_RULE, 429, header, b"")
    assert isinstance(error, TransientError)
    assert error.retry_after == seconds


def test_messages_are_bounded() -> None:
    assert len(str(refusal(PATCH_RULE, 422, None, status("x" * 100_000)))) <= 1024


def test_paths() -> None:
    assert PATCH_RULE.path == "/apis/monitoring.coreos.com/v1/namespaces/shop/prometheusrules/r"
    assert Call("list", CONFIG_MAP).path == "/api/v1/configmaps"
    assert Call("patch", SLO, "a", "b", "status").path == "/apis/binnacle.dev/v1alpha1/namespaces/a/slos/b/status"
