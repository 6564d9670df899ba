"""Opens the page of findings, and goes to what a finding is about: in the tree, or on the page of work or failures."""

from functools import cached_property
from typing import TYPE_CHECKING

from textual.screen import Screen

from dasktop.collectors.model.jobs import job_ids_of
from dasktop.collectors.model.plan import Target
from dasktop.collectors.model.snapshot import Finding, Snapshot
from dasktop.tui.dialogs.pages import PagesApp
from dasktop.tui.view.dismissed import Dismissed
from dasktop.tui.view.finding_actions import FindingAction, why_not
from dasktop.tui.view.finding_rows import Place, places_to_look
from dasktop.tui.view.keys import SCREEN
from dasktop.tui.view.why_not import NOT_RECORDED
from dasktop.tui.widgets.header import FindingsBanner

if TYPE_CHECKING:
    from dasktop.tui.dialogs.findings_page import FindingsPage, FindingsView
    from dasktop.tui.dialogs.history_page import HistoryPage
    from dasktop.tui.dialogs.work_page import WorkPage


class FindingsApp(PagesApp):
    """The part of the app that shows findings."""

    _banner: FindingsBanner
    _findings_view: "FindingsView | None" = None

    @cached_property
    def _dismissed(self) -> Dismissed:
        return Dismissed()

    @property
    def is_replay(self) -> bool:
        """Whether this is a replay, without a running cluster."""
        return self._banner.is_replay

    def show_findings_above_tree(self, snapshot: Snapshot) -> None:
        """Show those findings of a snapshot that are not dismissed."""
        self._dismissed.follow(snapshot.findings, snapshot.taken_at)
        self._banner.show(self._dismissed.remaining(snapshot.findings))

    def forget_findings(self) -> None:
        """Reset for another cluster."""
        self._dismissed.forget()
        self._findings_view = None

    def go_to_finding(self, finding: Finding) -> bool:
        """Select the first row of the tree that a finding is about; return whether there is one."""
        raise NotImplementedError

    def go_to_job(self, job_id: str) -> bool:
        """Select the row of a job in the tree; return whether there is one."""
        raise NotImplementedError

    def on_history_page_go_to(self, message: "HistoryPage.GoTo") -> None:
        """Go to a job; else say why not."""
        if message.job_id is None:
            self.refuse("its job is unknown")
        elif self.go_to_job(message.job_id):
            self._close_pages()
        else:
            self.refuse(f"job {message.job_id} is not listed any more")

    def go_to_worker(self, address: str) -> bool:
        """Select the row of a worker in the tree; return whether there is one."""
        raise NotImplementedError

    def on_work_page_call_stack_wanted(self, message: "WorkPage.CallStackWanted") -> None:
        """Go to a worker, and request the call stack of its longest running task; else say why not."""
        if self.is_replay:
            self.refuse(NOT_RECORDED)
        elif self.go_to_worker(message.address):
            self._close_pages()
            self.call_later(self.run_action, SCREEN["call_stack"].action)
        else:
            self.refuse("its worker is not listed any more")

    def ask_to_apply(self, target: Target) -> None:
        """Show the plan for a target, and carry it out if the user confirms."""
        raise NotImplementedError

    def open_log(self, job_id: str) -> None:
        """Show the log of a job."""
        raise NotImplementedError

    def action_findings(self) -> None:
        """Show all findings."""
        self._show_findings(None)

    def _show_findings(self, selected: Finding | None) -> None:
        from dasktop.tui.dialogs.findings_page import FindingsPage, FindingsView

        if self._findings_view is None:
            self._findings_view = FindingsView()
        if self._snapshot is not None:
            view, dismissed = self._findings_view, self._dismissed
            self.push_screen(
                FindingsPage(self._snapshot, self._glyphs, view, dismissed, self._why_not, selected, self._keys)
            )

    def on_findings_banner_chosen(self, message: FindingsBanner.Chosen) -> None:
        """Show all findings, with the one selected that was clicked."""
        self._show_findings(message.finding)

    def on_findings_page_dismissed_changed(self) -> None:
        """Show the other findings above the tree."""
        if self._snapshot is not None:
            self.show_findings_above_tree(self._snapshot)

    def on_findings_page_go_to(self, message: "FindingsPage.GoTo") -> None:
        """Go to what a finding is about; else say why not."""
        places = list(places_to_look(message.finding))
        if any(self._go_to(message.finding, place) for place in places):
            return
        reason = "its jobs and workers are not listed any more" if places else "it is about the whole cluster"
        self.refuse(f"no row to go to: {reason}")

    def _go_to(self, finding: Finding, place: Place) -> bool:
        """Go to one place; return whether there is something about the finding."""
        from dasktop.tui.dialogs.failures_page import FailuresPage
        from dasktop.tui.dialogs.work_page import WorkPage

        name = next(iter(finding.task_names), None)
        match place:
            case "tree":
                if not self.go_to_finding(finding):
                    return False
                self._close_pages()
            case "failures":
                self._close_from(FailuresPage)
                self.action_failures(name)
            case "work":
                self._close_from(WorkPage)
                self.action_work(name)
        return True

    def on_findings_page_act(self, message: "FindingsPage.Act") -> None:
        """Carry out the advice of a finding; a plan asks first."""
        action = message.action
        match action.key_id:
            case "failures":
                self._go_to(message.finding, "failures")
            case "log":
                job_id = job_ids_of(message.finding)[0]
                if self._snapshot is not None and any(job.job_id == job_id for job in self._snapshot.jobs):
                    self.open_log(job_id)
                else:
                    self.refuse("its job is not listed any more")
            case "call_stack" if not self.go_to_finding(message.finding):
                self.refuse("its workers are not listed any more")
            case key_id:
                self._close_pages()
                if action.target is not None:
                    self.ask_to_apply(action.target)
                else:
                    self.call_later(self.run_action, SCREEN[key_id].action)

    def _why_not(self, action: FindingAction) -> str:
        return why_not(action, read_only=self._read_only, is_replay=self.is_replay)

    def _close_from(self, kind: type[Screen[None]]) -> None:
        """Close the first open page of a kind and those over it, so that each kind is open once."""
        while any(isinstance(screen, kind) for screen in self.screen_stack):
            self.screen.dismiss(None)

    def _close_pages(self) -> None:
        while len(self.screen_stack) > 1:
            self.screen.dismiss(None)
