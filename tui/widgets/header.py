"""The widgets above the tree: summary, findings, work and column heads. They only draw."""

from collections.abc import Callable

from textual import events
from textual.message import Message

from dasktop.collectors.model.snapshot import Finding, Snapshot
from dasktop.collectors.model.thresholds import DEFAULTS, Thresholds
from dasktop.tui.draw.glyphs import Glyphs
from dasktop.tui.draw.piece import Piece
from dasktop.tui.view.columns import SortName
from dasktop.tui.view.filtering import View, is_largest_first
from dasktop.tui.view.findings import banner_findings, banner_lines
from dasktop.tui.view.gauges import Pasts
from dasktop.tui.view.history import CLUSTER, FINISHED_TASKS, THREADS, History
from dasktop.tui.view.keys import Keymap
from dasktop.tui.view.layout import FLAT_LEVELS, SCROLLBAR_CELLS, TREE_LEVELS, Layout, column_at, fit_layout, heads
from dasktop.tui.view.panels import NONE, PanelName, Panels
from dasktop.tui.view.summary import summary_lines
from dasktop.tui.widgets.lines import LEFT_BUTTON, Lines

_SCREEN_LINES_PER_FINDING = 12


def pasts_of(history: History) -> Pasts:
    """Return the history of the totals."""
    cluster, threads, tasks = map(history.of, (CLUSTER, THREADS, FINISHED_TASKS))
    return Pasts(cluster.cpu_percent, cluster.memory_bytes, threads.cpu_percent, tasks.cpu_percent)


class Header(Lines):
    """The summary: cluster, sources, source errors, and what no panel shows of usage and work.

    Parameters
    ----------
    panels
        Returns which panels are shown below it.

    Attributes
    ----------
    is_brief
        Whether to leave out usage and work.
    """

    DEFAULT_CSS = "Header { height: 2; }"

    class Chosen(Message):
        """The usage or the work was clicked."""

        def __init__(self, panel: PanelName) -> None:
            super().__init__()
            self.panel = panel

    def __init__(
        self, glyphs: Glyphs, panels: Callable[[], Panels], *, read_only: bool, thresholds: Thresholds = DEFAULTS
    ) -> None:
        super().__init__()
        self._panels = panels
        self._glyphs = glyphs
        self._read_only = read_only
        self._thresholds = thresholds
        self.is_replay = False
        """Whether to label the snapshot as a replay, with its time."""
        self.is_brief = False
        self._snapshot: Snapshot | None = None
        self._pasts = Pasts()
        self._is_paused = False
        self._interval = ""

    def show(self, snapshot: Snapshot, history: History) -> None:
        """Show the summary of a snapshot, with the history of the totals."""
        self._snapshot = snapshot
        self._pasts = pasts_of(history)
        self.update()

    def show_paused(self, is_paused: bool) -> None:
        """Show whether updates are paused."""
        self._is_paused = is_paused
        self.update()

    def show_interval(self, words: str) -> None:
        """Show the poll interval; empty: show none."""
        self._interval = words
        self.update()

    def clear(self) -> None:
        """Show no snapshot."""
        self._snapshot, self._pasts, self._is_paused = None, Pasts(), False
        self.update()

    def on_click(self, event: events.Click) -> None:
        """Post what was clicked below the title."""
        if self._snapshot is None or self.is_brief or event.button != LEFT_BUTTON:
            return
        panels = self._panels()
        shown: list[PanelName | None] = [None]
        shown += [] if panels.history else ["history"]
        shown += [] if panels.work or self._snapshot.work is None else ["work"]
        if event.y < len(shown) and (panel := shown[event.y]) is not None:
            self.post_message(self.Chosen(panel))

    def lines(self, cells: int) -> list[list[Piece]]:
        """Return the summary."""
        panels = self._panels() if self._snapshot is not None else NONE
        return summary_lines(
            self._snapshot,
            cells,
            self._glyphs,
            read_only=self._read_only,
            is_replay=self.is_replay,
            is_paused=self._is_paused,
            interval=self._interval,
            pasts=self._pasts,
            thresholds=self._thresholds,
            is_enlarged=self.is_brief,
            has_gauges=not (panels.history or self.is_brief),
            has_progress=not (panels.work or self.is_brief),
        )


class FindingsBanner(Lines):
    """The worst findings, in a few lines; no lines without findings."""

    DEFAULT_CSS = "FindingsBanner { height: 0; }"

    class Chosen(Message):
        """A finding was clicked."""

        def __init__(self, finding: Finding) -> None:
            super().__init__()
            self.finding = finding

    def __init__(self, glyphs: Glyphs, keymap: Keymap, *, read_only: bool) -> None:
        super().__init__()
        self._glyphs = glyphs
        self._keymap = keymap
        self._read_only = read_only
        self.is_replay = False
        """Whether this is a replay, without a running scheduler."""
        self._findings: tuple[Finding, ...] = ()

    def show(self, findings: tuple[Finding, ...]) -> None:
        """Show these findings."""
        self._findings = findings
        self.update()

    def clear(self) -> None:
        """Show no findings."""
        self.show(())

    def lines(self, cells: int) -> list[list[Piece]]:
        """Return the lines of the findings that fit."""
        return banner_lines(
            self._findings,
            cells,
            self._most,
            self._glyphs,
            read_only=self._read_only,
            is_replay=self.is_replay,
            keymap=self._keymap,
        )

    @property
    def _most(self) -> int:
        return max(1, self.app.size.height // _SCREEN_LINES_PER_FINDING)

    def on_click(self, event: events.Click) -> None:
        """Post which finding was clicked."""
        shown = banner_findings(self._findings, self._most)
        if 0 <= event.y < len(shown) and event.button == LEFT_BUTTON:
            self.post_message(self.Chosen(shown[event.y]))


class ColumnHeads(Lines):
    """The column heads of the tree."""

    DEFAULT_CSS = "ColumnHeads { height: 1; }"

    class Chosen(Message):
        """A column head was clicked."""

        def __init__(self, column: SortName) -> None:
            super().__init__()
            self.column = column

    def __init__(self, glyphs: Glyphs, view: View) -> None:
        super().__init__()
        self._glyphs = glyphs
        self._view = view

    def show(self, view: View) -> None:
        """Show the columns of a view, with an arrow at the sort column."""
        self._view = view
        self.update()

    def lines(self, cells: int) -> list[list[Piece]]:
        """Return the line of column heads."""
        column = self._view.sort
        is_descending = is_largest_first(column) != self._view.is_reversed
        arrow = "" if column is None else "↓" if is_descending else "↑"
        levels = FLAT_LEVELS if self._view.is_flat else TREE_LEVELS
        [(text, role)] = heads(self._layout_for(cells), column, arrow, levels=levels)
        return [[Piece(self._glyphs.encode(text).ljust(cells), role)]]

    def _layout_for(self, cells: int) -> Layout:
        return fit_layout(cells - SCROLLBAR_CELLS, self._view.columns)

    def on_click(self, event: events.Click) -> None:
        """Post which column was clicked."""
        column = column_at(event.x, self._layout_for(self.size.width))
        if column is not None and event.button == LEFT_BUTTON:
            self.post_message(self.Chosen(column))
