"""Boxes with a title."""

from hypothesis import given
from hypothesis import strategies as st

from dasktop.tui.draw.boxes import beside, box, cells_of
from dasktop.tui.draw.piece import Piece


def texts(lines: list[list[Piece]]) -> list[str]:
    return ["".join(piece.text for piece in line) for line in lines]


def test_a_box_has_its_title_in_the_border() -> None:
    drawn = box([Piece("WORK", "strong"), Piece(" 3 of 9")], [[Piece("load")], [Piece("a long line, cut")]], 18, 5)
    assert texts(drawn) == [
        "╭─ WORK 3 of 9 ──╮",
        "│load            │",
        "│a long line, cut│",
        "│                │",
        "╰────────────────╯",
    ]


def test_boxes_beside_each_other() -> None:
    one, two = box([], [[Piece("a")]], 3, 3), box([], [[Piece("b")]], 4, 3)
    assert texts(beside([one, two])) == ["╭─╮╭──╮", "│a││b │", "╰─╯╰──╯"]


pieces = st.lists(st.builds(Piece, st.text(st.characters(categories=["L", "N"]), max_size=9)), max_size=4)


@given(
    title=pieces, content=st.lists(pieces, max_size=6), cells=st.integers(2, 40), lines=st.integers(0, 8), foot=pieces
)
def test_any_content_has_exactly_the_size(
    title: list[Piece], content: list[list[Piece]], cells: int, lines: int, foot: list[Piece]
) -> None:
    drawn = box(title, content, cells, lines, foot)
    assert len(drawn) == lines
    assert all(cells_of(line) == cells for line in drawn)


def test_foot_is_in_the_lower_border_if_it_fits() -> None:
    foot = [Piece(" ×", "bad"), Piece(" failed", "quiet")]
    assert [texts(box([], [], cells, 3, foot))[-1] for cells in (16, 15, 14)] == [
        "╰─ × failed ───╯",
        "╰─ × failed ──╯",
        "╰────────────╯",
    ]
