"""Tell tasks that wait from tasks that compute: by how much their threads run between two readings. Does no I/O.

The CPU time of a worker does not tell: its event loop uses some per cent, and its other threads may compute. A thread
that waits for the GIL wakes 200 times per second, one that receives data with each packet. A program that a task has
started is a child process of the worker.
"""

from collections.abc import Callable, Mapping
from typing import Any

from msgspec.structs import replace

from dasktop.collectors.model.record import Record
from dasktop.collectors.model.snapshot import Worker
from dasktop.collectors.model.work import RunningTask, Work
from dasktop.collectors.sources.dask.plain_values import as_int, as_number, as_text, as_tuple
from dasktop.collectors.sources.dask.shipped_work import LONGEST_KEY
from dasktop.collectors.sources.dask.shipped_worker import WAIT_FIELDS

SECONDS_BETWEEN = 10.0
SUSPECT_SECONDS = 60.0
"""The thread of a task is read if the task has run for at least this time …"""
SUSPECT_FACTOR = 10.0
"""… and for at least this many times the longest mean time of a task name."""
MOST_WORKERS = 20
"""The maximum number of workers that are asked; those with the longest running tasks come first."""
IDLE_CPU_SHARE = 0.01
IDLE_WAKEUPS_PER_SECOND = 5.0
"""Limits up to which a thread counts as waiting. They allow for a loop that sleeps between checks."""


class _Run(Record, frozen=True, kw_only=True):
    """How much a thread, or several together, have run until a moment."""

    at: float
    """On the worker's own monotonic clock."""
    cpu_seconds: float
    wakeups: int

    def has_waited_since(self, before: "_Run") -> bool:
        """Return whether it has hardly run since; not if a thread has ended, whose sums are missing."""
        seconds = self.at - before.at
        return (
            0 <= self.cpu_seconds - before.cpu_seconds <= IDLE_CPU_SHARE * seconds
            and 0 <= self.wakeups - before.wakeups <= IDLE_WAKEUPS_PER_SECOND * seconds
        )


class _Thread(Record, frozen=True, kw_only=True):
    """The thread of a task."""

    native_id: int
    run: _Run
    idle_seconds: float | None = None
    """For how long it has been seen to wait; ``None``: unknown."""


class _Process(Record, frozen=True, kw_only=True):
    """A worker, as it was last read."""

    pid: int | None
    others: _Run | None
    """The threads that run neither a task nor the event loop."""
    threads: Mapping[str, _Thread]
    """By the key of their task."""


class TaskWaits:
    """How long the threads of tasks have waited.

    Parameters
    ----------
    clock
        A monotonic clock, in seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._asked_at: float | None = None
        self._known: dict[str, _Process] = {}  # by address

    def to_ask(self, work: Work) -> frozenset[str]:
        """Return the addresses of the workers to ask now; forget the others if any are due."""
        now = self._clock()
        if self._asked_at is not None and now - self._asked_at < SECONDS_BETWEEN:
            return frozenset()
        self._asked_at = now
        addresses = frozenset(
            list(dict.fromkeys(task.address for task in _suspects(work) if task.address))[:MOST_WORKERS]
        )
        self._known = {address: known for address, known in self._known.items() if address in addresses}
        return addresses

    def note(self, worker: Worker, answer: Mapping[Any, Any]) -> None:
        """Record a worker's answer; see `shipped_worker` for the form."""
        before = self._known.pop(worker.address, None)
        at = as_number(answer.get("at"))
        if at is None:
            return
        rows = map(as_tuple, as_tuple(answer.get("tasks")))
        fields = (dict(zip(WAIT_FIELDS, row, strict=True)) for row in rows if len(row) == len(WAIT_FIELDS))
        threads = dict(found for row in fields if (found := _thread(row, at)))
        others = _run((*as_tuple(answer.get("others")), None, None)[:2], at)
        has_children = answer.get("has_children")
        if before is not None and before.pid == worker.pid and isinstance(has_children, bool):
            is_alone = others is not None and before.others is not None and others.has_waited_since(before.others)
            threads = {
                key: _after(before.threads.get(key), thread, has_children=has_children, is_alone=is_alone)
                for key, thread in threads.items()
            }
        self._known[worker.address] = _Process(pid=worker.pid, others=others, threads=threads)

    def completed(self, work: Work) -> Work:
        """Return the work with the times for which tasks have waited, as of the last answers."""
        if not self._known or not work.running:
            return work
        return replace(work, running=tuple(map(self._completed, work.running)))

    def _completed(self, task: RunningTask) -> RunningTask:
        process = self._known.get(task.address or "")
        thread = process.threads.get(task.key[:LONGEST_KEY]) if process is not None else None
        return task if thread is None else replace(task, idle_seconds=thread.idle_seconds)


def _suspects(work: Work) -> list[RunningTask]:
    """Return the tasks that may wait, the longest first."""
    means = [mean for mean in (*(name.seconds_mean for name in work.task_names), work.forgotten_seconds_mean) if mean]
    if not means:
        return []
    least = max(SUSPECT_SECONDS, SUSPECT_FACTOR * max(means))
    return [task for task in work.running or () if task.seconds >= least]


def _run(values: tuple[Any, ...], at: float) -> _Run | None:
    cpu_seconds, wakeups = as_number(values[0]), as_int(values[1])
    return None if cpu_seconds is None or wakeups is None else _Run(at=at, cpu_seconds=cpu_seconds, wakeups=wakeups)


def _thread(row: Mapping[str, Any], at: float) -> tuple[str, _Thread] | None:
    key, native_id, run = (
        as_text(row["task_key"]),
        as_int(row["native_id"]),
        _run((row["cpu_seconds"], row["wakeups"]), at),
    )
    if key is None or native_id is None or run is None:
        return None
    return key[:LONGEST_KEY], _Thread(native_id=native_id, run=run)


def _after(before: _Thread | None, thread: _Thread, *, has_children: bool, is_alone: bool) -> _Thread:
    """Return the thread with how long it has waited.

    If threads that run no task have run meanwhile (not `is_alone`), it is unknown: it may wait for these.
    """
    if before is None or before.native_id != thread.native_id or thread.run.at <= before.run.at:
        return thread
    if has_children or not thread.run.has_waited_since(before.run):
        return replace(thread, idle_seconds=0.0)
    if not is_alone:
        return thread
    waited = (before.idle_seconds or 0.0) + thread.run.at - before.run.at
    return replace(thread, idle_seconds=round(waited, 3))
