"""The laws of the PromQL package: what is printed parses to the same tree, and Prometheus reads it too."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from binnacle.promql import PromQLError, facts, fences, parse, to_text
from binnacle.promql.nodes import Node, Number, Range, Selector, String, map_nodes
from binnacle.promql.printer import duration_text
from promql import trees

CORPUS = [
    line
    for line in (Path(__file__).parents[1] / "data" / "promql" / "corpus.txt").read_text().splitlines()
    if line and not line.startswith("#")
]
Promtool = Callable[..., subprocess.CompletedProcess[str]]


def test_the_corpus_is_large_and_has_no_repetitions() -> None:
    assert len(CORPUS) >= 300
    assert len(set(CORPUS)) == len(CORPUS)


@pytest.mark.parametrize("text", CORPUS)
def test_what_people_write_prints_back_to_the_same_tree(text: str) -> None:
    tree = parse(text)
    printed = to_text(tree)
    assert parse(printed) == tree
    assert to_text(parse(printed)) == printed


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(trees.trees())
def test_any_tree_prints_to_text_that_parses_to_it(tree: Node) -> None:
    text = to_text(tree)
    assume(_within_fences(text))
    assert parse(text) == tree


@given(trees.trees())
def test_rewriting_with_the_identity_changes_nothing(tree: Node) -> None:
    assert map_nodes(tree, lambda node: node) is tree


@given(trees.trees())
def test_the_facts_hold_for_any_tree(tree: Node) -> None:
    seen = list(facts.walk(tree))
    assert seen[0] is tree
    assert {s.name for s in facts.selectors(tree) if s.name is not None} == facts.metrics(tree)
    assert facts.functions(tree) <= {getattr(node, "func", "") for node in seen}
    assert isinstance("__name__" in facts.labels_kept(tree), bool)


def _within_fences(text: str) -> bool:
    try:
        fences.check(text)
    except PromQLError as error:
        return error.reason != "PromQLTooLarge"
    return True


def _rules(texts: list[str]) -> str:
    rules = [{"record": "a:b", "expr": text, "labels": {"n": str(number)}} for number, text in enumerate(texts)]
    return yaml.safe_dump({"groups": [{"name": "g", "rules": rules}]})


def test_prometheus_reads_the_corpus_as_written_and_as_printed(promtool: Promtool, tmp_path: Path) -> None:
    for name, texts in (("written", CORPUS), ("printed", [to_text(parse(text)) for text in CORPUS])):
        file = tmp_path / f"{name}.yaml"
        file.write_text(_rules(texts))
        ended = promtool("check", "rules", str(file), check=False)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        assert f"{len(CORPUS)} rules found" in ended.stdout


@settings(
    max_examples=5, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(found=st.lists(trees.vectors(modern=False), min_size=20, max_size=60))
def test_prometheus_reads_what_is_printed_of_any_tree(promtool: Promtool, tmp_path: Path, found: list[Node]) -> None:
    file = tmp_path / "trees.yaml"
    file.write_text(_rules([to_text(tree) for tree in found]))
    ended = promtool("check", "rules", str(file), check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.mark.parametrize(
    ("written", "printed"),
    [
        ("((a))", "a"),
        ("(a + b) + c", "a + b + c"),
        ("a + (b + c)", "a + (b + c)"),
        ("a - (b - c)", "a - (b - c)"),
        ("(a * b) + c", "a * b + c"),
        ("a * (b + c)", "a * (b + c)"),
        ("(a ^ b) ^ c", "(a ^ b) ^ c"),
        ("a ^ (b ^ c)", "a ^ b ^ c"),
        ("-(a ^ b)", "-a ^ b"),
        ("(-a) ^ b", "(-a) ^ b"),
        ("-(a * b)", "-(a * b)"),
        ("(-a) * b", "-a * b"),
        ("-1 ^ 2", "-1 ^ 2"),
        ("(-1) ^ 2", "(-1) ^ 2"),
        ("a or (b and c)", "a or b and c"),
        ("(a or b) and c", "(a or b) and c"),
        ("a == (b > c)", "a == (b > c)"),
        ("+a", "a"),
        ("- -1", "1"),
        ("--a", "--a"),
        ("sum(a) by (b)", "sum by (b) (a)"),
        ("SUM BY (b) (a)", "sum by (b) (a)"),
        ("sum by () (a)", "sum(a)"),
        ("sum without () (a)", "sum without () (a)"),
        ("a{}", "a"),
        ("a{b='c',}", 'a{b="c"}'),
        ('{__name__="a",b="c"}', 'a{b="c"}'),
        ('{"a","b"="c"}', 'a{b="c"}'),
        ('{"a.b","l.x"="y"}', '{__name__="a.b","l.x"="y"}'),
        ('{"sum",b="c"}', '{__name__="sum",b="c"}'),
        ("sum", '{__name__="sum"}'),
        ("rate(a[90m])", "rate(a[1h30m])"),
        ("rate(a[300])", "rate(a[5m])"),
        ("a[30d]", "a[30d]"),
        ("a[4w]", "a[4w]"),
        ("a[365d]", "a[1y]"),
        ("a[1h:]", "a[1h:]"),
        ("a offset 5m @ 10", "a @ 10.000 offset 5m"),
        ("rate(a[5m] offset -1h)", "rate(a[5m] offset -1h)"),
        ("(a + b)[1h:1m] offset 5m", "(a + b)[1h:1m] offset 5m"),
        ("1e3", "1000"),
        ("0x1F", "31"),
        ("1h", "3600"),
        (".5", "0.5"),
        ("1e-7", "1e-07"),
        ("INF", "Inf"),
        ("nan", "NaN"),
        ("a AND ON (b) c", "a and on (b) c"),
        ("a*on(b)group_left c", "a * on (b) group_left () c"),
        ("a + fill(0) b", "a + fill(0) b"),
        ("a + fill_left(0) fill_right(1) b", "a + fill_left(0) fill_right(1) b"),
        ("a # why\n+ b", "a + b"),
    ],
)
def test_the_printed_form_is_canonical(written: str, printed: str) -> None:
    assert to_text(parse(written)) == printed
    assert parse(printed) == parse(written)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Decimal("0.001"), "0.001"),
        (1, "1"),
        (1.0, "1"),
        (0.1, "0.1"),
        (Decimal("14.40"), "14.4"),
        (-0.0, "-0"),
        (1e21, "1e+21"),
        (float("inf"), "Inf"),
        (float("-inf"), "-Inf"),
        (float("nan"), "NaN"),
        (Decimal("0.9990000"), "0.999"),
    ],
)
def test_numbers_keep_their_shortest_exact_spelling(value: Decimal | float, text: str) -> None:
    assert Number.of(value) == Number(text)
    assert parse(text) == Number(text)


@given(st.integers(1, 100 * 365 * 86_400_000 - 1))
def test_durations_come_back_to_the_millisecond(milliseconds: int) -> None:
    assert parse(f"a[{duration_text(milliseconds)}]") == Range(Selector("a"), milliseconds)


@given(trees.texts)
def test_strings_come_back_whatever_is_in_them(value: str) -> None:
    assert parse(to_text(String(value))) == String(value)


def test_what_promql_cannot_spell_is_not_printed() -> None:
    for node in (Range(Selector("a"), 0), Selector("a", at=-1)):
        with pytest.raises(ValueError, match=r"must be|cannot be"):
            to_text(node)
