"""Shows a plan and asks whether to carry it out. Plans anew with each snapshot; what was shown is what is done."""

from collections.abc import Callable, Collection
from time import monotonic
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from dasktop.collectors.errors import PlanError
from dasktop.collectors.model import Snapshot
from dasktop.collectors.scaling.model import ScalePlan
from dasktop.collectors.scaling.words import below, deed_lines, job_lines, warning_lines
from dasktop.tui.boxes.box import Box
from dasktop.tui.keys import help_rows
from dasktop.tui.keys.bindings import bound
from dasktop.tui.keys.help_rows import HelpGroups
from dasktop.tui.terminal.glyphs import Glyphs
from dasktop.tui.terminal.text_width import settle

Planner = Callable[[Snapshot, Collection[str]], ScalePlan]
"""Makes the plan for one target, which prefers to give back the jobs of these ids; raises `PlanError` where there is
none."""

SECONDS_TO_LOOK = 0.5
"""After a plan has changed under the reader's eyes, ``y`` is not heard for so long: it was meant for the other one."""


def plan_content(plan: ScalePlan | PlanError, remark: str, glyphs: Glyphs) -> Content:
    """Return a plan as text, or why there is none; what to beware of in bold, before the jobs, which may be many."""
    lines = [f"! {remark}", ""] if remark else []
    if isinstance(plan, PlanError):
        lines += [f"! {plan}"]
    else:
        lines += [*deed_lines(plan), *below(warning_lines(plan)), *below(job_lines(plan))]
    texts = [glyphs.own(settle(line)) for line in lines]
    return Content("\n").join(
        Content.styled(text, "bold") if text.startswith("! ") else Content(text) for text in texts
    )


def can_be_done(plan: ScalePlan | PlanError) -> bool:
    """Whether there is anything that may be agreed to."""
    return not isinstance(plan, PlanError) and plan.can_be_done


def deeds(plan: ScalePlan) -> tuple[object, ...]:
    """Return what of a plan would be done, without what it merely tells."""
    lost = frozenset(lost.job_id for lost in plan.replace)
    return plan.submit, _going(plan), lost, plan.adapt, plan.stop_adapting


def _going(plan: ScalePlan) -> frozenset[str]:
    return frozenset(victim.job_id for victim in plan.release)


class PlanBox(Box[ScalePlan | None]):
    """A plan, and ``y`` or ``n``. Answers with the plan that was shown, or with nothing.

    Parameters
    ----------
    snapshot
        To plan on first.
    planner
        For the target that is asked about.
    remark
        What to say above the plan: why it is shown again.
    """

    DEFAULT_CSS = """
    PlanBox { align: center middle; }
    PlanBox > VerticalScroll {
        width: auto; max-width: 100%; height: auto; max-height: 100%; padding: 0 1; scrollbar-size-vertical: 1;
        border-title-style: bold; border-subtitle-style: bold;
    }
    PlanBox Static { width: auto; max-width: 100%; }
    """
    BINDINGS: ClassVar[list[BindingType]] = bound(
        yes=("agree", "do it"), no=("dismiss(None)", "leave it"), leave="dismiss(None)", back=("dismiss(None)", "")
    )
    HELP_ROWS: ClassVar[HelpGroups] = help_rows.PLAN

    def __init__(self, snapshot: Snapshot, planner: Planner, glyphs: Glyphs, remark: str = "") -> None:
        super().__init__()
        self._planner = planner
        self._glyphs = glyphs
        self._remark = remark
        self._changed_at = float("-inf")
        self._plan: ScalePlan | PlanError = self._planned(snapshot, ())
        self._text = Static(plan_content(self._plan, remark, glyphs))

    def compose(self) -> ComposeResult:
        """Build the box."""
        with VerticalScroll(classes="box") as box:
            box.border_title = self._heading()
            yield self._text

    def _heading(self) -> str:
        """Ask only where there is something to say yes to."""
        if can_be_done(self._plan):
            return "Do it?"
        return "Can't be done" if isinstance(self._plan, PlanError) or self._plan.refusal else "Nothing to do"

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer to do only what can be done."""
        return (action != "agree" or can_be_done(self._plan)) and super().check_action(action, parameters)

    def _planned(self, snapshot: Snapshot, preferred: Collection[str]) -> ScalePlan | PlanError:
        try:
            return self._planner(snapshot, preferred)
        except PlanError as error:
            return error

    def show(self, snapshot: Snapshot) -> None:
        """Plan on this snapshot instead, and say so if something else would be done now."""
        before = self._plan
        self._plan = self._planned(snapshot, () if isinstance(before, PlanError) else _going(before))
        if _differ(before, self._plan):
            self._remark = "the cluster has changed, and the plan with it"
            self._changed_at = monotonic()
        self._text.update(plan_content(self._plan, self._remark, self._glyphs))
        self.query_one(".box").border_title = self._heading()
        if can_be_done(before) != can_be_done(self._plan):
            self.refresh_bindings()

    def action_agree(self) -> None:
        """Answer with the plan, if there is one to carry out, and it could be read."""
        is_new = monotonic() - self._changed_at < SECONDS_TO_LOOK
        if isinstance(self._plan, PlanError) or not can_be_done(self._plan) or is_new:
            self.app.bell()
        else:
            self.dismiss(self._plan)


def _differ(one: ScalePlan | PlanError, other: ScalePlan | PlanError) -> bool:
    if isinstance(one, PlanError) or isinstance(other, PlanError):
        return str(one) != str(other) if isinstance(one, PlanError) and isinstance(other, PlanError) else True
    return deeds(one) != deeds(other)
