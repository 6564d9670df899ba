"""The forms that ask for a target, with the plan shown while one types. Plan only; nothing is carried out here."""

import re
from collections import defaultdict, deque
from collections.abc import Callable
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.widgets import Input, Label, Static

from dasktop.collectors.model.errors import PlanError
from dasktop.collectors.model.plan import Adapt, Cores, Jobs, Memory, ScalePlan, Size, Target
from dasktop.collectors.model.snapshot import Adaptive, Snapshot
from dasktop.collectors.scaling.state import ClusterState, cluster_state
from dasktop.collectors.scaling.targets import count_from, memory_from
from dasktop.collectors.text.format import memory_words
from dasktop.tui.dialogs.dialog import Dialog
from dasktop.tui.draw.glyphs import Glyphs
from dasktop.tui.scaling.plan_box import plan_content
from dasktop.tui.view import help_rows
from dasktop.tui.view.help_rows import HelpGroups
from dasktop.tui.widgets.bindings import bound

Plan = Callable[[Snapshot, Target], ScalePlan]

_DIGITS = "0-9"
_AMOUNT = "0-9A-Za-z. "


class Field(Input):
    """A line to type in, which leaves characters that it doesn't take to be keys."""

    def __init__(self, value: str, name: str, takes: str) -> None:
        super().__init__(value, id=name, restrict=f"[{takes}]*", compact=True, max_length=20)
        self._takes = re.compile(f"[{takes}]")

    def check_consume_key(self, key: str, character: str | None) -> bool:
        """Tell whether the key is one to be typed."""
        del key
        return character is not None and self._takes.fullmatch(character) is not None


class TargetForm(Dialog[Target | None]):
    """Some fields, and what their target would mean. Answers with the target, or with nothing.

    Parameters
    ----------
    snapshot
        To plan on first.
    plan
        Makes a plan; raises `PlanError` where there is none.
    """

    DEFAULT_CSS = """
    TargetForm { align: center middle; }
    TargetForm > VerticalScroll {
        width: 74; max-width: 100%; height: auto; max-height: 100%; padding: 0 1; scrollbar-size-vertical: 1;
        border-title-style: bold; border-subtitle-style: bold;
    }
    TargetForm Horizontal { height: 1; }
    TargetForm Label { width: 9; }
    TargetForm Input { width: 20; text-style: underline; }
    TargetForm Input:focus { text-style: underline bold; }
    TargetForm #plan { margin-top: 1; height: auto; min-height: 9; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        *bound(leave=("dismiss(None)", "leave it")),
        *bound(priority=True, next_field="app.focus_next", previous_field="app.focus_previous", help="app.help"),
    ]
    HELP_ROWS: ClassVar[HelpGroups] = help_rows.FORM
    FIELD_KEYS = "enter do it"
    HEADING: ClassVar[str]
    FIELDS: ClassVar[dict[str, str]]
    """Each field's name and the characters that it takes, as within a pattern's brackets."""

    def __init__(self, snapshot: Snapshot, plan: Plan, glyphs: Glyphs) -> None:
        super().__init__()
        self._snapshot = snapshot
        self._plan = plan
        self._glyphs = glyphs
        self._target: Target | None = None
        self._is_readable = True
        self._is_offered = True
        # What we filled in and Textual has not told us of yet, the first value among it; all else was typed.
        self._filled: defaultdict[str, deque[str]] = defaultdict(deque)

    def compose(self) -> ComposeResult:
        """Build the fields, filled in with how things are."""
        values = self.values(cluster_state(self._snapshot))
        for name, value in values.items():
            self._filled[name] += [value] if value else []
        with VerticalScroll(classes="box", can_focus=False) as box:
            box.border_title = self.HEADING
            for name, takes in self.FIELDS.items():
                with Horizontal():
                    yield Label(name)
                    yield Field(values.get(name, ""), name, takes)
            yield Static(id="plan")

    def on_mount(self) -> None:
        """Begin in the first field, and show what there is before anything was typed."""
        self.field(next(iter(self.FIELDS))).focus()
        self._show_plan()

    def values(self, standing: ClusterState) -> dict[str, str]:
        """Return today's value of each field. To be said by each kind."""
        raise NotImplementedError

    def target_of(self, name: str) -> Target:
        """Return what the fields say, the one of this name having been changed last. Raises `PlanError`."""
        raise NotImplementedError

    def field(self, name: str) -> Input:
        """Return a field."""
        return self.query_one(f"#{name}", Input)

    def values_after(self, plan: ScalePlan) -> dict[str, str]:
        """Return what the fields say of a plan's end; nothing unless a kind knows how."""
        del plan
        return {}

    def show(self, snapshot: Snapshot) -> None:
        """Plan on this snapshot from now on."""
        self._snapshot = snapshot
        if self._is_readable:
            self._show_plan()

    @on(Input.Changed)
    def _changed(self, message: Input.Changed) -> None:
        name = message.input.id or ""
        ours = self._filled[name]
        if ours and ours[0] == message.value:
            ours.popleft()
            return
        try:
            self._target = self.target_of(name)
        except PlanError as error:
            self._is_readable = False
            self._show(error)
            return
        self._is_readable = True
        plan = self._show_plan()
        if plan is not None:
            self._fill(self.values_after(plan), but=name)

    def _fill(self, values: dict[str, str], but: str) -> None:
        """Fill in the other fields, but not one that is being typed in."""
        for name, value in values.items():
            field = self.field(name)
            if name != but and not field.has_focus and field.value != value:
                self._filled[name].append(value)
                field.value = value

    @on(Input.Submitted)
    def _submitted(self) -> None:
        self.agree()

    def _show_plan(self) -> ScalePlan | None:
        """Show the plan for the target, or for leaving all as it is."""
        try:
            plan = self._plan(self._snapshot, self._target or self.present_target())
        except PlanError as error:
            self._show(error)
            return None
        self._show(plan)
        return plan

    def present_target(self) -> Target:
        """Return the target that changes nothing, or as little as can be."""
        return Jobs(count=standing_of_all(self._snapshot).jobs)

    @property
    def field_keys(self) -> str:
        """Offer to do only what can be done."""
        return self.FIELD_KEYS if self._is_offered else ""

    def _show(self, plan: ScalePlan | PlanError) -> None:
        self.query_one("#plan", Static).update(plan_content(plan, "", self._glyphs))
        self._is_offered = not isinstance(plan, PlanError) and plan.refusal is None
        self._tell_keys(self)

    def agree(self) -> None:
        """Answer with the target, if it could be read and there is a plan for it that can be carried out."""
        if self._is_readable and self._show_plan() is not None and self._is_offered:
            self.dismiss(self._target or self.present_target())
        else:
            self.app.bell()


