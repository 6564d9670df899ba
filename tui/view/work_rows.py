"""The rows of the work page: computations, and below each its task names; sorted and filtered as chosen. Pure."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, TypeVar

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

    @property
    def label(self) -> str:
        """Its name, or a source line."""
        return computation_name(self.computation)

    @property
    def states(self) -> TaskStates:
        """Its tasks by state."""
        return self.computation.states


class OtherNamesRow(AnyRow, frozen=True, kw_only=True):
    """The task names that are in no listed computation."""

    names: tuple[TaskName, ...]
    more: int
    """How many more there are that the scheduler did not list."""

    @property
    def label(self) -> str:
        """What it stands for."""
        more = f", {counted(self.more, 'more name')} not listed" if self.more else ""
        return f"other tasks{more}"

    @property
    def states(self) -> TaskStates:
        """Their tasks by state."""
        states = Counter[str]()
        for name in self.names:
            states.update(name.states)
        return dict(states)


class NameRow(AnyRow, frozen=True, kw_only=True):
    """A task name, below a computation."""

    name: TaskName
    computations: int
    """The number of listed computations that have it; its figures are of all of them."""
    time_share: float | None
    """Its share of the time on threads of all tasks, 0 to 1."""

    @property
    def label(self) -> str:
        """The name."""
        return f"{self.name.name} (in {self.computations})" if self.computations > 1 else self.name.name

    @property
    def states(self) -> TaskStates:
        """Its tasks by state."""
        return self.name.states


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
    work: Work, is_unfolded: Callable[[Key, bool], bool], *, order: WorkOrder | None = None, pattern: str = ""
) -> WorkRows:
    """Return the visible rows: the newest computation first, unless they are sorted.

    Parameters
    ----------
    is_unfolded
        Returns whether the rows below a key are shown, given whether they are by default.
    pattern
        Text or a regular expression that a label or source line contains; ``!`` excludes matches; ``state:failed``
        finds what has failed tasks.
    """
    sought = _Sought(pattern) if pattern else None
    context: set[Key] = set()
    rows: list[WorkRow] = []
    for top, below, unfolds in _sorted_blocks(work, order):
        shown, is_context = _matching(top, below, sought)
        if shown is None:
            continue
        unfolded = is_context or is_unfolded(top.key, unfolds)
        rows.append(_with_fold(top, unfolded if shown else None))
        rows += shown if unfolded else ()
        context |= {top.key} if is_context else set()
    return WorkRows(rows, frozenset(context))


_Top = ComputationRow | OtherNamesRow


def _sorted_blocks(work: Work, order: WorkOrder | None) -> Iterator[tuple[_Top, list[NameRow], bool]]:
    """Yield each computation with all its task names, and whether these are shown by default."""
    blocks = list(_blocks(work))
    if order is None:
        yield from blocks
        return
    tops = {top.key: (top, below, unfolds) for top, below, unfolds in blocks}
    for row in in_order([top for top, _, _ in blocks], order):
        top, below, unfolds = tops[row.key]
        yield top, in_order(below, order), unfolds


def name_rows(work: Work) -> list[NameRow]:
    """Return a row for each task name, without computations, in the order in which the scheduler first saw them."""
    total = _seconds_of_all(work)
    return [
        NameRow(key=("name", name.name), name=name, computations=1, time_share=_share(name, total))
        for name in work.task_names
    ]


def _blocks(work: Work) -> Iterator[tuple[_Top, list[NameRow], bool]]:
    names = {name.name: name for name in work.task_names}
    total = _seconds_of_all(work)
    times_listed = Counter(name for one in work.computations for name in set(one.task_names))

    def below(parent: Key, listed: Iterable[str]) -> list[NameRow]:
        return [
            NameRow(
                key=("name", *parent, name),
                parent=parent,
                depth=1,
                name=names[name],
                computations=times_listed[name],
                time_share=_share(names[name], total),
            )
            for name in dict.fromkeys(listed)
            if name in names
        ]

    for computation in reversed(work.computations):
        key: Key = ("computation", computation.id)
        top = ComputationRow(key=key, computation=computation)
        yield top, below(key, computation.task_names), unfolds_by_default(computation)
    others = tuple(name for name in work.task_names if not times_listed[name.name])
    if others or work.more_task_names > 0:
        row = OtherNamesRow(key=OTHER_NAMES, names=others, more=max(0, work.more_task_names))
        yield row, below(OTHER_NAMES, (name.name for name in others)), True


def _seconds_of_all(work: Work) -> float:
    return sum(name.compute_seconds for name in work.task_names if name.compute_seconds is not None)


def _share(name: TaskName, total: float) -> float | None:
    return None if name.compute_seconds is None or not total else name.compute_seconds / total


def _with_fold(row: _Top, unfolded: bool | None) -> _Top:
    match row:
        case ComputationRow():
            return ComputationRow(key=row.key, unfolded=unfolded, computation=row.computation)
        case OtherNamesRow():
            return OtherNamesRow(key=row.key, unfolded=unfolded, names=row.names, more=row.more)


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
