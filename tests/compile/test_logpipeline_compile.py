"""What a LogPipeline means, asked by sending lines through it, and what is told about one that is wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from binnacle.api.logpipeline_stages import Preset
from binnacle.check.fluentd.grammar import parse
from binnacle.check.fluentd.lint import lint
from binnacle.compile.logpipeline.presets import STARTS
from binnacle.compile.onigmo.cost import Growth, growth
from binnacle.compile.onigmo.dialect import Regexp, problem
from binnacle.intent.pipeline import Buffer, Containers, Elasticsearch, Loki, OnFull, Redact, Route, Stdout
from binnacle.intent.routing import SecretFile
from binnacle.targets.fluentd.pipelines import written
from compile.logpipelines import (
    KEY,
    LOKI,
    compiled,
    errors,
    good_pipeline,
    make_world,
    pipeline_of,
    secret,
    sent,
    spec_of,
    stages_of,
    told,
)

JSON = {"parse": {"format": "json"}}
ROUTE = {"route": {"when": [{"field": "type", "equals": "audit"}], "outputs": ["audit"]}}
AUDIT = {"name": "audit", "stdout": {}}
MAIL = '{"type":"audit","msg":"a@b.de","card":4111111111111111}'


def records(lines: list[str], *stages: dict[str, Any], at: str = "loki", **spec: Any) -> list[Any]:
    outcome = stages_of(*stages, **spec)
    assert errors(outcome) == []
    return sent(outcome, lines).records(at)


# -- the whole ---------------------------------------------------------------------------------------------------------


def test_a_pipeline_with_everything_does_everything():
    outcome = compiled(good_pipeline())
    assert outcome.findings == ()
    lines = [
        '{"ts":"2026-03-02T10:00:00Z","type":"app","level":"info","msg":"ORD-17 of a@b.de","status":"200","password":"x"}',
        '{"type":"app","level":"debug"}',
        '{"type":"pay","level":"warn","bookingData":{"seats":[{"name":"Anna"}]}}',
        'Exception in thread "main" java.lang.Error: a@b.de',
        "\tat shop.Main.main(Main.java:1)",
    ]
    came = sent(outcome, lines)
    assert [event.time[0] for event in came.outputs["loki"]][:1] == [1_772_445_600]
    first, second, crash = came.records("loki")
    assert first["msg"].startswith("[ORDER:")
    assert first["msg"].endswith("] of [EMAIL]")
    assert (first["status"], first["password"], first["environment"]) == (200, "[PRIVATE]", "production")
    assert first["kubernetes"]["namespace_name"] == "shop"
    assert second["bookingData"] == {"seats": "[PRIVATE]"}
    assert crash["message"] == 'Exception in thread "main" java.lang.Error: [EMAIL]\n\tat shop.Main.main(Main.java:1)'
    assert came.records("look") == came.records("loki")
    assert [record.get("type") for record in came.records("audit")] == ["pay", None]
    assert outcome.facts["inputs"] == 1
    assert outcome.facts["outputs"] == 3


def test_ends_are_those_of_the_administrator():
    pipeline = pipeline_of(compiled(good_pipeline()))
    assert pipeline.inputs == (Containers("app", ("checkout-*",), ("app",), ("proxy",)),)
    loki, audit, look = pipeline.outputs
    labels = (("namespace", "shop"), ("environment", "production"))
    assert loki == Loki(
        "loki",
        "http://loki.monitoring.svc:3100",
        labels,
        (("level", ("level",)),),
        token=SecretFile("loki", "token"),
    )
    assert audit == Elasticsearch(
        "audit", "es.monitoring.svc", 9200, "https", "shop_audit", "shop", SecretFile("es", "password")
    )
    assert look == Stdout("look")
    assert pipeline.buffer == Buffer(1 << 30, 4 << 20, 5_000, 60_000, OnFull.BLOCK)


def test_what_is_not_said_has_a_good_value():
    outcome = spec_of()
    pipeline = pipeline_of(outcome)
    assert pipeline.inputs == (Containers("all"),)
    assert pipeline.buffer == Buffer(2 << 30, 4 << 20, 5_000, 60_000)
    assert {one["name"]: one["value"] for one in outcome.facts["effective"]} == {
        "fluentd.namespace": "monitoring",
        "fluentd.quarantine": "stdout",
        "loki.url": "http://loki.monitoring.svc:3100",
        "redaction": "default",
    }


# -- redaction ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "stages",
    [
        (),
        (JSON,),
        (JSON, ROUTE),
        (ROUTE,),
        ({"redact": {"keys": ["password"]}}, JSON, ROUTE),
        ({"redact": {"packs": ["default"]}}, JSON, ROUTE),
        ({"redact": {"packs": ["default"]}}, {"multiline": {"preset": "indented"}}),
        (JSON, {"redact": {"packs": ["default"]}}, ROUTE),
    ],
)
def test_nothing_private_leaves_whatever_the_stages(stages):
    outcome = stages_of(*stages, outputs=[LOKI, AUDIT])
    assert errors(outcome) == []
    came = sent(
        outcome, [MAIL, r'{"msg":"a\u0040b.de"}', "-----BEGIN PRIVATE KEY-----", " MIIEvQ", "-----END PRIVATE KEY-----"]
    )
    for output in ("loki", "audit"):
        assert "a@b.de" not in json.dumps(came.records(output))
        assert "4111" not in json.dumps(came.records(output))
    assert came.records("loki")


def test_redaction_comes_before_the_first_copy_and_not_twice():
    def where(*stages: dict[str, Any]) -> list[str]:
        return [one.name for one in pipeline_of(stages_of(*stages, outputs=[LOKI, AUDIT])).stages]

    assert where(JSON, {"filter": {"drop": [{"field": "a", "exists": True}]}}) == ["s0", "s1", "default_redaction"]
    assert where(JSON, ROUTE) == ["s0", "default_redaction", "s1"]
    assert where(JSON, {"redact": {"packs": ["default"]}}, ROUTE) == ["s0", "s1", "s2"]
    assert where({"redact": {"packs": ["default"]}}, JSON) == ["s0", "s1", "default_redaction"]
    assert where({"redact": {"keys": ["a"]}}) == ["s0", "default_redaction"]


def test_redaction_can_be_switched_off_and_is_told_so():
    outcome = stages_of(redaction={"enabled": False, "reason": "no people in these logs"})
    assert sent(outcome, [MAIL]).records("loki") == [{"message": MAIL}]
    (finding,) = outcome.findings
    assert (finding.reason, finding.severity) == ("NotRedacted", "warning")
    assert "no people in these logs" in finding.message


@pytest.mark.parametrize("stage", [{"redact": {"packs": ["default"]}}, JSON, {"multiline": {"preset": "java"}}])
def test_what_has_to_be_redacted_cannot_be_made_behind_a_route(stage):
    outcome = stages_of(ROUTE, stage, outputs=[LOKI, AUDIT])
    assert outcome.intents == ()
    assert ("OutOfOrder", "spec.stages[s1]") in told(outcome)


def test_own_words_are_private_too():
    stage = {
        "redact": {
            "keys": ["customer.*.name", "Session-Id"],
            "patterns": [
                {"name": "voucher", "regex": "VC-[0-9]{4}"},
                {"name": "gone", "regex": "xyz", "action": "Drop"},
            ],
        }
    }
    line = '{"customer":{"a":{"name":"Anna","id":1}},"sessionid":5,"msg":"VC-1234xyz!"}'
    (record,) = records([line], JSON, stage)
    assert record == {"customer": {"a": {"name": "[PRIVATE]", "id": 1}}, "sessionid": "[PRIVATE]", "msg": "[VOUCHER]!"}


def test_hashes_need_a_salt_that_nobody_knows():
    for redact in (
        {"packs": ["default"], "action": "Hash"},
        {"keys": ["user"], "action": "Hash"},
        {"patterns": [{"name": "a", "regex": "a", "action": "Hash"}]},
    ):
        outcome = stages_of({"redact": redact})
        assert told(outcome) == [("MissingField", "spec.stages[s0].redact.salt")]
        assert outcome.intents == ()
        salted = pipeline_of(stages_of({"redact": {**redact, "salt": secret("salt", "v1")}}))
        (stage, *_) = salted.stages
        assert isinstance(stage, Redact)
        assert stage.salt == SecretFile("salt", "v1")
    outcome = stages_of({"redact": {"keys": ["user"], "salt": secret("salt", "v1")}})
    assert told(outcome) == [("InvalidValue", "spec.stages[s0].redact.salt")]
    assert pipeline_of(outcome).stages[0].salt is None  # type: ignore[union-attr]


# -- stages ------------------------------------------------------------------------------------------------------------


def test_conditions():
    lines = ['{"n":200,"k":{"a.b":"x"}}', '{"n":"500"}', '{"m":1}', '{"n":null}']
    for condition, kept in (
        ({"field": "n", "equals": 200}, [0]),
        ({"field": "n", "in": ["200", 500]}, [0, 1]),
        ({"field": "n", "not": {"in": ["200", 500]}}, [2, 3]),
        ({"field": "n", "matches": "^[25]00$"}, [0, 1]),
        ({"field": "n", "exists": True}, [0, 1]),
        ({"field": "n", "exists": False}, [2, 3]),
        ({"field": "n", "not": {"exists": False}}, [0, 1]),
        ({"field": r"k.a\.b", "equals": "x"}, [0]),
    ):
        came = records(lines, JSON, {"filter": {"keep": [condition]}})
        assert came == [json.loads(lines[at]) for at in kept], condition


def test_a_caret_is_the_beginning_of_the_text():
    lines = ["start\nERROR", "ERROR"]
    stage = {"filter": {"keep": [{"field": "message", "matches": "^ERROR"}]}}
    assert records(lines, stage) == [{"message": "ERROR"}]


@pytest.mark.parametrize(
    ("preset", "lines", "groups"),
    [
        ("java", [
            "2026-03-02 10:00:00 ERROR shop.Checkout - failed",
            "java.lang.IllegalStateException: boom",
            "\tat shop.Checkout.pay(Checkout.java:7)",
            "Caused by: java.net.ConnectException",
            "\t... 12 more",
            "",
            "shop.Checkout: paid",
            'Exception in thread "main" java.lang.Error: x',
            "\tat shop.Main.main(Main.java:1)",
            "{\"level\":\"info\"}",
        ], [6, 1, 2, 1]),
        ("python", [
            "ERROR:root:failed",
            "Traceback (most recent call last):",
            '  File "a.py", line 1, in <module>',
            "    pay()",
            "shop.errors.PaymentError: no",
            "INFO:root:next",
            "KeyError: is no exception here but the word at the beginning",
        ], [1, 4, 2]),
        ("go", [
            "2026/03/02 10:00:00 starting",
            "panic: runtime error: invalid memory address",
            "[signal SIGSEGV: segmentation violation code=0x1]",
            "",
            "goroutine 1 [running]:",
            "main.(*Shop).Pay(0xc000012345, {0x1, 0x2})",
            "\t/src/main.go:7 +0x1d",
            "net/http.HandlerFunc.ServeHTTP(...)",
            "created by main.main in goroutine 1",
            "exit status 2",
            "time=2026-03-02 level=info msg=next",
        ], [1, 9, 1]),
        ("nodejs", [
            "server is up",
            "could not pay",
            "TypeError: x is not a function",
            "    at Object.<anonymous> (/app/a.js:1:1) {",
            "  code: 'E'",
            "}",
            "next",
        ], [1, 5, 1]),
        ("dotnet", [
            "fail: Shop.Checkout[0]",
            "      could not pay",
            "System.InvalidOperationException: boom",
            " ---> System.Net.Http.HttpRequestException: refused",
            "   at Shop.Checkout.Pay() in /src/Checkout.cs:line 7",
            "   --- End of inner exception stack trace ---",
            "info: Shop.Checkout[0]",
        ], [6, 1]),
        ("indented", ["a", " b", "\tc", "d"], [3, 1]),
    ],
)  # fmt: skip
def test_presets(preset, lines, groups):
    came = records(lines, {"multiline": {"preset": preset}})
    assert [record["message"].count("\n") + 1 for record in came] == groups
    assert "\n".join(record["message"] for record in came) == "\n".join(lines)


@pytest.mark.parametrize("preset", Preset)
def test_presets_are_good_and_quick(preset):
    start = STARTS[preset]
    assert problem(start) == ""
    assert growth(start) is Growth.LINEAR
    search = Regexp(start).compiled()
    for line in (
        '{"level":"info"}',
        "2026-03-02T10:00:00Z INFO x",
        "[main] INFO x",
        "INFO:root:x",
        "level=info msg=x",
        "10.0.0.1 - - [x]",
    ):
        assert search.search(line) is not None
    assert search.search("  x") is None


def test_a_route_copies_and_a_field_may_be_added_behind_it():
    stages = (JSON, ROUTE, {"enrich": {"add": {"late": "yes"}}})
    outcome = stages_of(*stages, outputs=[LOKI, AUDIT])
    came = sent(outcome, ['{"type":"audit"}', '{"type":"x"}'])
    assert came.records("audit") == [{"type": "audit"}]
    assert came.records("loki") == [{"type": "audit", "late": "yes"}, {"type": "x", "late": "yes"}]


def test_the_environment_is_not_the_texts_to_say():
    assert records(['{"environment":"x"}'], JSON, environment="staging") == [{"environment": "staging"}]


# -- what is wrong ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stage", "reason", "path"),
    [
        ({"parse": {"format": "regex", "pattern": "(?<a"}}, "RegexSyntax", "parse.pattern"),
        ({"parse": {"format": "regex", "pattern": "a+"}}, "InvalidValue", "parse.pattern"),
        ({"parse": {"format": "regex", "pattern": "(?<a>x)(?<a>y)"}}, "InvalidValue", "parse.pattern"),
        ({"parse": {"format": "regex", "pattern": "(?<lp_mark>x)"}}, "ReservedField", "parse.pattern"),
        ({"parse": {"format": "regex", "pattern": r"(?<a>.*)x(?<b>.*)y(?<c>.*)z"}}, "SlowPattern", "parse.pattern"),
        ({"multiline": {"start": r"\d+x"}}, "SlowPattern", "multiline.start"),
        ({"multiline": {"start": "["}}, "RegexSyntax", "multiline.start"),
        ({"redact": {"patterns": [{"name": "a", "regex": "x*"}]}}, "InvalidValue", "redact.patterns[a].regex"),
        ({"redact": {"patterns": [{"name": "a", "regex": "(x+x+)+y"}]}}, "SlowPattern", "redact.patterns[a].regex"),
        ({"redact": {"patterns": [{"name": "a", "regex": r"(.)\1"}]}}, "RegexSyntax", "redact.patterns[a].regex"),
        ({"filter": {"drop": [{"field": "a", "matches": "("}]}}, "RegexSyntax", "filter.drop[0].matches"),
        ({"filter": {"keep": [{"field": "a", "not": {"matches": "*"}}]}}, "RegexSyntax", "filter.keep[0].not.matches"),
    ],
)
def test_a_bad_stage_leaves_no_pipeline(stage, reason, path):
    outcome = stages_of(JSON, stage)
    assert outcome.intents == ()
    assert (reason, f"spec.stages[s1].{path}") in [(one.reason.value, one.path) for one in errors(outcome)]
    assert all(one.fix for one in outcome.findings)


def test_regular_expressions_are_counted():
    asked = [{"field": "a", "matches": f"x{number}"} for number in range(10)]
    stages = [{"filter": {"drop": asked, "keep": asked}}] * 10
    assert stages_of(*stages).intents
    outcome = stages_of(*stages, {"parse": {"format": "regex", "pattern": "(?<a>x)"}})
    assert outcome.intents == ()
    assert told(outcome) == [("SlowPattern", "spec.stages")]


def test_a_pattern_that_may_be_slow_has_a_limit_and_a_warning():
    outcome = stages_of({"filter": {"drop": [{"field": "message", "matches": r"\d+x"}]}})
    assert told(outcome) == [("SlowPattern", "spec.stages[s0].filter.drop[0].matches")]
    long = "1" * 9000 + "x"
    assert sent(outcome, ["1x", long]).records("loki") == [{"message": long}]


@pytest.mark.parametrize(
    ("stage", "says"),
    [
        ({"filter": {"drop": [{"field": "message", "matches": r"\d+x"}]}}, "a text beyond that does not match"),
        ({"parse": {"format": "regex", "pattern": r"(?<a>\d+)x"}}, "a text beyond that cannot be parsed"),
        ({"redact": {"patterns": [{"name": "a", "regex": r"\d+x"}]}}, "goes to quarantine as a stub, and to no output"),
    ],
)
def test_what_becomes_of_a_text_that_is_too_long_for_a_pattern_is_told_and_true(stage, says):
    outcome = stages_of(stage)
    (finding,) = outcome.findings
    assert (finding.severity, finding.reason) == ("warning", "SlowPattern")
    assert says in finding.message
    long = "1" * 9000 + "x"
    came = sent(outcome, [long])
    assert came.records("loki") == ([] if "redact" in stage else [{"message": long}])
    assert [event.record["reason"] for event in came.quarantine] == ["NotRedacted"] * ("redact" in stage)


def test_an_output_that_cannot_be_used_is_left_out_with_the_routes_to_it():
    other = {"name": "audit", "elasticsearch": {"index": "other-team"}}
    outcome = stages_of(JSON, ROUTE, outputs=[LOKI, other])
    assert told(outcome) == [("NameNotAllowed", "spec.outputs[audit].elasticsearch.index")]
    pipeline = pipeline_of(outcome)
    assert [one.name for one in pipeline.outputs] == ["loki"]
    assert not any(isinstance(one, Route) for one in pipeline.stages)


def test_an_output_whose_route_is_left_out_does_not_get_everything():
    bad = {"route": {"when": [{"field": "a", "matches": "("}], "outputs": ["audit"]}}
    outcome = stages_of(bad, outputs=[LOKI, AUDIT])
    assert [reason for reason, _ in told(outcome)] == ["RegexSyntax", "UnreachableSection"]
    assert [one.name for one in pipeline_of(outcome).outputs] == ["loki"]


def test_a_route_to_nowhere_is_told():
    route = {"route": {"when": [{"field": "a", "exists": True}], "outputs": ["audit", "nowhere"]}}
    outcome = stages_of(route, outputs=[LOKI, AUDIT])
    assert told(outcome) == [("UnknownReference", "spec.stages[s0].route.outputs")]
    (stage,) = [one for one in pipeline_of(outcome).stages if isinstance(one, Route)]
    assert stage.outputs == ("audit",)


def test_records_that_no_route_takes_are_not_lost_unsaid():
    outcome = stages_of(ROUTE, outputs=[AUDIT])
    assert told(outcome) == [("LosesRecords", "spec.outputs")]
    assert outcome.intents


@pytest.mark.parametrize("name", ["shop", "shop_audit", "shop.audit", "shared-x"])
def test_names_that_belong_to_the_namespace(name):
    config = {
        "elasticsearch": {"url": "http://es:9200"},
        "tenancy": {
            "allow": [{"namespace": "shop", "prefixes": ["shared-"]}, {"namespace": "other", "prefixes": ["x"]}]
        },
    }
    outputs = [{"name": "a", "loki": {"tenant": name}}, {"name": "b", "elasticsearch": {"index": name}}]
    body = good_pipeline(stages=..., tests=..., outputs=outputs)
    assert compiled(body, config).findings == ()


@pytest.mark.parametrize("name", ["shop-eu", "shopping", "other", "x1", "monitoring"])
def test_names_that_may_be_another_namespaces(name):
    config = {
        "elasticsearch": {"url": "http://es:9200"},
        # What others are allowed is theirs alone.
        "tenancy": {"allow": [{"namespace": "other", "prefixes": ["x", "shop-eu", "shopping", "monitoring"]}]},
    }
    outputs = [LOKI, {"name": "a", "loki": {"tenant": name}}, {"name": "b", "elasticsearch": {"index": name}}]
    outcome = compiled(good_pipeline(stages=..., tests=..., outputs=outputs), config)
    assert told(outcome) == [
        ("NameNotAllowed", "spec.outputs[a].loki.tenant"),
        ("NameNotAllowed", "spec.outputs[b].elasticsearch.index"),
    ]
    assert [one.name for one in pipeline_of(outcome).outputs] == ["loki"]


def test_backends_that_are_not_there():
    outputs = [{"name": "a", "loki": {}}, {"name": "b", "elasticsearch": {"index": "shop"}}]
    outcome = compiled(good_pipeline(stages=..., tests=..., outputs=outputs), {"loki": {"url": None}})
    assert outcome.intents == ()
    assert told(outcome) == [
        ("BackendNotConfigured", "spec.outputs[a].loki"),
        ("BackendNotConfigured", "spec.outputs[b].elasticsearch"),
    ]


def test_the_collector_does_not_read_what_it_writes():
    outcome = compiled(good_pipeline(namespace="monitoring", stages=..., outputs=[AUDIT], tests=...))
    assert told(outcome) == [("RoutingLoop", "spec.outputs[audit].stdout")]


@pytest.mark.parametrize(
    ("stage", "path"),
    [
        ({"parse": {"format": "json", "onError": "Quarantine"}}, "parse.onError"),
        ({"redact": {"packs": ["default"], "action": "Hash", "salt": secret("salt", "v1")}}, "redact.salt"),
        ({"redact": {"keys": ["user"], "action": "Hash", "salt": secret("salt", "v1")}}, "redact.salt"),
        ({"parse": {"format": "json"}}, ""),
        ({"redact": {"packs": ["default"]}}, ""),
    ],
)
def test_where_the_collector_lies_no_stage_fails_on_the_line_that_tells_of_its_failure(stage, path):
    body = good_pipeline(namespace="monitoring", stages=[{"name": "s", **stage}], outputs=[LOKI], tests=...)
    # Fluentd warns in its own log wherever stubs go.
    for quarantine in ("stdout", "loki"):
        outcome = compiled(body, {"fluentd": {"quarantine": quarantine}})
        assert told(outcome) == ([("RoutingLoop", f"spec.stages[s].{path}")] if path else [])
        assert bool(outcome.intents) is not bool(path)
    assert compiled(body, {"fluentd": {"namespace": "logging"}}).findings == ()


def test_labels_of_streams():
    names = ["level", "kubernetes.container_name", r"log\.level", "log_level", "namespace", "__x", "trace_id", "9"]
    outcome = spec_of(outputs=[{"name": "loki", "loki": {"labelNames": names}}])
    (loki,) = pipeline_of(outcome).outputs
    assert isinstance(loki, Loki)
    assert [label for label, _ in loki.fields] == ["level", "kubernetes_container_name", "log_level", "trace_id", "_9"]
    assert loki.fields[2][1] == ("log.level",)
    at = "spec.outputs[loki].loki.labelNames"
    assert told(outcome) == [("ReservedLabel", at)] * 3 + [("HighCardinality", at)]


@pytest.mark.parametrize(
    ("one", "other", "twice"),
    [
        ({}, {}, True),
        ({"pods": ["a-*"]}, {"pods": ["b-*"]}, False),
        ({"pods": ["a-*"]}, {"pods": ["*-b"]}, True),
        ({"pods": ["a-*"]}, {"pods": ["a*c"], "names": ["x"]}, True),
        ({"names": ["x"]}, {"names": ["y"]}, False),
        ({"names": ["x"]}, {"exclude": ["x"]}, False),
        ({"names": ["x", "y"]}, {"exclude": ["x"]}, True),
    ],
)
def test_inputs_that_read_the_same(one, other, twice):
    inputs = [{"name": "a", "containers": one}, {"name": "b", "containers": other}]
    assert told(spec_of(inputs=inputs)) == ([("DuplicateRecords", "spec.inputs[b]")] if twice else [])


def test_an_input_that_names_what_it_excludes_is_left_out():
    bad = {"name": "bad", "containers": {"names": ["a"], "exclude": ["a"]}}
    outcome = spec_of(inputs=[bad, {"name": "good", "containers": {"names": ["b"]}}])
    assert told(outcome) == [("InvalidValue", "spec.inputs[bad].containers")]
    assert [one.name for one in pipeline_of(outcome).inputs] == ["good"]
    assert spec_of(inputs=[bad]).intents == ()


def test_a_chunk_fits_into_its_buffer():
    outcome = spec_of(buffer={"size": "8Mi", "chunk": "4Mi"})
    assert told(outcome) == [("InvalidValue", "spec.buffer.chunk")]
    assert pipeline_of(outcome).buffer.chunk == 2 << 20
    assert spec_of(buffer={"size": "8Mi"}).findings == ()


# -- laws --------------------------------------------------------------------------------------------------------------

FIELD = st.sampled_from(["level", "msg", "type", "kubernetes.pod_name", r"a\.b", "message"])
CONDITION = st.one_of(
    st.builds(lambda field, value: {"field": field, "equals": value}, FIELD, st.sampled_from(["audit", 5, "info"])),
    st.builds(lambda field: {"field": field, "matches": "^a|[0-9]x"}, FIELD),
    st.builds(lambda field, there: {"field": field, "not": {"exists": there}}, FIELD, st.booleans()),
)
STAGE = st.one_of(
    st.sampled_from(["json", "logfmt"]).map(lambda one: {"parse": {"format": one, "timeKey": "ts"}}),
    st.just({"parse": {"format": "regex", "pattern": "^(?<level>[a-z]+) (?<rest>.*)", "onError": "Quarantine"}}),
    st.sampled_from(Preset).map(lambda one: {"multiline": {"preset": one.value}}),
    st.just({"enrich": {"kubernetes": True, "add": {"a.b": "c"}}}),
    st.sampled_from(["Mask", "Drop"]).map(lambda one: {"redact": {"packs": ["default"], "keys": ["x"], "action": one}}),
    st.just({"redact": {"patterns": [{"name": "order", "regex": "ORD-[0-9]+"}]}}),
    CONDITION.map(lambda one: {"filter": {"drop": [one]}}),
    CONDITION.map(lambda one: {"filter": {"keep": [one]}}),
    CONDITION.map(lambda one: {"route": {"when": [one], "outputs": ["audit"]}}),
)
STAGES = st.one_of(
    st.lists(STAGE, max_size=6),
    st.lists(STAGE, max_size=6).map(lambda stages: sorted(stages, key=lambda stage: "route" in stage)),
)
LINES = [
    MAIL,
    "audit a@b.de",
    'level=info msg="a@b.de"',
    " at a@b.de",
    "4111 1111 1111 1111",
    r'{"message":"a\u0040b.de"}',
    "x",
]


@settings(max_examples=40, deadline=None)
@given(STAGES, st.sampled_from([None, "production"]))
def test_whatever_compiles_runs_and_lets_nothing_private_out(stages, environment):
    more = {"environment": environment} if environment else {}
    outcome = stages_of(*stages, outputs=[LOKI, AUDIT], **more)
    if not outcome.intents:
        assert errors(outcome)
        return
    file = written(KEY, pipeline_of(outcome), make_world().config)
    assert lint(parse(file.text), whole=False, trusted=file.trusted) == ()
    came = sent(outcome, LINES)
    everything = [*came.records("loki"), *(came.records("audit") if "audit" in came.outputs else [])]
    text = json.dumps([everything, [event.record for event in came.quarantine]])
    assert "a@b.de" not in text
    assert "4111" not in text
    assert all(record.get("environment") == environment for record in everything)


BROKEN = st.sampled_from(
    [
        {"name": "bad", "elasticsearch": {"index": "other"}},
        {"name": "bad", "loki": {"tenant": "shop-eu"}},
    ]
)


@settings(max_examples=20, deadline=None)
@given(STAGES, BROKEN)
def test_what_is_left_out_changes_nothing_of_the_rest(stages, broken):
    whole = stages_of(*stages, outputs=[LOKI, AUDIT])
    beside = stages_of(*stages, outputs=[LOKI, AUDIT, broken])
    assert beside.intents == whole.intents
    assert len(errors(beside)) == len(errors(whole)) + 1
