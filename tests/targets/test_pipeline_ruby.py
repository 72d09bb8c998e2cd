"""The programs in real Ruby do what their twins in Python do, record by record."""

import copy
import json
import random
import subprocess
from collections.abc import Sequence
from typing import Any

import pytest

from binnacle.check.pipeline.programs import Operation, ProgramError, operation
from binnacle.compile.redaction import DEFAULT, PACKS
from binnacle.intent.pipeline import (
    Action,
    Asks,
    Condition,
    Enrich,
    Format,
    Kind,
    OnError,
    Parse,
    Pattern,
    PrivateKey,
    Redact,
)
from binnacle.intent.routing import SecretFile
from binnacle.targets.fluentd import conventions
from binnacle.targets.fluentd.stages import spelled
from binnacle.targets.fluentd.stages.program import Program
from binnacle.targets.fluentd.stages.runtime import FAILED, REASONS
from binnacle.targets.fluentd.stages.stages import conditions, parsing, redaction
from compile.logpipelines import KEY, LOKI, pipeline_of, stages_of
from compile.privatetexts import clean, private
from servers.waiting import PATIENCE
from targets.rubyprograms import RUBY, answers

pytestmark = [pytest.mark.thorough, pytest.mark.skipif(RUBY is None, reason="ruby is not on the PATH")]

PACK = PACKS[DEFAULT]
TAG = f"lp.shop.checkout.app.var.log.containers.web-0_shop_web-{'a' * 64}.log"
HOSTILE = ["#{raise}", "${1}", '"', "\\", "'", "`id`", "\n", "é€😀", "#$0", "]}", "%Q[", "\0", "end\nend", "//", "$1"]
UNPLAIN = "\\]^["
ASKED = (
    Condition(("level",), Asks.EQUALS, ("debug",)),
    Condition(("n",), Asks.IN, (5, "7", 1.5, True)),
    Condition(("user", "name"), Asks.EXISTS),
    Condition(("message",), Asks.MATCHES, pattern=r"\Aé?\s*err(or)?"),
    Condition(("message",), Asks.MATCHES, pattern="x", negated=True),
    Condition(("message",), Asks.MATCHES, pattern="e", longest=20),
    *(Condition((text,), Asks.EQUALS, (text,)) for text in HOSTILE),
)
LINES = [
    '{"ts":"2024-05-06T07:08:09.123Z","level":"debug","n":"5"}',
    '{"ts":1700000000123,"n":1.5,"user":{"name":5},"f":"1e3"}',
    '{"ts":1700000000.25,"lp_time":"9"}',
    '{"lp_stream":"x","lp_":1,"lp":2,"a":{"lp_x":3}}',
    "lp_stream=x a=b",
    '{"ts":"1700000000123456789","level":"TRUE","f":" 2.50 "}',
    '{"ts":"2024-02-30T00:00:00Z","a":{"a":null}}',
    '{"ts":"2023-02-29 01:02:03"}',
    '{"ts":"2024-02-29 01:02:03,5+0530"}',
    '{"ts":"1969-01-01T00:00:00Z"}',
    '{"ts":null}',
    '{"ts":[1]}',
    "[1,2]",
    '"s"',
    "5",
    "null",
    "",
    "not json",
    '{"a":NaN}',
    '{"a":1,"a":2}',
    '{"a":"\\u00e9\\ud83d\\ude42"}',
    '{"a":12345678901234567890123}',
    '{"a":1e400,"n":12345678901234567890}',
    'ts=2024-05-06T07:08:09-01:00 level=debug n=5 msg="hi \\"you\\" \\n\\t x" flag',
    "a= b=c=d ==x = é=ü",
    "1700000000 error 7",
    "2024-05-06T07:08:09Z debug",
    "{" * 200,
    '{"a":' * 150 + "1" + "}" * 150,
]


def programs(secrets: str) -> list[Program]:
    return [
        redaction(Redact("r", PACK.patterns, PACK.keys), "shop", secrets),
        redaction(
            Redact(
                "own",
                (
                    Pattern("order", r"ORD-\d+", "[ORDER]", action=Action.HASH),
                    Pattern("x", r"x*", "[X]", longest=5_000),
                    Pattern("gone", "é|😀|X-", "", action=Action.DROP),
                    *(
                        Pattern(f"h{at}", f"[{text[0]}]", text)
                        for at, text in enumerate(HOSTILE)
                        if text[0] not in UNPLAIN
                    ),
                ),
                (
                    PrivateKey(("user", "**")),
                    PrivateKey(("level",), Action.DROP),
                    PrivateKey(("*", "b"), Action.HASH),
                    PrivateKey(("n",), Action.HASH),
                ),
                salt=SecretFile("salt", "v1"),
            ),
            "shop",
            secrets,
        ),
        Program("keep", (conditions(ASKED[:3]), ())),
        Program("keep", (conditions(ASKED[4:]), conditions(ASKED[:4]))),
        *(Program("when", conditions([one])) for one in ASKED),
        Program(
            "add",
            Enrich(
                "e", ((("team",), "payments"), (("user", "name", "x"), 5), *(((text,), text) for text in HOSTILE))
            ).add,
        ),
        Program("origin", conventions.ORIGIN),
        Program("line", (40, True, 9)),
        Program("line", (40, False, 1)),
        Program("starts", ("message", r"^\d|é", 25, 9)),
        Program("starts", ("message", r"^\d|é", 25, 1)),
        Program("unmarked", "message"),
        Program("labels", (5, (("lp_label_0", ("message",)), ("lp_label_1", ("user", "b")), ("n", ("n",))))),
        Program("clean", ()),
        Program("stub", (FAILED, *REASONS.values())),
        *(
            parsing(
                Parse("p", format_, pattern=pattern, time_field=("ts",), types=types, on_error=on_error, longest=30)
            )
            for format_, pattern in (
                (Format.JSON, ""),
                (Format.LOGFMT, ""),
                (Format.REGEX, r"(?<all>.*)"),
                (Format.REGEX, r"^(?<ts>\S+) (?<level>\w+)(?: (?<n>\d+))?"),
            )
            for on_error in OnError
            for types in (
                (),
                (
                    (("n",), Kind.INTEGER),
                    (("level",), Kind.BOOLEAN),
                    (("f",), Kind.FLOAT),
                    (("user", "name"), Kind.STRING),
                ),
            )
        ),
    ]


