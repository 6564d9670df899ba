"""The base of pages with a table: folds, a filter, and details of the selected row below it or in its place."""

from collections.abc import Callable, Sequence
from typing import ClassVar, Generic, TypeVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.message import Message
from textual.widget import Widget

from dasktop.collectors.model.snapshot import Snapshot
from dasktop.tui.dialogs.page import Page
from dasktop.tui.dialogs.row_menu import open_row_menu
from dasktop.tui.draw.glyphs import Glyphs
from dasktop.tui.draw.piece import Piece
from dasktop.tui.draw.prose import Line, Section, lay_out
from dasktop.tui.draw.text_width import cut
from dasktop.tui.view.hits import of_all
from dasktop.tui.view.layout import SCROLLBAR_CELLS
from dasktop.tui.view.rows import AnyRow, Key
from dasktop.tui.widgets.bindings import bound
from dasktop.tui.widgets.details_pane import DetailsPane
from dasktop.tui.widgets.lines import LEFT_BUTTON, Lines
from dasktop.tui.widgets.pattern_line import FilterLine
from dasktop.tui.widgets.row_table import RowTable

_TOP_LEVEL_ONLY = 1
_ON_TABLE = frozenset({"filter", "sort", "reverse", "fold_all", "fold_to"})


class TableView:
    """How the user wants a table shown; kept while the page is closed."""

    def __init__(self) -> None:
        self.pattern = ""
        self.shows_details = True
        self._chosen: dict[Key, bool] = {}
        self._all: bool | None = None

    def is_unfolded(self, key: Key, by_default: bool) -> bool:
        """Return whether the rows below a key are shown."""
        return self._chosen.get(key, by_default if self._all is None else self._all)

    def fold(self, key: Key, *, unfolded: bool) -> None:
        """Fold or unfold one row."""
        self._chosen[key] = unfolded

    def fold_all(self, *, unfolded: bool) -> None:
        """Fold or unfold all rows, also those that come later."""
        self._chosen, self._all = {}, unfolded


class TableHeads(Lines):
    """A summary line above the column heads; two empty lines if the summary is empty."""

    DEFAULT_CSS = "TableHeads { height: 2; }"

    class Chosen(Message):
        """A column head was clicked."""

        def __init__(self, column: str) -> None:
            super().__init__()
            self.column = column

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__()
        self._glyphs = glyphs
        self._summary = ""
        self._heads: Callable[[int], list[Piece]] = lambda _cells: []
        self._column_at: Callable[[int, int], str | None] = lambda _cell, _cells: None

    def show(
        self,
        summary: str,
        heads: Callable[[int], list[Piece]],
        column_at: Callable[[int, int], str | None],
    ) -> None:
        """Show a summary and column heads.

        Parameters
        ----------
        heads
            Returns the heads for the width of a row.
        column_at
            Returns the column at a cell of a row, for the width of the row; ``None``: there is none.
        """
        self._summary, self._heads, self._column_at = summary, heads, column_at
        self.update()

    def on_click(self, event: events.Click) -> None:
        """Post which column head was clicked."""
        if not self._summary or event.y != 1 or event.button != LEFT_BUTTON:
            return
        if (column := self._column_at(event.x, self.size.width - SCROLLBAR_CELLS)) is not None:
            self.post_message(self.Chosen(column))

    def lines(self, cells: int) -> list[list[Piece]]:
        """Return the lines."""
        if not self._summary:
            return [[], []]
        lines = [[Piece(cut(f" {self._summary}", cells), "strong")], self._heads(cells - SCROLLBAR_CELLS)]
        return [[Piece(self._glyphs.encode(text), role) for text, role in line] for line in lines]


R = TypeVar("R", bound=AnyRow)


