"""The rows of the work page: computations, and below each its task names; sorted and filtered as chosen. Pure."""

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any, NamedTuple, TypeVar

from msgspec.structs import replace

from dasktop.collectors.analysis.erred_tasks import SPLIT_STATES, erred_tasks
from dasktop.collectors.model.work import Computation, TaskName, TaskStates, Work
from dasktop.collectors.text.format import counted
from dasktop.collectors.text.patterns import compiled
from dasktop.tui.view.rows import AnyRow, Key
from dasktop.tui.view.work import WORDS, computation_name, number_in

OTHER_NAMES: Key = ("other names",)
_STATE = re.compile(r"state:(?P<rest>.*)", re.IGNORECASE)


class ComputationRow(AnyRow, frozen=True, kw_only=True):
    """A computation."""

    computation: Computation
    states: TaskStates
    """Number of its tasks by state; erred tasks are divided into failed and blocked ones as far as known."""
    has_finding: bool = False
    """Whether a finding is about one of its task names."""

    @property
    def label(self) -> str:
        """Its name, or a source line."""
        return computation_name(self.computation)


class OtherNamesRow(AnyRow, frozen=True, kw_only=True):
    """The task names that are in no listed computation."""

    names: tuple[TaskName, ...]
    states: TaskStates
    """Number of their tasks by state; erred tasks are divided into failed and blocked ones as far as known."""
    more: int
    """How many more there are that the scheduler did not list."""
    has_finding: bool = False
    """Whether a finding is about one of them."""

    @property
    def label(self) -> str:
        """What it stands for."""
        more = f", {counted(self.more, 'more name')} not listed" if self.more else ""
        return f"other tasks{more}"


class NameRow(AnyRow, frozen=True, kw_only=True):
    """A task name, below a computation."""

    name: TaskName
    states: TaskStates
    """Number of its tasks by state; erred tasks are divided into failed and blocked ones as far as known."""
    has_finding: bool = False
    """Whether a finding is about it."""
    computations: int
    """The number of listed computations that have it; its figures are of all of them."""
    seconds: float | None
    """The time on threads that its tasks have used so far, see `seconds_so_far`."""
    longest_seconds: float | None
    """The longest time of a task, finished or running."""
    time_share: float | None
    """Its share of the time on threads of all tasks, 0 to 1."""

    @property
    def label(self) -> str:
        """The name."""
        return f"{self.name.name} (in {self.computations})" if self.computations > 1 else self.name.name


WorkRow = ComputationRow | OtherNamesRow | NameRow
T = TypeVar("T", bound=WorkRow)
SortValue = Callable[[WorkRow], Any]
"""Returns what rows are sorted by; ``None``: unknown."""


class WorkOrder(NamedTuple):
    """How rows are sorted."""

    value: SortValue
    largest_first: bool


class WorkRows(NamedTuple):
    """The rows to show."""

    rows: list[WorkRow]
    context: frozenset[Key]
    """Rows that do not match the pattern themselves, and are shown because they contain matches."""


def unfolds_by_default(computation: Computation) -> bool:
    """Return whether the task names of a computation are shown at first: those of the ones that have not ended."""
    return computation.ended_at is None


def work_rows(
    work: Work,
    is_unfolded: Callable[[Key, bool], bool],
    *,
    order: WorkOrder | None = None,
    pattern: str = "",
    marked: Collection[str] = frozenset(),
) -> WorkRows:
    """Return the visible rows: the newest computation first, unless they are sorted.

    Parameters
    ----------
    is_unfolded
        Returns whether the rows below a key are shown, given whether they are by default.
    pattern
        Text or a regular expression that a label or source line contains; ``!`` excludes matches; ``state:failed``
        finds what has failed tasks.
    marked
        The task names that findings are about.
    """
    sought = _Sought(pattern) if pattern else None
    context: set[Key] = set()
    rows: list[WorkRow] = []
    for top, below, unfolds in _sorted_blocks(work, order, marked):
        shown, is_context = _matching(top, below, sought)
        if shown is None:
            continue
        unfolded = is_context or is_unfolded(top.key, unfolds)
        rows.append(replace(top, unfolded=unfolded if shown else None))
        rows += shown if unfolded else ()
        context |= {top.key} if is_context else set()
    return WorkRows(rows, frozenset(context))


_Top = ComputationRow | OtherNamesRow


def _sorted_blocks(
    work: Work, order: WorkOrder | None, marked: Collection[str]
) -> Iterator[tuple[_Top, list[NameRow], bool]]:
    """Yield each computation with all its task names, and whether these are shown by default."""
    blocks = list(_blocks(work, marked))
    if order is None:
        yield from blocks
        return
    tops = {top.key: (top, below, unfolds) for top, below, unfolds in blocks}
    for row in in_order([top for top, _, _ in blocks], order):
        top, below, unfolds = tops[row.key]
        yield top, in_order(below, order), unfolds


