"""The page with what dask computes: a tree of computations and task names, with details. Follows the snapshots."""

from datetime import datetime
from typing import ClassVar, NamedTuple, cast

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.message import Message

from dasktop.collectors.model.snapshot import Snapshot
from dasktop.collectors.model.work import Work
from dasktop.collectors.text.patterns import remark
from dasktop.tui.dialogs.page import Page
from dasktop.tui.draw.glyphs import Glyphs
from dasktop.tui.draw.piece import Piece
from dasktop.tui.draw.prose import Line, lay_out
from dasktop.tui.view import help_rows
from dasktop.tui.view.help_rows import HelpGroups
from dasktop.tui.view.layout import SCROLLBAR_CELLS
from dasktop.tui.view.rows import Key
from dasktop.tui.view.work import LEGEND, UNKNOWN_WORK, names_that_cannot_run, progress_line
from dasktop.tui.view.work_columns import (
    MEANINGS,
    WorkColumnName,
    WorkLayout,
    WorkSort,
    fit_work_layout,
    work_column_at,
    work_heads,
    work_line,
    work_order,
    work_texts,
)
from dasktop.tui.view.work_details import work_sections, work_title
from dasktop.tui.view.work_rows import NameRow, WorkRow, WorkRows, work_rows
from dasktop.tui.widgets.bindings import bound
from dasktop.tui.widgets.details_pane import DetailsPane
from dasktop.tui.widgets.lines import Lines
from dasktop.tui.widgets.pattern_line import FilterLine
from dasktop.tui.widgets.row_table import RowTable

_DETAILS_FROM_LINES = 34
_COMPUTATIONS_ONLY = 1


class WorkView:
    """How the user wants the work shown; kept while the page is closed."""

    def __init__(self) -> None:
        self.sort: WorkSort | None = None
        self.is_reversed = False
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


class _Look(NamedTuple):
    """Everything that determines how a line looks."""

    label: str
    depth: int
    unfolded: bool | None
    has_finding: bool
    states: tuple[tuple[str, int], ...]
    texts: dict[WorkColumnName, str]
    layout: WorkLayout
    is_context: bool


class WorkTable(RowTable[WorkRow]):
    """The rows of the page."""

    class FoldChosen(RowTable.FoldChosen):
        """The user asked to fold or unfold a row."""

    class Moved(RowTable.Moved):
        """The user moved the selection."""

    class Resized(RowTable.Resized):
        """The number of visible lines changed."""

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__(glyphs)
        self._now = datetime.min
        self._context_rows: frozenset[Key] = frozenset()
        self._layout_of_columns = fit_work_layout(0)

    def show(self, found: WorkRows, now: datetime, message: str) -> None:
        """Show these rows; the message if there are none."""
        self._now, self._context_rows = now, found.context
        self.show_rows(found.rows, message)

    def fit_columns(self) -> None:
        """Fit the columns into the width."""
        self._layout_of_columns = fit_work_layout(self.cells)

    def look_of(self, row: WorkRow) -> _Look:
        """Return everything that determines how a row is drawn."""
        layout = self._layout_of_columns
        texts = work_texts(row, layout, self._now)
        states = tuple(row.states.items())
        is_context = row.key in self._context_rows
        return _Look(row.label, row.depth, row.unfolded, row.has_finding, states, texts, layout, is_context)

    def pieces_of(self, row: WorkRow, look: object) -> list[Piece]:
        """Return the line of a row."""
        look = cast("_Look", look)
        return work_line(row, look.texts, look.layout, self._glyphs, is_context=look.is_context)


class WorkHeads(Lines):
    """The progress of all work, and the column heads."""

    DEFAULT_CSS = "WorkHeads { height: 2; }"

    class Chosen(Message):
        """A column head was clicked."""

        def __init__(self, column: WorkSort) -> None:
            super().__init__()
            self.column = column

    def __init__(self, glyphs: Glyphs, view: WorkView) -> None:
        super().__init__()
        self._glyphs = glyphs
        self._view = view
        self._work: Work | None = None
        self._now = datetime.min

    def show(self, work: Work | None, now: datetime) -> None:
        """Show the progress of this work."""
        self._work, self._now = work, now
        self.update()

    def lines(self, cells: int) -> list[list[Piece]]:
        """Return the lines."""
        if self._work is None:
            return []
        layout = fit_work_layout(cells - SCROLLBAR_CELLS)
        lines = [
            progress_line(self._work, self._now, cells, self._glyphs),
            work_heads(layout, self._view.sort, is_reversed=self._view.is_reversed),
        ]
        return [[Piece(self._glyphs.encode(text), role) for text, role in line] for line in lines]

    def on_click(self, event: events.Click) -> None:
        """Post which column head was clicked."""
        column = work_column_at(event.x, fit_work_layout(self.size.width - SCROLLBAR_CELLS))
        if event.y == 1 and column is not None:
            self.post_message(self.Chosen(column))


class _Legend(Lines):
    """What the parts of the bars mean."""

    DEFAULT_CSS = "_Legend { height: 1; }"

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__()
        self._glyphs = glyphs

    def lines(self, cells: int) -> list[list[Piece]]:
        """Return the line."""
        del cells
        return [[Piece(self._glyphs.encode(text), role) for text, role in LEGEND]]