class TablePage(Page, Generic[R]):
    """A table with details. Subclasses fill the table in `show_table`.

    Parameters
    ----------
    heading
        The title.
    snapshot
        The snapshot that is shown first.
    view
        The filter and the folds; changed by keys.
    table
        Posts the messages of `RowTable` itself, not of a subclass.
    """

    DEFAULT_CSS = """
    TablePage > .box { max-width: 100%; }
    TablePage DetailsPane { display: none; }
    TablePage.-docked DetailsPane { display: block; height: 40%; }
    TablePage.-details DetailsPane { display: block; height: 1fr; }
    TablePage.-details RowTable, TablePage.-details .beside-table { display: none; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        *bound(filter="filter", fold_all="fold_all", to_jobs="fold_to(1)", to_tasks="fold_to(2)"),
        *bound(details="details", toggle_details="toggle_details"),
        *bound(findings="app.findings", pause="app.pause", refresh="app.refresh_now"),
        *bound(leave="leave", back="back"),
    ]

    DETAILS_FROM_LINES: ClassVar[int] = 34
    """On screens of fewer lines, details are shown only in place of the table."""

    def __init__(
        self,
        heading: str,
        glyphs: Glyphs,
        snapshot: Snapshot,
        view: TableView,
        table: RowTable[R],
        placeholder: str,
    ) -> None:
        super().__init__(heading, glyphs)
        self._snapshot = snapshot
        self._view = view
        self.table = table
        self._pane = DetailsPane(glyphs)
        self._filter = FilterLine(table, view.pattern, placeholder)
        self._of: Key | None = None
        self._place: tuple[bool, bool] | None = None

    def show_table(self) -> None:
        """Show the rows of the snapshot."""
        raise NotImplementedError

    def hits(self) -> tuple[int, int]:
        """Return how many rows match the filter, of how many; folded ones, too."""
        raise NotImplementedError

    def details_of(self, row: R) -> tuple[str, Sequence[Section]]:
        """Return the heading and the details of a row."""
        raise NotImplementedError

    def above(self) -> Sequence[Widget]:
        """Return what is above the table."""
        return ()

    def below(self) -> Sequence[Widget]:
        """Return what is below the table."""
        return ()

    def contents(self) -> ComposeResult:
        """Create the table, and the details below it."""
        for widget in (*self.above(), *self.below()):
            widget.add_class("beside-table")
        yield from (*self.above(), self.table, *self.below(), self._pane, self._filter)

    def on_mount(self) -> None:
        """Show the first snapshot."""
        self._place_details()
        self.show(self._snapshot)
        self.table.focus()
        self.select_at_first()

    def select_at_first(self) -> None:
        """Select the row to begin with; by default, the first one."""

    def show(self, snapshot: Snapshot) -> None:
        """Show this snapshot."""
        self._snapshot = snapshot
        self.show_table()
        self._filter.show_count(of_all(*self.hits()) if self._view.pattern else "")
        self._show_details()

    def select_below(self, row: R) -> None:
        """Select a row that may be folded or hidden by the filter."""
        if row.parent is not None:
            self._view.fold(row.parent, unfolded=True)
        self.show(self._snapshot)
        if not self.table.select_key(row.key) and self._view.pattern:
            self._view.pattern = ""
            self._filter.clear()
            self.show(self._snapshot)
            self.table.select_key(row.key)

    def _show_details(self) -> None:
        if not (self.has_class("-details") or self.has_class("-docked")):
            return
        row = self.table.selected
        is_other, self._of = row is None or row.key != self._of, None if row is None else row.key
        if row is None:
            self._pane.show("", _no_lines, from_top=True)
            return
        title, sections = self.details_of(row)
        self._pane.show(title, lambda cells: lay_out(sections, cells, self._glyphs), from_top=is_other)

    def _place_details(self) -> None:
        is_full = self.has_class("-details")
        has_room = self.app.size.height >= self.DETAILS_FROM_LINES
        is_docked = self._view.shows_details and has_room and not is_full
        self.set_class(is_docked, "-docked")
        if (is_full, is_docked) != self._place:
            self._of = None  # details that open begin at the top, also those of the row that was shown last
        self._place = is_full, is_docked
        self._pane.is_page = is_full

    def on_resize(self) -> None:
        """Place the details for the new size."""
        self._place_details()
        self._show_details()

    def on_row_table_moved(self, message: RowTable.Moved) -> None:
        """Show the details of the row that is selected now."""
        message.stop()
        self._show_details()

    def on_row_table_opened(self, message: RowTable.Opened) -> None:
        """Open the row that was double-clicked."""
        message.stop()
        self.open_selected()

    def open_selected(self) -> None:
        """Open the selected row; by default, show its details."""
        self.action_details()

    def on_row_table_menu_wanted(self, message: RowTable.MenuWanted) -> None:
        """Open the menu of the selected row."""
        message.stop()
        if (row := self.table.selected) is not None:
            heading, _ = self.details_of(row)
            selected = self._selected_key
            open_row_menu(self.app, heading, self.keys_for(row), message.at, selected, self._glyphs, self.words_for)

    def _selected_key(self) -> Key | None:
        return None if self.table.selected is None else self.table.selected.key

    def keys_for(self, row: R) -> Sequence[str]:
        """Return the ids of the keys that apply to a row, in the order of its menu."""
        return ("details",) if row.unfolded is None else ("details", "fold")

    def words_for(self, key_id: str) -> str:
        """Return what a key does to the selected row, by id; empty: what it does in general."""
        del key_id
        return ""

    def on_row_table_fold_chosen(self, message: RowTable.FoldChosen) -> None:
        """Fold or unfold one row."""
        message.stop()
        self._view.fold(message.key, unfolded=message.unfolded)
        self.show(self._snapshot)
        if message.unfolded:
            self.table.scroll_to_children()

    def action_fold_all(self) -> None:
        """Unfold all rows or, if all are unfolded, fold them."""
        folds = [row.unfolded for row in self.table.rows if row.unfolded is not None]
        self._view.fold_all(unfolded=not all(folds))
        self.show(self._snapshot)

    def action_fold_to(self, level: int) -> None:
        """Show only the rows of the top level, or all."""
        self._view.fold_all(unfolded=level > _TOP_LEVEL_ONLY)
        self.show(self._snapshot)

    def action_filter(self) -> None:
        """Open the filter line."""
        self._filter.open()

    def on_filter_line_changed(self, message: FilterLine.Changed) -> None:
        """Filter as the user types."""
        message.stop()
        self._view.pattern = message.pattern
        self.show(self._snapshot)

    def action_details(self) -> None:
        """Show the details in place of the table, or the table again."""
        if self.table.selected is None and not self.has_class("-details"):
            return
        self.toggle_class("-details")
        self._place_details()
        self._show_details()
        (self._pane if self.has_class("-details") else self.table).focus()

    def action_toggle_details(self) -> None:
        """Show or hide the details below the table; without room for them, show them in its place."""
        if self.has_class("-details") or self.app.size.height < self.DETAILS_FROM_LINES:
            self.action_details()
            return
        self._view.shows_details = not self._view.shows_details
        self._place_details()
        self._show_details()

    def on_details_pane_left(self, message: DetailsPane.Left) -> None:
        """Go back to the table."""
        message.stop()
        if self.has_class("-details"):
            self.action_details()
        else:
            self.table.focus()

    def action_leave(self) -> None:
        """Clear the filter; else close the page."""
        if self._view.pattern:
            self._filter.clear()
        else:
            self.action_back()

    def action_back(self) -> None:
        """Close the page."""
        self.dismiss(None)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Disable keys of the table while the details are in its place."""
        del parameters
        return not (self.has_class("-details") and action in _ON_TABLE)


def _no_lines(cells: int) -> list[Line]:
    del cells
    return [[Piece("no row selected", "quiet")]]
