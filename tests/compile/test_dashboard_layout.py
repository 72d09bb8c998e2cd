"""Where panels stand: no overlap, no hole, what people asked for, and ids that do not depend on it."""

from __future__ import annotations

import os
import random
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from binnacle.api.dashboard_panels import PanelType
from binnacle.compile.dashboard.identity import identities, ids_of, ref_id
from binnacle.compile.dashboard.layout import Wish, arrange
from compile.dashboards import board, good_dashboard, grafana, panel, plain_dashboard, row

LAYOUTS = int(os.environ.get("BINNACLE_LAYOUTS", "10000"))
"""Random layouts to try."""
SEED = int(os.environ.get("BINNACLE_SEED", "1"))

wishes = st.lists(
    st.builds(
        Wish,
        st.sampled_from(PanelType),
        st.none() | st.integers(1, 24),
        st.none() | st.integers(1, 64),
    ),
    min_size=1,
    max_size=32,
)


def tiles(asked: list[Wish], top: int) -> None:
    """The law: nothing overlaps, nothing leaves a hole, and panels stand in the order they are written in."""
    boxes, below = arrange(asked, top)
    assert len(boxes) == len(asked)
    taken: Counter[tuple[int, int]] = Counter()
    for box in boxes:
        assert box.w >= 1
        assert box.h >= 1
        assert box.x >= 0
        assert box.x + box.w <= 24
        assert top <= box.y
        assert box.y + box.h <= below
        taken.update((x, box.y) for x in range(box.x, box.x + box.w))
    assert max(taken.values()) == 1, "two panels share a place"
    lines = sorted({box.y for box in boxes})
    for y, following in zip(lines, [*lines[1:], below], strict=True):
        line = sorted((box for box in boxes if box.y == y), key=lambda box: box.x)
        assert {box.h for box in line} == {following - y}, "heights of a line differ, or lines leave a hole"
        x = 0
        for box in line:
            assert box.x == x, "a hole within a line"
            x += box.w
        if following != below:
            assert x == 24, "a hole that what is below would fall into"
    assert [(box.y, box.x) for box in boxes] == sorted((box.y, box.x) for box in boxes), "the order is kept"


def gives(asked: list[Wish], top: int) -> None:
    """The law: a panel has the width and height that its team asked for, or more where a line must be filled."""
    boxes, _ = arrange(asked, top)
    lines = {box.y for box in boxes}
    for wish, box in zip(asked, boxes, strict=True):
        line = [other for other in boxes if other.y == box.y]
        if wish.height is not None:
            assert box.h >= wish.height
        last_of_a_line_above = box is line[-1] and box.y != max(lines)
        if wish.width is not None and not last_of_a_line_above:
            assert box.w == wish.width
        assert wish.width is None or box.w >= wish.width


@settings(deadline=None)
@given(wishes, st.integers(0, 500))
def test_panels_tile_the_grid_and_are_as_asked_for(asked: list[Wish], top: int) -> None:
    tiles(asked, top)
    gives(asked, top)


def test_the_same_of_ten_thousand_layouts() -> None:
    """Drawn by a plain generator: a tenth of what hypothesis takes for each."""
    chance = random.Random(SEED)
    kinds = list(PanelType)
    for number in range(LAYOUTS):
        asked = [
            Wish(
                chance.choice(kinds),
                chance.choice((None, chance.randint(1, 24))),
                chance.choice((None, chance.randint(1, 64))),
            )
            for _ in range(chance.randint(1, 32))
        ]
        try:
            tiles(asked, chance.randint(0, 500))
            gives(asked, 0)
        except AssertionError as error:
            error.add_note(f"layout {number} of seed {SEED}: {asked}")
            raise


def test_the_example_of_the_documentation_fills_its_line() -> None:
    boxes, below = arrange([Wish(PanelType.TIMESERIES, 16, 8), Wish(PanelType.STAT), Wish(PanelType.LOGS)], 1)
    assert [(box.x, box.y, box.w, box.h) for box in boxes] == [(0, 1, 16, 8), (16, 1, 8, 8), (0, 9, 24, 10)]
    assert below == 19


def test_rows_follow_each_other_without_a_gap() -> None:
    made = grafana(good_dashboard())
    bottom = 0
    for one in made["panels"]:
        place = one["gridPos"]
        if one["type"] == "row":
            assert place == {"h": 1, "w": 24, "x": 0, "y": bottom}
            bottom += 1
        else:
            assert place["y"] <= bottom
            bottom = max(bottom, place["y"] + place["h"])


def by_title(body: dict[str, object]) -> dict[str, int]:
    made = board(body)
    return {one.title: one.id for row_ in made.rows for one in (row_, *row_.panels)}  # type: ignore[union-attr]


def test_ids_stay_when_panels_and_rows_move() -> None:
    rows = [row(*(panel(f"p{line}-{place}") for place in range(5)), name=f"row{line}") for line in range(4)]
    before = by_title(plain_dashboard(rows=rows))
    assert len(set(before.values())) == len(before) == 24
    chance = random.Random(1)
    for _ in range(20):
        chance.shuffle(rows)
        for one in rows:
            chance.shuffle(one["panels"])
        assert by_title(plain_dashboard(rows=rows)) == before
    rows[0]["panels"].append(rows[1]["panels"].pop())
    assert by_title(plain_dashboard(rows=rows)) == before, "a panel keeps its id in another row"


def test_a_panel_left_out_changes_no_other_id() -> None:
    rows = [row(*(panel(f"p{place}") for place in range(5)))]
    before = by_title(plain_dashboard(rows=rows))
    rows[0]["panels"][2] = panel("p2", queries=[{"name": "a", "promql": "sum("}])
    after = by_title(plain_dashboard(rows=rows))
    assert after == {name: id_ for name, id_ in before.items() if name != "p2"}


def test_panels_of_one_name_in_two_rows_are_told_apart() -> None:
    made = board(plain_dashboard(rows=[row(panel("errors"), name="web"), row(panel("errors"), name="db")]))
    first, second = (one.panels[0].id for one in made.rows)
    assert first != second
    again = board(plain_dashboard(rows=[row(panel("errors"), name="db"), row(panel("errors"), name="web")]))
    assert [one.panels[0].id for one in again.rows] == [second, first]


@given(st.sets(st.text("abc/", max_size=5), max_size=60))
def test_ids_are_unique_and_safe_in_javascript(names: set[str]) -> None:
    ids = ids_of(names)
    assert set(ids) == names
    assert len(set(ids.values())) == len(names)
    assert all(0 < one <= 2**30 for one in ids.values())
    assert ids_of(sorted(names, reverse=True)) == ids


@given(
    st.dictionaries(
        st.text("ab", min_size=1, max_size=3), st.lists(st.text("ab-", min_size=1, max_size=3), unique=True)
    )
)
def test_every_panel_has_an_identity_of_its_own(rows: dict[str, list[str]]) -> None:
    found = identities(rows)
    assert len(set(found.values())) == sum(map(len, rows.values()))


def test_reference_names_follow_from_names() -> None:
    assert [ref_id(name) for name in ("a", "slow-ones", "p99")] == ["A", "SLOW_ONES", "P99"]