class WorkPage(Page):
    """The computations, the newest first, each with its task names; and details of the selected one.

    Parameters
    ----------
    snapshot
        The snapshot that is shown.
    view
        The order, the filter and the folds; changed by keys.
    """

    DEFAULT_CSS = """
    WorkPage > .box { max-width: 100%; }
    WorkPage DetailsPane { display: none; }
    WorkPage.-docked DetailsPane { display: block; height: 40%; }
    WorkPage.-details DetailsPane { display: block; height: 1fr; }
    WorkPage.-details WorkHeads, WorkPage.-details WorkTable, WorkPage.-details _Legend { display: none; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        *bound(filter="filter", sort="sort(1)", reverse="reverse", fold_all="fold_all"),
        *bound(to_jobs="fold_to(1)", to_tasks="fold_to(2)"),
        *bound(details="details", toggle_details="toggle_details"),
        *bound(failures="app.failures", findings="app.findings", pause="app.pause", refresh="app.refresh_now"),
        *bound(profile="app.profile"),
        *bound(leave="leave", back="back"),
    ]
    HELP_ROWS: ClassVar[HelpGroups] = help_rows.WORK
    EXPLAINED = MEANINGS

    def __init__(self, snapshot: Snapshot, glyphs: Glyphs, view: WorkView) -> None:
        super().__init__("what dask computes", glyphs)
        self._snapshot = snapshot
        self._view = view
        self._top = WorkHeads(glyphs, view)
        self.table = WorkTable(glyphs)
        self._pane = DetailsPane(glyphs)
        self._filter = FilterLine(self.table, view.pattern, "text or regex · !exclude · state:failed")
        self._of: Key | None = None

    def contents(self) -> ComposeResult:
        """Create the table, and the details below it."""
        yield self._top
        yield self.table
        yield _Legend(self._glyphs)
        yield self._pane
        yield self._filter

    def on_mount(self) -> None:
        """Show the first snapshot."""
        self._place_details()
        self.show(self._snapshot)
        self.table.focus()

    def show(self, snapshot: Snapshot) -> None:
        """Show the work of this snapshot."""
        self._snapshot = snapshot
        work, view = snapshot.work, self._view
        self._top.show(work, snapshot.taken_at)
        if work is None:
            found, message = WorkRows([], frozenset()), UNKNOWN_WORK
        else:
            order = work_order(view.sort, is_reversed=view.is_reversed)
            marked = names_that_cannot_run(snapshot)
            found = work_rows(work, view.is_unfolded, order=order, pattern=view.pattern, marked=marked)
            message = f"nothing matches {view.pattern}{remark(view.pattern)}" if view.pattern else "No tasks."
        self.table.show(found, snapshot.taken_at, message)
        self._show_details()

    def _show_details(self) -> None:
        if not (self.has_class("-details") or self.has_class("-docked")):
            return
        row, snapshot = self.table.selected, self._snapshot
        is_other, self._of = row is None or row.key != self._of, None if row is None else row.key
        if row is None or snapshot.work is None:
            self._pane.show("", _no_lines, from_top=True)
            return
        sections = work_sections(row, snapshot.work, snapshot.taken_at)
        self._pane.show(work_title(row), lambda cells: lay_out(sections, cells, self._glyphs), from_top=is_other)

    def _place_details(self) -> None:
        is_full = self.has_class("-details")
        has_room = self.app.size.height >= _DETAILS_FROM_LINES
        self.set_class(self._view.shows_details and has_room and not is_full, "-docked")
        self._pane.is_page = is_full

    def on_resize(self) -> None:
        """Place the details for the new size."""
        self._place_details()
        self._show_details()

    def on_work_table_moved(self, message: WorkTable.Moved) -> None:
        """Show the details of the row that is selected now."""
        message.stop()
        self._show_details()

    def on_work_table_fold_chosen(self, message: WorkTable.FoldChosen) -> None:
        """Fold or unfold one row."""
        message.stop()
        self._view.fold(message.key, unfolded=message.unfolded)
        self.show(self._snapshot)

    @property
    def selected_task_name(self) -> str | None:
        """The task name of the selected row, if it is one."""
        row = self.table.selected
        return row.name.name if isinstance(row, NameRow) else None

    def action_fold_all(self) -> None:
        """Unfold all computations or, if all are unfolded, fold them."""
        folds = [row.unfolded for row in self.table.rows if row.unfolded is not None]
        self._view.fold_all(unfolded=not all(folds))
        self.show(self._snapshot)

    def action_fold_to(self, level: int) -> None:
        """Show only computations, or also their task names."""
        self._view.fold_all(unfolded=level > _COMPUTATIONS_ONLY)
        self.show(self._snapshot)

    def action_sort(self, step: int) -> None:
        """Sort by the next column; after the last one, restore the default order."""
        order: tuple[WorkSort | None, ...] = (None, "name", *fit_work_layout(self.table.cells).columns)
        place = (order.index(self._view.sort) + step) % len(order) if self._view.sort in order else 0
        self._view.sort, self._view.is_reversed = order[place], False
        self.show(self._snapshot)

    def action_reverse(self) -> None:
        """Reverse the sort order."""
        self._view.sort, self._view.is_reversed = self._view.sort or "name", not self._view.is_reversed
        self.show(self._snapshot)

    def on_work_heads_chosen(self, message: WorkHeads.Chosen) -> None:
        """Sort by a column; if it is the sort column already, reverse the order."""
        message.stop()
        is_same = self._view.sort == message.column
        self._view.sort, self._view.is_reversed = message.column, is_same and not self._view.is_reversed
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
        if self.has_class("-details") or self.app.size.height < _DETAILS_FROM_LINES:
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
            self.dismiss(None)

    def action_back(self) -> None:
        """Close the page."""
        self.dismiss(None)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Disable keys of the table while the details are in its place."""
        del parameters
        return not (self.has_class("-details") and action in _ON_TABLE)


_ON_TABLE = frozenset({"filter", "sort", "reverse", "fold_all", "fold_to"})


def _no_lines(cells: int) -> list[Line]:
    del cells
    return [[Piece("no row selected", "quiet")]]
