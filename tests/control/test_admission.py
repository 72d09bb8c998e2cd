"""Admission: the findings of `binnacle check`, and which of them refuse."""

from __future__ import annotations

import asyncio
import copy
import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from api.slo_cases import good_slo, put
from api.test_metricset_model import GOOD as GOOD_METRIC_SET
from api.test_metricset_model import metric_set
from binnacle.api.config import Config
from binnacle.api.findings import Finding, Severity
from binnacle.api.reasons import Reason
from binnacle.cli.compiling import offline
from binnacle.cluster.webhook.threads import Threads
from binnacle.compile.world import Compiled, World
from binnacle.control.admission import TAKEN, Admission
from binnacle.control.cache import Cache
from binnacle.control.desired import desire
from binnacle.control.toolchain import shipped
from binnacle.intent.refs import Key
from binnacle.targets.base import Owner
from cli.running import Runner
from compile.dashboards import plain_dashboard
from compile.logpipelines import plain_pipeline
from compile.policies import policy_body
from control.wrong_input import CONFIG, Object, wrong

TODAY = date(2026, 11, 20)


def admission(
    *others: Object, synced: bool = True, config: Mapping[str, Any] = CONFIG, cache: Cache | None = None
) -> Admission:
    known = cache or Cache()
    for one in others:
        known.put_resource(one)
    return Admission(shipped(offline(Config.from_data(config))), known, lambda: synced, lambda: TODAY)


def refused(asked: Admission, body: Object, before: Object | None = None) -> list[tuple[Reason, str]]:
    return [(one.reason, one.path) for one in asked.judge(body, before).refused]


WRONG = wrong()


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Runner:
    return Runner(capsys, monkeypatch)


def as_checked(finding: Finding) -> dict[str, Any]:
    shown = {"severity": finding.severity.value, "reason": finding.reason.value, "path": finding.path}
    return {**shown, "message": finding.message, "fix": finding.fix}


def test_the_findings_are_those_of_check(run: Runner, tmp_path: Path) -> None:
    """Of all that is wrong in any test of any kind, each resource alone in its file and in its cluster."""
    context = tmp_path / "context.yaml"
    context.write_text(yaml.safe_dump(dict(CONFIG)))
    kinds = dict.fromkeys(("SLO", "AlertPolicy", "MetricSet", "Dashboard", "LogPipeline"), 0)
    for name, body in WRONG.items():
        file = tmp_path / f"{name}.json"
        file.write_text(json.dumps(body))
        ended = run("check", file, "--context", context, "--date", TODAY, "--output", "json")
        said = [
            {key: one[key] for key in ("severity", "reason", "path", "message", "fix")} for one in json.loads(ended.out)
        ]
        verdict = admission().judge(body)
        found = [as_checked(one) for one in (*verdict.refused, *verdict.told)]
        assert sorted(found, key=str) == sorted((one for one in said if one["severity"] != "info"), key=str), name
        # What check calls an error is refused, unless somebody else only has to be applied first.
        passed = [one for one in verdict.told if one.severity is Severity.ERROR]
        assert all(one.awaited or one.reason is Reason.UNKNOWN_FIELD for one in passed), name
        assert len(verdict.refused) + len(passed) == sum(one["severity"] == "error" for one in said), name
        kinds[body["kind"]] += bool(verdict.refused)
    assert all(count >= 10 for count in kinds.values()), kinds


@pytest.mark.parametrize(
    "good", [good_slo(), policy_body(), metric_set(GOOD_METRIC_SET), plain_dashboard(), plain_pipeline()],
    ids=lambda body: body["kind"],
)  # fmt: skip
def test_a_good_one_is_taken_whether_or_not_the_others_are_known(good: Object) -> None:
    for synced in (True, False):
        assert admission(synced=synced).judge(good).refused == ()


def test_who_else_is_there_refuses_nothing_and_saves_nothing() -> None:
    others = (good_slo("other"), policy_body("other"), metric_set(GOOD_METRIC_SET), plain_dashboard("other"))
    crowded = admission(*others)
    for name, body in WRONG.items():
        alone = admission().judge(body).refused
        assert crowded.judge(body).refused == alone, name
        assert admission(*others, synced=False).judge(body).refused == alone, name


async def test_it_may_be_asked_from_many_threads_while_the_cache_changes() -> None:
    cache = Cache()
    asked = admission(cache=cache)
    alone = {name: asked.judge(body).refused for name, body in WRONG.items()}
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with Threads(4, 4) as threads:
            names = [*WRONG, *WRONG]
            jobs = [asyncio.create_task(threads.run(partial(asked.judge, WRONG[name]))) for name in names]
            number = 0
            while not all(one.done() for one in jobs):
                number += 1
                other = metric_set(GOOD_METRIC_SET)
                other["metadata"] = {"name": f"other-{number % 50}", "namespace": "shop", "uid": str(number)}
                key, _ = cache.put_resource(other)
                if number % 3 == 0:
                    cache.drop_resource(key, "")
                await asyncio.sleep(0)
            assert number > 10
    finally:
        sys.setswitchinterval(before)
    assert [one.result().refused for one in jobs] == [alone[name] for name in names]


# -- what depends on others ----------------------------------------------------------------------------------------


def told(asked: Admission, body: Object) -> list[tuple[Severity, Reason, str]]:
    verdict = asked.judge(body)
    assert verdict.refused == ()
    return [(one.severity, one.reason, one.path) for one in verdict.told]


