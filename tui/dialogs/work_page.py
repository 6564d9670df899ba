"""The page with what dask computes: a tree of computations and task names, with details. Follows the snapshots."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import ClassVar, NamedTuple, cast

from textual import events
from textual.binding import BindingType
from textual.message import Message
from textual.widget import Widget

from dasktop.collectors.model.snapshot import Snapshot
from dasktop.collectors.model.work import Work
from dasktop.collectors.text.patterns import remark
from dasktop.tui.dialogs.sorted_page import SortedTablePage, SortedView
from dasktop.tui.draw.glyphs import Glyphs
from dasktop.tui.draw.piece import Piece
from dasktop.tui.draw.prose import Section
from dasktop.tui.draw.text_width import printable
from dasktop.tui.view import help_rows
from dasktop.tui.view.help_rows import HelpGroups
from dasktop.tui.view.keys import NO_KEYMAP, Keymap
from dasktop.tui.view.layout import SCROLLBAR_CELLS
from dasktop.tui.view.rows import Key
from dasktop.tui.view.work import FAILED, LEGEND, UNKNOWN_WORK, findings_by_name, marked_names, number_in, progress_line
from dasktop.tui.view.work_columns import (
    MEANINGS,
    WORK_COLUMNS,
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
from dasktop.tui.widgets.lines import LEFT_BUTTON, Lines
from dasktop.tui.widgets.row_table import RowTable


class WorkView(SortedView):
    """How the user wants the work shown; kept while the page is closed."""


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
            work_heads(layout, cast("WorkSort | None", self._view.sort), is_reversed=self._view.is_reversed),
        ]
        return [[Piece(self._glyphs.encode(text), role) for text, role in line] for line in lines]

    def on_click(self, event: events.Click) -> None:
        """Post which column head was clicked."""
        column = work_column_at(event.x, fit_work_layout(self.size.width - SCROLLBAR_CELLS))
        if event.y == 1 and column is not None and event.button == LEFT_BUTTON:
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


class WorkPage(SortedTablePage[WorkRow]):
    """The computations, the newest first, each with its task names; and details of the selected one.

    Parameters
    ----------
    snapshot
        The snapshot that is shown.
    view
        The order, the filter and the folds; changed by keys.
    task_name
        The task name to select at first.
    keymap
        Keys that replace those of the key table.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        *bound(failures="app.failures", profile="app.profile", call_stack="call_stack"),
    ]
    HELP_ROWS: ClassVar[HelpGroups] = help_rows.WORK

    class CallStackWanted(Message):
        """The call stack of the longest running task of a worker was requested."""

        def __init__(self, address: str) -> None:
            super().__init__()
            self.address = address

    EXPLAINED = MEANINGS

    def __init__(
        self,
        snapshot: Snapshot,
        glyphs: Glyphs,
        view: WorkView,
        task_name: str | None = None,
        keymap: Keymap = NO_KEYMAP,
    ) -> None:
        table = WorkTable(glyphs)
        placeholder = "text or regex · !exclude · state:failed"
        super().__init__("what dask computes", glyphs, snapshot, view, table, placeholder)
        self._work_view = view
        self._first_name = task_name
        self._keys = keymap
        self._work_table = table
        self._top = WorkHeads(glyphs, view)
        self._legend = _Legend(glyphs)

    def above(self) -> Sequence[Widget]:
        """Return the progress and the column heads."""
        return (self._top,)

    def below(self) -> Sequence[Widget]:
        """Return the legend of the bars."""
        return (self._legend,)

    def show_table(self) -> None:
        """Show the work of the snapshot."""
        snapshot, view = self._snapshot, self._work_view
        work = snapshot.work
        self._top.show(work, snapshot.taken_at)
        if work is None:
            found, message = WorkRows([], frozenset()), UNKNOWN_WORK
        else:
            order = work_order(cast("WorkSort | None", view.sort), is_reversed=view.is_reversed)
            marked = marked_names(snapshot)
            found = work_rows(work, view.is_unfolded, order=order, pattern=view.pattern, marked=marked)
            message = f"nothing matches {view.pattern}{remark(view.pattern)}" if view.pattern else "No tasks."
        self._work_table.show(found, snapshot.taken_at, message)

    def hits(self) -> tuple[int, int]:
        """Return how many rows of task names match the filter, of how many."""
        work = self._snapshot.work

        def number(pattern: str) -> int:
            rows = work_rows(work, lambda _key, _default: True, pattern=pattern).rows if work is not None else ()
            return sum(isinstance(row, NameRow) for row in rows)

        return number(self._view.pattern), number("")

    def details_of(self, row: WorkRow) -> tuple[str, Sequence[Section]]:
        """Return the heading and the details of a row."""
        snapshot = self._snapshot
        if snapshot.work is None:
            return work_title(row), ()
        findings = findings_by_name(snapshot)
        return work_title(row), work_sections(row, snapshot.work, snapshot.taken_at, findings, self._keys)

    @property
    def selected_task_name(self) -> str | None:
        """The task name of the selected row, if it is one."""
        row = self.table.selected
        return row.name.name if isinstance(row, NameRow) else None

    def keys_for(self, row: WorkRow) -> Sequence[str]:
        """Return the ids of the keys that apply to a row."""
        of_name = ("call_stack", "profile") if isinstance(row, NameRow) else ()
        failures = ("failures",) if any(number_in(row.states, word) for word in FAILED) else ()
        return (*super().keys_for(row), *of_name, *failures)

    def words_for(self, key_id: str) -> str:
        """Return what a key does to the selected row, by id."""
        return "show the call stack of its longest running task" if key_id == "call_stack" else ""

    def action_call_stack(self) -> None:
        """Request the call stack of the longest running task of the selected name, or say why not."""
        work, name = self._snapshot.work, self.selected_task_name
        running = (work.running if work is not None else None) or ()
        addresses = [(task.seconds, task.address) for task in running if task.task_name == name and task.address]
        if name is None:
            self.refuse("no task name selected: unfold the computation and select one")
        elif not addresses:
            self.refuse(f"no worker is known that runs a task of {printable(name)}")
        else:
            self.post_message(self.CallStackWanted(max(addresses)[1]))

    def select_at_first(self) -> None:
        """Select the wanted task name; if findings are about it, with details, which have these."""
        if self._first_name is None:
            return
        self.select_task_name(self._first_name)
        if self._first_name in findings_by_name(self._snapshot) and not self.has_class("-docked"):
            self.action_details()

    def select_task_name(self, name: str) -> None:
        """Select the first row of a task name, and unfold its computation; clear a filter that hides it."""
        if self._snapshot.work is None:
            return
        rows = work_rows(self._snapshot.work, lambda _key, _default: True).rows
        found = [row for row in rows if isinstance(row, NameRow) and row.name.name == name]
        if found:
            self.select_below(found[0])

    def sort_heads(self) -> Mapping[str, str]:
        """Return the columns that are shown, from left to right: name and head."""
        shown = fit_work_layout(self.table.cells).columns
        return {"name": "name"} | {name: WORK_COLUMNS[name].head for name in shown}

    def on_work_heads_chosen(self, message: WorkHeads.Chosen) -> None:
        """Sort by a column; if it is the sort column already, reverse the order."""
        message.stop()
        self.sort_by(message.column)
