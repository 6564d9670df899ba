"""What the scaling keys do: plans, shows, asks, and hands what was agreed to the feed; one plan at a time. No I/O."""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any

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
from dasktop.tui.draw.glyphs import Glyphs
from dasktop.tui.scaling.form import AdaptForm, ScaleForm, TargetForm
from dasktop.tui.scaling.plan_box import PlanBox
from dasktop.tui.view.keys import Keymap, first_key
from dasktop.tui.widgets.status_line import StatusLine

LONGEST_WAIT = timedelta(seconds=30)


class ScalingController:
    """The scaling of one cluster from the keyboard.

    Parameters
    ----------
    app
        For the boxes that ask.
    feed
        Carries out.
    activity
        Where it is told how it goes.
    user
        Whose jobs may be changed.
    keymap
        Keys that are not those of the table.
    """

    def __init__(
        self,
        app: App[Any],
        feed: Feed,
        activity: StatusLine,
        user: str | None,
        glyphs: Glyphs,
        keymap: Keymap,
    ) -> None:
        self._app = app
        self._feed = feed
        self._activity = activity
        self._user = user
        self._glyphs = glyphs
        self._give_up_hint = f"{first_key('give_up', keymap)} gives it up"
        self._snapshot: Snapshot | None = None
        self._box: PlanBox | TargetForm | None = None
        self._at_work: Target | None = None
        self._ended_at: datetime | None = None
        self._more = 0
        self._untold: tuple[str, ...] = ()
        self._anew: tuple[Target, str] | None = None

    @property
    def is_at_work(self) -> bool:
        """Whether a plan is being carried out."""
        return self._at_work is not None

    # -- what comes from the feed

    def show(self, snapshot: Snapshot) -> None:
        """Plan on this snapshot from now on."""
        self._snapshot = snapshot
        if self._box is not None:
            self._box.show(snapshot)
        self._go_on()

    def forget(self) -> None:
        """Forget the cluster: what comes is of another."""
        self._snapshot, self._ended_at, self._anew, self._more = None, None, None, 0

    def why_not_leave(self) -> str:
        """Return why one can't go over to another cluster now; empty: one can."""
        if self.is_at_work or self._anew is not None or self._more:
            return "a plan is being carried out: another scheduler can be chosen when it has ended, or was given up"
        return ""

    def note(self, progress: Progress) -> None:
        """Tell of a step."""
        if progress.step != "done":
            self._activity.tell(f"{self._also()}{progress.step}: {progress.message}", hint=self._give_up_hint)

    def end(self, outcome: Outcome) -> None:
        """Tell how it ended, and what comes next."""
        target, self._at_work = self._at_work, None
        self._ended_at = datetime.now(UTC)
        beware, self._untold = self._untold if outcome.done else (), ()
        self._activity.announce(" ! ".join([outcome.message, *beware]), "good" if outcome.done else "bad")
        if not outcome.done:
            self._more = 0
        if outcome.is_outdated and target is not None:
            self._anew = target, outcome.message

    def _go_on(self) -> None:
        """Do what had to wait until it is known how things are since the last plan."""
        if self._snapshot is None or self.is_at_work or self._box is not None or not self._is_news(self._snapshot):
            return
        if self._anew is not None:
            (target, remark), self._anew = self._anew, None
            self.ask(target, remark)
        elif self._more:
            number, self._more = self._more, 0
            plan = self._planned(Change(by=number))
            if plan is not None:
                self._carry_out_untold(Change(by=number), plan)

    def _is_news(self, snapshot: Snapshot) -> bool:
        """Whether both sources were read since the last plan ended; or it can't be waited for any longer."""
        since = self._ended_at
        if since is None or snapshot.taken_at - since > LONGEST_WAIT:
            return True
        ages = [
            source.age_seconds
            for source in snapshot.sources
            if source.name in ("dask", "slurm.queue") and source.state != "off"
        ]
        return all(age is not None and snapshot.taken_at - timedelta(seconds=age) >= since for age in ages)

    # -- the keys

    def add_one(self) -> None:
        """Submit one job more, without asking. While that is under way, count what comes next."""
        self._more += 1
        self._go_on()
        if self._more:
            self._activity.tell(f"then {counted(self._more, 'job')} more", hint=self._give_up_hint)

    def remove_one(self) -> None:
        """Ask whether to give back one job."""
        self.ask(Change(by=-1))

    def release(self, job_ids: Collection[str]) -> None:
        """Ask whether to give back these jobs."""
        self.ask(Release(job_ids=tuple(job_ids)))

    def replace_lost(self) -> None:
        """Replace a lost job; ask first if there are several, or if it may only fail again."""
        plan = self._planned(ReplaceLost())
        if plan is not None and (plan.submit > 1 or any(lost.failed_soon for lost in plan.replace)):
            self.ask(ReplaceLost())
        elif plan is not None:
            self._carry_out_untold(ReplaceLost(), plan)

    def scale_by_form(self) -> None:
        """Ask to what to scale."""
        self._fill_in(ScaleForm)

    def adapt_by_form(self) -> None:
        """Ask between which bounds to adapt."""
        self._fill_in(AdaptForm)

    def give_up(self) -> bool:
        """Interrupt what is being carried out, and forget what was to come; and clear what is told of the past.

        Returns
        -------
        bool
            Whether anything was under way, or to come.
        """
        waits, self._more, self._anew = bool(self._more or self._anew), 0, None
        if self.is_at_work:
            self._feed.give_up()
            self._activity.tell("giving up…")
        else:
            self._activity.clear()
        return waits or self.is_at_work

    def ask(self, target: Target, remark: str = "") -> None:
        """Show the plan for a target, and carry it out if that is agreed to."""
        plan = self._planned(target)
        if plan is None or self._snapshot is None:
            return
        box = self._box = PlanBox(
            self._snapshot,
            lambda snapshot, preferred: make_plan(snapshot, target, self._user, preferred),
            self._glyphs,
            remark,
        )

        def answer(agreement: Agreement | None) -> None:
            self._box = None
            if agreement is not None:
                self._carry_out(target, agreement.plan, agreement.identity)

        self._app.push_screen(box, answer)

    def _fill_in(self, form: type[TargetForm]) -> None:
        if self._is_busy() or self._snapshot is None:
            return

        def answer(target: Target | None) -> None:
            self._box = None
            if target is None:
                return
            plan = self._planned(target)
            if plan is not None and (plan.takes_away or target == Adapt(bounds=None)):
                self.ask(target)
            elif plan is not None:
                self._carry_out(target, plan)

        box = self._box = form(
            self._snapshot, lambda snapshot, target: make_plan(snapshot, target, self._user), self._glyphs
        )
        self._app.push_screen(box, answer)

    def _carry_out_untold(self, target: Target, plan: ScalePlan) -> None:
        """Carry out a plan that nobody was shown, and say at its end what to beware of."""
        self._untold = plan.warnings
        self._carry_out(target, plan)

    def _carry_out(self, target: Target, plan: ScalePlan, agreed: str | None = None) -> None:
        self._at_work = target
        self._activity.tell(f"{plan.target}…", hint=self._give_up_hint)
        self._feed.carry_out(plan, agreed)

    def _planned(self, target: Target) -> ScalePlan | None:
        """Return the plan for a target, or tell why there is nothing to do."""
        if self._is_busy() or self._snapshot is None:
            return None
        try:
            plan = make_plan(self._snapshot, target, self._user)
        except PlanError as error:
            self._activity.remark(str(error), "bad")
            return None
        if plan.changes_nothing:
            self._activity.remark(plan.reckoning or f"{plan.target}: nothing to do")
            return None
        return plan

    def _is_busy(self) -> bool:
        """Tell whether a plan is being carried out, and if so, say that one waits for it."""
        if self.is_at_work:
            self._app.bell()
            self._activity.tell("one plan at a time: wait for the present one", hint=self._give_up_hint)
        return self.is_at_work

    def _also(self) -> str:
        return f"then {counted(self._more, 'job')} more · " if self._more else ""
