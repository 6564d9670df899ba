"""A widget of a few lines that redraws only the lines that changed."""

from textual import events
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from dasktop.tui.draw.piece import Piece
from dasktop.tui.terminal.theme import strip, styles_for

LEFT_BUTTON, RIGHT_BUTTON = 1, 3
"""The numbers of the mouse buttons in Textual's events."""


class Lines(Widget):
    """Shows what `lines` returns; its height is the number of lines."""

    ALLOW_SELECT = False

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name for it
        super().__init__(id=id)
        self._lines: list[list[Piece]] = []
        self._cells = 0
        """The width that they are for."""
        self._height: int | None = None
        """The number of lines that the height was fitted to; ``None``: it is that of the style sheet."""

    def lines(self, cells: int) -> list[list[Piece]]:
        """Return the lines for a width of `cells`. Subclasses implement it."""
        raise NotImplementedError

    def update(self) -> None:
        """Redraw the lines that changed; do nothing before the first layout."""
        if not self.size.width:
            return
        old, self._cells = self._lines, self.size.width
        self._lines = self.lines(self._cells)
        if len(self._lines) != (self.size.height if self._height is None else self._height):
            self.styles.height = len(self._lines)
        self._height = len(self._lines)
        for y, line in enumerate(self._lines):
            if y >= len(old) or line != old[y]:
                self.refresh(Region(0, y, self.size.width, 1))

    def on_resize(self, event: events.Resize) -> None:
        """Lay out the lines for the new size."""
        del event
        self.update()

    def render_line(self, y: int) -> Strip:
        """Return one line, for Textual to draw; it draws a first time before `on_resize`."""
        if self._cells != self.size.width:
            self._cells = self.size.width
            self._lines = self.lines(self._cells)
        return strip(self._lines[y] if y < len(self._lines) else [], self.size.width, styles_for(self.app))
