"""The forms for a scaling target, which show the plan as the user types. They carry nothing out."""

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
from dasktop.collectors.text.format import requested_size
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
    """A text field; characters that it does not accept act as keys."""

    def __init__(self, value: str, name: str, takes: str) -> None:
        super().__init__(value, id=name, restrict=f"[{takes}]*", compact=True, max_length=20)
        self._takes = re.compile(f"[{takes}]")

    def check_consume_key(self, key: str, character: str | None) -> bool:
        """Return whether the field accepts this character."""
        del key
        return character is not None and self._takes.fullmatch(character) is not None


class TargetForm(Dialog[Target | None]):
    """Fields for a target, and its plan. Returns the target, or ``None``.

    Parameters
    ----------
    snapshot
        The first snapshot to plan on.
    plan
        Makes a plan; raises `PlanError` if there is none.
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
        *bound(leave=("dismiss(None)", "cancel")),
        *bound(priority=True, next_field="app.focus_next", previous_field="app.focus_previous", help="app.help"),
    ]
    HELP_ROWS: ClassVar[HelpGroups] = help_rows.FORM
    FIELD_KEYS = "enter apply"
    HEADING: ClassVar[str]
    FIELDS: ClassVar[dict[str, str]]
    """The characters that each field accepts, as a regex character class without brackets."""

    def __init__(self, snapshot: Snapshot, plan: Plan, glyphs: Glyphs) -> None:
        super().__init__()
        self._snapshot = snapshot
        self._plan = plan
        self._glyphs = glyphs
        self._target: Target | None = None
        self._is_valid = True
        self._can_apply = True
        # Values set by us whose `Changed` message has not arrived yet; other changes were typed.
        self._filled: defaultdict[str, deque[str]] = defaultdict(deque)

    def compose(self) -> ComposeResult:
        """Create the fields, filled with the current size."""
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
        """Focus the first field, and show the plan for the current size."""
        self.field(next(iter(self.FIELDS))).focus()
        self._show_plan()

    def values(self, state: ClusterState) -> dict[str, str]:
        """Return the current value of each field. Subclasses implement it."""
        raise NotImplementedError

    def target_of(self, name: str) -> Target:
        """Return the target, where the field of this name was changed last. Raises `PlanError`."""
        raise NotImplementedError

    def field(self, name: str) -> Input:
        """Return a field."""
        return self.query_one(f"#{name}", Input)

    def values_after(self, plan: ScalePlan) -> dict[str, str]:
        """Return the values of the fields after a plan; by default none."""
        del plan
        return {}

    def show(self, snapshot: Snapshot) -> None:
        """Use this snapshot for the plan."""
        self._snapshot = snapshot
        if self._is_valid:
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
            self._is_valid = False
            self._show(error)
            return
        self._is_valid = True
        plan = self._show_plan()
        if plan is not None:
            self._fill(self.values_after(plan), but=name)

    def _fill(self, values: dict[str, str], but: str) -> None:
        """Fill the other fields, except one that has the focus."""
        for name, value in values.items():
            field = self.field(name)
            if name != but and not field.has_focus and field.value != value:
                self._filled[name].append(value)
                field.value = value

    @on(Input.Submitted)
    def _submitted(self) -> None:
        self.apply()

    def _show_plan(self) -> ScalePlan | None:
        """Show the plan for the target or, before any change, for the current size."""
        try:
            plan = self._plan(self._snapshot, self._target or self.present_target())
        except PlanError as error:
            self._show(error)
            return None
        self._show(plan)
        return plan

    def present_target(self) -> Target:
        """Return a target that changes nothing, or as little as possible."""
        return Jobs(count=current_size(self._snapshot).jobs)

    @property
    def field_keys(self) -> str:
        """List the key only if the plan can be executed."""
        return self.FIELD_KEYS if self._can_apply else ""

    def _show(self, plan: ScalePlan | PlanError) -> None:
        self.query_one("#plan", Static).update(plan_content(plan, "", self._glyphs))
        self._can_apply = not isinstance(plan, PlanError) and plan.refusal is None
        self._show_keys(self)

    def apply(self) -> None:
        """Return the target, if it is valid and its plan can be executed."""
        if self._is_valid and self._show_plan() is not None and self._can_apply:
            self.dismiss(self._target or self.present_target())
        else:
            self.app.bell()


def current_size(snapshot: Snapshot) -> Size:
    """Return the size of the cluster, including jobs that are not yet known to SLURM."""
    state = cluster_state(snapshot)
    return state.size(state.jobs + state.unseen)


class ScaleForm(TargetForm):
    """A target in jobs, cores or memory: the field changed last counts, and the others follow."""

    HEADING = "Scale to"
    FIELDS: ClassVar[dict[str, str]] = {"jobs": _DIGITS, "cores": _DIGITS, "memory": _AMOUNT}

    def values(self, state: ClusterState) -> dict[str, str]:
        """Return the current size of the cluster."""
        return _values(state.size(state.jobs + state.unseen))

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
        """Return the size after the plan, in all units."""
        return _values(plan.after)


def _values(size: Size) -> dict[str, str]:
    return {
        "jobs": str(size.jobs),
        "cores": "" if size.cores is None else str(size.cores),
        "memory": "" if size.memory_bytes is None else requested_size(size.memory_bytes),
    }


class AdaptForm(TargetForm):
    """The limits of adaptive scaling, in jobs; or turn it off."""

    HEADING = "Adaptive scaling"
    FIELDS: ClassVar[dict[str, str]] = {"minimum": _DIGITS, "maximum": _DIGITS}
    BINDINGS: ClassVar[list[BindingType]] = bound(priority=True, adapt_off="off")

    def values(self, state: ClusterState) -> dict[str, str]:
        """Return the current limits; without any, from 0 to the current number of jobs."""
        bounds = _bounds_in_jobs(state)
        if bounds is None:
            return {"minimum": "0", "maximum": str(max(1, state.size(state.jobs + state.unseen).jobs))}
        return {"minimum": str(bounds.minimum), "maximum": "" if bounds.maximum is None else str(bounds.maximum)}

    def target_of(self, name: str) -> Target:
        """Return both limits; an empty maximum means none."""
        del name
        upper = self.field("maximum").value
        maximum = count_from(upper) if upper.strip() else None
        return Adapt(bounds=Adaptive(minimum=count_from(self.field("minimum").value), maximum=maximum))

    def present_target(self) -> Target:
        """Return the limits in the fields."""
        return self.target_of("minimum")

    def action_off(self) -> None:
        """Return a target without adaptive scaling."""
        self.dismiss(Adapt(bounds=None))


def _bounds_in_jobs(state: ClusterState) -> Adaptive | None:
    """Return the limits of the cluster object, which counts workers, in whole jobs."""
    if state.owner is None or state.owner.adaptive is None:
        return None
    processes = state.owner.processes_per_job or 1
    bounds = state.owner.adaptive
    maximum = None if bounds.maximum is None else bounds.maximum // processes
    return Adaptive(minimum=-(-bounds.minimum // processes), maximum=maximum)
