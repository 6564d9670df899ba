"""Boxes with a title in their border, beside each other. Pure."""

from collections.abc import Sequence

from dasktop.tui.draw.piece import Piece, Role
from dasktop.tui.draw.text_width import cut, width

BORDER: Role = "border"
BORDER_CELLS = BORDER_LINES = 2
"""What the border takes of the width and of the height."""
_PADDING = 2
"""The border line and a space on each side of the title."""


def box(
    title: Sequence[Piece],
    content: Sequence[Sequence[Piece]],
    cells: int,
    lines: int,
    foot: Sequence[Piece] = (),
) -> list[list[Piece]]:
    """Return a box of exactly `cells` cells and `lines` lines, border included; what does not fit is cut.

    Parameters
    ----------
    title
        In the upper border, at the left.
    content
        The lines in the box.
    foot
        In the lower border, at the left; none if it does not fit.
    """
    inner = max(0, cells - BORDER_CELLS)
    head = cropped(title, max(0, inner - 2 * _PADDING))
    fits = cells_of(foot) <= inner - 2 * _PADDING
    drawn = [[Piece("╭", BORDER), *_border(head, inner), Piece("╮", BORDER)]]
    for number in range(max(0, lines - BORDER_LINES)):
        line = cropped(content[number], inner) if number < len(content) else []
        drawn.append([Piece("│", BORDER), *line, Piece(f"{' ' * (inner - cells_of(line))}│", BORDER)])
    return [*drawn, [Piece("╰", BORDER), *_border(foot if fits else (), inner), Piece("╯", BORDER)]][: max(0, lines)]


def _border(words: Sequence[Piece], cells: int) -> list[Piece]:
    """Return a border line, with words in it if there are any."""
    if not words:
        return [Piece("─" * cells, BORDER)]
    first, *others = words
    words = [first._replace(text=first.text.lstrip()), *others]
    rest = max(0, cells - _PADDING - cells_of(words) - 1)
    return [Piece("─ ", BORDER), *words, Piece(f" {'─' * rest}", BORDER)]


def beside(boxes: Sequence[Sequence[Sequence[Piece]]]) -> list[list[Piece]]:
    """Return boxes of the same height beside each other, the first one at the left."""
    return [[piece for line in lines for piece in line] for lines in zip(*boxes, strict=True)]


def cropped(pieces: Sequence[Piece], cells: int) -> list[Piece]:
    """Return the pieces that fit into `cells`, the last one cut."""
    fitting = []
    for text, role in pieces:
        if cells <= 0:
            break
        fitting.append(Piece(cut(text, cells), role))
        cells -= width(text)
    return fitting


def cells_of(pieces: Sequence[Piece]) -> int:
    """Return the width of the pieces."""
    return sum(width(piece.text) for piece in pieces)
