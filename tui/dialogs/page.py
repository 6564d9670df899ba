"""The base of pages over the tree: a box with a scrolling text. Knows nothing of its content."""

from collections.abc import Callable, Sequence
from typing import ClassVar, NamedTuple

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from dasktop.collectors.model.snapshot import Snapshot
from dasktop.tui.dialogs.dialog import Dialog
from dasktop.tui.draw.glyphs import Glyphs
from dasktop.tui.draw.piece import Piece
from dasktop.tui.terminal.theme import selected_strip, strip, styles_for
from dasktop.tui.view import help_rows
from dasktop.tui.view.help_rows import HelpGroups
from dasktop.tui.widgets.bindings import bound
from dasktop.tui.widgets.details_pane import more_words
from dasktop.tui.widgets.status_line import StatusLine


class Line(NamedTuple):
    """A displayed line."""

    pieces: Sequence[Piece]
    source: int = 0
    """Index of the line of the text that it shows, or a part of it."""


Layout = Callable[[int], list[Line]]
"""Lays out the text for a width in cells."""


class TextView(ScrollView, can_focus=True):
    """A scrolling text: draws only visible lines, and redraws only lines that changed."""

    DEFAULT_CSS = """
    TextView { height: 1fr; overflow-x: hidden; scrollbar-size-vertical: 1; scrollbar-gutter: stable; }
    """
    ALLOW_SELECT = False
    BINDINGS: ClassVar[list[BindingType]] = [
        *bound(up="scroll_up", down="scroll_down", page_up="page_up", page_down="page_down"),
        *bound(first="scroll_home", last="scroll_end", read_on="page_down"),
    ]
    HELP_ROWS: ClassVar[HelpGroups] = help_rows.READING

    class Moved(Message):
        """Other lines are out of view now."""

    def __init__(self) -> None:
        super().__init__()
        self._layout_text: Layout = lambda _cells: []
        self._lines: list[Line] = []
        self._marked: int | None = None

    def show(self, layout: Layout) -> None:
        """Show a text; keep the scroll position."""
        self._layout_text = layout
        self._lay_out()

    def go_to(self, source: int) -> None:
        """Highlight a line of the text, and scroll it into view."""
        rows = [row for row, line in enumerate(self._lines) if line.source == source]
        self._marked = source
        self.refresh()
        if rows and not self.scroll_offset.y <= rows[0] <= rows[-1] < self.scroll_offset.y + self.size.height:
            self.scroll_to(y=max(0, rows[0] - self.size.height // 3), animate=False, immediate=True)

    @property
    def top(self) -> int:
        """Index of the first visible line of the text."""
        row = self.scroll_offset.y
        return self._lines[row].source if row < len(self._lines) else 0

    @property
    def out_of_view(self) -> tuple[int, int]:
        """How many displayed lines there are above and below the visible ones."""
        above = self.scroll_offset.y
        return above, max(0, len(self._lines) - above - self.size.height)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Tell the page that other lines are visible."""
        super().watch_scroll_y(old_value, new_value)
        self.post_message(self.Moved())

    def on_resize(self, event: events.Resize) -> None:
        """Lay out the text for the new size."""
        del event
        self._lay_out()

    def _lay_out(self) -> None:
        cells = self.scrollable_content_region.width
        if not cells:  # not laid out yet; a resize event follows
            return
        old, self._lines = self._lines, self._layout_text(cells)
        self.virtual_size = Size(cells, len(self._lines))
        self.post_message(self.Moved())
        for row in range(max(len(old), len(self._lines))):
            if old[row : row + 1] != self._lines[row : row + 1]:
                self.refresh(Region(0, row - self.scroll_offset.y, self.size.width, 1))

    def render_line(self, y: int) -> Strip:
        """Return one line, for Textual to draw."""
        row = self.scroll_offset.y + y
        if row >= len(self._lines):
            return strip([], self.size.width, styles_for(self.app))
        line = self._lines[row]
        draw = selected_strip if line.source == self._marked else strip
        return draw(line.pieces, self.size.width, styles_for(self.app))


class Page(Dialog[None]):
    """A page with a heading and a text.

    Parameters
    ----------
    heading
        The title; printable text. Behind it is shown how many lines are out of view.
    """

    DEFAULT_CSS = """
    Page { align: center middle; }
    Page > .box { width: 100%; max-width: 160; height: 100%; padding: 0 1; border-title-style: bold; }
    """
    BINDINGS: ClassVar[list[BindingType]] = bound(leave="dismiss(None)", back="dismiss(None)")
    HELP_ROWS: ClassVar[HelpGroups] = help_rows.PAGE

    def __init__(self, heading: str, glyphs: Glyphs) -> None:
        super().__init__()
        self._heading = heading
        self._glyphs = glyphs
        self._more = ""
        self.text = TextView()
        self.status = StatusLine(glyphs)
        """Says why a key does nothing."""

    def compose(self) -> ComposeResult:
        """Create the box."""
        with Vertical(classes="box") as box:
            box.border_title = Content(self._heading)
            yield from self.contents()
            yield self.status

    def on_text_view_moved(self, message: TextView.Moved) -> None:
        """Show how many lines are out of view."""
        message.stop()
        more = self._glyphs.encode(more_words(*self.text.out_of_view))
        if more != self._more:  # a new title redraws the whole box
            self._more = more
            self.query_one(".box").border_title = Content("  ".join(filter(None, (self._heading, more))))

    def refuse(self, why: str) -> None:
        """Say why a key does nothing."""
        self.app.bell()
        self.status.show_result(why, "waiting")

    def contents(self) -> ComposeResult:
        """Create the content of the box."""
        yield self.text

    def show(self, snapshot: Snapshot) -> None:
        """Take a new snapshot; by default, ignore it."""
