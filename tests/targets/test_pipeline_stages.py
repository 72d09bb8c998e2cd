"""The stages of a pipeline, run offline through what they are spelled as."""

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from binnacle.check.fluentd.grammar import parse
from binnacle.check.fluentd.lint import lint
from binnacle.check.fluentd.sections import Section, written
from binnacle.check.pipeline.programs import operation
from binnacle.check.pipeline.run import Offline, Outcome
from binnacle.compile.redaction import DEFAULT, PACKS
from binnacle.intent.pipeline import (
    Action,
    Asks,
    Condition,
    Containers,
    Enrich,
    Filter,
    Format,
    Kind,
    Multiline,
    OnError,
    Parse,
    Pattern,
    Pipeline,
    PrivateKey,
    Redact,
    Route,
    Stage,
    Stdout,
)
from binnacle.intent.refs import Key
from binnacle.intent.routing import SecretFile
from binnacle.targets.fluentd import ElementError, conventions, element
from binnacle.targets.fluentd.render import render
from binnacle.targets.fluentd.stages import Program, output_label, quarantine, spelled
from binnacle.targets.fluentd.stages.stages import redaction

KEY = Key("LogPipeline", "shop", "checkout")
SECRETS = "/etc/binnacle/secrets"
PACK = PACKS[DEFAULT]
REDACT = Redact("private", PACK.patterns, PACK.keys)
DEBUG = Condition(("level",), Asks.EQUALS, ("debug",))
HOSTILE = [
    '"\n</label>\n<source>\n@type exec\ncommand id\n</source>\n',
    "#{raise 'x'}",
    "${raise}",
    "'); `id`; ('",
    "\\",
    '\\\\"',
    "]}\nend\nraise",
    "%q(",
    "$1 #$! #@x",
    "\u2028\x00\x7f",
    "é😀",
    "</record>",
    "@include /etc/passwd",
    '{"a":"#{1}"}',
    "/x/ #y",
    "**",
    "lp_mark",
]


def pipeline(*stages: Stage, outputs: tuple[str, ...] = ("loki",)) -> Pipeline:
    return Pipeline((Containers("app"),), stages, tuple(Stdout(name) for name in outputs))


def ran(records: list[Any], *stages: Stage, outputs: tuple[str, ...] = ("loki",)) -> Outcome:
    offline = Offline(KEY, pipeline(*stages, outputs=outputs))
    return offline.run([{"message": one} if isinstance(one, str | bytes) else one for one in records])


def test_stages_run_in_their_order():
    outcome = ran(
        ['{"level":"debug","msg":"a@b.de"}', '{"level":"info","msg":"a@b.de","status":"200"}'],
        Parse("parse", Format.JSON, types=((("status",), Kind.INTEGER),)),
        Enrich("env", ((("team",), "payments"), (("labels", "env"), "prod"))),
        REDACT,
        Filter("noise", drop=(DEBUG,)),
    )
    assert outcome.records("loki") == [
        {"level": "info", "msg": "[EMAIL]", "status": 200, "team": "payments", "labels": {"env": "prod"}}
    ]
    assert outcome.quarantine == []


def test_lines_in_parts_are_joined_stdout_and_stderr_apart():
    parts = [
        {"message": "a", "logtag": "P"},
        {"message": "x", "logtag": "P", "stream": "stderr"},
        {"message": "b", "logtag": "F"},
        {"message": "y", "logtag": "F", "stream": "stderr"},
    ]
    assert [record["message"] for record in ran(parts).records("loki")] == ["ab", "xy"]


def test_lines_up_to_the_next_start_are_one_record():
    lines = ["2024 boom", " at a", b" at \xff", "2024 next", " at c"]
    came = ran(lines, Multiline("join", r"^\d{4}", 2_000)).outputs["loki"]
    assert [event.record["message"] for event in came] == ["2024 boom\n at a\n at \ufffd", "2024 next\n at c"]
    assert [event.time for event in came] == [(1_700_000_000, 0), (1_700_000_003, 0)]


def test_lines_of_stdout_and_of_stderr_are_joined_apart():
    lines = [("1 out", "stdout"), ("1 err", "stderr"), (" of out", "stdout"), (" of err", "stderr")]
    stages = (Multiline("join", r"^\d", 2_000), Enrich("e", ((("a",), 1),)), Multiline("again", "^x", 2_000))
    came = ran([{"message": line, "stream": stream} for line, stream in lines], *stages).records("loki")
    assert came == [{"message": "1 out\n of out", "a": 1}, {"message": "1 err\n of err", "a": 1}]


