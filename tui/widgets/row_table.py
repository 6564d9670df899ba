"""A table of rows with a selection: draws only visible rows, and redraws only rows that changed. Holds no snapshot.

Textual has ``Tree`` and ``DataTable`` but no tree table, and both measure and send far more than what changed.
"""

from collections.abc import Sequence
from itertools import groupby
from typing import ClassVar, Generic, TypeVar

from textual import events
from textual.binding import BindingType
from textual.geometry import Offset, Region, Size
from textual.message import Message
from textual.reactive import Reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from dasktop.tui.draw.glyphs import Glyphs
from dasktop.tui.draw.piece import Piece
from dasktop.tui.draw.text_width import fit
from dasktop.tui.terminal.theme import selected_strip, strip, styles_for
from dasktop.tui.view import help_rows
from dasktop.tui.view.help_rows import HelpGroups
from dasktop.tui.view.keys import TREE
from dasktop.tui.view.layout import INDENT
from dasktop.tui.view.rows import AnyRow, Key
from dasktop.tui.view.selection import keys_of, reselect
from dasktop.tui.widgets.bindings import bindings, bound
from dasktop.tui.widgets.lines import LEFT_BUTTON, RIGHT_BUTTON

R = TypeVar("R", bound=AnyRow)


class RowTable(ScrollView, Generic[R], can_focus=True):
    """Rows of a tree with a selection. Subclasses draw the rows.

    Folding is only requested: whoever handles `FoldChosen` shows other rows.
    """

    DEFAULT_CSS = """
    RowTable {
        height: 1fr;
        overflow-x: hidden;
        overflow-y: auto;
        scrollbar-gutter: stable;
        scrollbar-size-vertical: 1;
    }
    """
    ALLOW_SELECT = False
    BINDINGS: ClassVar[list[BindingType]] = [
        *bound(up="move(-1)", down="move(1)", page_up="page(-1)", page_down="page(1)", first="first", last="last"),
        *bound(right="unfold", left="fold"),
        *bindings(TREE),
    ]
    HELP_ROWS: ClassVar[HelpGroups] = help_rows.TREE
    KEEPS_LINE: ClassVar[bool] = False
    """Whether the selected row keeps its line when rows are added above it, also while the first row is in view."""

    # By default Textual repaints the whole widget when this changes; here only changed lines are repainted.
    virtual_size = Reactive(Size(0, 0), layout=True, repaint=False)

    class FoldChosen(Message):
        """The user asked to fold or unfold a row. Each subclass defines its own messages: they name the handlers."""

        def __init__(self, key: Key, unfolded: bool) -> None:
            super().__init__()
            self.key = key
            self.unfolded = unfolded

    class Moved(Message):
        """The user moved the selection."""

    class Opened(Message):
        """The selected row was double-clicked."""

    class MenuWanted(Message):
        """The user wants the menu of the selected row, at this place of the screen."""

        def __init__(self, at: Offset) -> None:
            super().__init__()
            self.at = at

    class Resized(Message):
        """The number of visible lines changed."""

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__()
        self._glyphs = glyphs
        self._rows: Sequence[R] = ()
        self._message = ""
        self._index = 0
        self._fitted_cells = 0
        self._drawn: dict[int, tuple[object, bool] | str] = {}
        self._looks: dict[int, object] = {}  # of rows, by index, until anything but the selection changes
        self._clicked: Key | None = None

    def look_of(self, row: R) -> object:
        """Return everything that determines how a row is drawn, but for the selection.

        Must be cheap: it is called for each visible row at each snapshot.
        """
        raise NotImplementedError

    def pieces_of(self, row: R, look: object) -> list[Piece]:
        """Return the line of a row."""
        raise NotImplementedError

    def fit_columns(self) -> None:
        """Fit the columns into a new width. By default, there are none."""

    def _fit_columns(self) -> None:
        """Fit the columns, if the width has changed."""
        if self._fitted_cells != (cells := self.cells):
            self._fitted_cells = cells
            self._looks.clear()
            self.fit_columns()

    @property
    def selected(self) -> R | None:
        """The selected row, or ``None`` without rows."""
        return self._rows[self._index] if self._rows else None

    @property
    def rows(self) -> Sequence[R]:
        """The rows, also those that are out of view."""
        return self._rows

    @property
    def rows_in_sight(self) -> Sequence[R]:
        """The rows that are in view; all rows while there is no view yet."""
        top = self.scroll_offset.y
        return self._rows[top : top + self.size.height] if self.size.height else self._rows

    @property
    def cells(self) -> int:
        """Width of a line, without the scrollbar."""
        return self.scrollable_content_region.width

    def show_rows(self, rows: Sequence[R], message: str = "") -> None:
        """Show these rows, with the same one selected if it is still there.

        The scroll position follows the selected row or, if that is out of view, the first visible row.

        Parameters
        ----------
        rows
            The rows; keys are unique.
        message
            Shown if there are no rows.
        """
        top, in_view = self.scroll_offset.y, self._selection_in_view()
        anchor = self._index if in_view else top
        follows = top > 0 or (self.KEEPS_LINE and self._index > 0)
        top += reselect(self._rows, anchor, rows) - anchor if follows and self._rows else 0
        self._index = reselect(self._rows, self._index, rows)
        self._rows, self._message = rows, message
        self._looks.clear()
        if len(rows) != self.virtual_size.height:
            self.virtual_size = Size(self.cells, len(rows))
        self._scroll_to_line(top)
        if in_view:
            self._scroll_to_selection()
        self.refresh_changed()

    def select(self, index: int) -> None:
        """Select a row by its index, or the nearest one, and scroll it into view."""
        index = max(0, min(index, len(self._rows) - 1))
        if index != self._index:
            self._index = index
            self._scroll_to_selection()
            self._refresh_lines()
        self.post_message(self.Moved())

    def select_key(self, key: Key) -> bool:
        """Select the row with this key; return whether it exists."""
        for index, found in enumerate(keys_of(self._rows)):
            if found == key:
                self.select(index)
                return True
        return False

    def scroll_to_children(self) -> None:
        """Scroll as little as possible to bring the rows below the selected one into view, as far as they fit."""
        last = self._index
        while last + 1 < len(self._rows) and self._rows[last + 1].depth > self._rows[self._index].depth:
            last += 1
        lowest_top = last - max(1, self.size.height) + 1
        self._scroll_to_line(min(max(self.scroll_offset.y, lowest_top), self._index))
        self.refresh_changed()

    def on_resize(self, event: events.Resize) -> None:
        """Fit the columns into the new width, and keep the selection in view."""
        del event
        self._fit_columns()
        self._scroll_to_selection()
        self.refresh_changed()
        self.post_message(self.Resized())

    def render_lines(self, crop: Region) -> list[Strip]:
        """Return visible lines, for Textual to draw; it draws before `on_resize`."""
        self._fit_columns()
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        """Return one visible line, for Textual to draw."""
        drawn = self._drawn[y] = self._state_of(y)
        if isinstance(drawn, str):
            text = fit(f"   {self._glyphs.encode(drawn)}", self.cells)
            return strip([Piece(text, "quiet")], self.cells, styles_for(self.app))
        look, is_selected = drawn
        pieces = self.pieces_of(self._rows[self.scroll_offset.y + y], look)
        return (selected_strip if is_selected else strip)(pieces, self.cells, styles_for(self.app))

    def _state_of(self, y: int) -> tuple[object, bool] | str:
        """Return what a visible line is to show, or a message if it shows no row."""
        index = self.scroll_offset.y + y
        if index >= len(self._rows):
            return self._message if y == 1 and not self._rows else ""
        if (look := self._looks.get(index)) is None:
            look = self._looks[index] = self.look_of(self._rows[index])
        return look, index == self._index

    def refresh_changed(self) -> None:
        """Redraw the lines that changed."""
        self._looks.clear()
        self._refresh_lines()

    def _refresh_lines(self) -> None:
        changed = (y for y in range(self.size.height) if self._drawn.get(y) != self._state_of(y))
        # Textual takes a part of the time of a line again for each region.
        regions = [
            Region(0, lines[0], self.cells, len(lines))
            for _, adjacent in groupby(enumerate(changed), key=lambda one: one[1] - one[0])
            if (lines := [y for _, y in adjacent])
        ]
        if regions:
            self.refresh(*regions)

    def _selection_in_view(self) -> bool:
        return 0 <= self._index - self.scroll_offset.y < max(1, self.size.height)

    def _scroll_to_selection(self) -> None:
        """Scroll as little as possible to bring the selection into view."""
        highest_top = self._index - max(1, self.size.height) + 1
        self._scroll_to_line(min(max(self.scroll_offset.y, highest_top), self._index))

    def _scroll_to_line(self, top: int) -> None:
        """Scroll so that this row is first, or the nearest one that leaves no blank lines at the end."""
        top = max(0, min(top, len(self._rows) - self.size.height))
        if top != self.scroll_offset.y:
            # `force`, because Textual does not scroll without a scrollbar, which may not be there yet.
            self.scroll_to(y=top, animate=False, immediate=True, force=True)

    def action_move(self, by: int) -> None:
        """Move the selection down by `by` rows."""
        self.select(self._index + by)

    def action_page(self, direction: int) -> None:
        """Move the selection by a page."""
        self.select(self._index + direction * max(1, self.size.height - 1))

    def action_first(self) -> None:
        """Select the first row."""
        self.select(0)

    def action_last(self) -> None:
        """Select the last row."""
        self.select(len(self._rows) - 1)

    def action_unfold(self) -> None:
        """Unfold the selected row or, if it is unfolded, select its first child."""
        if (row := self.selected) is None:
            return
        if row.unfolded is False:
            self.post_message(self.FoldChosen(row.key, unfolded=True))
        elif row.unfolded:
            self.select(self._index + 1)

    def action_fold(self) -> None:
        """Fold the selected row or, if it is folded or has no children, select its parent."""
        if (row := self.selected) is None:
            return
        if row.unfolded:
            self.post_message(self.FoldChosen(row.key, unfolded=False))
        else:
            self.action_parent()

    def action_parent(self) -> None:
        """Select the parent of the selected row."""
        if (row := self.selected) is None or row.parent is None:
            return
        for index in range(self._index - 1, -1, -1):
            if self._rows[index].key == row.parent:
                self.select(index)
                return

    def action_toggle_fold(self) -> None:
        """Fold or unfold the selected row."""
        if (row := self.selected) is not None and row.unfolded is not None:
            self.post_message(self.FoldChosen(row.key, unfolded=not row.unfolded))

    def action_menu(self) -> None:
        """Open the menu of the selected row, below it."""
        if (row := self.selected) is not None:
            place = Offset(1 + INDENT * (row.depth + 1), self._index - self.scroll_offset.y)
            self.post_message(self.MenuWanted(self.region.offset + place))

    def on_click(self, event: events.Click) -> None:
        """Select the row; on its fold marker fold or unfold it, on a double click open it, on a right click its menu.

        Of a double click, the first click may have opened this page, or an update may have moved another row there:
        then the second one does nothing.
        """
        index = self.scroll_offset.y + event.y
        if index >= len(self._rows):
            return
        row, before = self._rows[index], self._clicked
        self._clicked = row.key
        if event.button == RIGHT_BUTTON:
            self.select(index)
            self.post_message(self.MenuWanted(event.screen_offset))
        elif event.button == LEFT_BUTTON and (event.chain == 1 or before == row.key):
            self.select(index)
            marker = 1 + INDENT * row.depth
            if row.unfolded is not None and marker <= event.x < marker + INDENT:
                self.action_toggle_fold()
            elif event.chain == 2:
                self.post_message(self.Opened())
