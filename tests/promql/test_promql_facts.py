"""Facts about expressions, and trees made and rewritten by programs."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from binnacle.promql import PromQLError, build, facts, parse, to_text
from binnacle.promql.facts import LabelSet, ValueType
from binnacle.promql.nodes import Range, Selector, Variable, map_nodes
from binnacle.promql.sentinels import WINDOW, with_window
from promql.trees import classic_labels

ALL = LabelSet.everything()
NAMELESS = LabelSet.everything(but=["__name__"])


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("x", ALL),
        ('x{a=""}', LabelSet.everything(but=["a"])),
        ("rate(x[5m])", NAMELESS),
        ("last_over_time(x[5m])", ALL),
        ("-x", NAMELESS),
        ("sum(x)", LabelSet()),
        ("sum by (a, b) (x)", LabelSet.only("a", "b")),
        ("sum by (a, b) (max by (b, c) (x))", LabelSet.only("b")),
        ("sum without (a) (x)", LabelSet.everything(but=["a", "__name__"])),
        ("topk by (a) (3, x)", ALL),
        ('count_values by (a) ("v", x)', LabelSet.only("a", "v")),
        ("x + y", NAMELESS),
        ("x > y", ALL),
        ("x > bool y", NAMELESS),
        ("x > 1", ALL),
        ("1 - sum by (a) (x)", LabelSet.only("a")),
        ("x / on (a) y", LabelSet.only("a")),
        ("sum by (a) (x) / on (a, b) y", LabelSet.only("a")),
        ("x / ignoring (a) y", LabelSet.everything(but=["a", "__name__"])),
        ("x * on (a) group_left (b) y", NAMELESS),
        ("sum by (a) (x) * on (a) group_left (b) y", LabelSet.only("a", "b")),
        ("sum by (a) (x) * on (a) group_right (b) sum by (a, c) (y)", LabelSet.only("a", "c")),
        ("x * on (a) group_left (b) sum by (a) (y)", LabelSet.everything(but=["b", "__name__"])),
        ("sum by (a) (x) and y", LabelSet.only("a")),
        ("sum by (a) (x) or sum by (b) (y)", LabelSet.only("a", "b")),
        ("sum by (a) (x) or vector(0)", LabelSet.only("a")),
        ("sum by (a) (x) unless on (c) y", LabelSet.only("a")),
        ("histogram_quantile(0.9, sum by (le, a) (rate(x[5m])))", LabelSet.only("a")),
        ('label_replace(sum by (a) (x), "b", "$1", "a", "(.*)")', LabelSet.only("a", "b")),
        ('label_join(sum(x), "b", "-", "a")', LabelSet.only("b")),
        ('absent(x{a="1",b=~"2",c="3",c="4"})', LabelSet.only("a")),
        ("absent(sum by (a) (x))", LabelSet()),
        ('absent_over_time(x{a="1"}[5m])', LabelSet.only("a")),
        ("vector(1)", LabelSet()),
        ("time()", LabelSet()),
        ("scalar(x)", LabelSet()),
        ("hour()", LabelSet()),
        ("hour(x)", NAMELESS),
        ("max_over_time(sum by (a) (x)[1h:1m])", LabelSet.only("a")),
        ("info(sum by (a) (x))", ALL),
    ],
)
def test_labels_that_survive(text: str, kept: LabelSet) -> None:
    assert facts.labels_kept(parse(text)) == kept


label_sets = st.builds(LabelSet, st.frozensets(classic_labels, max_size=4), st.booleans())


@given(label_sets, label_sets, classic_labels)
def test_label_sets_are_sets(a: LabelSet, b: LabelSet, name: str) -> None:
    assert (name in (a & b)) == (name in a and name in b)
    assert (name in (a | b)) == (name in a or name in b)
    assert (name in (a - b)) == (name in a and name not in b)
    assert (name in ~a) == (name not in a)


def test_facts_of_one_expression() -> None:
    tree = parse('sum(rate(a{x="1"}[5m] offset 1h)) / on () avg_over_time(b[1d:1h]) + {job="j"} * scalar(a)')
    assert facts.metrics(tree) == {"a", "b"}
    assert [selector.name for selector in facts.selectors(tree)] == ["a", "b", None, "a"]
    assert facts.reads_unnamed(tree)
    assert facts.functions(tree) == {"rate", "avg_over_time", "scalar"}
    assert facts.aggregations(tree) == {"sum"}
    assert facts.ranges(tree) == (300_000, 86_400_000)
    assert facts.has_at_or_offset(tree)
    assert facts.ranges(parse("a")) is None
    assert not facts.has_at_or_offset(parse("rate(a[5m])"))
    assert facts.has_at_or_offset(parse("a[5m:] @ start()"))


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("1 + time()", ValueType.SCALAR),
        ("x", ValueType.VECTOR),
        ("1 > bool 2", ValueType.SCALAR),
        ("-scalar(x)", ValueType.SCALAR),
        ("x[5m]", ValueType.MATRIX),
        ("x[5m:]", ValueType.MATRIX),
        ('"a"', ValueType.STRING),
        ("vector(1) + 1", ValueType.VECTOR),
        ("sum(x)", ValueType.VECTOR),
    ],
)
def test_value_types(text: str, kind: ValueType) -> None:
    assert facts.value_type(parse(text)) is kind


def test_a_compiler_reads_like_its_expression() -> None:
    errors = build.sel("requests_total", build.eq("job", 'a"b'), build.regex("code", "5.."))
    tree = build.and_(
        build.gt(
            build.div(
                build.sum_by(["job"], build.rate(errors, 300_000)),
                build.sum_by(["job"], build.increase(build.sel("requests_total"), 300_000)),
                build.on("job"),
                build.group_left(),
            ),
            build.mul(build.num(Decimal("14.4")), build.num(Decimal("0.001"))),
        ),
        build.or_(build.sum_over_time(build.sel("a:b"), 3_600_000), build.call("vector", build.num(0))),
        build.cmp("<=", build.call("hour"), build.num(6), return_bool=True),
    )
    assert to_text(tree) == (
        'sum by (job) (rate(requests_total{job="a\\"b",code=~"5.."}[5m])) / on (job) group_left () '
        "sum by (job) (increase(requests_total[5m])) > 14.4 * 0.001 "
        "and (sum_over_time(a:b[1h]) or vector(0)) and hour() <= bool 6"
    )
    assert parse(to_text(tree)) == tree


def test_matchers_reach_every_selector_and_are_not_repeated() -> None:
    tree = parse('rate(a[5m]) / b{namespace="n"} + max_over_time(c[1h:])')
    mine = build.eq("namespace", "n")
    changed = build.add_matchers(tree, [mine])
    assert to_text(changed) == 'rate(a{namespace="n"}[5m]) / b{namespace="n"} + max_over_time(c{namespace="n"}[1h:])'
    assert build.add_matchers(changed, [mine]) is changed


def test_rewriting_keeps_a_range_over_a_selector() -> None:
    with pytest.raises(TypeError, match="needs a selector"):
        map_nodes(parse("rate(a[5m])"), lambda node: build.num(1) if isinstance(node, Selector) else node)


def test_a_bare_selector_is_a_named_metric_with_matchers() -> None:
    assert build.bare_selector('x{a="b"}') == build.sel("x", build.eq("a", "b"))
    assert build.bare_selector('{__name__="x"}') == build.sel("x")


@pytest.mark.parametrize(
    "text",
    [
        "x[5m]",
        "rate(x[5m])",
        "sum(x)",
        "x + 1",
        '{a="b"}',
        '{__name__=~"x.*"}',
        "x offset 5m",
        "x @ 10",
        "1",
        '"x"',
        "-x",
        "x[5m:]",
    ],
)
def test_anything_else_is_no_bare_selector(text: str) -> None:
    with pytest.raises(PromQLError) as caught:
        build.bare_selector(text)
    assert caught.value.reason == "NotASelector"
    assert caught.value.fix


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("rate(x[5m])", "`rate` is added for you."),
        ("sum by (job) (rate(x[5m]))", "`sum` and `rate` are added for you."),
        ("sum(increase(x[5m]))", "`sum` and `increase` are added for you."),
        ("sum(x)", "`sum` is added for you."),
        ("max(rate(x[5m]))", "Only a metric with matchers may stand here."),
    ],
)
def test_what_is_added_anyway_is_named(text: str, says: str) -> None:
    with pytest.raises(PromQLError) as caught:
        build.bare_selector(text)
    assert caught.value.message == says


TEMPLATES = [
    "rate(x[$window])",
    "sum(rate(x[$__rate_interval]))",
    "avg_over_time(x[$__range:$__interval])",
    "x offset $__interval",
    "max_over_time(x[5m:${step}] offset ${shift})",
    "${metric}_total",
    "node_${kind}_bytes",
    "$metric",
    '[[metric]]{job="[[job]]"}',
    'x{a="$job",b=~"${job:regex}",c=~"^$c$"}',
    "sum by ($group, b) (x)",
    "x / on ($labels) group_left ($more) y",
    "topk($n, x)",
    "topk by (a) ($n, $metric)",
    "histogram_quantile($q, sum by (le) (rate(x[$__rate_interval])))",
    "clamp($metric, $low, $high)",
    "x > $threshold",
    'rate(x{a="b",${more:raw}}[5m] offset 5m) + {$all} + x{$more,[[most]]}',
    'label_replace(x, "a", "$1", "b", "${1}")',
    'scalar($metric) + topk(scalar($n), x{a="b"})',
]


@pytest.mark.parametrize("text", TEMPLATES)
def test_variables_come_back_where_they_were(text: str) -> None:
    tree = parse(text, variables=True)
    printed = to_text(tree)
    assert parse(printed, variables=True) == tree
    assert printed.replace(" ", "").replace(",", "") == text.replace(" ", "").replace(",", "")
    assert "zv" not in repr(tree)


def test_the_window_is_chosen_late() -> None:
    tree = parse(
        "sum(rate(x[$window])) / max_over_time(y[$window:1m] offset $window) + rate(z[5m] offset $window)",
        variables=True,
    )
    assert facts.variables(tree) == {WINDOW}
    chosen = with_window(tree, 300_000)
    assert to_text(chosen) == "sum(rate(x[5m])) / max_over_time(y[5m:1m] offset 5m) + rate(z[5m] offset 5m)"
    assert facts.variables(chosen) == frozenset()
    assert with_window(chosen, 60_000) is chosen


def test_other_variables_stay_when_the_window_is_chosen() -> None:
    tree = parse("rate(x[$__interval])", variables=True)
    assert with_window(tree, 1) is tree
    assert tree == build.call("rate", Range(Selector("x"), Variable("$__interval")))
