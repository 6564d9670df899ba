"""The rows of the page of failed tasks: groups, below each its tasks; then the workers that ended. Pure."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple, TypeVar

from msgspec.structs import replace

from dasktop.collectors.analysis.failures import FailureGroup, grouped, kind_of_reason, reason_of
from dasktop.collectors.model.snapshot import WorkerEvent
from dasktop.collectors.model.work import Failure
from dasktop.collectors.text.patterns import compiled
from dasktop.tui.view.rows import AnyRow, Key

ENDS: Key = ("ended workers",)


class GroupRow(AnyRow, frozen=True, kw_only=True):
    """Failed tasks of one name that failed for the same reason."""

    group: FailureGroup

    @property
    def label(self) -> str:
        """The task name."""
        return self.group.task_name


class FailedTaskRow(AnyRow, frozen=True, kw_only=True):
    """A failed task, below its group."""

    failure: Failure

    @property
    def label(self) -> str:
        """Its key."""
        return self.failure.key


class EndsRow(AnyRow, frozen=True, kw_only=True):
    """The workers that ended unexpectedly."""

    ends: tuple[WorkerEvent, ...]
    """The oldest first; at least one."""

    @property
    def label(self) -> str:
        """What they are."""
        return "ended workers"


class EndRow(AnyRow, frozen=True, kw_only=True):
    """A worker that ended unexpectedly."""

    end: WorkerEvent

    @property
    def label(self) -> str:
        """Its name, or its address."""
        return self.end.worker or self.end.address or "unknown"


FailureRow = GroupRow | FailedTaskRow | EndsRow | EndRow
_Top = GroupRow | EndsRow
_Below = FailedTaskRow | EndRow


class FailureRows(NamedTuple):
    """The rows to show."""

    rows: list[FailureRow]
    context: frozenset[Key]
    """Rows that do not match the pattern themselves, and are shown because they contain matches."""


class GroupOrder:
    """Keeps groups in their places while the page is open: the newest first, and later ones above them."""

    def __init__(self) -> None:
        self._known: list[Key] = []

    def placed(self, groups: Sequence[FailureGroup]) -> list[FailureGroup]:
        """Return the groups in order, given the one with the newest failure first."""
        by_key = {key_of(group): group for group in groups}
        known = set(self._known)
        self._known[:0] = [key for key in by_key if key not in known]
        return [by_key[key] for key in self._known if key in by_key]


def key_of(group: FailureGroup) -> Key:
    """Return the key of a group's row."""
    newest = group.newest
    return ("group", group.task_name, newest.kind, kind_of_reason(newest))


def failure_rows(
    failures: Iterable[Failure],
    ends: Sequence[WorkerEvent],
    is_unfolded: Callable[[Key, bool], bool],
    order: GroupOrder,
    pattern: str = "",
) -> FailureRows:
    """Return the visible rows: groups with their tasks, the newest first, then the workers that ended.

    Parameters
    ----------
    failures
        In any order; one that is listed twice is shown once.
    ends
        The oldest first.
    is_unfolded
        Returns whether the rows below a key are shown, given whether they are by default.
    order
        Remembers the places of the groups.
    pattern
        Text or a regular expression that a name, key, reason, worker, job or node contains; ``!`` excludes matches.
    """
    rows: list[FailureRow] = []
    context: set[Key] = set()
    once = {(failure.key, failure.at): failure for failure in failures}
    for top, below in _blocks(order.placed(grouped(once.values())), ends):
        shown, is_context = _matching(below, pattern)
        if not shown:
            continue
        unfolded = is_context or is_unfolded(top.key, top.key == ENDS)
        rows.append(replace(top, unfolded=unfolded))
        rows += shown if unfolded else ()
        context |= {top.key} if is_context else set()
    return FailureRows(rows, frozenset(context))


def _blocks(groups: Iterable[FailureGroup], ends: Sequence[WorkerEvent]) -> Iterator[tuple[_Top, list[_Below]]]:
    for group in groups:
        key = key_of(group)
        yield (
            GroupRow(key=key, group=group),
            [
                FailedTaskRow(key=("failed", failure.key, failure.at.isoformat()), parent=key, depth=1, failure=failure)
                for failure in reversed(group.failures)
            ],
        )
    if ends:
        once = {("end", end.worker, end.address, end.at.isoformat()): end for end in ends}
        listed = [EndRow(key=key, parent=ENDS, depth=1, end=end) for key, end in once.items()]
        yield EndsRow(key=ENDS, ends=tuple(once.values())), list(reversed(listed))


T = TypeVar("T", bound=_Below)


def _matching(below: list[_Below], pattern: str) -> tuple[list[_Below], bool]:
    """Return the rows to show, and whether only some of them match."""
    if not pattern:
        return below, False
    excludes = pattern.startswith("!")
    sought = compiled(pattern.removeprefix("!"))
    hits = [row for row in below if any(map(sought.search, _texts(row))) != excludes]
    return hits, len(hits) < len(below) and not excludes


def _texts(row: _Below) -> Iterator[str]:
    match row:
        case FailedTaskRow(failure=failure):
            yield from (failure.task_name, failure.key, reason_of(failure) or "", *_places(failure))
            for attempt in failure.attempts:
                yield from (attempt.cause or "", *_places(attempt))
        case EndRow(end=end):
            yield from (row.label, end.reason or "", *_places(end))


def _places(of: object) -> Iterator[str]:
    for name in ("worker", "job_id", "node"):
        yield getattr(of, name) or ""
