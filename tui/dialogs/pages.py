"""Opens the pages over the screen: help, findings, failed tasks, work, anatomy, script, commands. Imports each late."""

from typing import TYPE_CHECKING

from dasktop.collectors.model.snapshot import Snapshot
from dasktop.tui.widgets.queries import Queries
from dasktop.tui.widgets.terminal_app import TerminalApp

if TYPE_CHECKING:
    from dasktop.tui.dialogs.work_page import WorkView


class PagesApp(TerminalApp):
    """The part of the app that opens pages."""

    _queries: Queries
    _snapshot: Snapshot | None
    _work_view: "WorkView | None" = None

    @property
    def selected_job_id(self) -> str | None:
        """The job that pages are about."""
        raise NotImplementedError

    def action_command_palette(self) -> None:
        """Open the command palette."""
        from dasktop.tui.dialogs.commands import CommandBox

        if not isinstance(self.screen, CommandBox):
            self.push_screen(CommandBox())

    def action_help(self) -> None:
        """Show the help of the current screen."""
        from dasktop.tui.dialogs.help import Help

        self.push_screen(Help(self.screen, self._glyphs))

    def action_findings(self) -> None:
        """Show all findings in full."""
        from dasktop.tui.dialogs.findings_page import FindingsPage

        if self._snapshot is not None:
            self.push_screen(FindingsPage(self._snapshot, self._glyphs))

    def action_failures(self) -> None:
        """Show the failed tasks."""
        from dasktop.tui.dialogs.failures_page import FailuresPage

        if self._snapshot is not None:
            self.push_screen(FailuresPage(self._snapshot, self._glyphs))

    def action_work(self) -> None:
        """Show what dask computes."""
        from dasktop.tui.dialogs.work_page import WorkPage, WorkView

        if self._work_view is None:
            self._work_view = WorkView()
        if self._snapshot is not None:
            self.push_screen(WorkPage(self._snapshot, self._glyphs, self._work_view))

    def action_anatomy(self) -> None:
        """Show the anatomy of the selected row's job."""
        from dasktop.tui.dialogs.job_pages import AnatomyPage

        if self._snapshot is not None and (job_id := self.selected_job_id) is not None:
            self.push_screen(AnatomyPage(self._snapshot, job_id, self._queries, self._glyphs))

    def action_job_script(self) -> None:
        """Show the script of the selected row's job."""
        from dasktop.tui.dialogs.job_pages import JobScriptPage

        if (job_id := self.selected_job_id) is not None:
            self.push_screen(JobScriptPage(job_id, self._queries, self._glyphs))