def test_joined_lines_keep_the_fields_of_the_first_and_take_none_of_the_next():
    lines = [
        '{"message":"1","a":1}',
        '{"message":" x","a":2,"b":1}',
        '{"message":5}',
        '{"x":1}',
        '{"message":"2","c":1,"lp_rest":7}',
    ]
    came = ran(lines, Parse("p", Format.JSON), Multiline("join", r"^\d", 2_000)).records("loki")
    assert came == [
        {"message": 5},
        {"x": 1},
        {"message": "1\n x", "a": 1},
        {"message": "2", "c": 1},
    ]


def test_a_text_that_never_ends_is_cut_and_nothing_of_it_is_lost():
    lines = ["start", *(f" {number} {'x' * 60_000}" for number in range(40)), "start again", " end"]
    came = [record["message"] for record in ran(lines, Multiline("join", "^start", 2_000)).records("loki")]
    assert "\n".join(came) == "\n".join(lines)
    assert max(map(len, came)) < (1 << 20) + 70_000
    assert came[-1] == "start again\n end"


def test_names_that_belong_to_the_stages_cannot_be_forged():
    """Each stream that a text may be of is remembered, so a container that could name streams could fill the memory of all."""
    own = ["lp_stream", "lp_rest", "lp_mark", "lp_time", "lp_label_0", "lp_"]
    lines = [
        json.dumps({"message": f"{'' if at else 'start'} {at} " + "x" * 60_000, **dict.fromkeys(own, f"{at}")})
        for at in range(40)
    ]
    gone = Redact("gone", (Pattern("prefix", "X-", "", action=Action.DROP),))
    stages = (Parse("p", Format.JSON), gone, Multiline("join", "^start", 2_000))
    forged = {"lp_stream": "entering", "X-lp_stream": "renamed", "X-lp_x": 1}
    came = ran([{"message": line, **forged} for line in lines], *stages).records("loki")
    assert {key for record in came for key in record} == {"message"}
    # One stream, whatever the lines say: so a text that never ends is measured, and cut.
    assert 1 << 20 < len(came[0]["message"]) < (1 << 20) + 70_000
    assert "\n".join(record["message"] for record in came).count(" x") == len(lines)


def test_sizes_of_texts_are_kept_of_so_many_streams_only():
    def cut(most: int, *tags: str) -> list[bool]:
        work = operation(Program("starts", ("message", "^start", 20, most)))
        records: list[dict[str, Any]] = [{"message": " " * 15} for _ in tags]
        for tag, record in zip(tags, records, strict=True):
            work(tag, (0, 0), record)
        return [record["message"].endswith("\x01") for record in records]

    assert cut(2, "a", "b", "a", "b") == [False, False, True, True]
    assert cut(2, "a", "b", "c", "a", "c") == [False, False, False, False, True]


def test_a_start_may_have_slashes_in_it():
    lines = ["/a/b one", "c", "/a/b two"]
    came = ran(lines, Multiline("join", "^/a/b", 2_000)).records("loki")
    assert [record["message"] for record in came] == ["/a/b one\nc", "/a/b two"]


def test_a_number_that_fluentd_cannot_carry_is_a_text():
    """One that is too large raises when it comes to a buffer, and takes all lines that were read with it along."""
    came = ran(['{"a":[9223372036854775808,{"b":1e400}],"c":-9223372036854775808,"d":1e30}'], Parse("p", Format.JSON))
    assert came.records("loki") == [{"a": ["9223372036854775808", {"b": "Infinity"}], "c": -(2**63), "d": 1e30}]


def test_the_time_of_a_record_is_that_of_its_time_field_to_the_nanosecond():
    lines = [
        '{"ts":"2024-05-06T07:08:09.123456789Z"}',
        '{"ts":"nonsense"}',
        '{"ts":1700000000123}',
        "text",
        '{"lp_time":"5"}',
    ]
    came = ran(lines, Parse("parse", Format.JSON, time_field=("ts",))).outputs["loki"]
    assert [event.time for event in came] == [
        (1_714_979_289, 123_456_789),
        (1_700_000_001, 0),
        (1_700_000_000, 123_000_000),
        (1_700_000_003, 0),
        (1_700_000_004, 0),
    ]
    assert all("lp_time" not in event.record for event in came)


@pytest.mark.parametrize(
    ("on_error", "came", "stubs"), [(OnError.KEEP, 2, 0), (OnError.DROP, 1, 0), (OnError.QUARANTINE, 1, 1)]
)
def test_text_that_cannot_be_parsed(on_error, came, stubs):
    outcome = ran(["a=1 b=2", "secret words"], Parse("parse", Format.LOGFMT, on_error=on_error))
    assert len(outcome.records("loki")) == came
    assert [event.record["reason"] for event in outcome.quarantine] == ["NotParsed"] * stubs
    assert all(set(event.record) == {"time", "tag", "reason", "size"} for event in outcome.quarantine)


