"""The lines above the tree: the summary of a snapshot, and the heads of the columns. Draws, and decides nothing."""

from dasktop.collectors.model import Snapshot
from dasktop.tui.columns import Piece, fit_layout, heads
from dasktop.tui.glyphs import Glyphs
from dasktop.tui.lines import Lines
from dasktop.tui.summary import summary_lines
from dasktop.tui.tree_table import SCROLLBAR_CELLS


class Header(Lines):
    """Which cluster, how the sources answer, what is used of what was granted; and what went wrong, if anything."""

    DEFAULT_CSS = "Header { height: 2; }"

    def __init__(self, glyphs: Glyphs, *, read_only: bool) -> None:
        super().__init__()
        self._glyphs = glyphs
        self._read_only = read_only
        self._snapshot: Snapshot | None = None

    def show(self, snapshot: Snapshot) -> None:
        """Show a snapshot's summary."""
        self._snapshot = snapshot
        self.update()

    def lines(self, cells: int) -> list[list[Piece]]:
        """Return the summary."""
        return summary_lines(self._snapshot, cells, self._glyphs, read_only=self._read_only)


class ColumnHeads(Lines):
    """The line above the columns of the tree, laid out as they are."""

    DEFAULT_CSS = "ColumnHeads { height: 1; }"

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__()
        self._glyphs = glyphs

    def lines(self, cells: int) -> list[list[Piece]]:
        """Return the heads."""
        [(text, role)] = heads(fit_layout(cells - SCROLLBAR_CELLS))
        return [[Piece(self._glyphs.own(text).ljust(cells), role)]]
