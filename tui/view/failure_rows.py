"""The rows of the page of failed tasks: groups, below each its tasks; then the workers that ended. Pure."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import count
from typing import Any, NamedTuple

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


class FailureOrder(NamedTuple):
    """How groups are sorted."""

    value: Callable[[GroupRow], Any]
    largest_first: bool


class GroupOrder:
    """Keeps groups in their places while the page is open: the newest first, and later ones above them.

    A group also keeps its key if its reason changes: why a worker ended is often found only some polls later.
    """

    def __init__(self) -> None:
        self._places: list[Key] = []
        self._keys: dict[Key, Key] = {}
        """The reason of a group, as `reason_key` returns it → the key of its row."""
        self._reasons: dict[tuple[str, datetime], Key] = {}
        """A failed task by key and time → the reason of its group at the last call."""
        self._listed: dict[Key, list[Key]] = {}
        """The rows below each unfolded group, in order."""

    def placed(self, groups: Sequence[FailureGroup]) -> list[tuple[Key, FailureGroup]]:
        """Return the groups with their keys, in order, given the one with the newest failure first."""
        reasons = {reason_key(group): group for group in groups}
        by_key: dict[Key, FailureGroup] = {}
        for reason, group in reasons.items():
            if reason not in self._keys:
                self._keys[reason] = self._new_key(reason, group, reasons)
            by_key[self._keys[reason]] = group
        self._reasons = {(one.key, one.at): reason for reason, group in reasons.items() for one in group.failures}
        known = set(self._places)
        self._places[:0] = [key for key in by_key if key not in known]
        return [(key, by_key[key]) for key in self._places if key in by_key]

    def kept(self, group: Key, newest_first: list[_Below], *, is_open: bool) -> list[_Below]:
        """Return the rows of a group: what came since it was unfolded is below the others, which stay in place."""
        if not is_open:
            self._listed.pop(group, None)
            return newest_first
        rows = {row.key: row for row in newest_first}
        before = self._listed.get(group)
        if before is not None:
            known = [key for key in before if key in rows]
            rows = {key: rows[key] for key in dict.fromkeys((*known, *reversed(rows)))}
        self._listed[group] = list(rows)
        return list(rows.values())

    def _new_key(self, reason: Key, group: FailureGroup, now: Collection[Key]) -> Key:
        """Return the key of the group that had these tasks and is gone, else a new one."""
        for failure in group.failures:
            before = self._reasons.get((failure.key, failure.at))
            if before in self._keys and before not in now:
                return self._keys.pop(before)
        taken = set(self._keys.values())
        return next(key for number in count() if (key := (*reason, number)) not in taken)


def reason_key(group: FailureGroup) -> Key:
    """Return what the failures of a group have in common."""
    newest = group.newest
    return ("group", group.task_name, newest.kind, kind_of_reason(newest))


def failure_rows(
    failures: Iterable[Failure],
    ends: Sequence[WorkerEvent],
    is_unfolded: Callable[[Key, bool], bool],
    order: GroupOrder,
    pattern: str = "",
    sort: FailureOrder | None = None,
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
    sort
        How the groups are sorted; ``None``: as `order` places them.
    """
    rows: list[FailureRow] = []
    context: set[Key] = set()
    once = {(failure.key, failure.at): failure for failure in failures}
    placed = order.placed(grouped(once.values()))
    if sort is not None:
        value, largest_first = sort
        placed.sort(key=lambda pair: value(GroupRow(key=pair[0], group=pair[1])), reverse=largest_first)
    for top, newest_first in _blocks(placed, ends):
        is_open = is_unfolded(top.key, top.key == ENDS)
        below = order.kept(top.key, newest_first, is_open=is_open)
        shown, is_context = _matching(below, pattern)
        if not shown:
            continue
        unfolded = is_context or is_open
        rows.append(replace(top, unfolded=unfolded))
        rows += shown if unfolded else ()
        context |= {top.key} if is_context else set()
    return FailureRows(rows, frozenset(context))


def _blocks(
    groups: Iterable[tuple[Key, FailureGroup]], ends: Sequence[WorkerEvent]
) -> Iterator[tuple[_Top, list[_Below]]]:
    for key, group in groups:
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
