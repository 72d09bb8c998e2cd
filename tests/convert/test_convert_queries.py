"""Queries are read as what they count, in the forms that people use, and what is no such form is refused with a reason."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from binnacle.convert import queries
from binnacle.convert.queries import Meaning, NotRecognised
from binnacle.errors import SpecError
from binnacle.promql.nodes import Node

ERRORS = 'x_total{code=~"5.."}'
RATIO = {"ratio": {"errors": ERRORS, "total": "x_total"}}
GOOD = {"ratio": {"good": 'x_total{code!~"5.."}', "total": "x_total"}}
LATENCY = {"latency": {"histogram": 'd_seconds{job="a"}', "below": "400ms"}}
UP = {"availability": {"gauge": 'up{job="a"}'}}


def events(bad: str, total: str) -> Meaning:
    return queries.of_events(queries.read(bad), queries.read(total))


@pytest.mark.parametrize(
    ("bad", "total", "indicator"),
    [
        ('sum(rate(x_total{code=~"5.."}[{{.window}}]))', "sum(rate(x_total[{{.window}}]))", RATIO),
        ('sum(increase(x_total{code=~"5.."}[{{ .window }}]))', "sum(increase(x_total[{{ .window }}]))", RATIO),
        ('(sum(rate(x_total{code=~"5.."}[{{- .Window -}}])))', "sum(rate(x_total[{{.window}}])) > 0", RATIO),
        ('sum(rate(x_total{code=~"5.."}[{{.window}}])) OR on() vector(0)', "sum(rate(x_total[{{.window}}]))", RATIO),
        (
            'sum(rate(x_total{code="500"}[{{.window}}])) + sum(rate(x_total{code="503"}[{{.window}}]))',
            "sum(rate(x_total[{{.window}}]))",
            {"ratio": {"errors": 'x_total{code=~"500|503"}', "total": "x_total"}},
        ),
        (
            'sum(rate(x_total[{{.window}}])) - sum(rate(x_total{code!~"5.."}[{{.window}}]))',
            "sum(rate(x_total[{{.window}}]))",
            GOOD,
        ),
        (
            (
                'clamp_min(sum(rate(d_seconds_count{job="a"}[{{.window}}])) '
                '- sum(rate(d_seconds_bucket{le="0.4",job="a"}[{{.window}}])), 0)'
            ),
            'sum(rate(d_seconds_count{job="a"}[{{.window}}]))',
            LATENCY,
        ),
        (
            (
                'sum(rate(d_seconds_bucket{job="a",le="+Inf"}[{{.window}}])) '
                '- sum(rate(d_seconds_bucket{job="a",le=~"0.4(\\\\.0)?"}[{{.window}}]))'
            ),
            'sum(rate(d_seconds_bucket{le="+Inf",job="a"}[{{.window}}]))',
            LATENCY,
        ),
        (
            'sum(count_over_time(up{job="a"}[{{.window}}])) - sum(sum_over_time(up{job="a"}[{{.window}}]))',
            'sum(count_over_time(up{job="a"}[{{.window}}]))',
            UP,
        ),
    ],
)
def test_events_are_recognised(bad: str, total: str, indicator: dict[str, Any]) -> None:
    meaning = events(bad, total)
    assert (meaning.indicator, meaning.warnings) == (indicator, ())


@pytest.mark.parametrize(
    ("read", "text", "indicator"),
    [
        (
            queries.of_error_ratio,
            'sum(rate(x_total{code=~"5.."}[{{.window}}])) / sum(rate(x_total[{{.window}}]))',
            RATIO,
        ),
        (
            queries.of_error_ratio,
            '1 - (sum(rate(x_total{code!~"5.."}[{{.window}}])) / sum(rate(x_total[{{.window}}])))',
            GOOD,
        ),
        (queries.of_good_ratio, 'sum(rate(x_total{code!~"5.."}[5m])) / sum(rate(x_total[5m]))', GOOD),
        (queries.of_error_ratio, '1 - avg(avg_over_time(up{job="a"}[{{.window}}]))', UP),
        (queries.of_error_ratio, '(1 - avg_over_time(up{job="a"}[{{.window}}])) or vector(0)', UP),
        (
            queries.of_good_ratio,
            'sum(sum_over_time(up{job="a"}[{{.window}}])) / sum(count_over_time(up{job="a"}[{{.window}}]))',
            UP,
        ),
    ],
)
def test_shares_are_recognised(read: Callable[[Node], Meaning], text: str, indicator: dict[str, Any]) -> None:
    assert read(queries.read(text)).indicator == indicator


def test_groups_are_kept() -> None:
    meaning = events("sum by (b, a) (rate(bad_total[{{.window}}]))", "sum(rate(all_total[{{.window}}])) by (a, b)")
    assert meaning.groups == ("a", "b")


@pytest.mark.parametrize(
    ("bad", "total", "part"),
    [
        ("rate(bad_total[{{.window}}])", "rate(all_total[{{.window}}])", "not summed"),
        ("sum(rate(bad_total[5m]))", "sum(rate(all_total[{{.window}}]))", "range is fixed"),
        ("sum(bad_total)", "sum(all_total)", "no range"),
    ],
)
def test_where_figures_may_differ_there_is_a_warning(bad: str, total: str, part: str) -> None:
    assert any(part in warning for warning in events(bad, total).warnings)


@pytest.mark.parametrize(
    ("bad", "total"),
    [
        # Its numbers have no unit that a duration could be said in.
        ('sum(rate(d_bucket{le="0.4"}[1m]))', "sum(rate(d_count[1m]))"),
        # Not the same events.
        ('sum(rate(d_seconds_bucket{le="0.4",job="a"}[1m]))', 'sum(rate(d_seconds_count{job="b"}[1m]))'),
        # Less than a millisecond.
        ('sum(rate(d_seconds_bucket{le="0.0001"}[1m]))', "sum(rate(d_seconds_count[1m]))"),
    ],
)
def test_a_bucket_that_is_no_latency_stays_a_ratio(bad: str, total: str) -> None:
    assert "ratio" in queries.of_good(queries.read(bad), queries.read(total)).indicator


@pytest.mark.parametrize(
    ("bad", "total"),
    [
        ("sum_over_time((count(x < 0.75))[{{.window}}:])", "sum_over_time((count(x))[{{.window}}:])"),
        ("sum by (a) (rate(bad_total[{{.window}}]))", "sum by (b) (rate(all_total[{{.window}}]))"),
        ("sum without (a) (rate(bad_total[{{.window}}]))", "sum without (a) (rate(all_total[{{.window}}]))"),
        ("sum(rate(all_total[{{.window}}]))", "sum(rate(all_total[{{.window}}]))"),
        ("sum(rate(one_total[{{.window}}])) + sum(rate(two_total[{{.window}}]))", "sum(rate(all_total[{{.window}}]))"),
        (
            'sum(rate(x_total{code=~"5.."}[{{.window}}])) + sum(rate(x_total{code="500"}[{{.window}}]))',
            "sum(rate(x_total[{{.window}}]))",
        ),
        (
            'sum(rate(x_total{code="500"}[{{.window}}])) + sum(rate(x_total{code="500"}[{{.window}}]))',
            "sum(rate(x_total[{{.window}}]))",
        ),
        (
            "sum(rate(other_total[{{.window}}])) - sum(rate(good_total[{{.window}}]))",
            "sum(rate(all_total[{{.window}}]))",
        ),
        ("histogram_quantile(0.9, rate(d_bucket[{{.window}}]))", "sum(rate(all_total[{{.window}}]))"),
        ("sum(rate(bad_total[{{.window}}] @ 5))", "sum(rate(all_total[{{.window}}]))"),
        ('sum(rate({__name__=~"a|b"}[{{.window}}]))', "sum(rate(all_total[{{.window}}]))"),
        ("2 * sum(rate(bad_total[{{.window}}]))", "sum(rate(all_total[{{.window}}]))"),
        ("sum(sum_over_time(a[{{.window}}]))", "sum(sum_over_time(b[{{.window}}]))"),
    ],
)
def test_what_no_indicator_says_is_refused(bad: str, total: str) -> None:
    with pytest.raises(NotRecognised):
        events(bad, total)


@pytest.mark.parametrize("text", ["", "sum(rate(x[{{.window}}])", "rate(x[{{.labels}}])", "{{.window}}", "x" * 5000])
def test_what_is_no_query_is_refused(text: str) -> None:
    with pytest.raises((SpecError, NotRecognised)):
        queries.of_error_ratio(queries.read(text))
