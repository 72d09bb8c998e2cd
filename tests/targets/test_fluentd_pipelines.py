"""Whole pipelines for Fluentd: what is written is what was meant, nothing of one reaches another, and the lint has no word."""

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from binnacle.api.config import Config
from binnacle.api.findings import Severity
from binnacle.check.fluentd.grammar import parse
from binnacle.check.fluentd.lint import lint
from binnacle.check.fluentd.match import way
from binnacle.check.fluentd.sections import Section
from binnacle.check.fluentd.sections import written as meant
from binnacle.intent.pipeline import (
    Asks,
    Buffer,
    Condition,
    Containers,
    Elasticsearch,
    Enrich,
    Filter,
    Format,
    Loki,
    OnError,
    OnFull,
    Parse,
    Pipeline,
    Redact,
    Route,
    Stdout,
)
from binnacle.intent.refs import Key
from binnacle.intent.routing import SecretFile
from binnacle.targets.fluentd import ElementError
from binnacle.targets.fluentd.conventions import CONTAINERS, ENTRY
from binnacle.targets.fluentd.pipelines import Written, entry, written
from check.fluentd_files import run_files
from servers.pace import effort
from targets.pipelines import KEY, PACK, PAYLOADS, TEXT, config, everywhere, pipelines, plain

pytestmark = pytest.mark.thorough

CONFIG = config()
ROOTS = (CONFIG.fluentd.buffers,)
PATTERN = "*.lp.conf"
ID = "0123456789abcdef" * 4


def loaded(written_: dict[Key, Written], chosen: Config = CONFIG) -> tuple[dict[str, str], frozenset[str], Any]:
    """The files that Fluentd would load, the code in them that is ours, and the configuration as it is read."""
    first = entry(chosen, PATTERN)
    files = {ENTRY: first.text, **{f"{key.namespace}.{key.name}.lp.conf": one.text for key, one in written_.items()}}
    trusted = first.trusted.union(*(one.trusted for one in written_.values()))
    return files, trusted, parse(files[ENTRY], files=files, name=ENTRY)


def shape(section: Section) -> Any:
    """What a configuration is made of: names, arguments, keys, kinds, labels; no other values."""
    kinds = [(key, value if key in ("@type", "@label") else "") for key, value in section.params]
    return section.name, section.argument, kinds, [shape(inner) for inner in section.sections]


PLAIN = shape(parse(written(KEY, everywhere("plain"), CONFIG).text).root)


@settings(max_examples=40, deadline=None)
@given(pipelines())
def test_what_is_written_is_what_is_read_and_the_lint_has_no_word(pipeline: Pipeline) -> None:
    one = written(KEY, pipeline, CONFIG)
    parsed = parse(one.text)
    assert parsed.root == meant(one.elements)
    assert not parsed.included
    assert not parsed.warnings
    assert {code.code for code in parsed.ruby} <= one.trusted
    _, trusted, whole = loaded({KEY: one})
    assert lint(whole, trusted=trusted, roots=ROOTS) == ()


@pytest.mark.parametrize("payload", PAYLOADS)
def test_no_text_of_a_team_becomes_configuration_or_code(payload: str) -> None:
    one = written(KEY, everywhere(payload), CONFIG)
    parsed = parse(one.text, files={"inc/probe.conf": "canary included\n"})
    assert parsed.root == meant(one.elements)
    assert {code.code for code in parsed.ruby} <= one.trusted
    assert not parsed.included
    assert shape(parsed.root) == PLAIN
    assert lint(parsed, whole=False, trusted=one.trusted, roots=ROOTS) == ()


@settings(max_examples=40, deadline=None)
@given(TEXT)
def test_no_text_in_a_name_gets_through(text: str) -> None:
    """Names come in alphabets of their own; what else comes here is refused, not written."""
    bad = "/" + text
    for wrong in (
        plain(outputs=(Stdout(bad),)),
        plain(outputs=(Loki("loki", "http://loki", (("a" + bad, "x"),)),)),
        plain(outputs=(Loki("loki", "http://loki", (), ((bad, ("x",)),)),)),
        plain(outputs=(Loki("loki", "http://loki", tenant=bad),)),
        plain(outputs=(Loki("loki", "http://loki", tenant="${tag}" + text),)),
        plain(outputs=(Loki("loki", "http://loki", token=SecretFile("..", text + "k")),)),
        plain(outputs=(Elasticsearch("es", "es", 9200, "http", "shop-%Y" + text),)),
        plain(outputs=(Elasticsearch("es", "es", 9200, "http", "shop", "u", SecretFile("s", bad)),)),
        plain(containers=(bad,)),
        plain(containers=("*" + text,)),
        plain(exclude=(bad,)),
        plain(pods=(bad,)),
        plain(pods=("a_b" + text,)),
        plain(Route(bad, (), ("out",))),
        Pipeline((Containers(bad),), (), (Stdout("out"),)),
    ):
        with pytest.raises(ElementError):
            written(KEY, wrong, CONFIG)


