"""Decides what the tree shows: rows, order, folds, marks and selection. Draws nothing."""

from collections.abc import Callable, Collection, Iterable
from typing import Any

from textual.app import App

from dasktop.collectors.model.feed import Feed
from dasktop.collectors.model.jobs import has_ended
from dasktop.collectors.model.snapshot import Finding, Snapshot
from dasktop.collectors.model.task_times import TaskTimes
from dasktop.collectors.model.thresholds import DEFAULTS, Thresholds
from dasktop.tui.draw.glyphs import Glyphs
from dasktop.tui.tree.table import TreeTable
from dasktop.tui.view.columns import ColumnName, SortName
from dasktop.tui.view.filtering import (
    FilteredSnapshot,
    View,
    apply_view,
    flat_order,
    hit_words,
    nothing_matches,
    with_whole_figures,
)
from dasktop.tui.view.folds import Folds
from dasktop.tui.view.row_list import RowList
from dasktop.tui.view.row_marks import RowMarks
from dasktop.tui.view.rows import (
    EARLIER,
    LEFT,
    OTHERS,
    OUTSIDE,
    AskingRow,
    IdleRow,
    JobRow,
    Key,
    ThreadRow,
    WorkerRow,
)
from dasktop.tui.view.selection import next_place, places_of, places_of_job, places_of_key
from dasktop.tui.view.summary import empty_words
from dasktop.tui.view.visible_rows import shows_tasks, visible_rows
from dasktop.tui.view.workers import longest_running
from dasktop.tui.widgets.header import ColumnHeads
from dasktop.tui.widgets.pattern_line import FilterLine
from dasktop.tui.widgets.status_line import StatusLine