def records() -> list[Any]:
    rng = random.Random(5)
    made: list[Any] = [{"message": line} for line in LINES]
    made += [one.record for one in private(3, 24)]
    made += [{"message": line} for line in clean(4, 100)]
    made += [{"message": text, text: text, "user": {"b": text}} for text in HOSTILE]
    made += [
        {},
        {
            "message": '{"a":[1e400,{"b":-1e999}],"c":9223372036854775807,"d":9223372036854775808,"e":-9223372036854775809}'
        },
        {"message": '{"a":' + "1" * 2000 + ',"b":1e30,"c":-9223372036854775808}'},
        *(
            {"message": "0123456789", "logtag": flag, "stream": stream}
            for flag in "PPPPPPF"
            for stream in ("stdout", 5)
        ),
        *(
            {"message": line, "lp_stream": stream}
            for line in ("1 a", " b", " c" * 9, " d", "\x01e\x01")
            for stream in ("stdout", "stderr")
        ),
        {"X-lp_stream": "forged", "lp_stream": "stderr", "a": {"X-lp_x": 1}},
        {"lp_stream": ["x"], "lp_mark": 1, "message": "x"},
        {"message": "\x01a\x01", "lp_rest": {"message": "", "x": 1}},
        {"message": None},
        {"message": 5},
        {"message": ["x"]},
        {"message": b"err\xff\xe9 x"},
        {"message": "x", "level": b"debug\xff"},
        {"kubernetes": {"pod_name": "forged", "x": 1}},
        {"level": "debug", "n": True, "user": {"name": None}},
        {"n": 5.0, "level": ["debug"], "user": "x"},
        {"n": "5", "x": {"b": {"c": 1}}, "y": {"b": 4111111111111111}, "user": {"a": [{"b": 1}]}},
        {"f": 1e20, "g": -0.0, "h": 1e-7, "i": 10**30, "j": 4111111111111111.0},
        {"a@b.de": 1, "c@d.de": 2, "[EMAIL]": 3},
        {"big": "a@b.de " * 200_000},
        {"time": 1.5, "tag": "x", "reason": "NotRedacted", "size": 10**15},
        {"time": 1.5, "tag": "x", "reason": "NotRedacted", "size": 12},
        {"time": "1", "tag": "x", "reason": "NotRedacted", "size": 12},
        {"time": 1.5, "tag": "x", "reason": "a@b.de", "size": 12},
        nested(80),
    ]
    made += [
        {"message": rng.choice(HOSTILE) + rng.choice(LINES), "n": rng.choice([1, 5, "7", 1.5, None])} for _ in range(60)
    ]
    return made


def nested(depth: int) -> Any:
    value: Any = "a@b.de"
    for _ in range(depth):
        value = {"k": [value]}
    return {"message": "x", "deep": value}


def in_python(program: Operation, record: Any) -> tuple[str, Any]:
    record = copy.deepcopy(record)
    try:
        return program(TAG, (1_700_000_000, 500_000_000), record), record
    except ProgramError as error:
        return f"raised {error}", record


def comparable(value: Any) -> Any:
    """The same shape from both: bad bytes as Ruby's driver writes them, a stub without its size (the inspected text differs)."""
    import base64

    match value:
        case bytes():
            return {"$base64": base64.b64encode(value).decode()}
        case dict():
            stub = set(value) == {"time", "tag", "reason", "size"}
            return {key: comparable(inner) for key, inner in value.items() if not (stub and key == "size")}
        case list():
            return [comparable(item) for item in value]
        case _:
            return value


def test_ruby_and_python_agree(tmp_path):
    # Offline the path of the salt stands for the salt: here that is true of the file too.
    salt = tmp_path / "shop" / "salt" / "v1"
    salt.parent.mkdir(parents=True)
    salt.write_text(f"{salt}\n")
    assert differences(programs(str(tmp_path)), records()) == []


