"""The page with the graphs of the last minutes, and what happened to jobs and workers. Follows the snapshots."""

from dasktop.collectors.model.snapshot import Snapshot
from dasktop.collectors.model.thresholds import Thresholds
from dasktop.tui.dialogs.page import Line, Page
from dasktop.tui.draw.glyphs import Glyphs
from dasktop.tui.view.history import History
from dasktop.tui.view.history_page import history_page_lines
from dasktop.tui.widgets.header import pasts_of


class HistoryPage(Page):
    """Graphs of the totals, and below them what happened, the newest first.

    Parameters
    ----------
    snapshot
        The snapshot that is shown first.
    history
        Fed by the app.
    """

    def __init__(self, snapshot: Snapshot, history: History, glyphs: Glyphs, thresholds: Thresholds) -> None:
        super().__init__("history", glyphs)
        self._snapshot = snapshot
        self._history = history
        self._thresholds = thresholds

    def on_mount(self) -> None:
        """Show the first snapshot."""
        self.show(self._snapshot)

    def show(self, snapshot: Snapshot) -> None:
        """Show the past of this snapshot."""
        pasts = pasts_of(self._history)

        def lines(cells: int) -> list[Line]:
            high = self.text.size.height
            shown = history_page_lines(snapshot, pasts, cells, high, self._glyphs, self._thresholds)
            return [Line(pieces) for pieces in shown]

        self.text.show(lines)