class TreeController:
    """The tree of one cluster, and the user's view of it.

    Parameters
    ----------
    app
        Shows the column dialog.
    feed
        Polls the threads of unfolded workers.
    status
        Shows why something cannot be shown.
    view
        The initial view.
    follow
        Called when the rows or the selection change.
    looked_at
        Returns the address of the worker whose details are shown, or ``None``.
    spare_lines
        Returns how many lines the table would get if it had more rows.

    Attributes
    ----------
    heads, table, filter_line
        The widgets, for the screen to place.
    view
        The current view.
    marked
        Ids of the jobs that are marked for release.
    """

    def __init__(
        self,
        app: App[Any],
        feed: Feed,
        status: StatusLine,
        glyphs: Glyphs,
        view: View,
        follow: Callable[[], None],
        looked_at: Callable[[], str | None] = lambda: None,
        spare_lines: Callable[[], int] = lambda: 0,
        thresholds: Thresholds = DEFAULTS,
    ) -> None:
        self._app = app
        self._feed = feed
        self._status = status
        self._glyphs = glyphs
        self._follow = follow
        self._looked_at = looked_at
        self._spare_lines = spare_lines
        self.heads = ColumnHeads(glyphs, view)
        self.table = TreeTable(glyphs, view.columns, thresholds)
        self.table.watch(self.table, "scroll_y", self._watch_threads, init=False)
        self.filter_line = FilterLine(self.table, view.pattern)
        self.view = self._first_view = view
        self.marked: frozenset[str] = frozenset()
        self._thresholds = thresholds
        self._folds = Folds(thresholds)
        self._unfolded_workers: frozenset[str] = frozenset()
        self._watched: frozenset[str] = frozenset()
        self._hidden: frozenset[str] = frozenset()
        self._snapshot: Snapshot | None = None
        # The worker whose threads are being read to select one of them, and what to call then.
        self._awaited: tuple[str, Callable[[], None]] | None = None
        # The row that was unfolded, until its children are there and have been scrolled into view.
        self._unfolded: Key | None = None

    def show(self, snapshot: Snapshot) -> None:
        """Show a snapshot."""
        self._snapshot = snapshot
        self.show_rows()
        self._select_awaited_thread()

    def forget(self) -> None:
        """Reset for another cluster: keep the columns, clear the filter, and order and list rows as at the start."""
        self._snapshot = self._awaited = None
        self._folds = Folds(self._thresholds)
        self._unfolded_workers = self._watched = self._hidden = frozenset()
        self.view = self._first_view._replace(columns=self.view.columns, pattern="")
        self.heads.show(self.view)
        self.filter_line.clear()
        self.mark(())
        self.table.clear()

    def show_rows(self) -> None:
        """Recompute the rows and show them."""
        if self._snapshot is None:
            return
        self._folds.adapt(self._snapshot, self.table.size.height + self._spare_lines())
        filtered = apply_view(self._snapshot, self.view)
        rows = self._rows(filtered)
        pattern = self.view.pattern
        message = nothing_matches(pattern, self._snapshot) if pattern else empty_words(self._snapshot)
        self.filter_line.show_count(hit_words(filtered, self._snapshot, is_flat=self.view.is_flat) if pattern else "")
        marks = RowMarks(self._snapshot.findings)
        times = TaskTimes.of(self._snapshot.work, self._thresholds, self._snapshot.findings)
        self.table.show(rows, self._snapshot.taken_at, message, filtered.context, marks, times)
        self._scroll_to_unfolded()
        self._unfolded_workers = self._shown_unfolded(rows)
        self._watch_threads()
        self._follow()

    def _watch_threads(self) -> None:
        """Have the threads of the unfolded workers read, and often those of the workers that are in sight."""
        looked_at = self._looked_at()
        in_details = {looked_at} if looked_at else set()
        watched = self._unfolded_workers | in_details
        rows = self.table.rows_in_sight if self._unfolded_workers else ()
        in_sight = {row.worker.address for row in rows if isinstance(row, WorkerRow | ThreadRow | IdleRow | AskingRow)}
        hidden = watched - in_sight - in_details
        if (watched, hidden) != (self._watched, self._hidden):
            self._watched, self._hidden = watched, hidden
            self._feed.watch_threads(watched, hidden)

    def _shown_unfolded(self, rows: RowList) -> frozenset[str]:
        """Return the addresses of the workers whose threads are shown."""
        if not (may_be_unfolded := self._folds.unfolded_workers) and may_be_unfolded is not None:
            return frozenset()
        shown = rows.not_folded_workers()
        return frozenset(row.worker.address for row in shown if row.unfolded and isinstance(row, WorkerRow))

    def _rows(self, filtered: FilteredSnapshot) -> RowList:
        context, folds = filtered.context, self._folds

        def is_unfolded(key: Key) -> bool:
            return key in context or folds.is_unfolded(key, by_default=unfolds_by_default(key))

        def unfolds_by_default(key: Key) -> bool:
            """Return whether a row unfolds by default because a filter is active: groups do."""
            return key in (EARLIER, LEFT, OTHERS, OUTSIDE) or key[0] == "array"

        asked = is_unfolded if self.view.pattern else folds.is_unfolded
        return self._rows_of(filtered, asked, folds.unfolded_workers)

    def _rows_of(
        self,
        filtered: FilteredSnapshot,
        is_unfolded: Callable[[Key], bool],
        unfolded_workers: Collection[str] | None,
    ) -> RowList:
        unfiltered = self._snapshot if self.view.pattern else None
        whole = {job.job_id: job for job in unfiltered.jobs} if unfiltered is not None else {}
        rows = visible_rows(
            filtered.snapshot,
            is_unfolded,
            has_task_rows=(lambda job: shows_tasks(whole.get(job.job_id, job))) if whole else shows_tasks,
            is_flat=self.view.is_flat,
            flat_order=flat_order(self.view),
            keeps_order=self.view.sort is not None,
            thresholds=self._thresholds,
            unfolded_workers=unfolded_workers,
        )
        return (
            rows if unfiltered is None else rows.with_others(with_whole_figures(rows.not_folded_workers(), unfiltered))
        )

    # -- view

    def set_view(self, view: View) -> None:
        """Apply a view; keep the selection."""
        if view.columns != self.view.columns:
            self.table.show_columns(view.columns)
        self.view = view
        self.heads.show(view)
        self.show_rows()

    def filter_by(self, pattern: str) -> None:
        """Show the rows that match, and their parents."""
        self.set_view(self.view._replace(pattern=pattern))

    def sort_next(self, step: int) -> None:
        """Sort by the next column; after the last one, restore the default order."""
        order: tuple[SortName | None, ...] = (None, *self.sort_names)
        place = (order.index(self.view.sort) + step) % len(order) if self.view.sort in order else 0
        self.set_view(self.view._replace(sort=order[place], is_reversed=False))

    @property
    def sort_names(self) -> tuple[SortName, ...]:
        """What the rows can be sorted by, in the order of the columns."""
        return ("name", *self.view.columns)

    def sort_by(self, column: SortName | None) -> None:
        """Sort by a column; if it is the sort column already, reverse the order; ``None``: the default order."""
        if column is not None and column == self.view.sort:
            self.reverse()
        else:
            self.set_view(self.view._replace(sort=column, is_reversed=False))

    def reverse(self) -> None:
        """Reverse the sort order."""
        self.set_view(self.view._replace(sort=self.view.sort or "name", is_reversed=not self.view.is_reversed))

    def choose_columns(self) -> None:
        """Open the column dialog, which applies each change immediately."""

        def choose(columns: tuple[ColumnName, ...]) -> None:
            self.set_view(self.view._replace(columns=columns))

        from dasktop.tui.tree.column_box import ColumnBox  # imported late: the start is faster

        self._app.push_screen(ColumnBox(self.view.columns, self._glyphs, choose, lambda: self.table.shown_columns))

    def toggle_flat(self) -> None:
        """Switch between the tree and a flat list of workers."""
        self.set_view(self.view._replace(is_flat=not self.view.is_flat))

    # -- folds

    def fold(self, key: Key, *, unfolded: bool) -> None:
        """Fold or unfold one row."""
        self.freeze_folds()
        self._folds.choose(key, unfolded)
        self._unfolded = key if unfolded else None
        self.show_rows()

    def _scroll_to_unfolded(self) -> None:
        """Scroll to the children of the row that was unfolded, unless another row is selected."""
        row = self.table.selected
        if self._unfolded is None:
            return
        if row is not None and row.key == self._unfolded:
            self.table.scroll_to_children()
            if isinstance(row, WorkerRow) and not row.worker.threads:
                return  # its threads are read only from now on
        self._unfolded = None

    def freeze_folds(self) -> None:
        """Stop folding rows automatically, since the user has started to navigate."""
        self._folds.freeze()

    def fold_all(self) -> None:
        """Unfold all jobs or, if all are unfolded, fold them."""
        if self._snapshot is not None:
            rows = self._rows(apply_view(self._snapshot, self.view))
            others = rows.not_folded_workers()
            top = (row for row in others if isinstance(row, JobRow) and row.depth == 0)
            self._folds.choose_all(any(row.unfolded is False for row in top))
            self.show_rows()

    def fold_to(self, level: int) -> None:
        """Unfold the tree down to a level, and fold what is below it."""
        self._folds.choose_level(level)
        self.show_rows()

    # -- threads

    def select_busy_thread(self, then: Callable[[], None]) -> None:
        """Select the thread of the selected worker whose task has run longest, and call `then`.

        If its threads have not been read, unfold it and do so once they have been, unless another row is selected.
        """
        row = self.table.selected
        if not isinstance(row, WorkerRow | IdleRow | AskingRow):
            self._app.bell()
            self._status.show_result("no thread selected: select a worker or one of its threads", "waiting")
            return
        self._awaited = row.worker.address, then
        if not row.worker.threads:
            self._status.show_result(f"reading the threads of worker {row.worker.name}…", "waiting")
            self.fold(("worker", row.worker.address), unfolded=True)
        self._select_awaited_thread()

    def _select_awaited_thread(self) -> None:
        row = self.table.selected
        if self._awaited is None:
            return
        address, then = self._awaited
        if not isinstance(row, WorkerRow | IdleRow | AskingRow) or row.worker.address != address:
            self._awaited = None
            return
        if not row.worker.threads:
            return
        self._awaited = None
        busiest = longest_running(row.worker.threads)
        if busiest is None:
            self._status.show_result(f"no thread of worker {row.worker.name} runs a task", "waiting")
            return
        self._status.clear()
        self.fold(("worker", address), unfolded=True)
        self.table.select_key(("thread", address, busiest.native_id))
        then()

    # -- findings and marks

    def next_finding(self, step: int) -> None:
        """Select the next row (from the selected one on) that a finding refers to, and unfold its parents."""
        if self._snapshot is None:
            self._app.bell()
            return
        findings = self._snapshot.findings
        rows = self._rows_of(apply_view(self._snapshot, self.view), lambda _: True, self._folds.unfolded_workers)
        places = places_of(findings, rows)
        if not places:
            self._app.bell()
            self._status.show_result(
                "no finding refers to a row in this view" if findings else "no findings", "waiting"
            )
            return
        selected = self.selected_key()
        path = next_place(places, rows, selected, step)
        if path[-1] == selected:
            self._status.show_result("findings refer to no other row in this view", "waiting")
        self._go_to(path)

    def go_to_finding(self, finding: Finding) -> bool:
        """Select the first row that a finding is about, and unfold its parents; clear a filter that hides it.

        Returns
        -------
        bool
            Whether there is such a row.
        """
        return self._go_to_first(lambda rows: places_of([finding], rows))

    def go_to_job(self, job_id: str) -> bool:
        """Select the row of a job as `go_to_finding` does; return whether there is one."""
        return self._go_to_first(lambda rows: places_of_job(job_id, rows))

    def go_to_worker(self, address: str) -> bool:
        """Select the row of a worker as `go_to_finding` does; return whether there is one."""
        return self._go_to_first(lambda rows: places_of_key(("worker", address), rows))

    def _go_to_first(self, places_in: Callable[[RowList], list[tuple[Key, ...]]]) -> bool:
        if self._snapshot is None:
            return False
        for view in (self.view, self.view._replace(pattern="")):
            places = places_in(self._rows_of(apply_view(self._snapshot, view), lambda _: True, ()))
            if not places:
                continue
            if view != self.view:
                self.filter_line.clear()
                self.set_view(view)
            self._go_to(places[0])
            return True
        return False

    def _go_to(self, path: tuple[Key, ...]) -> None:
        *parents, place = path
        self.freeze_folds()
        for key in parents:
            self._folds.choose(key, unfolded=True)
        self.show_rows()
        self.table.select_key(place)

    def selected_key(self) -> Key | None:
        """Return the key of the selected row."""
        return self.table.selected.key if self.table.selected is not None else None

    def mark(self, job_ids: Iterable[str]) -> None:
        """Mark exactly these jobs."""
        self.marked = frozenset(job_ids)
        self.table.mark(self.marked)

    def unmark_ended_jobs(self, snapshot: Snapshot) -> None:
        """Remove the marks of jobs that have ended."""
        if self.marked:
            self.mark(self.marked & {job.job_id for job in snapshot.jobs if not has_ended(job)})

    def toggle_mark(self) -> None:
        """Mark or unmark the job of the selected row, and select the next row."""
        job_id = self.table.selected_job_id
        if job_id is not None:
            self.mark(self.marked ^ {job_id})
            self.table.action_move(1)

    @property
    def chosen_jobs(self) -> list[str]:
        """The marked jobs or, if there are none, the job of the selected row."""
        selected = self.table.selected_job_id
        return sorted(self.marked) or ([selected] if selected is not None else [])