def test_the_same_pipeline_gives_the_same_bytes() -> None:
    program = (
        "import sys; sys.path[:0] = sys.argv[1:]\n"
        "from targets.pipelines import KEY, config, everywhere\n"
        "from binnacle.targets.fluentd.pipelines import entry, written\n"
        "print([written(KEY, everywhere(text), config()).text for text in ('x', '#{1}')], entry(config(), 'a').text)"
    )
    tests = Path(__file__).resolve().parents[1]
    command = [sys.executable, "-c", program, str(tests), str(tests.parent / "operator")]
    said = {
        subprocess.run(command, env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True).stdout
        for seed in ("0", "1")
    }
    assert len(said) == 1


@settings(max_examples=15, deadline=None)
@given(st.lists(pipelines(), min_size=2, max_size=3))
def test_no_tag_of_a_team_reaches_a_label_of_another(made: list[Pipeline]) -> None:
    """From every source all ways lead to labels of its own pipeline, to @ERROR by Fluentd's own doing, and to no other."""
    keys = [Key("LogPipeline", namespace, "app") for namespace in ("shop", "shop-a", "app")][: len(made)]
    _, trusted, whole = loaded({key: written(key, one, CONFIG) for key, one in zip(keys, made, strict=True)})
    assert lint(whole, trusted=trusted, roots=ROOTS) == ()
    labels = {str(section.argument): section for section in whole.root.all("label")}
    for source in whole.root.all("source"):
        start = str(source.get("@label"))
        prefix = f"{start}."
        namespace = start.split(".")[1]
        tag = str(source.get("tag")).replace("*", f"var.log.containers.web-0_{namespace}_app-{ID}.log")
        assert tag.startswith(start.removeprefix("@"))
        assert all(f"_{namespace}_" in path for path in str(source.get("path")).split(","))
        reached, waiting = set(), {start}
        while waiting:
            name = waiting.pop()
            reached.add(name)
            assert name == start or name.startswith(prefix)
            output = way(labels[name], tag).output
            assert output is not None
            steps = {str(one.get("@label")) for one in (output, *output.all("store")) if one.get("@type") == "relabel"}
            steps |= {str(one.get("timeout_label")) for one in labels[name].all("filter") if one.get("timeout_label")}
            waiting |= steps - reached
        assert reached == {name for name in labels if name == start or name.startswith(prefix)}


def line(text: str, *, stream: str = "stdout", flag: str = "F", time: str = "2024-05-06T07:08:09.5Z") -> bytes:
    return f"{time} {stream} {flag} {text}\n".encode()


def log(pod: str, namespace: str, container: str) -> str:
    return f"{CONTAINERS}/{pod}_{namespace}_{container}-{ID}.log"


def ran(
    made: dict[Key, Pipeline],
    logs: dict[str, list[bytes]],
    chosen: Config = CONFIG,
    failing: frozenset[str] = frozenset(),
) -> dict[str, list[Any]]:
    """Run the files as written; records by the id of the output."""
    written_ = {key: written(key, one, chosen) for key, one in made.items()}
    files, _, _ = loaded(written_, chosen)
    programs = [program for one in (*written_.values(), entry(chosen, PATTERN)) for program in one.programs]
    came: dict[str, list[Any]] = {}
    for arrived in run_files(files, ENTRY, programs, logs, failing):
        came.setdefault(arrived.sink, []).append(arrived.event)
    return came


def records(came: dict[str, list[Any]], sink: str = "lp.shop.checkout.output.out") -> list[Any]:
    return [event.record for event in came.get(sink, [])]


def test_lines_go_from_files_to_outputs() -> None:
    lines = [
        line('{"level":"info","msg":"a@b.de"}'),
        line('{"level":"debug"}', time="2024-05-06T07:08:09+02:00"),
        line("part ", flag="P"),
        line("of stderr", stream="stderr"),
        line("whole"),
        b"2024-05-06T07:08:09Z stdout F\n",
        "no such line é\n".encode(),
        b"2024-05-06T07:08:09Z stdout F caf\xc3\xa9 \xff\n",
        line("left", flag="P"),
    ]
    pipeline = plain(
        Parse("parse", Format.JSON),
        Enrich("env", ((("team",), "pay"),), kubernetes=False),
        Redact("private", PACK.patterns, PACK.keys),
        Filter("noise", (Condition(("level",), Asks.EQUALS, ("debug",)),)),
    )
    came = ran({KEY: pipeline}, {log("web-0", "shop", "app"): lines})
    events = came["lp.shop.checkout.output.out"]
    assert [event.record for event in events] == [
        {"level": "info", "msg": "[EMAIL]", "team": "pay"},
        {"message": "of stderr", "team": "pay"},
        {"message": "part whole", "team": "pay"},
        {"message": "", "team": "pay"},
        {"message": "no such line é", "team": "pay"},
        {"message": "café \ufffd", "team": "pay"},
        {"message": "left", "team": "pay"},
    ]
    assert events[0].time == (1_714_979_289, 500_000_000)
    assert set(came) == {"lp.shop.checkout.output.out"}