def standing_of_all(snapshot: Snapshot) -> Size:
    """Return how large the cluster is, with the jobs that SLURM doesn't tell of yet."""
    standing = cluster_state(snapshot)
    return standing.size(standing.jobs + standing.unseen)


class ScaleForm(TargetForm):
    """By jobs, cores or memory: whichever field was changed last counts, and the others follow."""

    HEADING = "Scale to"
    FIELDS: ClassVar[dict[str, str]] = {"jobs": _DIGITS, "cores": _DIGITS, "memory": _AMOUNT}

    def values(self, standing: ClusterState) -> dict[str, str]:
        """Return how large the cluster is."""
        return _values(standing.size(standing.jobs + standing.unseen))

    def target_of(self, name: str) -> Target:
        """Return the target in the unit of the field."""
        text = self.field(name).value
        match name:
            case "cores":
                return Cores(count=count_from(text))
            case "memory":
                return Memory(amount_bytes=memory_from(text))
            case _:
                return Jobs(count=count_from(text))

    def values_after(self, plan: ScalePlan) -> dict[str, str]:
        """Return what the plan comes to, in all units."""
        return _values(plan.after)


def _values(size: Size) -> dict[str, str]:
    return {
        "jobs": str(size.jobs),
        "cores": "" if size.cores is None else str(size.cores),
        "memory": "" if size.memory_bytes is None else memory_words(size.memory_bytes),
    }


class AdaptForm(TargetForm):
    """The bounds, in jobs, between which the cluster scales by itself; or not any more."""

    HEADING = "Let the cluster scale by itself"
    FIELDS: ClassVar[dict[str, str]] = {"minimum": _DIGITS, "maximum": _DIGITS}
    BINDINGS: ClassVar[list[BindingType]] = bound(priority=True, adapt_off="off")

    def values(self, standing: ClusterState) -> dict[str, str]:
        """Return today's bounds; where there are none, from no job to as many as there are."""
        bounds = _bounds_in_jobs(standing)
        if bounds is None:
            return {"minimum": "0", "maximum": str(max(1, standing.size(standing.jobs + standing.unseen).jobs))}
        return {"minimum": str(bounds.minimum), "maximum": "" if bounds.maximum is None else str(bounds.maximum)}

    def target_of(self, name: str) -> Target:
        """Return both bounds; nothing in the upper field is no upper bound."""
        del name
        upper = self.field("maximum").value
        maximum = count_from(upper) if upper.strip() else None
        return Adapt(bounds=Adaptive(minimum=count_from(self.field("minimum").value), maximum=maximum))

    def present_target(self) -> Target:
        """Return what the fields say before they were changed."""
        return self.target_of("minimum")

    def action_off(self) -> None:
        """Answer that it is to stop."""
        self.dismiss(Adapt(bounds=None))


def _bounds_in_jobs(standing: ClusterState) -> Adaptive | None:
    """Return the owner's bounds, which it counts in workers, in whole jobs."""
    if standing.owner is None or standing.owner.adaptive is None:
        return None
    processes = standing.owner.processes_per_job or 1
    bounds = standing.owner.adaptive
    maximum = None if bounds.maximum is None else bounds.maximum // processes
    return Adaptive(minimum=-(-bounds.minimum // processes), maximum=maximum)
