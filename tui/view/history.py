"""CPU and memory of the last minutes, for sparklines. Reads no clock: time comes with the snapshots.

Feed each snapshot once to one `History`, from any thread. `of(KEY)` returns the past of a row (a job, task, worker or
thread, by `Row.key`) or of the totals (`CLUSTER`), for `bars.sparkline`.

A point is the mean over five seconds and is complete when they have passed, so a graph moves every five seconds however
often snapshots arrive. A point is unknown if there was no value or the scheduler did not answer. If snapshots are
further apart, a value counts until the next snapshot; but not if that took longer than usual.
"""

from array import array
from collections import deque
from collections.abc import Iterator
from datetime import datetime, timedelta
from math import isnan, nan
from threading import Lock
from typing import NamedTuple

from dasktop.collectors.model.feed import PAST_SECONDS
from dasktop.collectors.model.snapshot import Snapshot, Worker
from dasktop.collectors.model.sums import sum_of_known
from dasktop.tui.view.rows import Key
from dasktop.tui.view.visible_rows import keyed_tasks

CLUSTER: Key = ("cluster",)
THREADS: Key = ("cluster", "threads")
"""Key of the busy threads of the cluster, stored as CPU percent: 100 = one thread."""
FINISHED_TASKS: Key = ("cluster", "tasks")
"""Key of the tasks that finish per second, stored as CPU percent."""

SECONDS_PER_POINT = 5
POINTS = PAST_SECONDS // SECONDS_PER_POINT
MAX_KEYS = 5000
"""The past is kept for this many keys, about 8 MB; for more, only for the first ones."""

_GAPS_COMPARED = 4
_USUAL_FACTOR = 1.5

_Values = tuple[Key, float | None, float | None]


def point_at(at: datetime) -> int:
    """Return the number of the point that a time belongs to."""
    return int(at.timestamp() // SECONDS_PER_POINT)


def newest_point(snapshot: Snapshot) -> int:
    """Return the number of the last complete point at a snapshot."""
    return point_at(snapshot.taken_at) - 1


class Past(NamedTuple):
    """The points of one key, the oldest first, at most `POINTS`; ``None``: unknown."""

    cpu_percent: tuple[float | None, ...] = ()
    memory_bytes: tuple[float | None, ...] = ()


class History:
    """The past of all keys of the latest snapshot; keys that disappear are dropped."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._tracks: dict[Key, _Track] = {}
        self._now: int | None = None
        self._taken_at = datetime.min
        self._gaps: deque[timedelta] = deque(maxlen=_GAPS_COMPARED)  # between the last snapshots

    def feed(self, snapshot: Snapshot) -> None:
        """Add the values of a snapshot. If it is older than the last one, as in a replay, start over."""
        with self._lock:
            self._feed(snapshot)

    def _feed(self, snapshot: Snapshot) -> None:
        now = point_at(snapshot.taken_at)
        if self._now is None or now < self._now:
            self._tracks = {}
            self._gaps.clear()
        else:
            gap = snapshot.taken_at - self._taken_at
            # The second longest: after one pause, such as a suspended computer, another one is not usual.
            is_usual = bool(self._gaps) and gap <= _USUAL_FACTOR * sorted(self._gaps)[-2:][0]
            self._gaps.append(gap)
            for track in self._tracks.values() if now > self._now else ():
                track.end_point(now - self._now, holds=is_usual)
        self._now, self._taken_at = now, snapshot.taken_at
        is_current = all(source.state == "ok" for source in snapshot.sources if source.name == "dask")
        tracks: dict[Key, _Track] = {}
        for key, cpu_percent, memory_bytes in _values(snapshot):
            if len(tracks) >= MAX_KEYS:
                break
            track = tracks[key] = self._tracks.get(key) or _Track()
            if is_current:
                track.cpu.add(cpu_percent)
                track.memory.add(memory_bytes)
        self._tracks = tracks

    def forget(self) -> None:
        """Start over: the next snapshot is of another cluster."""
        with self._lock:
            self._tracks, self._now = {}, None

    def of(self, key: Key) -> Past:
        """Return the past of a key; empty if there is none."""
        with self._lock:
            track = self._tracks.get(key)
            return Past() if track is None else Past(track.cpu.points, track.memory.points)


class _Ring:
    """The latest points of one value, and the sum for the current point."""

    __slots__ = ("_count", "_points", "_sum")

    def __init__(self) -> None:
        self._points = array("f")
        self._sum = 0.0
        self._count = 0

    def add(self, value: float | None) -> None:
        if value is not None:
            self._sum += value
            self._count += 1

    def end_point(self, steps: int, *, holds: bool) -> None:
        """Store the mean of the current point; points skipped since get the same value, or stay unknown."""
        mean = self._sum / self._count if self._count else nan
        self._points.append(mean)
        self._points.extend([mean if holds else nan] * min(steps - 1, POINTS))
        del self._points[:-POINTS]
        self._sum, self._count = 0.0, 0

    @property
    def points(self) -> tuple[float | None, ...]:
        return tuple(None if isnan(point) else point for point in self._points)


class _Track:
    """The past of one key."""

    __slots__ = ("cpu", "memory")

    def __init__(self) -> None:
        self.cpu = _Ring()
        self.memory = _Ring()

    def end_point(self, steps: int, *, holds: bool) -> None:
        self.cpu.end_point(steps, holds=holds)
        self.memory.end_point(steps, holds=holds)


def _values(snapshot: Snapshot) -> Iterator[_Values]:
    """Yield key, CPU percent and memory bytes of everything, from the totals to the threads."""
    totals = snapshot.totals
    yield CLUSTER, totals.cpu_percent, totals.memory_bytes
    yield THREADS, None if totals.threads_busy is None else 100 * totals.threads_busy, None
    yield FINISHED_TASKS, None if snapshot.work is None else snapshot.work.rate_per_second, None
    for job in snapshot.jobs:
        yield ("job", job.job_id), job.used.cpu_percent, job.used.memory_bytes
    for job in snapshot.jobs:
        for key, task in keyed_tasks(job):
            if task.workers:
                yield key, *_sums(task.workers)
            for worker in task.workers:
                yield from _of_worker(worker)
    for worker in snapshot.unplaced_workers:
        yield from _of_worker(worker)


def _of_worker(worker: Worker) -> Iterator[_Values]:
    yield ("worker", worker.address), worker.cpu_percent, worker.memory_bytes
    for thread in worker.threads:
        yield ("thread", worker.address, thread.native_id), thread.cpu_percent, None


def _sums(workers: tuple[Worker, ...]) -> tuple[float | None, float | None]:
    cpu_percent = sum_of_known(worker.cpu_percent for worker in workers)
    return cpu_percent, sum_of_known(worker.memory_bytes for worker in workers)
