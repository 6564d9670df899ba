"""Opens the pages over the screen: help, findings, failed tasks, work, anatomy, script, commands. Imports each late."""

from typing import TYPE_CHECKING

from dasktop.collectors.model.jobs import workers_of, workers_with_jobs
from dasktop.collectors.model.queries import ProfileOf
from dasktop.collectors.model.snapshot import Snapshot, Worker
from dasktop.collectors.model.thresholds import Thresholds
from dasktop.tui.dialogs.unbound_keys import UnboundKeysApp
from dasktop.tui.view.history import History
from dasktop.tui.view.panels import PanelName
from dasktop.tui.widgets.header import Header
from dasktop.tui.widgets.panels import PanelLines
from dasktop.tui.widgets.queries import Queries

if TYPE_CHECKING:
    from dasktop.tui.dialogs.sorted_page import SortedView
    from dasktop.tui.dialogs.work_page import WorkView


class PagesApp(UnboundKeysApp):
    """The part of the app that opens pages."""

    _queries: Queries
    _snapshot: Snapshot | None
    _history: History
    _thresholds: Thresholds
    _work_view: "WorkView | None" = None
    _failures_view: "SortedView | None" = None

    @property
    def selected_job_id(self) -> str | None:
        """The job that pages are about."""
        raise NotImplementedError

    @property
    def selected_worker(self) -> Worker | None:
        """The worker of the selected row, if it is one or is below one."""
        raise NotImplementedError

    def refuse_without_job(self) -> None:
        """Say why the selected row belongs to no job."""
        raise NotImplementedError

    def show_on_pages(self, snapshot: Snapshot) -> None:
        """Show a snapshot on the pages that are open."""
        if len(self.screen_stack) == 1:
            return
        from dasktop.tui.dialogs.page import Page

        for screen in self.screen_stack:
            if isinstance(screen, Page):
                screen.show(snapshot)

    def action_command_palette(self) -> None:
        """Open the command palette."""
        from dasktop.tui.dialogs.commands import CommandBox

        if not isinstance(self.screen, CommandBox):
            self.push_screen(CommandBox())

    def action_help(self) -> None:
        """Show the help of the current screen."""
        from dasktop.tui.dialogs.help import Help

        self.push_screen(Help(self.screen, self._glyphs))

    def action_failures(self, task_name: str | None = None) -> None:
        """Show the failed tasks; those of a task name first."""
        from dasktop.tui.dialogs.failures_page import FailuresPage
        from dasktop.tui.dialogs.sorted_page import SortedView

        if self._failures_view is None:
            self._failures_view = SortedView()
        if self._snapshot is not None:
            self.push_screen(FailuresPage(self._snapshot, self._glyphs, self._failures_view, task_name))

    def action_work(self, task_name: str | None = None) -> None:
        """Show what dask computes, with a task name selected."""
        from dasktop.tui.dialogs.work_page import WorkPage, WorkView

        if self._work_view is None:
            self._work_view = WorkView()
        if self._snapshot is not None:
            self.push_screen(WorkPage(self._snapshot, self._glyphs, self._work_view, task_name, self._keys))

    def action_history(self) -> None:
        """Show the graphs of the last minutes."""
        from dasktop.tui.dialogs.history_page import HistoryPage

        if self._snapshot is not None:
            self.push_screen(HistoryPage(self._snapshot, self._history, self._glyphs, self._thresholds))

    def on_header_chosen(self, message: Header.Chosen) -> None:
        """Show the page of what was clicked."""
        self._show_page_of(message.panel)

    def on_panel_lines_chosen(self, message: PanelLines.Chosen) -> None:
        """Show the page of the panel that was clicked."""
        self._show_page_of(message.panel, message.task_name)

    def _show_page_of(self, panel: PanelName, task_name: str | None = None) -> None:
        if panel == "work":
            self.action_work(task_name)
        else:
            self.action_history()

    def action_anatomy(self) -> None:
        """Show the anatomy of the selected row's job."""
        from dasktop.tui.dialogs.job_pages import AnatomyPage

        if (job_id := self.selected_job_id) is None:
            self.refuse_without_job()
        elif self._snapshot is not None:
            self.push_screen(AnatomyPage(self._snapshot, job_id, self._queries, self._glyphs))

    def action_profile(self) -> None:
        """Show the profile of the selected task name, worker or job."""
        from dasktop.tui.dialogs.profile_page import ProfilePage

        found = self._to_profile()
        if found is None:
            self.refuse("nothing to profile: select a job with workers, a worker, or on W a task name")
        else:
            self.push_screen(ProfilePage(*found, self._queries, self._glyphs))

    def _to_profile(self) -> tuple[str, ProfileOf] | None:
        """Return what is selected, in words and as a query; ``None`` if it has no workers."""
        from dasktop.tui.dialogs.work_page import WorkPage

        snapshot = self._snapshot
        if snapshot is None:
            return None
        if isinstance(self.screen, WorkPage):
            name = self.screen.selected_task_name
            addresses = workers_by_tasks(snapshot, name) if name is not None else ()
            words = f"tasks of {name}"
        elif (worker := self.selected_worker) is not None:
            name, addresses, words = None, (worker.address,), f"worker {worker.name}"
        else:
            job = next((job for job in snapshot.jobs if job.job_id == self.selected_job_id), None)
            addresses = tuple(worker.address for worker in workers_of(job)) if job is not None else ()
            name, words = None, f"job {self.selected_job_id}"
        return (words, ProfileOf(worker_addresses=addresses, task_name=name)) if addresses else None

    def action_job_script(self) -> None:
        """Show the script of the selected row's job."""
        from dasktop.tui.dialogs.job_pages import JobScriptPage

        if (job_id := self.selected_job_id) is None:
            self.refuse_without_job()
        else:
            self.push_screen(JobScriptPage(job_id, self._queries, self._glyphs))


def workers_by_tasks(snapshot: Snapshot, task_name: str) -> tuple[str, ...]:
    """Return the addresses of all workers, first those that run tasks of this name."""
    running = (snapshot.work.running if snapshot.work is not None else None) or ()
    first = [task.address for task in running if task.task_name == task_name and task.address is not None]
    known = [worker.address for _, worker in workers_with_jobs(snapshot)]
    return tuple(dict.fromkeys([*(address for address in first if address in set(known)), *known]))
