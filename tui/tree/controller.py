"""What the tree shows: which rows, in which order, what is unfolded, marked and gone to. No I/O, and no drawing."""

from collections.abc import Callable, Iterable
from typing import Any

from textual.app import App

from dasktop.collectors.model.feed import Feed
from dasktop.collectors.model.jobs import has_ended
from dasktop.collectors.model.snapshot import Snapshot
from dasktop.collectors.text.patterns import remark
from dasktop.tui.draw.glyphs import Glyphs
from dasktop.tui.tree.column_box import ColumnBox
from dasktop.tui.tree.filter_line import FilterLine
from dasktop.tui.tree.table import TreeTable
from dasktop.tui.view.columns import ColumnName, SortName
from dasktop.tui.view.filtering import FilteredSnapshot, View, apply_view, flat_order, with_whole_figures
from dasktop.tui.view.folds import THREADS, Folds
from dasktop.tui.view.row_marks import RowMarks
from dasktop.tui.view.rows import EARLIER, OTHERS, OUTSIDE, Key, Row, visible_rows
from dasktop.tui.view.selection import places_of
from dasktop.tui.view.summary import empty_words
from dasktop.tui.widgets.header import ColumnHeads
from dasktop.tui.widgets.status_line import StatusLine

_MOST_WORKERS_UNFOLDED_AT_ONCE = 100
"""Each that is unfolded is asked for its threads, again and again."""