def name_rows(work: Work, marked: Collection[str] = frozenset()) -> list[NameRow]:
    """Return a row for each task name, without computations, in the order in which the scheduler first saw them.

    ``marked`` are the task names that findings are about.
    """
    erred, seconds = erred_tasks(work), seconds_so_far(work)
    # As in the list of running tasks: a task's time must not differ between two places.
    longest: dict[str, float] = {}
    for task in work.running or ():
        longest[task.task_name] = max(task.seconds, longest.get(task.task_name, 0.0))
    total = sum(seconds.values())
    return [
        NameRow(
            key=("name", name.name),
            name=name,
            states=erred.of_name(name),
            has_finding=name.name in marked,
            computations=1,
            seconds=seconds.get(name.name),
            longest_seconds=longest.get(name.name, name.seconds_max) if not name.finished_total else name.seconds_max,
            time_share=_share(seconds.get(name.name), total),
        )
        for name in work.task_names
    ]


def _blocks(work: Work, marked: Collection[str]) -> Iterator[tuple[_Top, list[NameRow], bool]]:
    erred = erred_tasks(work)
    of_names = {row.name.name: row for row in name_rows(work, marked)}
    times_listed = Counter(name for one in work.computations for name in set(one.task_names))

    def below(parent: Key, listed: Iterable[str]) -> list[NameRow]:
        return [
            replace(
                of_names[name],
                key=("name", *parent, name),
                parent=parent,
                depth=1,
                computations=times_listed[name],
            )
            for name in dict.fromkeys(listed)
            if name in of_names
        ]

    for computation in reversed(work.computations):
        key: Key = ("computation", computation.id)
        rows = below(key, computation.task_names)
        top = ComputationRow(
            key=key,
            computation=computation,
            states=erred.of_computation(computation),
            has_finding=computation.ended_at is None and any(row.has_finding for row in rows),
        )
        yield top, rows, unfolds_by_default(computation)
    others = tuple(name for name in work.task_names if not times_listed[name.name])
    if others or work.more_task_names > 0:
        rows = below(OTHER_NAMES, (name.name for name in others))
        states = sum((Counter(row.states) for row in rows), Counter[str]())
        marks = any(row.has_finding for row in rows)
        more = max(0, work.more_task_names)
        yield OtherNamesRow(key=OTHER_NAMES, names=others, states=states, more=more, has_finding=marks), rows, True


def seconds_so_far(work: Work) -> dict[str, float]:
    """Return the time on threads by task name: of finished tasks, and so far of those that run longest.

    Unknown: left out.
    """
    seconds = {name.name: name.compute_seconds for name in work.task_names if name.compute_seconds is not None}
    # The running tasks were read a few polls ago: of those that have finished since, the time would count twice.
    still = {name.name: name.states.get("processing", 0) for name in work.task_names}
    for task in sorted(work.running or (), key=lambda task: -task.seconds):
        if still.get(task.task_name, 0) > 0:
            still[task.task_name] -= 1
            seconds[task.task_name] = seconds.get(task.task_name, 0.0) + task.seconds
    return seconds


def _share(seconds: float | None, total: float) -> float | None:
    return None if seconds is None or not total else seconds / total


def in_order(rows: Iterable[T], order: WorkOrder) -> list[T]:
    """Return the rows sorted; unknown values come last in both directions."""
    valued = [(order.value(row), row) for row in rows]
    known = [pair for pair in valued if pair[0] is not None]
    known.sort(key=lambda pair: pair[0], reverse=order.largest_first)
    return [row for _, row in known] + [row for value, row in valued if value is None]


class _Sought:
    """A typed pattern; see `work_rows`."""

    def __init__(self, pattern: str) -> None:
        self.excludes = pattern.startswith("!")
        typed = pattern.removeprefix("!")
        state = _STATE.fullmatch(typed)
        self.is_of_states = state is not None
        self._pattern = compiled(state["rest"] if state else typed)

    def finds(self, row: WorkRow) -> bool:
        """Return whether a row matches."""
        return any(self._pattern.search(text) for text in self._texts(row))

    def _texts(self, row: WorkRow) -> Iterator[str]:
        if self.is_of_states:
            yield from (state for state, number in row.states.items() if number > 0)
            if any(row.states.get(state) for state in SPLIT_STATES):
                yield "erred"
            yield from (word for word in WORDS if number_in(row.states, word))
            return
        yield row.label
        if isinstance(row, ComputationRow):
            yield from row.computation.code or ()


def _matching(top: _Top, below: list[NameRow], sought: _Sought | None) -> tuple[list[NameRow] | None, bool]:
    """Return the task names to show, or ``None`` to leave out the whole block; and whether the top is only context."""
    if sought is None:
        return below, False
    is_hit = sought.finds(top)
    matches = [row for row in below if sought.finds(row)]
    if sought.excludes:
        return (None, False) if is_hit else ([row for row in below if row not in matches], False)
    if is_hit:
        # A computation is in a state because some of its names are: only these are of interest.
        return matches if sought.is_of_states else below, False
    return (matches, True) if matches else (None, False)
