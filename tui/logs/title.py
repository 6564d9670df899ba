"""The lines above a log: which job's which file, how much of it there is, and where in it one is."""

from dasktop.tui.draw.glyphs import Glyphs
from dasktop.tui.draw.piece import Piece
from dasktop.tui.draw.text_width import cut, cut_left, printable, width
from dasktop.tui.widgets.lines import Lines


class LogTitle(Lines):
    """Two lines: a name with a state at the right, and a path below."""

    DEFAULT_CSS = "LogTitle { height: 2; }"

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__()
        self._glyphs = glyphs
        self._told = ("", "", "")

    def tell(self, name: str, path: str, state: str) -> None:
        """Show these words."""
        self._told = (name, path, state)
        self.update()

    def lines(self, cells: int) -> list[list[Piece]]:
        """Return both lines."""
        name, path, state = map(printable, self._told)
        name = cut(name, max(1, cells - width(state) - 3))
        gap = " " * (cells - width(name) - width(state) - 2)
        first = [Piece(f" {name}{gap}", "strong"), Piece(f"{state} ", "quiet")]
        second = [Piece(f" {cut_left(path, max(1, cells - 2))}", "quiet")]
        return [[Piece(self._glyphs.own(text), role) for text, role in line] for line in (first, second)]
