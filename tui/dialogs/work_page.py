"""The page with what dask computes: progress by computation and task name. Follows the snapshots."""

from dasktop.collectors.model.snapshot import Snapshot
from dasktop.tui.dialogs.page import Line, Page
from dasktop.tui.draw.glyphs import Glyphs
from dasktop.tui.view.work import work_lines


class WorkPage(Page):
    """The computations, the newest first, each with its task names; and the longest running tasks.

    Parameters
    ----------
    snapshot
        The snapshot that is shown.
    """

    def __init__(self, snapshot: Snapshot, glyphs: Glyphs) -> None:
        super().__init__("what dask computes")
        self._glyphs = glyphs
        self._snapshot = snapshot

    def on_mount(self) -> None:
        """Show the first snapshot."""
        self.show(self._snapshot)

    def show(self, snapshot: Snapshot) -> None:
        """Show the work of this snapshot."""
        self.text.show(
            lambda cells: [Line(line) for line in work_lines(snapshot.work, snapshot.taken_at, cells, self._glyphs)]
        )
