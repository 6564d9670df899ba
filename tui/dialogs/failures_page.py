"""The page with the failed tasks and their tracebacks, and with the workers that ended. Follows the snapshots."""

from dasktop.collectors.analysis.failures import unexpected_ends
from dasktop.collectors.model.snapshot import Snapshot
from dasktop.tui.dialogs.page import Line, Page
from dasktop.tui.draw.glyphs import Glyphs
from dasktop.tui.draw.prose import Section, lay_out
from dasktop.tui.view.failures import failure_paragraphs
from dasktop.tui.view.worker_ends import worker_end_paragraphs


class FailuresPage(Page):
    """The failed tasks, the newest group first.

    Parameters
    ----------
    snapshot
        The snapshot that is shown.
    """

    def __init__(self, snapshot: Snapshot, glyphs: Glyphs) -> None:
        super().__init__("failed tasks", glyphs)
        self._snapshot = snapshot

    def on_mount(self) -> None:
        """Show the first snapshot."""
        self.show(self._snapshot)

    def show(self, snapshot: Snapshot) -> None:
        """Show the failed tasks of this snapshot."""
        self.text.show(lambda cells: failures_lines(snapshot, cells, self._glyphs))


def failures_lines(snapshot: Snapshot, cells: int, glyphs: Glyphs) -> list[Line]:
    """Return the lines of the page."""
    failures = None if snapshot.work is None else snapshot.work.failures
    paragraphs = (
        *failure_paragraphs(failures, snapshot.taken_at),
        *worker_end_paragraphs(unexpected_ends(snapshot)),
    )
    sections = [Section("", paragraph) for paragraph in paragraphs]
    return [Line(pieces) for section in sections for pieces in ([], *lay_out([section], cells, glyphs))][1:]
