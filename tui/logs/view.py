"""The widget that shows the lines of a log: draws only visible rows, and redraws only rows that changed."""

from collections.abc import Iterator
from typing import ClassVar, NamedTuple

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import BindingType
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from dasktop.collectors.text.patterns import Pattern
from dasktop.tui.draw.glyphs import Glyphs
from dasktop.tui.draw.piece import Piece
from dasktop.tui.draw.text_width import cut, width
from dasktop.tui.logs.window import LogRows, LogWindow, Position, Row, printable_line, tone
from dasktop.tui.terminal.theme import strip, styles_for
from dasktop.tui.view import help_rows
from dasktop.tui.view.help_rows import HelpGroups
from dasktop.tui.widgets.bindings import bound

_WHEEL_ROWS = 3
_SIDEWAYS_CELLS = 16


class _Drawn(NamedTuple):
    """Everything that determines how a row looks."""

    row: Row | str
    is_hit: bool = False
    pattern: Pattern | None = None

    def cells_held(self, cells: int) -> int:
        """Return the number of cells of a row that are not blank."""
        if isinstance(self.row, str):
            return cells if self.row else 0
        return cells if self.is_hit else width(self.row.text[self.row.first : self.row.last])


class LogView(Widget, can_focus=True):
    """Lines, wrapped or cut, with matches of a pattern highlighted. Scrolls within the lines that it holds.

    The log screen handles `Moved` and provides more lines.
    """

    DEFAULT_CSS = "LogView { height: 1fr; }"
    ALLOW_SELECT = False
    BINDINGS: ClassVar[list[BindingType]] = [
        *bound(up="move(-1)", down="move(1)", page_up="page(-1)", page_down="page(1)"),
        *bound(left="sideways(-1)", right="sideways(1)", read_back="page(-1)", read_on="page(1)"),
    ]
    HELP_ROWS: ClassVar[HelpGroups] = help_rows.LOG_VIEW

    class Moved(Message):
        """The user scrolled."""

        def __init__(self, is_up: bool) -> None:
            super().__init__()
            self.is_up = is_up

    class Resized(Message):
        """The number of visible rows changed."""

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__()
        self._glyphs = glyphs
        self._window = LogWindow()
        self._top_at, self._top_row = 0, 0  # by byte offset, since lines are added and dropped above
        self._left = 0
        self._wraps = True
        self._pattern: Pattern | None = None
        self._hit: int | None = None
        self._message = ""
        self._shown: list[_Drawn] = []
        self._drawn: dict[int, _Drawn] = {}

    # -- content

    def show(self, window: LogWindow, *, at_end: bool = False, message: str = "") -> None:
        """Show these lines; keep the first visible line, unless `at_end`.

        Parameters
        ----------
        message
            Shown if there are no lines.
        """
        top = self._top
        if window.edition != self._window.edition:
            self._hit = None  # another line may start there now
        self._window, self._message = window, message
        if at_end:
            self._set_top(self._rows.last_top(self.size.height))
        elif window.lines and self._top_at < window.lines[0].at_byte:
            self._set_top(Position())
        else:
            self._set_top(Position(window.index_of(self._top_at), top.row))

    def mark(self, pattern: Pattern | None) -> None:
        """Highlight the matches of a pattern."""
        self._pattern = pattern
        self._refresh_changed()

    def go_to(self, at_byte: int, top_at: int | None = None) -> None:
        """Highlight a line, and scroll it into view.

        Parameters
        ----------
        at_byte
            Offset of the line.
        top_at
            Offset of the line to show at the top, if both lines fit; by default some lines above are shown.
        """
        self._hit = at_byte
        line = self._window.index_of(at_byte)
        self._scroll_sideways_to_match(line)
        if not self.is_in_view(at_byte):
            rows, height = self._rows, self.size.height
            position = rows.moved(Position(line), -(height // 3))
            if top_at is not None:
                position = max(Position(self._window.index_of(top_at)), rows.moved(Position(line), 2 - height))
            self._set_top(position)
        self._refresh_changed()

    def _scroll_sideways_to_match(self, line: int) -> None:
        """Scroll horizontally to the match in a line that is not wrapped."""
        text = printable_line(self._window.lines[line].text) if self._window.lines else ""
        found = self._pattern.search(text) if self._pattern is not None and not self._wraps else None
        if found is not None:
            at_cell = width(text[: found.start()])
            if not self._left <= at_cell < self._left + self.size.width - width(found[0]):
                self._left = max(0, at_cell - self.size.width // 3)

    def forget(self) -> None:
        """Reset for another file."""
        self._window, self._hit, self._left = LogWindow(), None, 0
        self._set_top(Position())

    @property
    def hit(self) -> int | None:
        """Offset of the highlighted line."""
        return self._hit

    @property
    def top_at(self) -> int:
        """Offset of the first visible line."""
        return self._top_at

    @property
    def bottom_at(self) -> int:
        """Offset of the end of the last visible line."""
        lines = [drawn.row.line.at_byte for drawn in self._shown if isinstance(drawn.row, Row)]
        return self._window.end_of(self._window.index_of(lines[-1])) if lines else self._window.end

    def is_in_view(self, at_byte: int) -> bool:
        """Return whether any row of the line at this offset is visible."""
        return any(isinstance(drawn.row, Row) and drawn.row.line.at_byte == at_byte for drawn in self._shown)

    @property
    def is_at_end(self) -> bool:
        """Whether the last row is visible."""
        return self._top >= self._rows.last_top(self.size.height)

    @property
    def lines_above(self) -> int:
        """Number of lines above the first visible one."""
        return self._top.line

    @property
    def lines_below(self) -> int:
        """Number of lines from the first visible one on."""
        return len(self._window.lines) - self._top.line

    @property
    def _rows(self) -> LogRows:
        return LogRows(self._window.lines, self.size.width, self._wraps, self._left)

    @property
    def _top(self) -> Position:
        return Position(self._window.index_of(self._top_at), self._top_row)

    def _set_top(self, position: Position) -> None:
        """Scroll to this row, or to the nearest one that leaves no blank rows at the end."""
        position = min(position, self._rows.last_top(self.size.height))
        lines = self._window.lines
        self._top_at = lines[position.line].at_byte if lines else self._window.end
        self._top_row = position.row
        self._refresh_changed()

    # -- drawing

    def on_resize(self, event: events.Resize) -> None:
        """Lay out the lines for the new size."""
        del event
        self._set_top(Position(self._top.line))
        self.post_message(self.Resized())

    def _refresh_changed(self) -> None:
        """Redraw the rows that changed, each as one region, only as wide as the text."""
        self._shown = list(self._rows_to_draw())
        cells = self.size.width
        for y, new in enumerate(self._shown):
            drawn = self._drawn.get(y)
            if drawn != new:
                widest = cells if drawn is None else max(drawn.cells_held(cells), new.cells_held(cells))
                self.refresh(Region(0, y, min(cells, max(1, widest)), 1))

    def _rows_to_draw(self) -> Iterator[_Drawn]:
        """Yield what each row is to show."""
        height = self.size.height
        rows = list(self._rows.from_position(self._top, height))
        for row in rows:
            yield _Drawn(row, row.line.at_byte == self._hit, self._pattern)
        for y in range(len(rows), height):
            yield _Drawn(self._message if y == 1 and not rows else "")

    def render_line(self, y: int) -> Strip:
        """Return one row, for Textual to draw."""
        drawn = self._drawn[y] = self._shown[y] if y < len(self._shown) else _Drawn("")
        cells = self.size.width
        if isinstance(drawn.row, str):
            text = self._glyphs.encode(cut(f"   {drawn.row}", cells))
            return strip([Piece(text, "quiet")], cells, styles_for(self.app))
        style = self._style_of(drawn.row, is_hit=drawn.is_hit)
        return Strip(list(self._segments(drawn.row, drawn))).adjust_cell_length(cells, style)

    def _segments(self, row: Row, drawn: _Drawn) -> Iterator[Segment]:
        """Yield a row's text with matches in bold, also in the highlighted line."""
        style, key = self._style_of(row, is_hit=drawn.is_hit), Style(bold=True)
        at = row.first
        for found in drawn.pattern.finditer(row.text) if drawn.pattern is not None else ():
            first, last = max(found.start(), at), min(found.end(), row.last)
            if first < last:
                yield Segment(self._glyphs.encode(row.text[at:first]), style)
                yield Segment(self._glyphs.encode(row.text[first:last]), style + key)
                at = last
        yield Segment(self._glyphs.encode(row.text[at : row.last]), style)

    def _style_of(self, row: Row, *, is_hit: bool) -> Style:
        styles = styles_for(self.app)
        return (styles.selected_of if is_hit else styles.of)[tone(row.text)]

    # -- keys

    def action_move(self, rows: int) -> None:
        """Scroll by rows."""
        self._set_top(self._rows.moved(self._top, rows))
        self.post_message(self.Moved(is_up=rows < 0))

    def action_page(self, direction: int) -> None:
        """Scroll by a page."""
        self.action_move(direction * max(1, self.size.height - 1))

    def action_sideways(self, direction: int) -> None:
        """Scroll horizontally, if lines are not wrapped."""
        if not self._wraps:
            widest = max((width(drawn.row.text) for drawn in self._shown if isinstance(drawn.row, Row)), default=0)
            most = max(self._left, widest - self.size.width + _SIDEWAYS_CELLS)
            self._left = max(0, min(self._left + direction * _SIDEWAYS_CELLS, most))
            self._refresh_changed()

    def to_start(self) -> None:
        """Scroll to the first line held in memory."""
        self._set_top(Position())

    def toggle_wrap(self) -> None:
        """Wrap or cut long lines."""
        is_at_end = self.is_at_end
        self._wraps, self._left = not self._wraps, 0
        top = self._rows.last_top(self.size.height) if is_at_end else Position(self._top.line)
        self._set_top(top)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Scroll by rows."""
        event.stop()
        self.action_move(-_WHEEL_ROWS)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Scroll by rows."""
        event.stop()
        self.action_move(_WHEEL_ROWS)
