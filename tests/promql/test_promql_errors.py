"""What a typo is answered with: the place, a plain sentence, and what to do."""

from __future__ import annotations

import pytest

from binnacle.errors import SpecError
from binnacle.promql import PromQLError, parse


@pytest.mark.parametrize(
    ("text", "column", "says"),
    [
        ("sum(x", 4, "never closed"),
        ("sum by (a) (rate(x[5m]) / rate(y[5m])", 12, "never closed"),
        ("histogram_quantile(0.9, sum by (le) (rate(x[5m]))", 19, "never closed"),
        ("sum(x))", 7, "closes nothing"),
        ('x{a="b"', 2, "never closed"),
        ("rate(x[5m)", 7, "never closed"),
        ('x{a="b}', 5, 'no closing "'),
        ("x{a=b}", 5, "not quoted"),
        ('sum(x{code=="500"})', 11, "one of =, !=, =~ and !~"),
        ('x{code!=="500"}', 9, "one of =, !=, =~ and !~"),
        ('x{a=~"("}', 6, "regular expression"),
        ('x{a="b",,}', 9, "does not fit"),
        ('x{a="b" c="d"}', 9, "does not fit"),
        ('x{a="b" or c="d"}', None, "or"),
        ("rate(x)", 1, "range"),
        ("sum(rate(x[5m])) / sum(rate(y))", 24, "range"),
        ("abs(x[5m])", 1, "not a range"),
        ("foo(x)", 1, "no function `foo`"),
        ("sum(a) + summ(b)", 10, "no function `summ`"),
        ("round(x, 1, 2)", 1, "argument"),
        ("sum()", 1, "aggregates nothing"),
        ("sum by rate(x[5m])", 8, "list of labels"),
        ("x +", 4, "too early"),
        ("x == = y", 6, "does not fit"),
        ("a b", 3, "does not fit"),
        ("x y{a='b'}", 3, "does not fit"),
        ("rate(x[5m]) by (a)", 13, "does not fit"),
        ("x[5mm]", 3, "5mm"),
        ("x[1h5d]", 3, "1h5d"),
        ("x[m]", 3, "range"),
        ("x[1.5h]", 3, "1.5h"),
        ("x offset 5minutes", 10, "5minutes"),
        ("rate(x[0m])", 8, "duration"),
        ('"a" + 1', 5, "operator"),
        ("x[5m] > 1", 7, "operator"),
        ("a + (b * (c and 1))", 13, "number"),
        ("1 > 2", 3, "bool"),
        ("x @ -1", 5, "1970"),
        ("a && b", 3, "&"),
        ("a = b", 3, "does not fit"),
        ("!a", 1, "!"),
        ("x{a=\u201cb\u201d}", 5, "typographic"),
        ("é", 1, "é"),
        ("rate(x[$window])", 8, "$window"),
        ("$", 1, "$"),
        ('x{a="\\xff"}', 6, "byte escape"),
        ("{}", 1, "every series"),
        ('{a=~".*"}', 1, "every series"),
        ('x{__name__="y"}', None, "twice"),
        ("holt_winters(x[5m], 0.5, 0.5)", 1, "holt_winters"),
        ("sum by (a:b) (x)", 9, "label's name"),
        ("x[0]", None, "zero"),
        ("x[1h:0]", None, "zero"),
        ('x{a=~"a{1001}"}', None, "1000"),
        ('x{a=~"a**"}', None, "repeats a repetition"),
        ('x{a=~"(?x) a"}', None, "flag"),
        ('x{a!~"\\\\u{61}"}', None, "escape"),
        ("", None, "empty"),
        ("# nothing", None, "empty"),
        ("x[101y]", None, "100 years"),
        ("x\n  + rate(y)", 7, "range"),
    ],
)
def test_a_typo_is_named_and_placed(text: str, column: int | None, says: str) -> None:
    with pytest.raises(PromQLError) as caught:
        parse(text)
    error = caught.value
    assert isinstance(error, SpecError)
    assert error.reason == "PromQLSyntax"
    assert says in error.message
    assert column is None or error.column == column
    assert error.fix


def test_places_count_characters_of_the_text_with_its_variables() -> None:
    text = 'sum by ($group) (rate(${metric}_total{a="$b"}[$window])) + rate(x)'
    with pytest.raises(PromQLError) as caught:
        parse(text, variables=True)
    assert caught.value.column == text.index("rate(x)") + 1


def test_messages_show_variables_as_they_were_written() -> None:
    with pytest.raises(PromQLError) as caught:
        parse("$agg(x)", variables=True)
    assert "$agg" in caught.value.message
    assert "zv" not in caught.value.message


@pytest.mark.parametrize(
    "pattern",
    [
        "a*?b+?",
        "[*+]+",
        r"\\*+",
        "(?i:a)b",
        "(?P<n>a)*",
        "[]a]*",
        "(?-s)a{2,3}?",
        "a{2}b{3}",
        "[[:alpha:]*]+",
        "(?:a)?",
    ],
)
def test_patterns_that_both_dialects_know_pass(pattern: str) -> None:
    assert parse(f'x{{a=~"{pattern}"}}') is not None
