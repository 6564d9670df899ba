"""The table of the tree: jobs, tasks, workers and threads. Holds no snapshot."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple, cast

from dasktop.collectors.model.task_times import TaskTimes
from dasktop.collectors.model.thresholds import DEFAULTS, Thresholds
from dasktop.tui.draw.glyphs import Glyphs
from dasktop.tui.draw.piece import Piece
from dasktop.tui.view.cell_values import Cells
from dasktop.tui.view.cells import cells
from dasktop.tui.view.columns import DEFAULT_COLUMNS, ColumnName, more_cells
from dasktop.tui.view.layout import MARK, Layout, fit_layout, line
from dasktop.tui.view.now import Now, now_of
from dasktop.tui.view.row_marks import RowMarks
from dasktop.tui.view.rows import JobRow, Key, Kind, Row
from dasktop.tui.widgets.row_table import RowTable

_NO_MARKS = RowMarks()
_NO_TIMES = TaskTimes()


class _Look(NamedTuple):
    """Everything that determines how a line looks."""

    row: tuple[Kind, int, bool | None]
    cells: Cells
    layout: Layout
    margin: Piece | None
    is_context: bool


class TreeTable(RowTable[Row]):
    """Rows with columns and a selection; the controller handles folding."""

    class FoldChosen(RowTable.FoldChosen):
        """The user asked to fold or unfold a row."""

    class Moved(RowTable.Moved):
        """The user moved the selection."""

    class Opened(RowTable.Opened):
        """The selected row was double-clicked."""

    class MenuWanted(RowTable.MenuWanted):
        """The user wants the menu of the selected row."""

    class Resized(RowTable.Resized):
        """The number of visible lines changed."""

    def __init__(
        self, glyphs: Glyphs, columns: tuple[ColumnName, ...] = DEFAULT_COLUMNS, thresholds: Thresholds = DEFAULTS
    ) -> None:
        super().__init__(glyphs)
        self._taken_at = datetime.min
        self._marked: frozenset[str] = frozenset()
        self._context_rows: frozenset[Key] = frozenset()
        self._row_marks = _NO_MARKS
        self._times = _NO_TIMES
        self._columns = columns
        self._thresholds = thresholds
        self._layout_of_columns: Layout = fit_layout(0)

    @property
    def selected_job_id(self) -> str | None:
        """Id of the job of the selected row."""
        return self.selected.of_job if self.selected is not None else None

    def mark(self, job_ids: frozenset[str]) -> None:
        """Show exactly these jobs as marked."""
        self._marked = job_ids
        self.refresh_changed()

    def show_columns(self, columns: tuple[ColumnName, ...]) -> None:
        """Show these columns, as many as fit."""
        self._columns = columns
        self.fit_columns()
        self.refresh_changed()

    @property
    def shown_columns(self) -> Collection[ColumnName]:
        """The columns that there is room for."""
        return self._layout_of_columns.columns

    def fit_columns(self) -> None:
        """Fit the columns into the width."""
        self._layout_of_columns = fit_layout(self.cells, self._columns)

    def show(
        self,
        rows: Sequence[Row],
        taken_at: datetime,
        message: str = "",
        context: frozenset[Key] = frozenset(),
        row_marks: RowMarks = _NO_MARKS,
        times: TaskTimes = _NO_TIMES,
    ) -> None:
        """Show these rows, with the same one selected if it is still there.

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
        times
            How long the tasks of the cluster usually take.
        """
        self._taken_at, self._context_rows, self._row_marks = taken_at, context, row_marks
        self._times = times
        self.show_rows(rows, message)

    def clear(self) -> None:
        """Show no rows."""
        self.show((), datetime.min)

    def look_of(self, row: Row) -> _Look:
        """Return everything that determines how a row is drawn."""
        is_marked = isinstance(row, JobRow) and row.job.job_id in self._marked
        layout = self._layout_of_columns
        more = more_cells(row, layout.more)
        now = now_of(row, self._times) if "now" in layout.columns else Now()
        return _Look(
            (row.kind, row.depth, row.unfolded),
            cells(row, self._taken_at, self._thresholds)._replace(more=more, now=now),
            layout,
            Piece(MARK, "key") if is_marked else self._row_marks.mark(row),
            row.key in self._context_rows,
        )

    def pieces_of(self, row: Row, look: object) -> list[Piece]:
        """Return the line of a row."""
        look = cast("_Look", look)
        return line(row, look.cells, look.layout, self._glyphs, margin=look.margin, is_context=look.is_context)
