"""The base of table pages with an order of columns: by the sort key, the digit of a column, or a click on its head."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, TypeVar, cast

from textual.binding import BindingType

from dasktop.tui.dialogs.table_page import TableHeads, TablePage, TableView
from dasktop.tui.draw.glyphs import Glyphs
from dasktop.tui.view.rows import AnyRow
from dasktop.tui.widgets.bindings import bound
from dasktop.tui.widgets.row_table import RowTable

if TYPE_CHECKING:
    from dasktop.collectors.model.snapshot import Snapshot
    from dasktop.tui.dialogs.pages import PagesApp

R = TypeVar("R", bound=AnyRow)


class SortedView(TableView):
    """How the user wants a table shown, with its order; kept while the page is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.sort: str | None = None
        """The name of a column; ``None``: the default order."""
        self.is_reversed = False


class SortedTablePage(TablePage[R]):
    """A table with an order. Subclasses apply that of the view in `show_table`, and name their columns.

    Parameters
    ----------
    view
        The filter, the folds and the order; changed by keys.
    """

    BINDINGS: ClassVar[list[BindingType]] = bound(sort="sort(1)", reverse="reverse")

    def __init__(
        self,
        heading: str,
        glyphs: Glyphs,
        snapshot: "Snapshot",
        view: SortedView,
        table: RowTable[R],
        placeholder: str,
    ) -> None:
        super().__init__(heading, glyphs, snapshot, view, table, placeholder)
        self.order = view

    def sort_heads(self) -> Mapping[str, str]:
        """Return the columns that are shown, from left to right: name and head."""
        raise NotImplementedError

    def action_sort(self, step: int) -> None:
        """Sort by the next column; after the last one, restore the default order."""
        heads = self.sort_heads()
        names = (None, *heads)
        place = (names.index(self.order.sort) + step) % len(names) if self.order.sort in names else 0
        self.order.sort, self.order.is_reversed = names[place], False
        self.show(self._snapshot)
        cast("PagesApp", self.app).offer_columns(tuple(heads), heads, self.sort_by)

    def sort_by(self, column: str | None) -> None:
        """Sort by a column; if it is the sort column already, reverse the order; ``None``: the default order."""
        order = self.order
        order.is_reversed = column is not None and column == order.sort and not order.is_reversed
        order.sort = column
        self.show(self._snapshot)

    def on_table_heads_chosen(self, message: TableHeads.Chosen) -> None:
        """Sort by the column whose head was clicked."""
        message.stop()
        self.sort_by(message.column)

    def action_reverse(self) -> None:
        """Reverse the sort order."""
        self.order.sort = self.order.sort or next(iter(self.sort_heads()), None)
        self.order.is_reversed = not self.order.is_reversed
        self.show(self._snapshot)
