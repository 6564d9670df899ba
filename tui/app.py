"""The screen: shows the snapshots that a feed delivers. Does no I/O, and never waits for the feed."""

from collections.abc import Callable, Iterable, Sequence
from typing import ClassVar

from textual.app import ComposeResult, SystemCommand
from textual.binding import Binding, BindingType
from textual.screen import Screen

from dasktop.collectors.model.feed import Earlier, Event, Failure, Feed, Switched
from dasktop.collectors.model.plan import Outcome, Progress
from dasktop.collectors.model.snapshot import Snapshot, Worker
from dasktop.collectors.model.thresholds import DEFAULTS, Thresholds
from dasktop.collectors.runtime.saving import Saved
from dasktop.tui.config.view_settings import DEFAULT, ViewSettings
from dasktop.tui.details.body import DetailsBody
from dasktop.tui.details.sections import title
from dasktop.tui.dialogs.findings import FindingsApp
from dasktop.tui.dialogs.saving import SavingController
from dasktop.tui.dialogs.switching import SwitchingController
from dasktop.tui.logs.controller import LogController
from dasktop.tui.scaling.controller import ScalingActions, ScalingController
from dasktop.tui.tree.actions import TreeActions
from dasktop.tui.tree.controller import TreeController
from dasktop.tui.tree.table import TreeTable
from dasktop.tui.view import help_rows
from dasktop.tui.view.help_rows import HelpGroups
from dasktop.tui.view.history import History
from dasktop.tui.view.keys import NO_KEYMAP, SCREEN, Keymap
from dasktop.tui.view.panels import NEEDS, NONE, Panels, fit_panels, has_room, next_panels
from dasktop.tui.view.row_menu import keys_for_row, why_no_job
from dasktop.tui.view.rows import AskingRow, IdleRow, ThreadRow, WorkerRow, name_of
from dasktop.tui.view.why_not import CHANGES
from dasktop.tui.view.workers import with_stale_workers
from dasktop.tui.widgets.bindings import bindings
from dasktop.tui.widgets.clipboard import copy
from dasktop.tui.widgets.footer import KeyLine
from dasktop.tui.widgets.header import FindingsBanner, Header
from dasktop.tui.widgets.messages import (
    AnswerArrived,
    ChoiceArrived,
    FailureArrived,
    IntervalArrived,
    LogArrived,
    Mailbox,
    NoticeArrived,
    SavingEnded,
    SnapshotArrived,
    StepArrived,
)
from dasktop.tui.widgets.panels import PanelLines
from dasktop.tui.widgets.queries import Answered, Queries
from dasktop.tui.widgets.status_line import StatusLine
from dasktop.tui.widgets.terminal_app import TerminalApp

_ON_TREE = frozenset({"filter", "sort", "reverse", "columns", "flat", "fold_all", "fold_to", "mark"})


