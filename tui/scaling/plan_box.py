"""Shows a plan and asks for confirmation; replans with each snapshot. Carries nothing out.

A confirmation is valid only for the plan that was visible when the key was pressed; the result names its identity.
"""

from collections.abc import Callable, Collection
from functools import partial
from typing import ClassVar, cast

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.geometry import Region
from textual.strip import Strip
from textual.widgets import Static

from dasktop.collectors.model.errors import PlanError
from dasktop.collectors.model.plan import Agreement, ScalePlan
from dasktop.collectors.model.snapshot import Snapshot
from dasktop.collectors.scaling.words import below, job_lines, summary_lines, warning_lines
from dasktop.tui.dialogs.dialog import Dialog
from dasktop.tui.draw.glyphs import Glyphs
from dasktop.tui.draw.text_width import printable
from dasktop.tui.view import help_rows
from dasktop.tui.view.help_rows import HelpGroups
from dasktop.tui.widgets.bindings import bound
from dasktop.tui.widgets.terminal_app import TerminalApp

Planner = Callable[[Snapshot, Collection[str]], ScalePlan]
"""Makes the plan for one target, releasing the jobs of these ids first; raises `PlanError` if there is none."""

REVIEW_SECONDS = 0.5
"""A confirmation this soon after a changed plan became visible is ignored: it was meant for the previous plan."""


def plan_content(plan: ScalePlan | PlanError, remark: str, glyphs: Glyphs) -> Content:
    """Return a plan as text, or why there is none; warnings in bold, before the jobs, which may be many."""
    lines = [f"! {remark}", ""] if remark else []
    if isinstance(plan, PlanError):
        lines += [f"! {plan}"]
    else:
        lines += [*summary_lines(plan), *below(warning_lines(plan)), *below(job_lines(plan))]
    texts = [glyphs.encode(printable(line)) for line in lines]
    return Content("\n").join(
        Content.styled(text, "bold") if text.startswith("! ") else Content(text) for text in texts
    )


def can_be_done(plan: ScalePlan | PlanError) -> bool:
    """Return whether the plan can be executed."""
    return not isinstance(plan, PlanError) and plan.can_be_done


def _released_ids(plan: ScalePlan) -> frozenset[str]:
    return frozenset(victim.job_id for victim in plan.release)


class PlanText(Static):
    """The text of a plan, with a callback when it is drawn.

    Parameters
    ----------
    content
        The initial text.
    on_drawing
        Called, possibly often, while the lines are rendered.
    """

    def __init__(self, content: Content, on_drawing: Callable[[], None]) -> None:
        super().__init__(content)
        self._on_drawing = on_drawing

    def render_lines(self, crop: Region) -> list[Strip]:
        """Return the lines to be drawn."""
        self._on_drawing()
        return super().render_lines(crop)


class PlanBox(Dialog[Agreement | None]):
    """A plan to confirm. Returns the plan that was visible, or ``None``.

    Parameters
    ----------
    snapshot
        The first snapshot to plan on.
    planner
        Makes the plan.
    remark
        Shown above the plan, such as why it is shown again.
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
        yes=("agree", "apply"), no=("dismiss(None)", "cancel"), leave="dismiss(None)", back=("dismiss(None)", "")
    )
    HELP_ROWS: ClassVar[HelpGroups] = help_rows.PLAN

    def __init__(self, snapshot: Snapshot, planner: Planner, glyphs: Glyphs, remark: str = "") -> None:
        super().__init__()
        self._planner = planner
        self._glyphs = glyphs
        self._remark = remark
        self._plan: ScalePlan | PlanError = self._planned(snapshot, ())
        self._has_changed = False
        self._is_waited_for = False
        self._seen_at: float | None = None
        self._text = PlanText(plan_content(self._plan, remark, glyphs), self._follow_drawing)

    def compose(self) -> ComposeResult:
        """Create the box."""
        with VerticalScroll(classes="box") as box:
            box.border_title = self._heading()
            yield self._text

    def _heading(self) -> str:
        """Return the title, which is a question only if the plan can be executed."""
        if can_be_done(self._plan):
            return "Apply this plan?"
        return "Not possible" if isinstance(self._plan, PlanError) or self._plan.refusal else "Nothing to do"

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Enable the confirmation only if the plan can be executed."""
        return (action != "agree" or can_be_done(self._plan)) and super().check_action(action, parameters)

    def _planned(self, snapshot: Snapshot, preferred: Collection[str]) -> ScalePlan | PlanError:
        try:
            return self._planner(snapshot, preferred)
        except PlanError as error:
            return error

    def show(self, snapshot: Snapshot) -> None:
        """Replan with this snapshot, and say so if the plan changed."""
        before = self._plan
        self._plan = self._planned(snapshot, () if isinstance(before, PlanError) else _released_ids(before))
        if _identity(before) != _identity(self._plan):
            self._remark = "the cluster has changed; this is the updated plan"
            self._has_changed = True
            self._seen_at, self._is_waited_for = None, False
        self._text.update(plan_content(self._plan, self._remark, self._glyphs))
        self.query_one(".box").border_title = self._heading()
        if can_be_done(before) != can_be_done(self._plan):
            self.refresh_bindings()

    @property
    def agreeable_from(self) -> float | None:
        """The key time from which a confirmation counts for this plan; ``None``: it is not visible yet."""
        if self._seen_at is None:
            return None
        return self._seen_at + (REVIEW_SECONDS if self._has_changed else 0.0)

    def on_screen_resume(self) -> None:
        """Redraw what may have changed behind another dialog."""
        self._text.refresh()

    def _follow_drawing(self) -> None:
        """Find out when the plan that is being drawn becomes visible."""
        if self.app.screen is self and self._seen_at is None and not self._is_waited_for:
            self._is_waited_for = True
            cast("TerminalApp", self.app).when_seen(partial(self._see, _identity(self._plan)))

    def _see(self, identity: str, at: float | None) -> None:
        """Note when the plan of this identity became visible; ``None``: unknown, ask again."""
        if identity != _identity(self._plan):
            return
        self._seen_at, self._is_waited_for = at, at is not None

    def action_agree(self) -> None:
        """Return the plan, if it can be executed and was visible before the key was pressed."""
        plan, key_time, since = self._plan, cast("TerminalApp", self.app).key_time, self.agreeable_from
        could_be_read = key_time is not None and since is not None and key_time >= since
        if could_be_read and isinstance(plan, ScalePlan) and plan.can_be_done:
            self.dismiss(Agreement(plan=plan, identity=plan.identity))
        else:
            self.app.bell()


def _identity(plan: ScalePlan | PlanError) -> str:
    return str(plan) if isinstance(plan, PlanError) else plan.identity
