"""Tag patterns and routing against the answers of real Fluentd."""

import itertools
import json
from pathlib import Path

import pytest

from binnacle.check.fluentd.grammar import parse
from binnacle.check.fluentd.match import PatternError, covers, matcher, way

DATA = json.loads((Path(__file__).parents[1] / "data/fluentd/match.json").read_text())
ROUTED = [case for case in DATA["routers"] if "results" in case and case["id"] != "embedded-ruby"]


def test_every_pattern_means_the_tags_that_fluentd_says() -> None:
    wrong = []
    for row in DATA["patterns"]:
        if "error" in row:
            with pytest.raises(PatternError):
                matcher(row["pattern"])
        elif matcher(row["pattern"]).matches(row["tag"]) is not row["matches"]:
            wrong.append(row)
    assert not wrong


@pytest.mark.parametrize("case", ROUTED, ids=lambda case: case["id"])
def test_an_event_goes_the_way_that_fluentd_sends_it(case: dict) -> None:
    root = parse(case["config"]).root
    for result in case["results"]:
        taken = way(root, result["tag"])
        assert [section.get("@id") for section in taken.filters] == result["filters"]
        assert (taken.output and taken.output.get("@id")) == result["match"]


def test_what_one_pattern_covers_it_matches() -> None:
    patterns = sorted({row["pattern"] for row in DATA["patterns"] if "error" not in row})
    # A tag that ends with a line break is matched by `a` and not by `a.**`; no input gives one.
    tags = sorted({row["tag"] for row in DATA["patterns"] if "\n" not in row.get("tag", "\n")})
    for wider, narrower in itertools.product(map(matcher, patterns), repeat=2):
        if covers(wider, narrower):
            assert all(wider.matches(tag) for tag in tags if narrower.matches(tag)), (wider.patterns, narrower.patterns)


def test_a_wide_pattern_covers_a_narrow_one() -> None:
    assert covers(matcher("**"), matcher("a.{b,c}"))
    assert covers(matcher("kube.**"), matcher("kube.shop.**"))
    assert covers(matcher("a b.**"), matcher("b.c a"))
    assert not covers(matcher("kube.*"), matcher("kube.**"))
    assert not covers(matcher("a.**"), matcher("ab"))
