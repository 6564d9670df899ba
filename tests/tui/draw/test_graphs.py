"""Graphs of several lines."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dasktop.tui.draw.glyphs import ASCII, UNICODE, Glyphs
from dasktop.tui.draw.graphs import graph, means
from dasktop.tui.draw.text_width import width

values = st.none() | st.floats(allow_nan=False)


def test_a_point_fills_its_share_of_the_height() -> None:
    assert graph([0, 25, 50, 75, 100], 6, 2, UNICODE, 100) == ["    ▄█", " ▁▄███"]
    assert graph([0, 50, 100], 3, 2, ASCII, 100) == ["  #", "_##"]


def test_unknown_is_blank_and_zero_is_not() -> None:
    assert graph([None, 0, None, 100], 4, 1, UNICODE, 100) == [" ▁ █"]


def test_without_a_top_the_highest_point_has_the_full_height() -> None:
    assert graph([1, 2, 4], 3, 1, UNICODE) == ["▂▄█"]
    assert graph([0, 0], 2, 1, UNICODE) == ["▁▁"]


@pytest.mark.parametrize("glyphs", [UNICODE, ASCII])
@given(points=st.lists(values, max_size=40), cells=st.integers(-1, 30), lines=st.integers(0, 5))
def test_any_points_make_lines_of_the_width(glyphs: Glyphs, points: list[float | None], cells: int, lines: int) -> None:
    drawn = graph(points, cells, lines, glyphs, 100)
    assert [width(line) for line in drawn] == [max(0, cells)] * lines


@given(points=st.lists(st.floats(0, 100), min_size=2, max_size=30), lines=st.integers(1, 4))
def test_a_higher_point_is_never_lower(points: list[float], lines: int) -> None:
    drawn = graph(points, len(points), lines, UNICODE, 100)
    heights = [
        sum(UNICODE.levels.index(line[at]) + 1 if line[at] != " " else 0 for line in drawn) for at in range(len(points))
    ]
    ranked = [height for _, height in sorted(zip(points, heights, strict=True))]
    assert all(lower <= higher for lower, higher in pairwise(ranked))


def test_means_of_pairs() -> None:
    assert means([1, 3, 5, None, None, None, 7], newest=6, each=2) == [2, 5, None, 7]


@given(points=st.lists(st.floats(0, 100), min_size=2, max_size=30), each=st.integers(1, 5), newest=st.integers(0, 99))
def test_a_new_point_changes_the_newest_group_only(points: list[float], each: int, newest: int) -> None:
    before = means(points, newest, each)
    after = means([*points, 50.0], newest + 1, each)
    assert after[: len(before) - 1] == before[:-1]
    assert len(after) - len(before) in (0, 1)
