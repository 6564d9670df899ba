"""The tree table widget: draws only visible rows, and redraws only rows that changed. Holds no snapshot.

Textual has ``Tree`` and ``DataTable`` but no tree table, and both measure and send far more than what changed.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar, NamedTuple

from textual import events
from textual.binding import BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import Reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from dasktop.collectors.model.thresholds import DEFAULTS, Thresholds
from dasktop.tui.draw.glyphs import Glyphs
from dasktop.tui.draw.piece import Piece
from dasktop.tui.draw.text_width import fit
from dasktop.tui.terminal.theme import selected_strip, strip
from dasktop.tui.view import help_rows
from dasktop.tui.view.cells import Cells, cells
from dasktop.tui.view.columns import DEFAULT_COLUMNS, ColumnName, more_cells
from dasktop.tui.view.help_rows import HelpGroups
from dasktop.tui.view.keys import TREE
from dasktop.tui.view.layout import INDENT, MARK, Layout, fit_layout, line
from dasktop.tui.view.row_marks import RowMarks
from dasktop.tui.view.rows import JobRow, Key, Kind, Row
from dasktop.tui.view.selection import reselect
from dasktop.tui.widgets.bindings import bindings, bound

_NO_MARKS = RowMarks()


class _Drawn(NamedTuple):
    """Everything that determines how a line looks."""

    row: tuple[Kind, int, bool | None]
    cells: Cells
    layout: Layout
    is_selected: bool
    margin: Piece | None
    is_context: bool


class TreeTable(ScrollView, can_focus=True):
    """Rows with columns and a selection.

    Folding is only requested: the controller handles `FoldChosen` and shows other rows.
    """

    DEFAULT_CSS = """
    TreeTable {
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

    # By default Textual repaints the whole widget when this changes; here only changed lines are repainted.
    virtual_size = Reactive(Size(0, 0), layout=True, repaint=False)

    class FoldChosen(Message):
        """The user asked to fold or unfold a row."""

        def __init__(self, key: Key, unfolded: bool) -> None:
            super().__init__()
            self.key = key
            self.unfolded = unfolded

    class Moved(Message):
        """The user moved the selection."""

    class Resized(Message):
        """The number of visible lines changed."""

    def __init__(
        self, glyphs: Glyphs, columns: tuple[ColumnName, ...] = DEFAULT_COLUMNS, thresholds: Thresholds = DEFAULTS
    ) -> None:
        super().__init__()
        self._glyphs = glyphs
        self._rows: Sequence[Row] = ()
        self._taken_at = datetime.min
        self._message = ""
        self._marked: frozenset[str] = frozenset()
        self._context_rows: frozenset[Key] = frozenset()
        self._row_marks = _NO_MARKS
        self._index = 0
        self._columns = columns
        self._thresholds = thresholds
        self._layout_of_columns: Layout = fit_layout(0)
        self._drawn: dict[int, _Drawn | str] = {}

    @property
    def selected(self) -> Row | None:
        """The selected row, or ``None`` without rows."""
        return self._rows[self._index] if self._rows else None

    @property
    def selected_job_id(self) -> str | None:
        """Id of the job of the selected row."""
        return self.selected.of_job if self.selected is not None else None

    def mark(self, job_ids: frozenset[str]) -> None:
        """Show exactly these jobs as marked."""
        self._marked = job_ids
        self._refresh_changed()

    @property
    def _cells(self) -> int:
        """Width of a line, without the scrollbar."""
        return self.scrollable_content_region.width

    def show_columns(self, columns: tuple[ColumnName, ...]) -> None:
        """Show these columns, as many as fit."""
        self._columns = columns
        self._layout_of_columns = fit_layout(self._cells, columns)
        self._refresh_changed()

    def show(
        self,
        rows: Sequence[Row],
        taken_at: datetime,
        message: str = "",
        context: frozenset[Key] = frozenset(),
        row_marks: RowMarks = _NO_MARKS,
    ) -> None:
        """Show these rows, with the same one selected if it is still there.

        The scroll position follows the selected row or, if that is out of view, the first visible row.

        Parameters
        ----------
        rows
            The rows; keys are unique.
        taken_at
            The time of their snapshot.
        message
            Shown if there are no rows.
        context
            Rows shown only because they contain matches; dimmed.
        row_marks
            The marks of findings.
        """
        top, in_view = self.scroll_offset.y, self._selection_in_view()
        anchor = self._index if in_view else top
        top += reselect(self._rows, anchor, rows) - anchor if top and self._rows else 0
        self._index = reselect(self._rows, self._index, rows)
        self._rows, self._taken_at, self._message, self._context_rows = rows, taken_at, message, context
        self._row_marks = row_marks
        if len(rows) != self.virtual_size.height:
            self.virtual_size = Size(self._cells, len(rows))
        self._scroll_to_line(top)
        if in_view:
            self._scroll_to_selection()
        self._refresh_changed()

    def clear(self) -> None:
        """Show no rows."""
        self.show((), datetime.min)

    def select(self, index: int) -> None:
        """Select a row by its index, or the nearest one, and scroll it into view."""
        index = max(0, min(index, len(self._rows) - 1))
        if index != self._index:
            self._index = index
            self._scroll_to_selection()
            self._refresh_changed()
        self.post_message(self.Moved())

    def select_key(self, key: Key) -> bool:
        """Select the row with this key; return whether it exists."""
        for index, row in enumerate(self._rows):
            if row.key == key:
                self.select(index)
                return True
        return False

    def on_resize(self, event: events.Resize) -> None:
        """Fit the columns into the new width, and keep the selection in view."""
        del event
        self._layout_of_columns = fit_layout(self._cells, self._columns)
        self._scroll_to_selection()
        self._refresh_changed()  # Textual may have drawn already, with the old columns
        self.post_message(self.Resized())

    def render_line(self, y: int) -> Strip:
        """Return one visible line, for Textual to draw."""
        drawn = self._drawn[y] = self._state_of(y)
        if isinstance(drawn, str):
            return strip(
                [Piece(fit(f"   {self._glyphs.encode(drawn)}", self._cells), "quiet")], self._cells, self.app.theme
            )
        row = self._rows[self.scroll_offset.y + y]
        pieces = line(row, drawn.cells, drawn.layout, self._glyphs, margin=drawn.margin, is_context=drawn.is_context)
        return (selected_strip if drawn.is_selected else strip)(pieces, self._cells, self.app.theme)

    def _state_of(self, y: int) -> _Drawn | str:
        """Return what a visible line is to show, or a message if it shows no row.

        Must be cheap: it is called for each line at each snapshot.
        """
        index = self.scroll_offset.y + y
        if index >= len(self._rows):
            return self._message if y == 1 and not self._rows else ""
        row = self._rows[index]
        shape = (row.kind, row.depth, row.unfolded)
        is_marked = isinstance(row, JobRow) and row.job.job_id in self._marked
        margin = Piece(MARK, "key") if is_marked else self._row_marks.mark(row)
        is_context = row.key in self._context_rows
        more = more_cells(row, self._layout_of_columns.more)
        row_cells = cells(row, self._taken_at, self._thresholds)._replace(more=more)
        return _Drawn(shape, row_cells, self._layout_of_columns, index == self._index, margin, is_context)

    def _refresh_changed(self) -> None:
        """Redraw the lines that changed, each as one region."""
        for y in range(self.size.height):
            if self._drawn.get(y) != self._state_of(y):
                self.refresh(Region(0, y, self._cells, 1))

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
        if (row := self.selected) is None:
            return
        for index in range(self._index - 1, -1, -1):
            if self._rows[index].key == row.parent:
                self.select(index)
                return

    def action_toggle_fold(self) -> None:
        """Fold or unfold the selected row."""
        if (row := self.selected) is not None and row.unfolded is not None:
            self.post_message(self.FoldChosen(row.key, unfolded=not row.unfolded))

    def on_click(self, event: events.Click) -> None:
        """Select the row; a click on its fold marker also folds or unfolds it."""
        index = self.scroll_offset.y + event.y
        if index < len(self._rows):
            self.select(index)
            marker = 1 + INDENT * self._rows[index].depth
            if marker <= event.x < marker + INDENT:
                self.action_toggle_fold()