def linked() -> Object:
    return plain_dashboard(links=[{"name": "slo", "title": "SLO", "slo": "checkout"}])


def test_a_reference_that_is_not_there_yet_is_told_and_not_refused() -> None:
    missing = (Severity.ERROR, Reason.UNKNOWN_REFERENCE, "spec.links[slo].slo")
    assert told(admission(), linked()) == [missing]
    assert told(admission(good_slo("checkout")), linked()) == []
    body = good_slo()
    body["spec"]["alerting"]["route"] = {"alertPolicy": "payments"}
    assert (Severity.WARNING, Reason.UNKNOWN_REFERENCE, "spec.alerting.route.alertPolicy") in told(admission(), body)
    assert told(admission(policy_body("payments")), body) == []


def test_a_title_that_another_has_is_told_and_not_refused() -> None:
    first, second = plain_dashboard("a", title="Same"), plain_dashboard("b", title="Same")
    cache = Cache()
    asked = admission(first, cache=cache)
    key = Key("Dashboard", "shop", "a")
    cache.set_reads(key, desire(asked.tools, first, Owner(key), World(asked.tools.config, TODAY)).reads)
    assert [(one, reason) for one, reason, _ in told(asked, second)] == [(Severity.ERROR, Reason.DUPLICATE_TITLE)]


def test_a_ring_that_others_close_is_told_and_not_refused() -> None:
    there, new = good_slo("a"), good_slo("b")
    there["spec"]["dependsOn"] = [{"name": "b", "inhibit": True}]
    new["spec"]["dependsOn"] = [{"name": "a", "inhibit": True}]
    assert told(admission(there), new) == [(Severity.ERROR, Reason.CIRCULAR_REFERENCE, "spec.dependsOn[a].inhibit")]
    new["spec"]["dependsOn"] = [{"name": "b", "inhibit": True}]
    assert refused(admission(), new) == [(Reason.CIRCULAR_REFERENCE, "spec.dependsOn[b]")]


def test_before_all_is_known_nothing_is_said_of_others() -> None:
    assert admission(synced=False).judge(linked()) == TAKEN
    assert admission(good_slo("checkout"), synced=False).judge(linked()) == TAKEN


def test_the_new_version_counts_among_the_others_not_the_stored_one() -> None:
    stored = metric_set({"metrics": [{"name": "a_total", "type": "counter"}]})
    new = metric_set(
        {
            "metrics": [{"name": "b_total", "type": "counter"}],
            "recording": [{"name": "r", "record": "shop:b:rate5m", "promql": "sum(rate(b_total[5m]))"}],
        }
    )
    assert told(admission(stored), new) == []


def test_a_field_that_only_this_replica_does_not_know_is_told() -> None:
    body = good_slo()
    body["spec"]["brandNew"] = {"a": 1}
    assert told(admission(), body) == [(Severity.ERROR, Reason.UNKNOWN_FIELD, "spec.brandNew")]


# -- changes -------------------------------------------------------------------------------------------------------


def broken(*more: str) -> Object:
    body = good_slo()
    put("spec.indicator.ratio.errors", 'http_requests_total{code=~"5.."')(body)
    for field in more:
        put(field, "http_requests_total{")(body)
    return body


def test_a_change_beside_the_spec_passes_whatever_the_spec_says() -> None:
    before = broken()
    labelled = copy.deepcopy(before)
    labelled["metadata"]["labels"] = {"a": "b"}
    assert admission().judge(labelled, before) == TAKEN
    assert refused(admission(), labelled) != []


def test_what_was_wrong_before_is_told_and_what_is_newly_wrong_refused() -> None:
    before, now = broken(), broken()
    put("spec.description", "another")(now)
    assert [(one.severity, one.reason) for one in admission().judge(now, before).told] == [
        (Severity.ERROR, Reason.PROMQL_SYNTAX)
    ]
    assert refused(admission(), now, before) == []
    worse = broken("spec.indicator.ratio.total")
    assert refused(admission(), worse, before) == [(Reason.PROMQL_SYNTAX, "spec.indicator.ratio.total")]
    assert refused(admission(), before, good_slo()) == [(Reason.PROMQL_SYNTAX, "spec.indicator.ratio.errors")]


def test_a_namespace_that_is_not_served_is_not_judged() -> None:
    assert admission(config={"namespaces": ["other"]}).judge(broken()) == TAKEN
    assert refused(admission(config={"namespaces": ["shop"]}), broken()) != []


def test_a_defect_of_ours_refuses_nobody() -> None:
    def defect(*_: object) -> Compiled:
        raise ZeroDivisionError

    asked = admission()
    asked = replace(asked, tools=replace(asked.tools, compilers={"SLO": defect}))
    assert [reason for _, reason, _ in told(asked, good_slo())] == [Reason.INTERNAL_ERROR]


@pytest.mark.parametrize("spec", [None, 5, "x", [], {"suspend": [[[[]]]]}, {"labels": {"x": None, "y": 5}}])
def test_what_is_no_spec_is_refused_in_words(spec: object) -> None:
    for kind in ("SLO", "AlertPolicy", "MetricSet", "Dashboard", "LogPipeline"):
        body = {**good_slo(), "kind": kind, "spec": spec}
        assert refused(admission(), body) != []