class TreeController:
    """The tree of one cluster, and how the user wants to see it.

    Parameters
    ----------
    app
        For the box in which columns are chosen.
    feed
        Told whose threads are looked at.
    activity
        Where it is told why something can't be shown.
    view
        How it is seen at first.
    follow
        Called whenever other rows show, or another one is selected.
    looked_at
        Returns the address of the worker whose details show, if any do.

    Attributes
    ----------
    heads, table, filter_line
        The widgets, for the screen to place.
    view
        How it is seen now.
    marked
        The ids of the jobs that are marked for being released.
    """

    def __init__(
        self,
        app: App[Any],
        feed: Feed,
        activity: StatusLine,
        glyphs: Glyphs,
        view: View,
        follow: Callable[[], None],
        looked_at: Callable[[], str | None] = lambda: None,
    ) -> None:
        self._app = app
        self._feed = feed
        self._activity = activity
        self._glyphs = glyphs
        self._follow = follow
        self._looked_at = looked_at
        self.heads = ColumnHeads(glyphs, view)
        self.table = TreeTable(glyphs, view.columns)
        self.filter_line = FilterLine(self.table, view.pattern)
        self.view = view
        self.marked: frozenset[str] = frozenset()
        self._folds = Folds()
        self._finding = -1
        self._watched: frozenset[str] = frozenset()
        self._snapshot: Snapshot | None = None

    def show(self, snapshot: Snapshot) -> None:
        """Show this snapshot from now on."""
        self._snapshot = snapshot
        self.show_rows()

    def forget(self) -> None:
        """Forget the cluster: what comes is of another. How rows are sorted stays; the filter goes."""
        self._snapshot = None
        self._folds, self._finding, self._watched = Folds(), -1, frozenset()
        self.view = self.view._replace(pattern="")
        self.filter_line.clear()
        self.mark(())
        self.table.clear()

    def show_rows(self) -> None:
        """Weigh again which rows can be seen, and show them."""
        if self._snapshot is None:
            return
        self._folds.adapt(self._snapshot, self.table.size.height)
        narrowed = apply_view(self._snapshot, self.view)
        rows = self._rows(narrowed)
        if len(_unfolded_workers(rows)) > _MOST_WORKERS_UNFOLDED_AT_ONCE and self._folds.fold_threads():
            self._activity.announce("there are too many workers now to ask all for their threads", "waiting")
            rows = self._rows(narrowed)
        pattern = self.view.pattern
        words = f"nothing matches {pattern}{remark(pattern)}" if pattern else empty_words(self._snapshot)
        troubles = RowMarks(self._snapshot.findings)
        self.table.show(rows, self._snapshot.taken_at, words, narrowed.context, troubles)
        looked_at = self._looked_at()
        watched = _unfolded_workers(rows) | ({looked_at} if looked_at else set())
        if watched != self._watched:
            self._watched = watched
            self._feed.watch_threads(watched)
        self._follow()

    def _rows(self, narrowed: FilteredSnapshot) -> list[Row]:
        def is_unfolded(key: Key) -> bool:
            return key in narrowed.context or self._folds.is_unfolded(key, by_default=is_found(key))

        def is_found(key: Key) -> bool:
            """Tell whether something unfolds by itself: what holds what a filter found."""
            return bool(self.view.pattern) and (key in (EARLIER, OTHERS, OUTSIDE) or key[0] == "array")

        return self._rows_of(narrowed, is_unfolded)

    def _rows_of(self, narrowed: FilteredSnapshot, is_unfolded: Callable[[Key], bool]) -> list[Row]:
        rows = visible_rows(
            narrowed.snapshot,
            is_unfolded,
            is_flat=self.view.is_flat,
            flat_order=flat_order(self.view),
            keeps_order=self.view.sort is not None,
        )
        if self._snapshot is None or not self.view.pattern:
            return rows
        return list(with_whole_figures(rows, self._snapshot))

    # -- how it is seen

    def see(self, view: View) -> None:
        """Show rows in another way; the selection stays where it is."""
        if view.columns != self.view.columns:
            self.table.show_columns(view.columns)
        self.view = view
        self.heads.show(view)
        self.show_rows()

    def filter_by(self, pattern: str) -> None:
        """Show what matches, and what that is in."""
        self.see(self.view._replace(pattern=pattern))

    def sort_next(self, step: int) -> None:
        """Sort by the next column; after the last, as at first."""
        order: tuple[SortName | None, ...] = (None, "name", *self.view.columns)
        place = (order.index(self.view.sort) + step) % len(order) if self.view.sort in order else 0
        self.see(self.view._replace(sort=order[place], is_reversed=False))

    def sort_by(self, column: SortName) -> None:
        """Sort by a column; by the one that is sorted by, the other way round."""
        if column == self.view.sort:
            self.reverse()
        else:
            self.see(self.view._replace(sort=column, is_reversed=False))

    def reverse(self) -> None:
        """Sort the other way round."""
        self.see(self.view._replace(sort=self.view.sort or "name", is_reversed=not self.view.is_reversed))

    def choose_columns(self) -> None:
        """Let the user choose columns, and see at once what that looks like."""

        def choose(columns: tuple[ColumnName, ...]) -> None:
            self.see(self.view._replace(columns=columns))

        self._app.push_screen(ColumnBox(self.view.columns, self._glyphs, choose))

    def toggle_flat(self) -> None:
        """Show all workers in one list, or the tree again."""
        self.see(self.view._replace(is_flat=not self.view.is_flat))

    # -- what is unfolded

    def fold(self, key: Key, *, unfolded: bool) -> None:
        """Fold or unfold one row."""
        self.settle()
        self._folds.choose(key, unfolded)
        self.show_rows()

    def settle(self) -> None:
        """From now on the user is at home here: nothing folds by itself any more."""
        self._folds.freeze()

    def fold_all(self) -> None:
        """Unfold all jobs, or fold them when they are."""
        if self._snapshot is not None:
            rows = self._rows(apply_view(self._snapshot, self.view))
            self._folds.choose_all(any(row.kind == "job" and row.depth == 0 and row.unfolded is False for row in rows))
            self.show_rows()

    def fold_to(self, level: int) -> None:
        """Show all down to a level of the tree, and nothing below it."""
        workers = self._snapshot.totals.workers if self._snapshot is not None else None
        if level == THREADS and (workers or 0) > _MOST_WORKERS_UNFOLDED_AT_ONCE:
            self._app.bell()
            self._activity.remark(f"too many to ask all for their threads: {workers:,} workers; unfold some", "waiting")
            return
        self._folds.choose_level(level)
        self.show_rows()

    # -- what is gone to, and marked

    def next_finding(self, step: int) -> None:
        """Go to the next row that a finding is about, unfolding what it is in."""
        if self._snapshot is None:
            self._app.bell()
            return
        findings = self._snapshot.findings
        places = places_of(findings, self._rows_of(apply_view(self._snapshot, self.view), lambda _: True))
        if not places:
            self._app.bell()
            self._activity.remark(
                "no row here is what a finding is about" if findings else "nothing is found", "waiting"
            )
            return
        self._finding = (max(self._finding, 0 if step < 0 else -1) + step) % len(places)
        *around, place = places[self._finding]
        self.settle()
        for key in around:
            self._folds.choose(key, unfolded=True)
        self.show_rows()
        self.table.select_key(place)

    def mark(self, job_ids: Iterable[str]) -> None:
        """Mark these jobs, and no others."""
        self.marked = frozenset(job_ids)
        self.table.mark(self.marked)

    def mark_only_those_left(self, snapshot: Snapshot) -> None:
        """Take away the marks of jobs that have ended."""
        self.mark(self.marked & {job.job_id for job in snapshot.jobs if not has_ended(job)})

    def toggle_mark(self) -> None:
        """Mark the selected row's job, or take its mark away; go on to the next row."""
        job_id = self.table.selected_job_id
        if job_id is not None:
            self.mark(self.marked ^ {job_id})
            self.table.action_move(1)

    @property
    def chosen_jobs(self) -> list[str]:
        """The marked jobs or, where none is, the selected row's."""
        selected = self.table.selected_job_id
        return sorted(self.marked) or ([selected] if selected is not None else [])


def _unfolded_workers(rows: Iterable[Row]) -> frozenset[str]:
    """Return the addresses of the workers whose threads show."""
    return frozenset(str(row.key[1]) for row in rows if row.kind == "worker" and row.unfolded)
