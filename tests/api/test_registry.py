"""The way in: objects of files and of a live cluster."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from api.slo_cases import good_slo, put
from binnacle.api.reasons import Reason
from binnacle.api.registry import KINDS, parse
from binnacle.api.slo import SLO


def test_what_a_server_adds_is_passed_over() -> None:
    obj = good_slo()
    obj["metadata"] |= {
        "uid": "4f6c3a52-0f6e-4f0e-8a53-0a0a0a0a0a0a",
        "generation": 3,
        "resourceVersion": "812",
        "creationTimestamp": "2026-01-01T00:00:00Z",
        "managedFields": [{"manager": "kubectl", "fieldsV1": {"f:spec": {}}}],
        "finalizers": ["example.com/theirs"],
        "ownerReferences": [],
    }
    obj["status"] = {"observedGeneration": -1, "fromALaterVersion": {"x": 1}}
    model, findings = parse(obj)
    assert findings == []
    assert isinstance(model, SLO)
    assert (model.metadata.generation, model.metadata.uid[:8]) == (3, "4f6c3a52")
    assert model.status is None


def test_null_counts_as_absent() -> None:
    obj = good_slo()
    for path in (
        "spec.alerting",
        "spec.labels",
        "spec.groupBy",
        "spec.environment",
        "spec.indicator.latency",
        "status",
    ):
        put(path, None)(obj)
    model, findings = parse(obj)
    assert findings == []
    assert isinstance(model, SLO)
    assert model.spec.alerting.burn_rates is None
    obj["spec"]["objective"] = None
    _, (finding,) = parse(obj)
    assert (finding.reason, finding.path) == (Reason.MISSING_FIELD, "spec.objective")


def test_a_file_without_a_namespace_means_default() -> None:
    obj = good_slo()
    del obj["metadata"]["namespace"]
    model, _ = parse(obj)
    assert model is not None
    assert model.metadata.namespace == "default"


@pytest.mark.parametrize(
    ("change", "reason", "path", "fix"),
    [
        ({"kind": None}, Reason.NOT_A_RESOURCE, "kind", "binnacle.dev/v1alpha1"),
        ({"apiVersion": None}, Reason.NOT_A_RESOURCE, "apiVersion", "binnacle.dev/v1alpha1"),
        ({"kind": "Slo"}, Reason.UNKNOWN_KIND, "kind", "Write SLO."),
        ({"kind": "Deployment"}, Reason.UNKNOWN_KIND, "kind", "Write one of AlertPolicy, "),
        ({"apiVersion": "binnacle.dev/v1"}, Reason.UNKNOWN_KIND, "apiVersion", "Write binnacle.dev/v1alpha1."),
    ],
)
def test_what_is_none_of_our_kinds_is_said(change: dict[str, str | None], reason: Reason, path: str, fix: str) -> None:
    model, (finding,) = parse(good_slo() | change)
    assert model is None
    assert (finding.reason, finding.path) == (reason, path)
    assert fix in finding.fix


def test_each_kind_is_listed_under_its_own_name() -> None:
    for kind, info in KINDS.items():
        assert info.kind == kind
        assert info.plural.startswith(kind.lower().removesuffix("y"))
        assert len({column.name for column in info.columns}) == len(info.columns)


def test_reading_costs_a_few_times_what_json_costs() -> None:
    objects = [good_slo(f"slo-{number}") for number in range(200)]

    def seconds(work: Callable[[dict[str, Any]], object]) -> float:
        start = time.process_time()
        for obj in objects:
            work(obj)
        return time.process_time() - start

    # Against something of the same run, since machines differ; the best of some rounds, since they are shared. About 4
    # where this was written (40 microseconds for an SLO).
    rounds = [(seconds(parse), seconds(lambda obj: json.loads(json.dumps(obj)))) for _ in range(7)]
    assert min(ours for ours, _ in rounds) < 10 * min(reference for _, reference in rounds)
