"""Handles the scaling keys: plans, asks, and passes confirmed plans to the feed, one at a time. Does no I/O.

Also has the actions of the app that call the controller.
"""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from textual.app import App

from dasktop.collectors.model.errors import PlanError
from dasktop.collectors.model.feed import Feed
from dasktop.collectors.model.plan import (
    Adapt,
    Agreement,
    Change,
    Outcome,
    Progress,
    Release,
    ReplaceLost,
    ScalePlan,
    Target,
)
from dasktop.collectors.model.snapshot import Snapshot
from dasktop.collectors.scaling.plan import plan as make_plan
from dasktop.collectors.text.format import counted
from dasktop.tui.dialogs.pages import PagesApp
from dasktop.tui.draw.glyphs import Glyphs
from dasktop.tui.view.keys import Keymap, first_key
from dasktop.tui.widgets.status_line import StatusLine

if TYPE_CHECKING:
    from dasktop.tui.scaling.form import TargetForm
    from dasktop.tui.scaling.plan_box import PlanBox

MAX_WAIT = timedelta(seconds=30)


class ScalingController:
    """Scales one cluster from the keyboard.

    Parameters
    ----------
    app
        Shows dialogs.
    feed
        Executes plans.
    status
        Shows progress and results.
    user
        User whose jobs may be changed; ``None``: not checked.
    keymap
        Keys that replace those of the key table.
    """

    def __init__(
        self,
        app: App[Any],
        feed: Feed,
        status: StatusLine,
        user: str | None,
        glyphs: Glyphs,
        keymap: Keymap,
    ) -> None:
        self._app = app
        self._feed = feed
        self._status = status
        self._user = user
        self._glyphs = glyphs
        self._cancel_hint = f"{first_key('give_up', keymap)} cancels"
        self._snapshot: Snapshot | None = None
        self._dialog: PlanBox | TargetForm | None = None
        self._running: Target | None = None
        self._ended_at: datetime | None = None
        self._jobs_to_add = 0
        self._unseen_warnings: tuple[str, ...] = ()
        self._replan: tuple[Target, str] | None = None

    @property
    def is_at_work(self) -> bool:
        """Whether an operation is running."""
        return self._running is not None

    # -- events from the feed

    def show(self, snapshot: Snapshot) -> None:
        """Use this snapshot for plans."""
        self._snapshot = snapshot
        if self._dialog is not None:
            self._dialog.show(snapshot)
        self._continue()

    def forget(self) -> None:
        """Reset for another cluster."""
        self._snapshot, self._ended_at, self._replan, self._jobs_to_add = None, None, None, 0

    def why_not_leave(self) -> str:
        """Return why the scheduler cannot be switched now; empty: it can."""
        if self.is_at_work or self._replan is not None or self._jobs_to_add:
            return "a scaling operation is running: wait for it or cancel it before you switch schedulers"
        return ""

    def note(self, progress: Progress) -> None:
        """Show a step of the running operation."""
        if progress.step != "done":
            self._status.show(f"{self._queued_text()}{progress.step}: {progress.message}", hint=self._cancel_hint)

    def end(self, outcome: Outcome) -> None:
        """Show how the operation ended; replan if the plan was outdated."""
        target, self._running = self._running, None
        self._ended_at = datetime.now(UTC)
        warnings, self._unseen_warnings = self._unseen_warnings if outcome.done else (), ()
        self._status.announce(" ! ".join([outcome.message, *warnings]), "good" if outcome.done else "bad")
        if not outcome.done:
            self._jobs_to_add = 0
        if outcome.is_outdated and target is not None:
            self._replan = target, outcome.message

    def _continue(self) -> None:
        """Start what had to wait for a snapshot taken after the last operation."""
        if (
            self._snapshot is None
            or self.is_at_work
            or self._dialog is not None
            or not self._is_current(self._snapshot)
        ):
            return
        if self._replan is not None:
            (target, remark), self._replan = self._replan, None
            self.ask(target, remark)
        elif self._jobs_to_add:
            number, self._jobs_to_add = self._jobs_to_add, 0
            plan = self._planned(Change(by=number))
            if plan is not None:
                self._execute_unseen(Change(by=number), plan)

    def _is_current(self, snapshot: Snapshot) -> bool:
        """Return whether both sources were read since the last operation ended, or `MAX_WAIT` has passed."""
        since = self._ended_at
        if since is None or snapshot.taken_at - since > MAX_WAIT:
            return True
        ages = [
            source.age_seconds
            for source in snapshot.sources
            if source.name in ("dask", "slurm.queue") and source.state != "off"
        ]
        return all(age is not None and snapshot.taken_at - timedelta(seconds=age) >= since for age in ages)

    # -- keys

    def add_one(self) -> None:
        """Add a job, without confirmation. While an operation is running, count the jobs to add next."""
        self._jobs_to_add += 1
        self._continue()
        if self._jobs_to_add:
            self._status.show(f"then add {counted(self._jobs_to_add, 'job')}", hint=self._cancel_hint)

    def remove_one(self) -> None:
        """Ask whether to remove a job."""
        self.ask(Change(by=-1))

    def release(self, job_ids: Collection[str]) -> None:
        """Ask whether to release these jobs."""
        self.ask(Release(job_ids=tuple(job_ids)))

    def replace_lost(self) -> None:
        """Replace a lost job; ask first if there are several, or if one failed soon after its start."""
        plan = self._planned(ReplaceLost())
        if plan is not None and (plan.submit > 1 or any(lost.failed_soon for lost in plan.replace)):
            self.ask(ReplaceLost())
        elif plan is not None:
            self._execute_unseen(ReplaceLost(), plan)

    def scale_by_form(self) -> None:
        """Open the scaling form."""
        from dasktop.tui.scaling.form import ScaleForm  # as all dialogs, imported late: the start is faster

        self._fill_in(ScaleForm)

    def adapt_by_form(self) -> None:
        """Open the form for adaptive scaling."""
        from dasktop.tui.scaling.form import AdaptForm

        self._fill_in(AdaptForm)

    def give_up(self) -> bool:
        """Cancel the running operation and what is queued, and clear the last message.

        Returns
        -------
        bool
            Whether anything was running or queued.
        """
        was_queued, self._jobs_to_add, self._replan = bool(self._jobs_to_add or self._replan), 0, None
        if self.is_at_work:
            self._feed.cancel_execution()
            self._status.show("cancelling…")
        else:
            self._status.clear()
        return was_queued or self.is_at_work

    def ask(self, target: Target, remark: str = "") -> None:
        """Show the plan for a target, and carry it out if the user confirms."""
        plan = self._planned(target)
        if plan is None or self._snapshot is None:
            return
        from dasktop.tui.scaling.plan_box import PlanBox

        dialog = self._dialog = PlanBox(
            self._snapshot,
            lambda snapshot, preferred: make_plan(snapshot, target, self._user, preferred),
            self._glyphs,
            remark,
        )

        def answer(agreement: Agreement | None) -> None:
            self._dialog = None
            if agreement is not None:
                self._execute(target, agreement.plan, agreement.identity)

        self._app.push_screen(dialog, answer)

    def _fill_in(self, form: "type[TargetForm]") -> None:
        if self._is_busy() or self._snapshot is None:
            return

        def answer(target: Target | None) -> None:
            self._dialog = None
            if target is None:
                return
            plan = self._planned(target)
            if plan is not None and (plan.takes_away or target == Adapt(bounds=None)):
                self.ask(target)
            elif plan is not None:
                self._execute(target, plan)

        dialog = self._dialog = form(
            self._snapshot, lambda snapshot, target: make_plan(snapshot, target, self._user), self._glyphs
        )
        self._app.push_screen(dialog, answer)

    def _execute_unseen(self, target: Target, plan: ScalePlan) -> None:
        """Execute a plan that was not shown, and show its warnings when it has finished."""
        self._unseen_warnings = plan.warnings
        self._execute(target, plan)

    def _execute(self, target: Target, plan: ScalePlan, agreed: str | None = None) -> None:
        self._running = target
        self._status.show(f"{plan.target}…", hint=self._cancel_hint)
        self._feed.execute(plan, agreed)

    def _planned(self, target: Target) -> ScalePlan | None:
        """Return the plan for a target; ``None`` if there is nothing to do, and show why."""
        if self._is_busy() or self._snapshot is None:
            return None
        try:
            plan = make_plan(self._snapshot, target, self._user)
        except PlanError as error:
            self._status.show_result(str(error), "bad")
            return None
        if plan.changes_nothing:
            self._status.show_result(plan.reckoning or f"{plan.target}: nothing to do")
            return None
        return plan

    def _is_busy(self) -> bool:
        """Return whether an operation is running, and if so, show a message."""
        if self.is_at_work:
            self._app.bell()
            self._status.show("another scaling operation is running: wait for it to finish", hint=self._cancel_hint)
        return self.is_at_work

    def _queued_text(self) -> str:
        return f"then add {counted(self._jobs_to_add, 'job')} · " if self._jobs_to_add else ""


class ScalingActions(PagesApp):
    """The part of the app that passes keys to the scaling of the cluster."""

    _scaling: ScalingController

    @property
    def chosen_jobs(self) -> Sequence[str]:
        """The jobs to release."""
        raise NotImplementedError

    def action_add_job(self) -> None:
        """Add a job."""
        self._scaling.add_one()

    def action_remove_job(self) -> None:
        """Ask whether to remove a job."""
        self._scaling.remove_one()

    def action_scale(self) -> None:
        """Open the scaling form."""
        self._scaling.scale_by_form()

    def action_adapt(self) -> None:
        """Open the form for adaptive scaling."""
        self._scaling.adapt_by_form()

    def action_release(self) -> None:
        """Ask whether to release the marked jobs or, if there are none, the selected row's."""
        if job_ids := self.chosen_jobs:
            self._scaling.release(job_ids)
        else:
            self.refuse_without_job()

    def ask_to_apply(self, target: Target) -> None:
        """Show the plan for a target, and carry it out if the user confirms."""
        self._scaling.ask(target)

    def action_replace_lost(self) -> None:
        """Resubmit jobs that have ended in SLURM but that the cluster object still expects."""
        self._scaling.replace_lost()
