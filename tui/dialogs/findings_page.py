"""The page with all findings and source errors: a table, and details of the selected row. Follows the snapshots."""

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar, NamedTuple, cast

from textual.binding import BindingType
from textual.widget import Widget

from dasktop.collectors.model.snapshot import Snapshot
from dasktop.collectors.text.patterns import remark
from dasktop.tui.dialogs.table_page import TablePage, TableView
from dasktop.tui.draw.glyphs import Glyphs
from dasktop.tui.draw.piece import Piece
from dasktop.tui.draw.prose import Section
from dasktop.tui.draw.text_width import cut
from dasktop.tui.view import help_rows
from dasktop.tui.view.finding_columns import (
    MEANINGS,
    FindingLayout,
    FindingTexts,
    finding_heads,
    finding_line,
    finding_texts,
    fit_finding_layout,
)
from dasktop.tui.view.finding_rows import FindingsRow, finding_rows, finding_sections, finding_title, summary
from dasktop.tui.view.help_rows import HelpGroups
from dasktop.tui.view.layout import SCROLLBAR_CELLS
from dasktop.tui.widgets.bindings import bound
from dasktop.tui.widgets.lines import Lines
from dasktop.tui.widgets.row_table import RowTable

_FOLDS = frozenset({"fold_all", "fold_to"})


class _Look(NamedTuple):
    """Everything that determines how a line looks."""

    texts: FindingTexts
    layout: FindingLayout


class FindingsTable(RowTable[FindingsRow]):
    """The rows of the page. They have no folds."""

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__(glyphs)
        self._now = datetime.min
        self._layout_of_columns = fit_finding_layout(0)

    def show(self, rows: Sequence[FindingsRow], now: datetime, message: str) -> None:
        """Show these rows; the message if there are none."""
        self._now = now
        self.show_rows(rows, message)

    def fit_columns(self) -> None:
        """Fit the columns into the width."""
        self._layout_of_columns = fit_finding_layout(self.cells)

    def look_of(self, row: FindingsRow) -> _Look:
        """Return everything that determines how a row is drawn."""
        return _Look(finding_texts(row, self._now), self._layout_of_columns)

    def pieces_of(self, row: FindingsRow, look: object) -> list[Piece]:
        """Return the line of a row."""
        del row
        look = cast("_Look", look)
        return finding_line(look.texts, look.layout, self._glyphs)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Disable the keys that fold and go to parents."""
        del parameters
        return action not in ("toggle_fold", "parent", "fold", "unfold")


class _Heads(Lines):
    """How many findings there are, and the column heads."""

    DEFAULT_CSS = "_Heads { height: 2; }"

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__()
        self._glyphs = glyphs
        self._summary = ""

    def show(self, summary: str) -> None:
        """Show this summary; empty: no lines."""
        self._summary = summary
        self.update()

    def lines(self, cells: int) -> list[list[Piece]]:
        """Return the lines."""
        heads = finding_heads(fit_finding_layout(cells - SCROLLBAR_CELLS))
        lines = [[Piece(cut(f" {self._summary}", cells), "strong")], heads] if self._summary else [[], []]
        return [[Piece(self._glyphs.encode(text), role) for text, role in line] for line in lines]


class FindingsPage(TablePage[FindingsRow]):
    """The findings, the worst first, the errors of sources, and details of the selected row.

    Parameters
    ----------
    snapshot
        The snapshot that is shown.
    view
        The filter; changed by keys.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*bound(findings=("back", ""), failures="app.failures", work="app.work")]
    HELP_ROWS: ClassVar[HelpGroups] = help_rows.FINDINGS
    EXPLAINED = MEANINGS
    DETAILS_FROM_LINES = 20

    def __init__(self, snapshot: Snapshot, glyphs: Glyphs, view: TableView) -> None:
        table = FindingsTable(glyphs)
        super().__init__("findings", glyphs, snapshot, view, table, "text or regex · !exclude")
        self._rows_table = table
        self._heads = _Heads(glyphs)

    def above(self) -> Sequence[Widget]:
        """Return the summary and the column heads."""
        return (self._heads,)

    def show_table(self) -> None:
        """Show the findings and source errors of the snapshot."""
        snapshot, pattern = self._snapshot, self._view.pattern
        rows = finding_rows(snapshot)
        self._heads.show(summary(rows))
        message = "No findings."
        if pattern and rows:
            rows, message = finding_rows(snapshot, pattern=pattern), f"nothing matches {pattern}{remark(pattern)}"
        self._rows_table.show(rows, snapshot.taken_at, message)

    def details_of(self, row: FindingsRow) -> tuple[str, Sequence[Section]]:
        """Return the heading and the details of a row."""
        return finding_title(row), finding_sections(row, self._snapshot.taken_at)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Disable the keys that fold."""
        return action not in _FOLDS and super().check_action(action, parameters)
