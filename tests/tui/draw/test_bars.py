"""Bars: exact widths, both parts and the track visible, marks of dask where there is room."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dasktop.tui.draw.bars import PAUSE, SPILL, TARGET, TERMINATE, bar, bar_text
from dasktop.tui.draw.glyphs import ASCII, UNICODE, Glyphs

PERCENTS = st.floats(-10, 1000)
GLYPHS = st.sampled_from([UNICODE, ASCII])


def stack(percent: float, solid: float | None, cells: int, glyphs: Glyphs = UNICODE, *, is_marked: bool = False) -> str:
    pieces = bar(percent, cells, "memory", glyphs, solid_percent=solid, is_marked=is_marked)
    return "".join(piece.text for piece in pieces)


@pytest.mark.parametrize(
    ("percent", "text"),
    [(0, "────"), (1, "╾───"), (50, "━━──"), (62.5, "━━╾─"), (99.9, "━━━╾"), (100, "━━━━"), (700, "━━━━")],
)
def test_bars_are_drawn_in_half_cells(percent: float, text: str) -> None:
    assert bar_text(percent, 4, UNICODE) == text


@pytest.mark.parametrize(("percent", "text"), [(0, "----"), (1, "=---"), (50, "==--"), (99, "===-"), (100, "====")])
def test_bars_can_be_ascii(percent: float, text: str) -> None:
    assert bar_text(percent, 4, ASCII) == text


def test_bar_and_track_have_their_own_roles() -> None:
    assert [(piece.text, piece.role) for piece in bar(50, 4, "cpu", UNICODE)] == [("━━", "cpu"), ("──", "track")]
    assert [piece.role for piece in bar(0, 4, "cpu", UNICODE)] == ["track"]
    assert [piece.role for piece in bar(100, 4, "cpu", UNICODE)] == ["cpu"]


@given(PERCENTS, st.none() | PERCENTS, st.integers(1, 60), GLYPHS, st.booleans())
def test_bars_have_the_requested_width(
    percent: float, solid: float | None, cells: int, glyphs: Glyphs, is_marked: bool
) -> None:
    assert len(stack(percent, solid, cells, glyphs, is_marked=is_marked)) == cells


@given(st.floats(0.001, 99.999), st.integers(2, 60), GLYPHS, st.booleans())
def test_only_nothing_looks_empty_and_all_looks_full(
    percent: float, cells: int, glyphs: Glyphs, is_marked: bool
) -> None:
    text = stack(percent, None, cells, glyphs, is_marked=is_marked)
    assert text != stack(0, None, cells, glyphs, is_marked=is_marked)
    assert text != stack(100, None, cells, glyphs, is_marked=is_marked)


class TestStack:
    @pytest.mark.parametrize(
        ("percent", "solid", "text"),
        [
            (75, 50, "━━━━╍╍──"),
            (75, 0, "╍╍╍╍╍╍──"),
            (75, 75, "━━━━━━──"),
            (75, 90, "━━━━━━──"),
            (75, 1, "━╍╍╍╍╍──"),
            (75, 74, "━━━━━╍──"),
            (56, 25, "━━╍╍╾───"),
            (75, None, "━━━━━━──"),
        ],
    )
    def test_parts_differ_without_colour(self, percent: float, solid: float | None, text: str) -> None:
        assert stack(percent, solid, 8) == text

    def test_ascii_parts_differ(self) -> None:
        assert stack(75, 50, 8, ASCII) == "====~~--"
        assert stack(30, 10, 20, ASCII, is_marked=True) == "==~~~~-----+---+--+-"


class TestMarks:
    def test_short_bars_have_none(self) -> None:
        assert stack(10, None, 11, is_marked=True) == stack(10, None, 11)

    @pytest.mark.parametrize(
        ("cells", "text"),
        [
            (12, "╾────────┴──"),
            (20, "━──────────┴───┴──┴─"),
            (32, "━╾─────────────────┴──┴──┴────┴─"),
        ],
    )
    def test_close_marks_are_left_out_least_important_first(self, cells: int, text: str) -> None:
        assert stack(4, None, cells, is_marked=True) == text

    @pytest.mark.parametrize("share", [TARGET, SPILL, PAUSE, TERMINATE])
    @pytest.mark.parametrize("cells", [32, 40, 60])
    def test_a_mark_is_heavy_once_its_share_is_reached(self, share: int, cells: int) -> None:
        below = stack(share - 0.5, None, cells, is_marked=True)
        above = stack(share, None, cells, is_marked=True)
        assert above.count("┷") == below.count("┷") + 1
        assert above.count("┴") == below.count("┴") - 1