def test_what_compilers_make_of_a_pipeline_is_good_ruby() -> None:
    stages = (
        {"multiline": {"preset": "java"}},
        {
            "parse": {
                "format": "regex",
                "pattern": r"^(?<ts>\S+) \[(?<level>[^\]]+)\] (?<msg>.*)$",
                "onError": "Quarantine",
            }
        },
        {"enrich": {"kubernetes": True, "add": {r"a\.b.c": 'é"#{x}'}}},
        {"redact": {"packs": ["default"], "keys": ["x.**"], "patterns": [{"name": "slow", "regex": r"\d+x"}]}},
        {"filter": {"drop": [{"field": "level", "in": ["DEBUG", 5]}, {"field": "msg", "matches": "(?i)^health"}]}},
        {"route": {"when": [{"field": "level", "not": {"exists": True}}], "outputs": ["audit"]}},
    )
    compiled = stages_of(*stages, outputs=[LOKI, {"name": "audit", "stdout": {}}], environment="production")
    lines = [
        "2026-03-02T10:00:00Z [INFO] mail a@b.de 123x",
        "nope",
        "x [DEBUG] y",
        "x [A] HEALTH",
        "x [A] " + "1" * 9000,
    ]
    every = [{"message": line} for line in lines] + [{"level": 5, "msg": "é\u2028", "x": {"a": [1, "q"]}}]
    work = spelled(KEY, pipeline_of(compiled), "/etc/binnacle/secrets").programs
    assert len(work) > 8
    assert differences(work, every) == []


def test_names_that_belong_to_the_stages_cannot_be_forged_in_ruby_either():
    """See the test of the same in Python, which shows whole pipelines."""
    lines = [{"message": json.dumps({"lp_stream": f"{number}", "message": " x" * 9})} for number in range(4)]
    parse, starts = parsing(Parse("p", Format.JSON)), Program("starts", ("message", "^x", 40, 9))
    (parsed,) = answers([parse], lines, TAG)
    assert [record for _, record in parsed] == [{"message": " x" * 9}] * 4
    forged = [{"message": " x" * 9, "lp_stream": f"{number}"} for number in range(4)]
    (marked,) = answers([starts], forged, TAG)
    assert {record["lp_stream"] for _, record in marked} == {"stdout"}
    assert [record["message"].endswith("\x01") for _, record in marked] == [False, False, True, False]


def differences(work: Sequence[Program], every: list[Any]) -> list[Any]:
    """What Ruby and Python do not agree on."""
    differing = []
    for program, ruby in zip(work, answers(work, every, TAG), strict=True):
        made = operation(program)
        for record, (mark, became) in zip(every, ruby, strict=True):
            ours = in_python(made, record)
            # As text: 1 and 1.0, 1 and true are not the same here.
            if json.dumps([ours[0], comparable(ours[1])]) != json.dumps([mark, comparable(became)]):
                differing.append((program.operation, program.data[:1], record, ours, (mark, became)))
    return differing


def test_without_its_salt_a_redaction_passes_nothing_on(tmp_path):
    for name, content in (("empty", "\n"), ("missing", None)):
        if content is not None:
            (tmp_path / "shop" / name).mkdir(parents=True)
            (tmp_path / "shop" / name / "v1").write_text(content)
        stage = Redact("r", (Pattern("x", "x", "[X]", action=Action.HASH),), salt=SecretFile(name, "v1"))
        (((mark, became),),) = answers([redaction(stage, "shop", str(tmp_path))], [{"message": "private"}], TAG)
        assert mark == "raised NotRedacted"
        assert set(became) == {"time", "tag", "reason", "size"}


def test_while_its_salt_is_missing_a_redaction_is_not_made_again_for_each_record(tmp_path):
    """A program that raises while it is made is made again for the next record, with all its patterns."""
    stage = Redact("r", (Pattern("x", "x", "[X]", action=Action.HASH),), salt=SecretFile("salt", "v1"))
    program = redaction(stage, "shop", str(tmp_path))
    (tmp_path / "shop" / "salt").mkdir(parents=True)
    salt = tmp_path / "shop" / "salt" / "v1"
    # Counted, and the salt is there before the third record: the same lambda finds it.
    counting = (
        f"$made = 0; work = lambda {{ |tag, time, record| begin; {program.code[2:-1]}; rescue => e; e.message; end }}\n"
        f"class Regexp; class << self; alias_method :plain, :new; def new(*a); $made += 1; plain(*a); end; end; end\n"
        f"2.times {{ puts work.call('t', 1.0, {{'message' => 'xé'}}) }}; File.binwrite({json.dumps(str(salt))}, \"\\xff\\n\")\n"
        f"r = {{'message' => 'xé'}}; puts work.call('t', 1.0, r); puts r['message'].sub(/:.*]/, ''); puts $made"
    )
    assert RUBY is not None
    done = subprocess.run([RUBY, "-e", counting], capture_output=True, text=True, check=True, timeout=PATIENCE)
    assert done.stdout.split() == ["NotRedacted", "NotRedacted", "1", "[Xé", "1"]
