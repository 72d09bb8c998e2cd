"""Pipelines as hypothesis makes them: every stage and output, and any text in every place that takes one."""

import json
from pathlib import Path

from hypothesis import strategies as st

from binnacle.api.config import Config
from binnacle.compile.onigmo.dialect import problem
from binnacle.compile.redaction import DEFAULT, PACKS
from binnacle.intent.pipeline import (
    Action,
    Asks,
    Buffer,
    Condition,
    Containers,
    Elasticsearch,
    Enrich,
    Filter,
    Format,
    Kind,
    Loki,
    Multiline,
    OnError,
    OnFull,
    Output,
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

CASES = json.loads((Path(__file__).parents[1] / "data/fluentd/parse.json").read_text())["cases"]
PAYLOADS = sorted({case["payload"] for case in CASES if case["group"] == "injection"})
PACK = PACKS[DEFAULT]
KEY = Key("LogPipeline", "shop", "checkout")


def config(**sections: object) -> Config:
    return Config.from_data({"loki": {"url": "http://loki:3100"}, **sections})


TEXT = st.one_of(st.text(st.characters(exclude_categories=["Cs"])), st.sampled_from(PAYLOADS))
WORDS = st.from_regex(r"[a-z][a-z0-9-]{0,5}", fullmatch=True)
PATHS = st.lists(TEXT, min_size=1, max_size=3).map(tuple)
REGEXES = st.one_of(
    st.sampled_from(["^x", "/a/", r"\d+ #\{", '"', "(?<a>.)"]), TEXT.filter(lambda text: not problem(text))
)
SCALARS = st.one_of(TEXT, st.integers(-(2**53), 2**53), st.booleans(), st.floats(allow_nan=False, allow_infinity=False))
ASKED = st.builds(
    lambda field, test, values, pattern, negated: Condition(field, test, tuple(values), pattern, negated),
    PATHS,
    st.sampled_from(Asks),
    st.lists(SCALARS, min_size=1, max_size=2),
    REGEXES,
    st.booleans(),
)
CONDITIONS = st.lists(ASKED, max_size=2).map(tuple)
SECRETS = st.builds(
    SecretFile,
    st.from_regex(r"[a-z0-9][a-z0-9.-]{0,8}", fullmatch=True),
    st.from_regex(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,8}", fullmatch=True),
)


def stages(outputs: list[str]) -> st.SearchStrategy[Stage]:
    kinds: list[st.SearchStrategy[Stage]] = [
        st.builds(
            Parse,
            WORDS,
            st.sampled_from(Format),
            TEXT,
            REGEXES,
            PATHS | st.just(()),
            st.lists(st.tuples(PATHS, st.sampled_from(Kind)), max_size=2).map(tuple),
            st.sampled_from(OnError),
        ),
        st.builds(Multiline, WORDS, REGEXES, st.integers(0, 60_000)),
        st.builds(Enrich, WORDS, st.lists(st.tuples(PATHS, SCALARS), max_size=2).map(tuple), st.booleans()),
        st.builds(
            Redact,
            WORDS,
            st.lists(st.builds(Pattern, TEXT, REGEXES, TEXT, st.sampled_from(["", "luhn"]), st.sampled_from(Action)), max_size=2).map(tuple),
            st.lists(st.builds(PrivateKey, PATHS, st.sampled_from(Action)), max_size=2).map(tuple),
            SECRETS | st.none(),
        ),
        st.builds(Filter, WORDS, CONDITIONS, CONDITIONS),
        st.builds(Route, WORDS, CONDITIONS, st.lists(st.sampled_from(outputs), min_size=1, unique=True).map(tuple)),
    ]  # fmt: skip
    return st.one_of(kinds)


def outputs(name: str) -> st.SearchStrategy[Output]:
    labels = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True)
    kinds: list[st.SearchStrategy[Output]] = [
        st.just(Stdout(name)),
        st.builds(
            Loki,
            st.just(name),
            st.sampled_from(["http://loki:3100", "https://loki.monitoring.svc/"]),
            st.dictionaries(labels, TEXT, max_size=2).map(lambda made: tuple(made.items())),
            st.dictionaries(labels, PATHS, max_size=2).map(lambda made: tuple(made.items())),
            st.sampled_from(["", "shop", "shop_a.b"]),
            SECRETS | st.none(),
        ),
        st.builds(
            Elasticsearch,
            st.just(name),
            st.sampled_from(["es.svc", "127.0.0.1", "[::1]"]),
            st.integers(1, 65_535),
            st.sampled_from(["http", "https"]),
            st.from_regex(r"[a-z0-9][a-z0-9._-]{0,8}", fullmatch=True),
            TEXT,
            SECRETS | st.none(),
        ),
    ]
    return st.one_of(kinds)


INPUTS = st.builds(
    lambda name, pods, containers, exclude: Containers(name, tuple(pods), tuple(containers), tuple(exclude)),
    WORDS,
    st.lists(st.sampled_from(["*", "web-*", "db-0", "a.b-*"]), max_size=2, unique=True),
    st.lists(st.sampled_from(["app", "app-proxy", "x"]), max_size=2, unique=True),
    st.lists(st.sampled_from(["istio-proxy", "app"]), max_size=2, unique=True),
)
BUFFERS = st.builds(
    Buffer,
    st.integers(16 << 20, 1 << 40),
    st.integers(1 << 10, 16 << 20),
    st.integers(0, 600_000),
    st.integers(0, 600_000),
    st.sampled_from(OnFull),
)


@st.composite
def pipelines(draw: st.DrawFn) -> Pipeline:
    names = draw(st.lists(WORDS, min_size=1, max_size=3, unique=True))
    return Pipeline(
        tuple(draw(st.lists(INPUTS, min_size=1, max_size=2, unique_by=lambda one: one.name))),
        tuple(draw(st.lists(stages(names), max_size=5, unique_by=lambda one: one.name))),
        tuple(draw(outputs(name)) for name in names),
        draw(BUFFERS),
    )


def everywhere(text: str) -> Pipeline:
    """A pipeline with a text in every position that a team may fill with any."""
    asked = (
        Condition((text, "b"), Asks.EQUALS, (text,)),
        Condition((text,), Asks.MATCHES, pattern="x" if problem(text) else text),
    )
    return Pipeline(
        (Containers("app"),),
        (
            Parse("p", Format.REGEX, text, "(?<a>.)", (text,), (((text,), Kind.STRING),)),
            Multiline("m", "x" if problem(text) else text, 2_000),
            Enrich("e", (((text, text), text),), kubernetes=True),
            Redact("r", (Pattern(text, "y", text),), (PrivateKey((text,)),)),
            Filter("f", asked, asked),
            Route("to", asked, ("loki",)),
        ),
        (
            Loki("loki", "http://loki:3100", (("team", text),), (("level", (text, text)),)),
            Elasticsearch("es", "es", 9200, "https", "shop", text or "u", SecretFile("es", "password")),
            Stdout("out"),
        ),
    )


def plain(*stages_: Stage, outputs: tuple[Output, ...] = (Stdout("out"),), **inputs: tuple[str, ...]) -> Pipeline:
    return Pipeline((Containers("app", **inputs),), stages_, outputs)