@pytest.mark.parametrize(
    ("condition", "kept"),
    [
        (Condition(("n",), Asks.EQUALS, (200,)), [0, 1]),
        (Condition(("n",), Asks.EQUALS, ("200",)), [0, 1]),
        (Condition(("n",), Asks.IN, ("a", 5)), [2]),
        (Condition(("n",), Asks.MATCHES, pattern="^2"), [0, 1]),
        (Condition(("n",), Asks.EXISTS), [0, 1, 2, 3, 5]),
        (Condition(("n",), Asks.EXISTS, negated=True), [4, 6]),
        (Condition(("k", "n"), Asks.EQUALS, (1,)), [6]),
    ],
)
def test_conditions_always_have_an_answer(condition, kept):
    values: list[Any] = [
        {"n": 200},
        {"n": "200"},
        {"n": 5},
        {"n": ["200"]},
        {"n": None},
        {"n": b"\xff2"},
        {"k": {"n": 1}},
    ]
    records = [{"message": "x", "i": at, **value} for at, value in enumerate(values)]
    assert [record["i"] for record in ran(records, Filter("f", keep=(condition,))).records("loki")] == kept
    gone = ran(records, Filter("f", drop=(condition,))).records("loki")
    assert [record["i"] for record in gone] == [at for at in range(len(values)) if at not in kept]


def test_a_route_copies_and_the_copy_is_its_own():
    outcome = ran(
        ['{"type":"audit","n":1}', '{"type":"other","n":2}'],
        Parse("parse", Format.JSON),
        Route("audit", (Condition(("type",), Asks.EQUALS, ("audit",)),), ("audit-s3",)),
        Enrich("late", ((("late",), True),)),
        outputs=("loki", "audit-s3"),
    )
    assert outcome.records("audit-s3") == [{"type": "audit", "n": 1}]
    assert outcome.records("loki") == [{"type": "audit", "n": 1, "late": True}, {"type": "other", "n": 2, "late": True}]


def test_every_output_gets_every_record():
    outcome = ran(["a", "b"], outputs=("loki", "elastic", "stdout"))
    assert [len(outcome.records(name)) for name in ("loki", "elastic", "stdout")] == [2, 2, 2]


def deep(levels: int) -> Any:
    value: Any = "a@b.de"
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    "record", [{"m": "a@b.de " * 200_000}, {"m": deep(100)}, {"m": {str(at) * 20: "x" for at in range(60_000)}}]
)
def test_what_cannot_be_redacted_goes_to_quarantine_as_a_stub_and_not_on(record):
    outcome = ran([{"message": "x", **record}, "fine"], REDACT)
    assert outcome.records("loki") == [{"message": "fine"}]
    (stub,) = outcome.quarantine
    assert stub.record["reason"] == "NotRedacted"
    assert "@b.de" not in str(stub)
    assert stub.record["size"] > 100


def test_a_pattern_is_not_tried_on_a_text_beyond_its_limit():
    lines = ["x" * 9, "x" * 10]
    asked = Condition(("message",), Asks.MATCHES, pattern="x", longest=9)
    assert ran(lines, Filter("f", keep=(asked,))).records("loki") == [{"message": lines[0]}]
    parsed = ran(lines, Parse("p", Format.REGEX, pattern="(?<a>x+)", longest=9)).records("loki")
    assert parsed == [{"a": lines[0]}, {"message": lines[1]}]
    outcome = ran(lines, Redact("r", (Pattern("x", "x+", "[X]", longest=9),)))
    assert outcome.records("loki") == [{"message": "[X]"}]
    assert [event.record["reason"] for event in outcome.quarantine] == ["NotRedacted"]


def test_keys_that_are_private_as_a_whole():
    stage = Redact(
        "private",
        (Pattern("order", r"ORD-\d+", "[ORDER]", action=Action.HASH),),
        (PrivateKey(("password",)), PrivateKey(("bookingData", "**")), PrivateKey(("gone",), Action.DROP)),
        salt=SecretFile("salt", "v1"),
    )
    record = {"message": "ORD-17 ok", "a": [{"Pass_Word": 5}], "bookingdata": {"x": {"y": 1}, "z": [1]}, "gone": 1}
    hashed = (
        hashlib.sha256(b"/etc/binnacle/secrets/shop/salt/v1ORD-17")
        .hexdigest()[:16]
        .translate(str.maketrans("0123456789abcdef", "ghijklmnopqrstuv"))
    )
    assert ran([record], stage).records("loki") == [
        {
            "message": f"[ORDER:{hashed}] ok",
            "a": [{"Pass_Word": "[PRIVATE]"}],
            "bookingdata": {"x": "[PRIVATE]", "z": "[PRIVATE]"},
        }
    ]