class DasktopApp(TreeActions, ScalingActions, FindingsApp):
    """The screen of a feed.

    Parameters
    ----------
    feed
        Started when the screen is mounted, stopped when it ends.
    when_drawn
        Called once the first drawing is on its way to the terminal: for what would delay it.
    read_only
        Whether the keys that change the cluster are disabled.
    user
        User whose jobs may be changed; ``None``: not checked before a plan is executed.
    unicode
        Whether the terminal shows characters beyond ASCII.
    looks
        The initial view settings.
    keymap
        Keys that replace those of the key table.
    thresholds
        The user's, as for findings.

    Attributes
    ----------
    failure
        After the end: why there was nothing to show, or ``None``. ``return_code`` is its exit status.
    first_looks
        The initial view settings; `looks` returns the current ones.
    """

    TITLE = "dasktop"
    CSS = (
        TerminalApp.CSS
        + """
    Screen.-details Header, Screen.-details FindingsBanner, Screen.-details PanelLines { display: none; }
    Screen.-details FilterLine, Screen.-enlarged FindingsBanner { display: none; }
    """
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings(SCREEN),
        Binding("ctrl+c", "quit", show=False, priority=True),
    ]
    HELP_ROWS: ClassVar[HelpGroups] = help_rows.SCREEN
    HAS_LOGS: ClassVar[bool] = True
    """Whether the feed can read the logs of jobs."""

    def __init__(
        self,
        feed: Feed,
        read_only: bool = False,
        *,
        when_drawn: Callable[[], None] = lambda: None,
        unicode: bool = True,
        user: str | None = None,
        looks: ViewSettings = DEFAULT,
        keymap: Keymap = NO_KEYMAP,
        thresholds: Thresholds = DEFAULTS,
    ) -> None:
        super().__init__(looks.theme, unicode=unicode, keymap=keymap)
        self.failure: Failure | None = None
        self._feed = feed
        self._when_drawn = when_drawn
        self._mailbox = Mailbox(self.post_message)
        self._read_only = read_only
        self.first_looks = looks
        self._keys = keymap
        self._thresholds = thresholds
        self._status = StatusLine(self._glyphs)
        self._scaling = ScalingController(self, feed, self._status, user, self._glyphs, keymap)
        self._queries = Queries(feed)
        self._logs = LogController(self, feed, self._queries, self._glyphs, keymap)
        self._saving = SavingController(self, self._status, lambda: self._unmodified, self._deliver)
        self._switching = SwitchingController(
            self, feed, self._status, self._glyphs, why_not=self._scaling.why_not_leave, leave=self._leave
        )
        self._quits_when_cancelled = False
        self._latest: Snapshot | None = None
        self._unmodified: Snapshot | None = None  # the shown snapshot, before `with_stale_workers`
        self._snapshot: Snapshot | None = None
        self._is_paused = False
        self._history = History()
        self._panels = looks.panels
        self._is_enlarged = looks.is_enlarged

    def compose(self) -> ComposeResult:
        """Build the screen from top to bottom."""
        view = self.first_looks.view
        self._tree = TreeController(
            self,
            self._feed,
            self._status,
            self._glyphs,
            view,
            self._show_details,
            lambda: self._details.worker_address,
            lambda: self._details.spare_lines,
            self._thresholds,
        )
        self._header = Header(self._glyphs, self._fit_panels, read_only=self._read_only, thresholds=self._thresholds)
        self._banner = FindingsBanner(self._glyphs, self._keys, read_only=self._read_only)
        self._panel_lines = PanelLines(self._glyphs, self._fit_panels, self._thresholds)
        yield self._header
        yield self._panel_lines
        yield self._banner
        self._details = DetailsBody(
            *(self._tree.heads, self._tree.table),
            glyphs=self._glyphs,
            queries=self._queries,
            history=self._history,
            is_wanted=self.first_looks.shows_details,
            is_tree_enlarged=self._is_enlarged,
            keymap=self._keys,
            thresholds=self._thresholds,
            log=self._logs.tail if self.HAS_LOGS else None,
        )
        yield self._details
        yield self._tree.filter_line
        yield self._status
        self._key_line = KeyLine(self._glyphs)
        yield self._key_line

    def _fit_panels(self) -> Panels:
        if self._is_enlarged:
            return NONE
        work = None if self._snapshot is None else self._snapshot.work
        wanted = {"work": "work" in self._panels and work is not None, "history": "history" in self._panels}
        return fit_panels(*self.size, 0 if work is None else len(work.task_names), **wanted)

    @property
    def selected_job_id(self) -> str | None:
        """Id of the job of the selected row."""
        return self._tree.table.selected_job_id

    @property
    def selected_worker(self) -> Worker | None:
        """The worker of the selected row, if it is one or is below one."""
        row = self._tree.table.selected
        return row.worker if isinstance(row, WorkerRow | ThreadRow | IdleRow | AskingRow) else None

    @property
    def chosen_jobs(self) -> Sequence[str]:
        """Ids of the marked jobs or, if there are none, of the selected row's."""
        return self._tree.chosen_jobs

    @property
    def looks(self) -> ViewSettings:
        """The current view settings."""
        return ViewSettings(self._tree.view, self.theme, self._details.is_wanted, self._panels, self._is_enlarged)

    def on_mount(self) -> None:
        """Start the feed."""
        self._show_enlarged()
        self._feed.start(self._deliver)
        self.call_after_refresh(self._when_drawn)

    def on_unmount(self) -> None:
        """Stop the feed."""
        self._feed.stop()
        self._saving.close()

    def _deliver(self, event: Event | Saved) -> None:
        """Take an event from the thread of the feed or of the saver.

        The history is updated here, in that thread, because a busy screen does not get every snapshot.
        """
        match event:
            case Snapshot():
                self._history.feed(event)
            case Switched():
                self._history.forget()
            case Earlier():
                self._history.feed(event.snapshot)
                if not event.is_last:
                    return
        self._mailbox.deliver(event)

    def on_snapshot_arrived(self, message: SnapshotArrived) -> None:
        """Show a snapshot; while paused, use it only for plans and marks."""
        self._mailbox.take(message)
        self._latest = message.snapshot
        self._scaling.show(message.snapshot)
        self._tree.unmark_ended_jobs(message.snapshot)
        if not self._is_paused or self._snapshot is None:
            self._show_latest()

    def on_past_arrived(self) -> None:
        """Redraw the graphs."""
        if not self._is_paused:
            self._show_latest()

    def _show_latest(self) -> None:
        if self._latest is None:
            return
        self._unmodified, self._snapshot = self._latest, with_stale_workers(self._latest)
        self._header.show(self._snapshot, self._history)
        self.show_findings_above_tree(self._snapshot)
        self._panel_lines.show(self._snapshot, self._history)
        self._key_line.show(self._snapshot)
        self.show_on_pages(self._snapshot)
        self._tree.show(self._snapshot)

    def action_pause(self) -> None:
        """Pause or resume updates. Polling and scaling operations continue."""
        self._is_paused = not self._is_paused
        self._header.show_paused(self._is_paused)
        if not self._is_paused:
            self._show_latest()

    def action_panels(self) -> None:
        """Show other panels; of an enlarged tree, show the chosen ones again."""
        self._tree.freeze_folds()
        if self._is_enlarged:
            self._enlarge(False)
        else:
            self._panels = next_panels(self._panels)
        for widget in (self._header, self._panel_lines):
            widget.update()
        words = f"panels: {' and '.join(self._panels) or 'none'}"
        self._status.show_result(words if has_room(*self.size) else f"{words}, {NEEDS}")

    def action_enlarge(self) -> None:
        """Show only the tree, or all parts again; if the details have the focus, show only these."""
        if self._details.is_full or self._details.pane_has_focus:
            self._tree.freeze_folds()
            self._details.toggle_full()
        else:
            self._enlarge(not self._is_enlarged)

    def _enlarge(self, is_enlarged: bool) -> None:
        self._tree.freeze_folds()
        self._is_enlarged = is_enlarged
        self._details.enlarge_tree(is_enlarged)
        self._show_enlarged()

    def _show_enlarged(self) -> None:
        self.screen.set_class(self._is_enlarged, "-enlarged")
        self._header.is_brief = self._is_enlarged
        for widget in (self._header, self._panel_lines):
            widget.update()

    def action_copy(self) -> None:
        """Copy the id, address or task key of the selected row."""
        row = self._tree.table.selected
        if row is None or (text := name_of(row)) is None:
            self.refuse("this row has nothing to copy: select a job, a worker or a thread")
        else:
            copy(text, self, self._status)

    def on_tree_table_opened(self) -> None:
        """Show the details of the row that was double-clicked."""
        self.action_details()

    def on_tree_table_menu_wanted(self, message: TreeTable.MenuWanted) -> None:
        """Open the menu of the selected row."""
        row = self._tree.table.selected
        if row is not None and self._snapshot is not None:
            from dasktop.tui.dialogs.row_menu import open_row_menu

            ids = keys_for_row(row, self._snapshot)
            open_row_menu(self, title(row), ids, message.at, self._tree.selected_key, self._glyphs)

    def refuse_without_job(self) -> None:
        """Say why the selected row belongs to no job."""
        self.refuse(why_no_job(self._tree.table.selected))

    def on_step_arrived(self, message: StepArrived) -> None:
        """Show progress or the outcome of an operation; quit if the user asked for it."""
        match message.step:
            case Progress():
                self._scaling.note(message.step)
            case Outcome():
                self._scaling.end(message.step)
                if self._quits_when_cancelled:
                    self.exit()

    def on_answer_arrived(self, message: AnswerArrived) -> None:
        """Pass an answer to the widget that asked."""
        self._queries.hand_over(message.answer)

    def on_answered(self, message: Answered) -> None:
        """Pass on the paths of a job's log files: its details show the last lines of a log."""
        self._logs.tail.take_files(message.answer)
        self._show_details()

    def on_saving_ended(self, message: SavingEnded) -> None:
        """Show the path of the saved file, or the error."""
        self._saving.show_result(message.saved)

    def action_save(self) -> None:
        """Open the save dialog."""
        self._saving.ask()

    def on_log_arrived(self, message: LogArrived) -> None:
        """Pass on what was read of a log file."""
        self._logs.take(message.event)
        self._details.update_log()

    def action_log(self) -> None:
        """Show the log of the selected row's job."""
        if self.selected_job_id is None:
            self.refuse_without_job()
        else:
            self._logs.open(self.selected_job_id, self._snapshot)

    def open_log(self, job_id: str) -> None:
        """Show the log of a job."""
        self._logs.open(job_id, self._snapshot)

    def on_choice_arrived(self, message: ChoiceArrived) -> None:
        """Show the schedulers found."""
        self._switching.take(message.choice)

    def on_picker_look_again(self) -> None:
        """Search for schedulers again."""
        self._switching.look_again()

    def action_switch(self) -> None:
        """Search for schedulers, and switch to the one that the user chooses."""
        self._switching.ask()

    def on_switch_arrived(self) -> None:
        """Reset everything for the new cluster."""
        while len(self.screen_stack) > 1:
            self.screen.dismiss(None)
        self._snapshot = self._unmodified = self._latest = self._work_view = None
        self._is_paused = False
        self.forget_findings()
        for part in (self._tree, self._queries, self._scaling, self._logs.tail):
            part.forget()
        for widget in (self._header, self._banner, self._panel_lines, self._details, self._status, self._key_line):
            widget.clear()

    def action_change_interval(self, direction: int) -> None:
        """Poll dask more often (1) or less often (-1)."""
        self._feed.change_interval(direction)

    def on_interval_arrived(self, message: IntervalArrived) -> None:
        """Show the new poll interval; in the header, too, if it is not the initial one or slow polls lengthen it."""
        interval = message.interval
        in_header = "" if interval.is_usual else f"every {interval.seconds:g} s"
        words = f"every {interval.seconds:g} s; SLURM interval unchanged"
        if interval.lengthened_seconds is not None and interval.poll_seconds is not None:
            takes = f"a poll takes {round(interval.poll_seconds, 1):g} s"
            in_header = f"every {interval.lengthened_seconds:g} s: {takes}"
            words = f"every {interval.lengthened_seconds:g} s instead of {interval.seconds:g} s, since {takes}"
        self._header.show_interval(in_header)
        if interval.is_chosen:
            self._status.show_result(f"polling dask {words}")

    def on_notice_arrived(self, message: NoticeArrived) -> None:
        """Show a notice, unless an operation is running."""
        if not self._scaling.is_at_work:
            self._status.announce(message.notice.message, "waiting")

    def on_failure_arrived(self, message: FailureArrived) -> None:
        """End with an error."""
        self._fail(message.failure)

    def _leave(self, why: str) -> None:
        self._fail(Failure(message=why))

    def _fail(self, failure: Failure) -> None:
        self.failure = failure
        self.exit(return_code=failure.exit_status)

    def on_tree_table_moved(self) -> None:
        """Show the details of the row that is selected now."""
        self._tree.freeze_folds()
        self._show_details()

    def _show_details(self) -> None:
        if self._snapshot is not None:
            self._details.show(self._tree.table.selected, self._snapshot)

    def action_details(self) -> None:
        """Show the details in place of the tree, or the tree again."""
        self._tree.freeze_folds()
        self._details.toggle_full()

    def action_toggle_details(self) -> None:
        """Show or hide the details beside the tree; beside an enlarged one, show them."""
        self._tree.freeze_folds()
        if self._is_enlarged and not self._details.is_full:
            self._enlarge(False)
            if self._details.has_class("-open"):
                return
        self._details.toggle()

    def action_call_stack(self) -> None:
        """Request the call stack of the selected thread, or of the longest running task of the selected worker."""
        self._show_details()  # the selection may have moved since
        if not self._details.ask_for_call_stack():
            self._tree.select_busy_thread(self._show_call_stack)

    def _show_call_stack(self) -> None:
        self._show_details()
        self._details.ask_for_call_stack()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Disable changes in read-only mode, and actions of the tree while the details are in its place."""
        del parameters
        is_refused = self._read_only and action in CHANGES
        return not is_refused and not (self.screen.has_class("-details") and action in _ON_TREE)

    def action_give_up(self) -> None:
        """Cancel the running operation; else clear the message, and the filter or else the marks."""
        if self._scaling.give_up():
            return
        if self._tree.view.pattern:
            self._tree.filter_line.clear()
        else:
            self._tree.mark(())

    async def action_quit(self) -> None:
        """Quit; while an operation is running, ask first, and cancel it."""
        if not self._scaling.is_at_work or self._quits_when_cancelled:
            self.exit()
            return

        def answer(leave: bool | None) -> None:
            if leave and self._scaling.is_at_work:
                self._quits_when_cancelled = True
                self._scaling.give_up()
            elif leave:
                self.exit()

        from dasktop.tui.dialogs.dialog import Question  # as all dialogs, imported late: the start is faster

        if not isinstance(self.screen, Question):
            question = "A scaling operation is running. Quitting cancels the rest of it; no results are lost."
            self.push_screen(Question(question, yes="cancel it and quit", no="stay"), answer)

    def action_refresh_now(self) -> None:
        """Poll all sources now."""
        self._feed.refresh()

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """Yield the commands without a key; the others come from the key table."""
        yield SystemCommand("save a screenshot (SVG)", "", self._saving.save_picture)
        yield SystemCommand("save the snapshot (JSON)", "", self._saving.save_snapshot)
        yield from super().get_system_commands(screen)
