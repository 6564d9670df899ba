"""The panels above the tree: the work, and the history of the totals, beside each other. They only draw."""

from collections.abc import Callable

from textual import events
from textual.message import Message

from dasktop.collectors.model.snapshot import Snapshot
from dasktop.collectors.model.thresholds import DEFAULTS, Thresholds
from dasktop.tui.draw.boxes import beside
from dasktop.tui.draw.glyphs import Glyphs
from dasktop.tui.draw.piece import Piece
from dasktop.tui.view.gauges import Pasts
from dasktop.tui.view.history import History
from dasktop.tui.view.panels import PanelName, Panels
from dasktop.tui.widgets.header import pasts_of
from dasktop.tui.widgets.lines import LEFT_BUTTON, Lines


class PanelLines(Lines):
    """The panels that are shown; no lines where there is no room.

    Parameters
    ----------
    panels
        Returns which panels are shown, and their size.
    """

    DEFAULT_CSS = "PanelLines { height: 0; }"

    class Chosen(Message):
        """A panel was clicked; of the work, perhaps a task name."""

        def __init__(self, panel: PanelName, task_name: str | None = None) -> None:
            super().__init__()
            self.panel = panel
            self.task_name = task_name

    def __init__(self, glyphs: Glyphs, panels: Callable[[], Panels], thresholds: Thresholds = DEFAULTS) -> None:
        super().__init__()
        self._glyphs = glyphs
        self._panels = panels
        self._thresholds = thresholds
        self._snapshot: Snapshot | None = None
        self._pasts = Pasts()

    def show(self, snapshot: Snapshot, history: History) -> None:
        """Show the work of a snapshot, and the history of the totals."""
        self._snapshot, self._pasts = snapshot, pasts_of(history)
        self.update()

    def clear(self) -> None:
        """Show no snapshot."""
        self._snapshot, self._pasts = None, Pasts()
        self.update()

    def on_click(self, event: events.Click) -> None:
        """Post which panel was clicked."""
        snapshot, panels = self._snapshot, self._panels()
        if snapshot is None or event.button != LEFT_BUTTON:
            return
        if event.x >= panels.work:
            self.post_message(self.Chosen("history"))
        else:
            from dasktop.tui.view.work_panel import task_name_at

            self.post_message(self.Chosen("work", task_name_at(snapshot, panels.lines, event.y)))

    def lines(self, cells: int) -> list[list[Piece]]:
        """Return the lines of the panels beside each other."""
        del cells  # that of the screen
        snapshot, panels, glyphs = self._snapshot, self._panels(), self._glyphs
        if snapshot is None or not panels.lines:
            return []
        shown = []
        if panels.work:  # imported late: without work and on a small screen, the start is faster
            from dasktop.tui.view.work_panel import work_panel

            shown.append(work_panel(snapshot, panels.work, panels.lines, glyphs))
        if panels.history:
            from dasktop.tui.view.history_panel import history_panel

            size = panels.history, panels.lines
            shown.append(history_panel(snapshot, self._pasts, *size, glyphs, self._thresholds))
        return [[Piece(glyphs.encode(text), role) for text, role in line] for line in beside(shown)]
