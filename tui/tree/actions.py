"""The part of the app that passes keys and clicks to the tree."""

from dasktop.collectors.model.snapshot import Finding
from dasktop.tui.dialogs.pages import PagesApp
from dasktop.tui.tree.controller import TreeController
from dasktop.tui.tree.table import TreeTable
from dasktop.tui.view.columns import COLUMNS
from dasktop.tui.widgets.header import ColumnHeads
from dasktop.tui.widgets.pattern_line import FilterLine


class TreeActions(PagesApp):
    """The part of the app that passes keys and clicks to the tree."""

    _tree: TreeController

    def action_filter(self) -> None:
        """Open the filter line."""
        self._tree.filter_line.open()

    def on_filter_line_changed(self, message: FilterLine.Changed) -> None:
        """Filter as the user types."""
        self._tree.filter_by(message.pattern)

    def action_sort(self, step: int) -> None:
        """Sort by the next column; after the last one, restore the default order."""
        self._tree.sort_next(step)
        heads = {name: column.head for name, column in COLUMNS.items()}
        self.offer_columns(self._tree.sort_names, heads, self._tree.sort_by)

    def action_reverse(self) -> None:
        """Reverse the sort order."""
        self._tree.reverse()

    def on_column_heads_chosen(self, message: ColumnHeads.Chosen) -> None:
        """Sort by a column; if it is the sort column already, reverse the order."""
        self._tree.sort_by(message.column)

    def action_columns(self) -> None:
        """Open the column dialog."""
        self._tree.choose_columns()

    def action_flat(self) -> None:
        """Switch between the tree and a flat list of workers."""
        self._tree.toggle_flat()

    def action_next_finding(self, step: int) -> None:
        """Select the next row that a finding refers to, or the previous one (-1)."""
        self._tree.next_finding(step)

    def go_to_finding(self, finding: Finding) -> bool:
        """Select the first row that a finding is about; return whether there is one."""
        return self._tree.go_to_finding(finding)

    def go_to_job(self, job_id: str) -> bool:
        """Select the row of a job; return whether there is one."""
        return self._tree.go_to_job(job_id)

    def go_to_worker(self, address: str) -> bool:
        """Select the row of a worker; return whether there is one."""
        return self._tree.go_to_worker(address)

    def on_tree_table_fold_chosen(self, message: TreeTable.FoldChosen) -> None:
        """Fold or unfold one row."""
        self._tree.fold(message.key, unfolded=message.unfolded)

    def on_tree_table_resized(self) -> None:
        """Recompute the rows for the new size."""
        self._tree.show_rows()

    def action_fold_all(self) -> None:
        """Unfold all jobs or, if all are unfolded, fold them."""
        self._tree.fold_all()

    def action_fold_to(self, level: int) -> None:
        """Show the tree down to a level, and nothing below it."""
        self._tree.fold_to(level)

    def action_mark(self) -> None:
        """Mark or unmark the job of the selected row for release."""
        if self._tree.table.selected_job_id is None:
            self.refuse_without_job()
        else:
            self._tree.toggle_mark()
