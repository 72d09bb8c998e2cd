"""Bad input of every kind but the SLO on a real API server: told at its field, and neither neighbours nor last good versions change.

For each kind one namespace holds good resources; ten of them then get a spec that the API server takes and the compiler
refuses, all at once.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import pytest

from cluster.operator_world import MONITORING, Object, condition
from compile.dashboards import panel, plain_dashboard, row
from compile.logpipelines import plain_pipeline
from compile.policies import policy_body
from servers.audit import WriteCounter, counted
from servers.controlplane import ControlPlane
from servers.operator import USER, OperatorProcess, sweep
from servers.waiting import eventually

CONFIG: Final = {"prometheus": {"output": "configMap"}, "probers": {"eu": "eu.example:9115"}}
NEIGHBOURS: Final = 10
DEEP: Final = "(" * 300 + "x" + ")" * 300


@dataclass(frozen=True)
class Bad:
    """A spec that stalls its resource: the reason at the field, and words of the message and the fix."""

    spec: Object
    reason: str
    path: str
    says: str
    fix: str


@dataclass(frozen=True)
class Kind:
    """A kind, how its resources are called in a path, and its bad specs."""

    name: str
    plural: str
    bad: tuple[Bad, ...]

    def object(self, namespace: str, name: str, spec: Object | None = None) -> Object:
        body = self.good(name) if spec is None else {"spec": spec}
        return {
            "apiVersion": "binnacle.dev/v1alpha1",
            "kind": self.name,
            "metadata": {"name": name, "namespace": namespace},
            "spec": body["spec"] if self.name != "Dashboard" else {**body["spec"], "title": name},
        }

    def good(self, name: str) -> Object:
        if self.name == "AlertPolicy":
            return policy_body(
                rules=[{"name": "Down", "severity": "warning", "for": "5m", "down": {"up": 'up{job="api"}'}}],
                receivers=[{"name": "hook", "webhook": {"url": "https://hook.example/x"}}],
                defaultReceivers=["hook"],
            )
        if self.name == "MetricSet":
            return {
                "spec": {
                    "probes": [{"name": "home", "url": "https://shop.example"}],
                    "recording": [{"name": "rate", "record": "shop:x:rate5m", "promql": "sum(rate(x_total[5m]))"}],
                }
            }
        if self.name == "LogPipeline":
            return plain_pipeline()
        if self.name == "LogPipeline":
            return {"spec": {"stages": [{"name": "json", "parse": {"format": "json"}}], "outputs": STDOUT}}
        return plain_dashboard(name)


def rule(**what: Any) -> Object:
    return {"rules": [{"name": "X", "severity": "info", **what}]}


def promql(text: str) -> Object:
    return rule(expression={"promql": text})


def probe(**what: Any) -> Object:
    return {"probes": [{"name": "home", "url": "https://shop.example", **what}]}


def record(text: str) -> Object:
    return {"recording": [{"name": "r", "record": "a:b:c", "promql": text}]}


def query(text: str, language: str = "promql", **more: Any) -> Object:
    kind = "logs" if language == "logql" else "timeseries"
    return {"rows": [row(panel(type=kind, queries=[{"name": "a", language: text, **more}]))]}


def stages(*more: Object, **spec: Any) -> Object:
    """A pipeline with these stages, called `s0`, `s1`, ..."""
    named = [{"name": f"s{number}", **stage} for number, stage in enumerate(more)]
    return plain_pipeline(stages=named, **spec)["spec"]


def asked(**what: Any) -> Object:
    return stages({"filter": {"drop": [{"field": "a", **what}]}})


def outputs(one: Object) -> Object:
    return {"outputs": [{"name": "x", **one}]}


ROUTE: Final = {"route": {"when": [{"field": "a", "exists": True}], "outputs": ["loki"]}}
PACK: Final = {"redact": {"packs": ["default"]}}


def stage(*, name: str = "s", **what: Any) -> Object:
    return {"stages": [{"name": name, **what}], "outputs": STDOUT}


def dropped(pattern: str) -> Object:
    return stage(filter={"drop": [{"field": "a", "matches": pattern}]})


STDOUT: Final = [{"name": "out", "stdout": {}}]
LATE: Final = {
    "stages": [
        {"name": "r", "route": {"when": [{"field": "a", "exists": True}], "outputs": ["b"]}},
        {"name": "p", "redact": {"packs": ["default"]}},
    ],
    "outputs": [*STDOUT, {"name": "b", "stdout": {}}],
}
TEST: Final = {"name": "t", "input": ["a"], "output": [{"message": "b"}]}
RULE: Final = "spec.rules[X]"
HOME: Final = "spec.probes[home]"
RECORD: Final = "spec.recording[r].promql"
STAGE: Final = "spec.stages[s]"
QUERY: Final = "spec.rows[traffic].panels[requests].queries[a]"

KINDS: Final = (
    Kind("AlertPolicy", "alertpolicies", (
        Bad(promql("sum("), "PromQLSyntax", f"{RULE}.expression.promql", "never closed", "Add `)`."),
        Bad(promql('up{a="b}'), "PromQLSyntax", f"{RULE}.expression.promql", "no closing", 'Add ".'),
        Bad(promql(DEEP), "PromQLTooLarge", f"{RULE}.expression.promql", "400 brackets", "recording rules"),
        Bad(promql('x"} or vector(1) #'), "PromQLSyntax", f"{RULE}.expression.promql", "", ""),
        Bad(rule(ratio={"errors": "rate(x[5m])", "total": "x"}, above="5%"), "NotASelector", f"{RULE}.ratio.errors", "`rate` is added", "Write only the metric"),
        Bad(rule(ratio={"errors": "x", "total": "a or b"}, above="5%"), "NotASelector", f"{RULE}.ratio.total", "Only a metric", "plain selector"),
        Bad(rule(threshold={"gauge": '{job="x"}'}, above=1), "NotASelector", f"{RULE}.threshold.gauge", "does not name its metric", "before the braces"),
        Bad(rule(quantile={"histogram": "x_bucket", "percentile": "95%"}, above="1s"), "InvalidValue", f"{RULE}.quantile.histogram", "a part of a histogram", "Write x;"),
        Bad(rule(down={"up": "up[5m]"}), "NotASelector", f"{RULE}.down.up", "range", "Write only the metric"),
        Bad({"receivers": [{"name": "a", "slack": {"channel": "#x"}}], "defaultReceivers": ["a"]}, "MissingField", "spec.receivers[a].slack.apiUrl", "No address is known", "Add apiUrl"),
    )),
    Kind("MetricSet", "metricsets", (
        Bad(probe(url="http://169.254.169.254"), "ProbeTargetRefused", f"{HOME}.url", "link-local", "reached from outside"),
        Bad(probe(url="http://127.0.0.1"), "ProbeTargetRefused", f"{HOME}.url", "own machine", "reached from outside"),
        Bad(probe(url="https://kubernetes.default.svc"), "ProbeTargetRefused", f"{HOME}.url", "the API server", "reached from outside"),
        Bad(probe(url="http://10.0.0.1"), "ProbeTargetRefused", f"{HOME}.url", "private", "allow.privateProbeTargets"),
        Bad(probe(regions=["moon"]), "UnknownReference", f"{HOME}.regions", "no prober in the region moon", "Choose among eu"),
        Bad(probe(expect={"bodyMatches": "("}), "InvalidValue", f"{HOME}.expect.bodyMatches", "no regular expression", "RE2"),
        Bad(record("sum("), "PromQLSyntax", RECORD, "never closed", "Add `)`."),
        Bad(record("x[5m]"), "InvalidValue", RECORD, "samples of a range", "rate()"),
        Bad(record(DEEP), "PromQLTooLarge", RECORD, "400 brackets", "recording rules"),
        Bad(record('"text"'), "InvalidValue", RECORD, "gives a text", "rate()"),
    )),
    Kind("LogPipeline", "logpipelines", (
        Bad(stages({"parse": {"format": "regex", "pattern": "(?<a"}}), "RegexSyntax", "spec.stages[s0].parse.pattern", "no regular expression of Ruby", "Correct it"),
        Bad(stages({"parse": {"format": "regex", "pattern": "a+"}}), "InvalidValue", "spec.stages[s0].parse.pattern", "No group has a name", "(?<level>"),
        Bad(stages({"parse": {"format": "regex", "pattern": "(?<lp_time>x)"}}), "ReservedField", "spec.stages[s0].parse.pattern", "lp_time is reserved", "another name"),
        Bad(stages({"multiline": {"start": r"\d+x"}}), "SlowPattern", "spec.stages[s0].multiline.start", "the square of the length", "fixed text"),
        Bad(asked(matches="(a+)+b"), "SlowPattern", "spec.stages[s0].filter.drop[0].matches", "much more than the square", "[^ ]+"),
        Bad(asked(matches=r"(.)\1"), "RegexSyntax", "spec.stages[s0].filter.drop[0].matches", "cannot be told", "without that"),
        Bad(stages({"redact": {"keys": ["user"], "action": "Hash"}}), "MissingField", "spec.stages[s0].redact.salt", "without a secret salt", "Add salt"),
        Bad(stages({"redact": {"patterns": [{"name": "a", "regex": "x*"}]}}), "InvalidValue", "spec.stages[s0].redact.patterns[a].regex", "the empty text", "take a character"),
        Bad(stages(ROUTE, PACK), "OutOfOrder", "spec.stages[s1]", "sent copies before, unredacted", "before s0"),
        Bad(outputs({"loki": {"tenant": "somebody-else"}}), "NameNotAllowed", "spec.outputs[x].loki.tenant", "does not belong to the namespace", "tenancy.allow"),
        Bad(outputs({"elasticsearch": {"index": "shop"}}), "BackendNotConfigured", "spec.outputs[x].elasticsearch", "no address of Elasticsearch", "elasticsearch.url"),
        Bad(stages(tests=[{"name": "t", "input": ["a@b.de"], "output": [{"message": "a@b.de"}]}]), "TestFailed", "spec.tests[t]", "[EMAIL]", "Correct the stages"),
    )),
    Kind("Dashboard", "dashboards", (
        Bad(query("sum("), "PromQLSyntax", f"{QUERY}.promql", "never closed", "Add `)`."),
        Bad(query('x{a="b}'), "PromQLSyntax", f"{QUERY}.promql", "no closing", 'Add ".'),
        Bad(query(DEEP), "PromQLTooLarge", f"{QUERY}.promql", "400 brackets", "recording rules"),
        Bad(query("x[5m]"), "InvalidValue", f"{QUERY}.promql", "samples of a range", "rate"),
        Bad(query("rate(x)"), "PromQLSyntax", f"{QUERY}.promql", "needs a range", "square brackets"),
        Bad(query("sum by (a (x)"), "PromQLSyntax", f"{QUERY}.promql", "never closed", "Add `)`."),
        Bad(query('{a="b"', "logql"), "LogQLSyntax", f"{QUERY}.logql", "not closed", "Add }"),
        Bad(query("up", datasource="nope"), "UnknownReference", f"{QUERY}.datasource", "no datasource nope", "spec.datasources"),
        Bad({"rows": [row(panel())], "folder": "other"}, "FolderNotAllowed", "spec.folder", "not one of the namespace", "leave the field out"),
        Bad(query("sum by (x) (y) (z)"), "PromQLSyntax", f"{QUERY}.promql", "does not fit", "may be missing"),
    )),
    Kind("LogPipeline", "logpipelines", (
        Bad(stage(parse={"format": "regex", "pattern": "("}), "RegexSyntax", f"{STAGE}.parse.pattern", "no regular expression of Ruby", "Correct it"),
        Bad(stage(multiline={"start": "["}), "RegexSyntax", f"{STAGE}.multiline.start", "premature end", "Correct it"),
        Bad(dropped("(?<=a+)b"), "RegexSyntax", f"{STAGE}.filter.drop[0].matches", "look-behind", "Correct it"),
        Bad(dropped(r"(a)\1{99}"), "RegexSyntax", f"{STAGE}.filter.drop[0].matches", "cannot be told", "without that"),
        Bad(stage(redact={"patterns": [{"name": "x", "regex": "(a|"}]}), "RegexSyntax", f"{STAGE}.redact.patterns[x].regex", "parenthesis", "Correct it"),
        Bad(LATE, "OutOfOrder", "spec.stages[p]", "sent copies before, unredacted", "Move the stage before r"),
        Bad({"outputs": [{"name": "o", "elasticsearch": {"index": "shop-logs"}}]}, "BackendNotConfigured", "spec.outputs[o].elasticsearch", "no address of Elasticsearch", "elasticsearch.url"),
        Bad({"outputs": [{"name": "o", "loki": {"tenant": "other"}}]}, "NameNotAllowed", "spec.outputs[o].loki.tenant", "does not belong to the namespace", "tenancy.allow"),
        Bad({"outputs": STDOUT, "tests": [TEST]}, "TestFailed", "spec.tests[t]", '"b" was expected', "Correct the stages or the test"),
        Bad({"outputs": STDOUT, "tests": [{**TEST, "at": "nope"}]}, "TestFailed", "spec.tests[t].at", "no output nope", "Correct the stages or the test"),
    )),
)  # fmt: skip


@dataclass
class Place:
    """An operator, and a namespace of its own for each kind."""

    plane: ControlPlane
    counter: WriteCounter
    namespace: str

    def of(self, kind: Kind) -> dict[str, Object]:
        listed = self.plane.get(kind.plural, "-n", self.namespace)["items"]
        return {one["metadata"]["name"]: one for one in listed}

    def settled(self, kind: Kind) -> dict[str, Object]:
        """All resources of a kind, once each status is about the spec that is there and Ready is said."""

        def said() -> dict[str, Object]:
            found = self.of(kind)
            for one in found.values():
                assert one.get("status", {}).get("observedGeneration") == one["metadata"]["generation"]
                assert condition(one, "Ready")["status"] in ("True", "False")
            return found

        return eventually(said, every=0.5, what=f"a status for every {kind.name}")

    def served(self) -> dict[str, tuple[str, Any]]:
        """What the backends are given: version and data of every ConfigMap of ours."""
        items = self.plane.get("configmap", "-n", MONITORING, "-l", "app.kubernetes.io/managed-by=binnacle")["items"]
        return {one["metadata"]["name"]: (one["metadata"]["resourceVersion"], one.get("data")) for one in items}

    def writes(self, mark: int) -> list[str]:
        records = counted(self.counter.settle(mark, quiet=1.5, user=USER), user=USER)
        return sorted("/".join(part for part in (one.resource, one.subresource, one.name) if part) for one in records)


@pytest.fixture(scope="module")
def place(
    control_plane: ControlPlane, crds_applied: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    sweep(control_plane)
    namespace = f"bad-{uuid.uuid4().hex[:8]}"
    control_plane.kubectl("create", "namespace", namespace)
    control_plane.kubectl("create", "namespace", MONITORING, check=False)
    counter = WriteCounter(control_plane.audit_log)
    counter.prove(control_plane)
    with OperatorProcess(control_plane, tmp_path_factory.mktemp("kinds"), CONFIG):
        made = Place(control_plane, counter, namespace)
        control_plane.apply(
            [kind.object(namespace, name) for kind in KINDS for name in (*neighbours(), *victims(kind))]
        )
        for kind in KINDS:
            for one in made.settled(kind).values():
                assert condition(one, "Ready")["status"] == "True", one["status"]
        made.writes(counter.mark())
        yield made
    control_plane.kubectl("delete", "namespace", namespace, "--wait=false")


def neighbours() -> list[str]:
    return [f"neighbour-{number}" for number in range(NEIGHBOURS)]


def victims(kind: Kind) -> dict[str, Bad]:
    return {f"victim-{number}": bad for number, bad in enumerate(kind.bad)}


@pytest.mark.parametrize("kind", KINDS, ids=lambda one: one.name)
def test_ten_that_are_bad_are_told_at_their_field_and_nothing_else_changes(place: Place, kind: Kind) -> None:
    before, served, mark = place.of(kind), place.served(), place.counter.mark()
    bad = victims(kind)
    assert len(bad) >= 10
    place.plane.apply([kind.object(place.namespace, name, one.spec) for name, one in bad.items()])
    after = place.settled(kind)
    for name, one in bad.items():
        status, stalled = after[name]["status"], condition(after[name], "Stalled")
        assert stalled.get("status") == "True", (name, status)
        assert "The last good version stays in place." in stalled["message"]
        assert condition(after[name], "Ready")["status"] == "False"
        finding = next(each for each in status["findings"] if each["path"] == one.path)
        assert (finding["severity"], finding["reason"]) == ("error", one.reason)
        assert one.says in finding["message"]
        assert one.fix in finding["fix"] if one.fix else True
    assert place.writes(mark) == sorted(f"{kind.plural}/status/{name}" for name in bad)
    assert place.served() == served
    for name in neighbours():
        assert after[name]["metadata"]["resourceVersion"] == before[name]["metadata"]["resourceVersion"]


@pytest.mark.parametrize("kind", KINDS, ids=lambda one: one.name)
def test_what_the_api_server_refuses_is_refused_before_anybody_hears_of_it(place: Place, kind: Kind) -> None:
    served, mark = place.served(), place.counter.mark()
    for name, spec in (
        ("newcomer", {"unknown": 1}),
        ("Upper", kind.good("x")["spec"]),
        ("x" * 64, kind.good("x")["spec"]),
        ("newcomer", [1]),
        ("newcomer", {**kind.good("x")["spec"], "mode": "Maybe"}),
    ):
        body = {**kind.object(place.namespace, name), "spec": spec}
        said = place.plane.kubectl("apply", "-f", "-", input=json.dumps(body), check=False)
        assert said.returncode != 0, (name, spec)
        assert said.stderr
    assert place.writes(mark) == []
    assert place.served() == served
