"""The page with all findings and source errors in full. Follows the snapshots."""

from collections.abc import Iterator

from dasktop.collectors.model.snapshot import Snapshot
from dasktop.tui.dialogs.page import Line, Page
from dasktop.tui.draw.glyphs import Glyphs
from dasktop.tui.draw.prose import Section, Words, lay_out
from dasktop.tui.view.findings import finding_entries


class FindingsPage(Page):
    """All findings, the worst first.

    Parameters
    ----------
    snapshot
        The snapshot that is shown.
    """

    def __init__(self, snapshot: Snapshot, glyphs: Glyphs) -> None:
        super().__init__("findings", glyphs)
        self._snapshot = snapshot

    def on_mount(self) -> None:
        """Show the first snapshot."""
        self.show(self._snapshot)

    def show(self, snapshot: Snapshot) -> None:
        """Show the findings of this snapshot."""
        self.text.show(lambda cells: findings_lines(snapshot, cells, self._glyphs))


def findings_lines(snapshot: Snapshot, cells: int, glyphs: Glyphs) -> list[Line]:
    """Return the lines of the page."""
    shown = list(_sections(snapshot)) or [Section("", [Words("No findings.", "quiet")])]
    lines = [Line(pieces) for section in shown for pieces in ([], *lay_out([section], cells, glyphs))]
    return lines[1:]


def _sections(snapshot: Snapshot) -> Iterator[Section]:
    for finding in snapshot.findings:
        yield Section("", finding_entries(finding, snapshot.taken_at))
    errors = [Words(f"{source.name}: {source.error}") for source in snapshot.sources if source.error]
    if errors:
        yield Section("SOURCES", errors)