def test_where_a_record_comes_from_is_told_by_the_file_and_by_no_text():
    stages = Parse("parse", Format.JSON), Enrich("env", ((("kubernetes", "cluster"), "c1"),), kubernetes=True)
    (record,) = ran(['{"kubernetes":{"pod_name":"forged","x":1}}'], *stages).records("loki")
    assert record == {
        "kubernetes": {
            "pod_name": "test-0",
            "x": 1,
            "namespace_name": "shop",
            "container_name": "test",
            "container_id": "0" * 64,
            "cluster": "c1",
        }
    }


@pytest.mark.parametrize(
    ("file", "pod"),
    [
        ("a.b-1_shop_app", "a.b-1"),
        ("x.var.log.containers.y_shop_app", "x.var.log.containers.y"),
        ("a_shop", None),
        ("_shop_app", None),
    ],
)
def test_names_of_files(file, pod):
    record: dict[str, Any] = {"kubernetes": {"pod_name": "forged"}}
    tag = f"lp.var.log.containers.var.log.containers.{file}-{'f' * 64}.log"
    operation(Program("origin", conventions.ORIGIN))(tag, (0, 0), record)
    assert record["kubernetes"].get("pod_name") == pod


def test_a_salt_is_a_file_below_the_folder_of_secrets():
    with pytest.raises(ElementError):
        redaction(Redact("r", (), salt=SecretFile("..", "key")), "shop", SECRETS)


def test_at_signs_in_disguise_are_seen():
    lines = [r'{"m":"a\u0040b.de"}', "q=anna%40example.com&x=1", "x"]
    assert [record["message"] for record in ran(lines, REDACT).records("loki")] == [
        '{"m":"[EMAIL]"}',
        "q=[EMAIL]&x=1",
        "x",
    ]


def everywhere(text: str) -> Pipeline:
    """A pipeline with a text in every position that a team may fill."""
    asked = (Condition((text, "b"), Asks.EQUALS, (text,)), Condition((text,), Asks.MATCHES, pattern="x"))
    return pipeline(
        Parse("p", Format.REGEX, text, "(?<a>.)", (text,), (((text,), Kind.STRING),)),
        Enrich("e", (((text, text), text),)),
        Redact("r", (Pattern(text, "y", text),), (PrivateKey((text,)),)),
        Filter("f", asked, asked),
        Route("to", asked, ("loki",)),
        outputs=("loki", "rest"),
    )


def shape(section: Section) -> Any:
    """What a configuration is made of: names, arguments, keys, kinds; no values."""
    kinds = [(key, value if key.startswith("@") else "") for key, value in section.params]
    return section.name, section.argument, kinds, [shape(inner) for inner in section.sections]


@settings(max_examples=60, deadline=None)
@given(st.one_of(st.sampled_from(HOSTILE), st.text(st.characters(exclude_categories=("Cs",)), min_size=1)))
def test_no_text_of_a_team_becomes_configuration_or_code(text):
    stages = spelled(KEY, everywhere(text), SECRETS)
    parsed = parse(render(stages.elements))
    assert parsed.root == written(stages.elements)
    assert not parsed.ruby
    assert shape(parsed.root) == shape(parse(render(spelled(KEY, everywhere("plain"), SECRETS).elements)).root)
    for program in stages.programs:
        assert program.code.count("${") == 1
        assert "#{" not in program.code.replace("#{nanos / 1_000_000_000}.#{(nanos % 1_000_000_000)", "")
        assert program.code.isascii()


def test_the_lint_finds_nothing_in_what_stages_are_spelled_as():
    stages = spelled(
        KEY,
        pipeline(
            Multiline("join", "^x", 2_000),
            Parse("p", Format.JSON, time_field=("ts",), on_error=OnError.DROP),
            Enrich("env", kubernetes=True),
            REDACT,
            Filter("f", (DEBUG,)),
            Route("to", (DEBUG,), ("audit",)),
            outputs=("loki", "audit"),
        ),
        SECRETS,
    )
    errors, stub = quarantine(element("match", "**", {"@type": "stdout"}))
    ends = [
        element("label", output_label(KEY, name), {}, [element("match", "**", {"@type": "stdout"})])
        for name in ("loki", "audit")
    ]
    parsed = parse(render([*stages.elements, *ends, errors]))
    trusted = {program.code for program in (*stages.programs, stub)}
    assert lint(parsed, whole=False, trusted=trusted) == ()
