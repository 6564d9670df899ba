"""The page with the graphs of the last minutes, and what happened to jobs and workers. Follows the snapshots."""

from collections.abc import Sequence

from textual import events
from textual.message import Message

from dasktop.collectors.model.snapshot import Snapshot
from dasktop.collectors.model.thresholds import Thresholds
from dasktop.tui.dialogs.page import Line, Page
from dasktop.tui.draw.glyphs import Glyphs
from dasktop.tui.view.happenings import Happening
from dasktop.tui.view.history import History
from dasktop.tui.view.history_page import happenings_at_end, history_page_lines
from dasktop.tui.widgets.header import pasts_of
from dasktop.tui.widgets.lines import LEFT_BUTTON


class HistoryPage(Page):
    """Graphs of the totals, and below them what happened, the newest first.

    Parameters
    ----------
    snapshot
        The snapshot that is shown first.
    history
        Fed by the app.
    """

    class GoTo(Message):
        """The user wants to see a job; ``None``: an unknown one."""

        def __init__(self, job_id: str | None) -> None:
            super().__init__()
            self.job_id = job_id

    def __init__(self, snapshot: Snapshot, history: History, glyphs: Glyphs, thresholds: Thresholds) -> None:
        super().__init__("history", glyphs)
        self._snapshot = snapshot
        self._history = history
        self._thresholds = thresholds
        self._told: Sequence[Happening | None] = ()
        """What each line tells."""

    def on_mount(self) -> None:
        """Show the first snapshot."""
        self.show(self._snapshot)

    def show(self, snapshot: Snapshot) -> None:
        """Show the past of this snapshot."""
        pasts = pasts_of(self._history)

        def lines(cells: int) -> list[Line]:
            high = self.text.size.height
            shown = history_page_lines(snapshot, pasts, cells, high, self._glyphs, self._thresholds)
            told = happenings_at_end(snapshot, cells)
            self._told = [*[None] * (len(shown) - len(told)), *told]
            return [Line(pieces) for pieces in shown]

        self.text.show(lines)

    def on_click(self, event: events.Click) -> None:
        """Go to the job of what was double-clicked."""
        row = event.screen_y - self.text.region.y + self.text.scroll_offset.y
        is_inside = self.text.region.contains(event.screen_x, event.screen_y)
        if event.chain != 2 or event.button != LEFT_BUTTON or not is_inside or row >= len(self._told):
            return
        if (happening := self._told[row]) is not None:
            self.post_message(self.GoTo(happening.to.job_id))
