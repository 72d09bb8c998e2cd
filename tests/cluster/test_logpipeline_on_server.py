"""Log pipelines on a real API server: the CRD refuses in words, and the operator keeps a file for each beside Fluentd."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator

import pytest

from api.cases import Case
from api.logpipeline_cases import BAD
from cluster.admission import refusals
from cluster.operator_world import World, Worlds, condition, config_map_path, ready, stalled
from compile.logpipelines import plain_pipeline
from servers.cluster import Cluster

SERVED = config_map_path("binnacle-default-fluentd")
REFUSED = [one for one in BAD if one.server]


@pytest.fixture(scope="module")
def said(cluster: Cluster, crds_applied: tuple[str, ...]) -> dict[str, str]:
    """What the server says of every bad pipeline, asked in one go."""
    return refusals(cluster, "default", [one.object() for one in REFUSED], "LogPipeline")


@pytest.mark.parametrize("bad", REFUSED, ids=lambda one: one.name)
def test_a_bad_pipeline_is_refused_in_words(bad: Case, said: dict[str, str]) -> None:
    assert bad.server in said[bad.name]


def path(namespace: str, name: str) -> str:
    return f"/apis/binnacle.dev/v1alpha1/namespaces/{namespace}/logpipelines/{name}"


@pytest.fixture(scope="module")
def shared(worlds: Worlds) -> Iterator[World]:
    with worlds("configMap") as made:
        yield made


def test_from_apply_to_ready_through_a_failing_test_to_its_end(shared: World) -> None:
    place = shared.namespace(f"lp-{uuid.uuid4().hex[:8]}")
    other = shared.namespace(f"lp-{uuid.uuid4().hex[:8]}")
    shared.apply(plain_pipeline("other", other))
    shared.api.wait(path(other, "other"), ready)
    body = plain_pipeline(
        "full", place, tests=[{"name": "mail", "input": ["a@b.de"], "output": [{"message": "[EMAIL]"}]}]
    )
    mark = shared.mark()
    shared.apply(body)
    made = shared.api.wait(path(place, "full"), ready)
    writes = [(one.verb, one.resource, one.subresource) for one in shared.writes(mark)]
    assert writes == [("patch", "configmaps", ""), ("patch", "logpipelines", "status")]
    status = made["status"]
    assert (status["inputs"], status["outputs"], status["testsSummary"]) == (1, 1, "1/1")
    assert re.fullmatch("[0-9a-f]{12}", status["configHash"])
    columns = shared.plane.kubectl("get", "lp", "-n", place).stdout
    assert columns.split()[:7] == ["NAME", "INPUTS", "OUTPUTS", "TESTS", "LIVE", "READY", "AGE"]

    good = shared.api.get(SERVED)["data"]
    mine, theirs = f"logpipeline.{place}.full.conf", f"logpipeline.{other}.other.conf"
    assert {mine, theirs} <= set(good)
    body["spec"]["tests"][0]["output"] = [{"message": "a@b.de"}]
    mark = shared.mark()
    shared.apply(body)
    bad = shared.api.wait(path(place, "full"), lambda one: stalled(one, "TestFailed"))
    assert 'message is "[EMAIL]", and "a@b.de" was expected.' in condition(bad, "Stalled")["message"]
    assert [one.resource for one in shared.writes(mark)] == ["logpipelines"]
    assert shared.api.get(SERVED)["data"] == good

    shared.plane.kubectl("delete", "logpipeline", "full", "-n", place)
    left = shared.api.wait(SERVED, lambda one: one is not None and mine not in one["data"])
    assert left["data"] == {name: text for name, text in good.items() if name != mine}