def test_a_line_without_an_end_is_cut_and_not_looked_at() -> None:
    part = "x" * 16_000
    lines = [line(part, flag="P") for _ in range(100)] + [line("end"), line("next")]
    came = ran({KEY: plain(Redact("private", PACK.patterns))}, {log("web-0", "shop", "app"): lines})
    assert [record["reason"] for record in records(came, "stdout")] == ["NotRedacted"]
    assert records(came)[-1] == {"message": "next"}
    assert sum(len(record["message"]) for record in records(came)) < 1 << 20


@pytest.mark.parametrize(
    ("inputs", "read"),
    [
        ({}, ["web-0/app", "web-0/app-proxy", "db-0/app", "web-01/app"]),
        ({"containers": ("app",)}, ["web-0/app", "db-0/app", "web-01/app"]),
        ({"pods": ("web-*",)}, ["web-0/app", "web-0/app-proxy", "web-01/app"]),
        ({"pods": ("web-0",), "containers": ("app",)}, ["web-0/app"]),
        ({"pods": ("web-0",)}, ["web-0/app", "web-0/app-proxy"]),
        ({"exclude": ("app",)}, ["web-0/app-proxy"]),
        ({"pods": ("*-0", "web-*"), "exclude": ("app-proxy",)}, ["web-0/app", "db-0/app", "web-01/app"]),
    ],
)
def test_files_of_the_pipelines_own_containers_are_read(inputs: Any, read: list[str]) -> None:
    every = [
        ("web-0", "shop", "app"),
        ("web-0", "shop", "app-proxy"),
        ("db-0", "shop", "app"),
        ("web-01", "shop", "app"),
    ]
    others = [
        ("web-0", "other", "app"),
        ("shop", "other", "shop"),
        ("web-0", "shop-a", "app"),
        ("web-0.shop", "a", "app"),
    ]
    logs = {log(*one): [line(f"{one[0]}/{one[2]}")] for one in (*every, *others)}
    came = records(ran({KEY: plain(**inputs)}, logs))
    assert sorted(record["message"] for record in came) == sorted(read)


def test_two_containers_are_never_joined_to_one_line() -> None:
    logs = {
        log("web-0", "shop", "app"): [line("a", flag="P")],
        log("web-1", "shop", "app"): [line("b")],
    }
    assert records(ran({KEY: plain()}, logs)) == [{"message": "b"}, {"message": "a"}]


def test_every_record_of_a_team_comes_to_its_own_outputs_only() -> None:
    keys = [Key("LogPipeline", namespace, name) for namespace in ("shop", "shop-a", "a") for name in ("shop", "a")]
    to = (Loki("loki", "http://loki:3100", fields=(("level", ("level",)),)), Elasticsearch("es", "e", 1, "http", "i"))
    logs = {
        log("p-0", namespace, "c"): [line(namespace), line("x", flag="P")] for namespace in ("shop", "shop-a", "a", "b")
    }
    errors = {"shop": OnError.KEEP, "a": OnError.QUARANTINE}
    came = ran({key: plain(Parse("p", Format.JSON, on_error=errors[key.name]), outputs=to) for key in keys}, logs)
    for key in keys:
        for output in ("loki", "es"):
            seen = records(came, f"lp.{key.namespace}.{key.name}.output.{output}")
            wanted = [] if key.name == "a" else [{"message": key.namespace}, {"message": "x"}]
            assert seen == wanted
    stubs = came["stdout"]
    assert sorted(event.record["tag"].split(".")[1] for event in stubs) == sorted(["shop", "shop-a", "a"] * 2)
    assert all(set(event.record) == {"time", "tag", "reason", "size"} for event in stubs)


