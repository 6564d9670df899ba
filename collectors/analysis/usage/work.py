"""What tasks spent their time on, by task name, and what was lost with workers. Pure; two snapshots a scheduler."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import get_args

from dasktop.collectors.model.report import LostWork, TaskTime
from dasktop.collectors.model.snapshot import Snapshot, WorkerEvent
from dasktop.collectors.model.work import ActivityKind, Work, activity_kind

_FIELDS = tuple(f"{kind}_hours" for kind in get_args(ActivityKind))
"""The fields of `TaskTime`."""
_TRANSFER = "transfer"
_MOST_EVENTS = 100_000
_RECENT_SECONDS = 1800
"""Events that were older at every snapshot happened before the run that is reported."""

_Seconds = dict[tuple[str, str], float]
"""By task name and activity."""


class WorkUsage:
    """Sums over all snapshots so far, oldest first."""

    def __init__(self) -> None:
        # By scheduler: the first figures and the latest ones, which never decrease.
        self._first: dict[str | None, _Seconds] = {}
        self._last: dict[str | None, _Seconds] = {}
        self._snapshots = 0
        self._events: dict[tuple[str | None, datetime, str], WorkerEvent] = {}
        self._knows_events = False
        self._mean_seconds: float | None = None

    def add(self, snapshot: Snapshot) -> None:
        """Add the next snapshot."""
        self._snapshots += 1
        scheduler, work = snapshot.cluster.scheduler_id, snapshot.work
        if work is not None and work.activities is not None:
            seconds = _seconds(work)
            self._first.setdefault(scheduler, seconds)
            self._last[scheduler] = seconds
            self._mean_seconds = _mean_seconds(work) or self._mean_seconds
        if snapshot.worker_events is not None:
            self._knows_events = True
            for event in snapshot.worker_events:
                if (snapshot.taken_at - event.at).total_seconds() > _RECENT_SECONDS:
                    continue
                key = (event.address, event.at, event.kind)
                if len(self._events) < _MOST_EVENTS:
                    self._events[key] = event

    def task_times(self) -> tuple[TaskTime, ...] | None:
        """Return the times by task name, the longest first; ``None`` if they are unknown."""
        if not self._last:
            return None
        sums: defaultdict[str, defaultdict[str, float]] = defaultdict(lambda: defaultdict(float))
        for scheduler, last in self._last.items():
            first = self._first[scheduler] if self._snapshots > 1 else {}
            for (name, activity), seconds in last.items():
                sums[name][activity] += max(0.0, seconds - first.get((name, activity), 0.0))
        times = [_task_time(name, activities) for name, activities in sums.items() if sum(activities.values()) > 0]
        return tuple(sorted(times, key=lambda time: (-time.total_hours, time.task_name)))

    def memory_kills(self) -> dict[str, list[WorkerEvent]] | None:
        """Return the workers that nannies killed because of their memory use, by job; ``None``: no events are known."""
        if not self._knows_events:
            return None
        kills: defaultdict[str, list[WorkerEvent]] = defaultdict(list)
        for event in self._events.values():
            if event.kind == "killed for memory" and event.job_id is not None:
                kills[event.job_id].append(event)
        return dict(kills)

    def lost(self) -> LostWork | None:
        """Return what ended with workers; ``None`` if no snapshot has worker events."""
        if not self._knows_events:
            return None
        # What a memory kill cost is repeated from the removal of the worker, which is an event of its own.
        ends = [event for event in self._events.values() if event.kind != "killed for memory"]
        results = sum(event.results_lost or 0 for event in ends)
        interrupted = sum(event.tasks_interrupted or 0 for event in ends)
        mean = self._mean_seconds
        return LostWork(
            results=results,
            tasks_interrupted=interrupted,
            hours_estimate=None if mean is None else round((results + interrupted) * mean / 3600, 4),
        )


def _seconds(work: Work) -> _Seconds:
    found: _Seconds = dict(_transfers(work))
    for one in work.activities or ():
        if one.activity != _TRANSFER:
            key = (one.task_name, one.activity)
            found[key] = found.get(key, 0.0) + one.seconds
    return found


def _transfers(work: Work) -> Iterator[tuple[tuple[str, str], float]]:
    for name in work.task_names:
        if name.transfer_seconds is not None:
            yield (name.name, _TRANSFER), name.transfer_seconds


def _mean_seconds(work: Work) -> float | None:
    finished = _sum(name.finished_total for name in work.task_names)
    compute = _sum(name.compute_seconds for name in work.task_names)
    return compute / finished if finished else None


def _sum(values: Iterable[float | None]) -> float:
    return sum(value for value in values if value is not None)


def _task_time(name: str, activities: dict[str, float]) -> TaskTime:
    hours = dict.fromkeys(_FIELDS, 0.0)
    for activity, seconds in activities.items():
        if activity != _TRANSFER:
            hours[f"{activity_kind(activity)}_hours"] += seconds / 3600
    transfer = activities.get(_TRANSFER)
    return TaskTime(
        task_name=name,
        total_hours=round(sum(hours.values()), 4),
        transfer_hours=None if transfer is None else round(transfer / 3600, 4),
        **{field: round(value, 4) for field, value in hours.items()},
    )
