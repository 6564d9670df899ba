"""The page with the failed tasks, grouped by reason, the workers that ended, and details. Follows the snapshots."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import ClassVar, NamedTuple, cast

from textual.widget import Widget

from dasktop.collectors.analysis.failures import unexpected_ends
from dasktop.collectors.model.snapshot import Snapshot
from dasktop.collectors.model.work import Failure
from dasktop.collectors.text.patterns import remark
from dasktop.tui.dialogs.sorted_page import SortedTablePage, SortedView
from dasktop.tui.dialogs.table_page import TableHeads
from dasktop.tui.draw.glyphs import Glyphs
from dasktop.tui.draw.piece import Piece
from dasktop.tui.draw.prose import Section
from dasktop.tui.view import help_rows
from dasktop.tui.view.failure_columns import (
    MEANINGS,
    FailureLayout,
    failure_column_at,
    failure_heads,
    failure_line,
    failure_order,
    failure_texts,
    fit_failure_layout,
    shown_failure_columns,
)
from dasktop.tui.view.failure_details import failure_sections, failure_title
from dasktop.tui.view.failure_rows import (
    EndRow,
    FailedTaskRow,
    FailureRow,
    FailureRows,
    GroupOrder,
    GroupRow,
    failure_rows,
)
from dasktop.tui.view.failures import UNKNOWN_FAILURES, failures_summary
from dasktop.tui.view.help_rows import HelpGroups
from dasktop.tui.view.rows import Key
from dasktop.tui.widgets.row_table import RowTable


class _Look(NamedTuple):
    """Everything that determines how a line looks."""

    depth: int
    unfolded: bool | None
    texts: tuple[str, ...]
    layout: FailureLayout
    is_context: bool


class FailuresTable(RowTable[FailureRow]):
    """The rows of the page."""

    KEEPS_LINE = True

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__(glyphs)
        self._now = datetime.min
        self._context_rows: frozenset[Key] = frozenset()
        self._layout_of_columns = fit_failure_layout(0)

    def show(self, found: FailureRows, now: datetime, message: str) -> None:
        """Show these rows; the message if there are none."""
        self._now, self._context_rows = now, found.context
        self.show_rows(found.rows, message)

    def fit_columns(self) -> None:
        """Fit the columns into the width."""
        self._layout_of_columns = fit_failure_layout(self.cells)

    def look_of(self, row: FailureRow) -> _Look:
        """Return everything that determines how a row is drawn."""
        layout = self._layout_of_columns
        texts = failure_texts(row, layout, self._now)
        return _Look(row.depth, row.unfolded, texts, layout, row.key in self._context_rows)

    def pieces_of(self, row: FailureRow, look: object) -> list[Piece]:
        """Return the line of a row."""
        look = cast("_Look", look)
        return failure_line(row, look.texts, look.layout, self._glyphs, is_context=look.is_context)


class FailuresPage(SortedTablePage[FailureRow]):
    """The groups of failed tasks, each with its tasks, and the ended workers; and details of the selected row.

    Parameters
    ----------
    snapshot
        The snapshot that is shown.
    view
        The filter and the folds; changed by keys.
    task_name
        The task name to select at first.
    """

    HELP_ROWS: ClassVar[HelpGroups] = help_rows.FAILURES
    EXPLAINED = MEANINGS

    def __init__(self, snapshot: Snapshot, glyphs: Glyphs, view: SortedView, task_name: str | None = None) -> None:
        table = FailuresTable(glyphs)
        super().__init__("failed tasks", glyphs, snapshot, view, table, "text or regex · !exclude")
        self._rows_table = table
        self._heads = TableHeads(glyphs)
        self._order = GroupOrder()
        self._first_name = task_name

    def above(self) -> Sequence[Widget]:
        """Return the summary and the column heads."""
        return (self._heads,)

    @property
    def _failures(self) -> tuple[Failure, ...] | None:
        work = self._snapshot.work
        return None if work is None else work.failures

    def show_table(self) -> None:
        """Show the failed tasks and ended workers of the snapshot."""
        work, pattern = self._snapshot.work, self._view.pattern
        failures, ends = self._failures, unexpected_ends(self._snapshot)
        order = self.order
        sort = failure_order(order.sort, self._snapshot.taken_at, is_reversed=order.is_reversed)
        found = failure_rows(failures or (), ends, self._view.is_unfolded, self._order, pattern, sort)
        is_empty = not failures and not ends
        summary = "" if is_empty else failures_summary(failures, ends, None if work is None else work.progress)
        self._heads.show(
            summary,
            lambda cells: failure_heads(fit_failure_layout(cells), order.sort, is_reversed=order.is_reversed),
            lambda cell, cells: failure_column_at(cell, fit_failure_layout(cells)),
        )
        message = UNKNOWN_FAILURES if failures is None else "No failed tasks."
        if pattern and not is_empty:
            message = f"nothing matches {pattern}{remark(pattern)}"
        self._rows_table.show(found, self._snapshot.taken_at, message)

    def sort_heads(self) -> Mapping[str, str]:
        """Return the columns that are shown, from left to right: name and head."""
        return shown_failure_columns(fit_failure_layout(self.table.cells))

    def hits(self) -> tuple[int, int]:
        """Return how many failed tasks and ended workers match the filter, of how many."""
        ends = unexpected_ends(self._snapshot)

        def number(pattern: str) -> int:
            found = failure_rows(self._failures or (), ends, lambda _key, _default: True, GroupOrder(), pattern)
            return sum(isinstance(row, FailedTaskRow | EndRow) for row in found.rows)

        return number(self._view.pattern), number("")

    def select_at_first(self) -> None:
        """Select the wanted task name."""
        if self._first_name is not None:
            self.select_task_name(self._first_name)

    def select_task_name(self, name: str) -> None:
        """Select the newest group of failed tasks of this name; clear a filter that hides it."""
        groups = failure_rows(self._failures or (), (), lambda _key, _default: False, self._order).rows
        found = [row for row in groups if isinstance(row, GroupRow) and row.group.task_name == name]
        if found:
            self.select_below(found[0])

    def details_of(self, row: FailureRow) -> tuple[str, Sequence[Section]]:
        """Return the heading and the details of a row."""
        return failure_title(row), failure_sections(row, self._failures or (), self._snapshot.taken_at)