@pytest.mark.parametrize("failing", ["loki", "es", "out"])
def test_an_output_that_fails_takes_nothing_from_the_others(failing: str) -> None:
    to = (
        Loki("loki", "http://loki:3100", fields=(("message", ("message",)),)),
        Elasticsearch("es", "e", 1, "http", "i"),
        Stdout("out"),
    )
    logs = {log("web-0", "shop", "app"): [line("a"), line("b")]}
    came = ran({KEY: plain(outputs=to)}, logs, failing=frozenset({f"lp.shop.checkout.output.{failing}"}))
    for name in {"loki", "es", "out"} - {failing}:
        # No branch sees what another does to its records.
        more = [{"lp_label_0": text} if name == "loki" else {} for text in "ab"]
        wanted = [{"message": text, **extra} for text, extra in zip("ab", more, strict=True)]
        assert records(came, f"lp.shop.checkout.output.{name}") == wanted
    assert [record["reason"] for record in records(came, "stdout")] == ["Failed", "Failed"]


def test_stream_labels_are_texts_of_a_length_that_loki_takes() -> None:
    loki = Loki("loki", "http://loki:3100", (("job", "x"),), (("level", ("level",)), ("path", ("a.b", "'c]"))))
    lines = [
        line('{"level":5,"a.b":{"\'c]":"é' + "x" * 5000 + '"}}'),
        line('{"level":{"a":1},"lp_label_0":"forged","a.b":null}'),
    ]
    pipeline = plain(Parse("p", Format.JSON), outputs=(loki,))
    came = records(ran({KEY: pipeline}, {log("web-0", "shop", "app"): lines}), "lp.shop.checkout.output.loki")
    assert came[0]["lp_label_0"] == "5"
    assert came[0]["lp_label_1"] == "é" + "x" * 255
    assert came[0]["level"] == 5
    assert "lp_label_0" not in came[1]
    (output,) = parse(written(KEY, pipeline, CONFIG).text).root.all("label")[-1].all("match")
    assert output.all("label")[0].params == (("level", "lp_label_0"), ("path", "lp_label_1"))


def test_buffers_are_on_disk_and_in_plain_numbers() -> None:
    buffer = Buffer(2 << 30, 4 << 20, 1_500, 90_500, OnFull.DROP_OLDEST)
    pipeline = Pipeline((Containers("app"),), (), (Loki("loki", "http://loki:3100/"), Stdout("out")), buffer)
    root = parse(written(KEY, pipeline, CONFIG).text).root
    found = [inner for label in root.all("label") for match in label.all("match") for inner in match.all("buffer")]
    assert [one.get("path") for one in found] == ["/buffers/lp.shop.checkout.loki", "/buffers/lp.shop.checkout.out"]
    for one in found:
        said = {
            key: one.get(key)
            for key in ("flush_interval", "retry_max_interval", "total_limit_size", "chunk_limit_size")
        }
        assert said == {
            "flush_interval": "2",
            "retry_max_interval": "91",
            "total_limit_size": "2147483648",
            "chunk_limit_size": "4194304",
        }
        assert one.get("overflow_action") == "drop_oldest_chunk"
        assert one.get("retry_forever") == "true"


def test_the_version_is_in_the_file_and_changes_with_it() -> None:
    one, same, other = (
        written(KEY, plain(Filter("f", (Condition(("a",), Asks.EQUALS, (n,)),))), CONFIG) for n in (1, 1, 2)
    )
    assert one == same
    assert one.version != other.version
    assert f'@id "lp.shop.checkout.version.{one.version}"' in one.text


@pytest.mark.parametrize("where", ["stdout", "loki"])
def test_the_quarantine_is_the_administrators_and_never_full(where: str) -> None:
    chosen = config(fluentd={"quarantine": where})
    root = parse(entry(chosen, PATTERN).text).root
    errors, own = root.all("label")
    assert (errors.argument, own.argument) == ("@ERROR", "@FLUENT_LOG")
    assert [one.get("@type") for one in errors.all("filter")] == ["record_transformer", "record_modifier"]
    (end,) = errors.all("match")
    assert end.get("@type") == where
    assert [one.get("overflow_action") for one in end.all("buffer")] == (
        ["drop_oldest_chunk"] if where == "loki" else []
    )
    _, trusted, whole = loaded({KEY: written(KEY, plain(), chosen)}, chosen)
    assert lint(whole, trusted=trusted, roots=ROOTS) == ()


def test_without_pipelines_there_is_only_the_missing_source_to_find() -> None:
    first = entry(CONFIG, PATTERN)
    found = lint(parse(first.text, files={}), trusted=first.trusted)
    assert {(one.reason, one.severity) for one in found} == {
        ("EmptyInclude", Severity.ERROR),
        ("UnreachableSection", Severity.ERROR),
    }


def test_ten_pipelines_are_spelled_and_read_in_less_than_a_second() -> None:
    begun = time.process_time()
    for number in range(10):
        parse(written(Key("LogPipeline", "shop", f"p{number}"), everywhere("x"), CONFIG).text)
    assert time.process_time() - begun < effort(1)
