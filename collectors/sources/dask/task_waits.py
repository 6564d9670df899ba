"""Tell tasks that wait from tasks that compute: by how much their threads run between two readings. Does no I/O.

The CPU time of a worker does not tell: its event loop uses some per cent, and its other threads may compute. A thread
that waits for the GIL wakes 200 times per second, one that receives data with each packet. A program that a task has
started is a child process of the worker.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from dasktop.collectors.model.readings import WorkerReading
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
WASTEFUL_CPU_SHARE = 0.1
"""A worker that uses less than this share of its threads, all of which run tasks, is asked, too …"""
MOST_WASTEFUL = 20
"""… but at most this number of them."""
WAITING_CPU_SHARE = 0.05
WAITING_WAKEUPS_PER_SECOND = 20.0
"""Limits up to which a thread that runs one task after the other counts as waiting: dask itself wakes it some times for
each task. One that reads a file or receives data is woken with each block or packet."""
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
        return self._is_within(before, IDLE_CPU_SHARE, IDLE_WAKEUPS_PER_SECOND)

    def has_hardly_run_since(self, before: "_Run") -> bool:
        """Return the same for a thread that may have run several tasks since."""
        return self._is_within(before, WAITING_CPU_SHARE, WAITING_WAKEUPS_PER_SECOND)

    def _is_within(self, before: "_Run", cpu_share: float, wakeups_per_second: float) -> bool:
        seconds = self.at - before.at
        return (
            0 <= self.cpu_seconds - before.cpu_seconds <= cpu_share * seconds
            and 0 <= self.wakeups - before.wakeups <= wakeups_per_second * seconds
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
    at: float
    """On the worker's own monotonic clock."""
    others: _Run | None
    """The threads that run neither a task nor the event loop."""
    threads: Mapping[str, _Thread]
    """By the key of their task."""
    waiting_seconds: float | None = None
    """For how long all its threads have been seen to wait; ``None``: unknown."""

    def has_waited_since(self, before: "_Process", threads: int) -> bool:
        """Return whether its threads have hardly run: those that ran tasks at both times, at least half of them."""
        runs = {thread.native_id: thread.run for thread in before.threads.values()}
        pairs = [(thread.run, runs[thread.native_id]) for thread in self.threads.values() if thread.native_id in runs]
        return 2 * len(pairs) >= threads and all(run.has_hardly_run_since(earlier) for run, earlier in pairs)


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

    def to_ask(self, work: Work, workers: Sequence[Worker] = ()) -> frozenset[str]:
        """Return the addresses of the workers to ask now, of all workers; forget the others if any are due."""
        now = self._clock()
        if self._asked_at is not None and now - self._asked_at < SECONDS_BETWEEN:
            return frozenset()
        self._asked_at = now
        wasteful = [worker.address for worker in workers if _is_wasteful(worker)][:MOST_WASTEFUL]
        addresses = frozenset(
            [*list(dict.fromkeys(task.address for task in _suspects(work) if task.address))[:MOST_WORKERS], *wasteful]
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
        process = _Process(pid=worker.pid, at=at, others=others, threads=threads)
        if before is not None and before.pid == worker.pid and isinstance(has_children, bool):
            is_alone = others is not None and before.others is not None and others.has_waited_since(before.others)
            waits = _is_wasteful(worker) and process.has_waited_since(before, worker.nthreads or 0)
            waits = waits and is_alone and not has_children
            process = replace(
                process,
                waiting_seconds=round((before.waiting_seconds or 0.0) + at - before.at, 3) if waits else None,
                threads={
                    key: _after(before.threads.get(key), thread, has_children=has_children, is_alone=is_alone)
                    for key, thread in threads.items()
                },
            )
        self._known[worker.address] = process

    def completed(self, work: Work) -> Work:
        """Return the work with the times for which tasks have waited, as of the last answers."""
        if not self._known or not work.running:
            return work
        return replace(work, running=tuple(map(self._completed, work.running)))

    def in_workers(self, workers: Sequence[WorkerReading]) -> tuple[WorkerReading, ...]:
        """Return the workers with the times for which all their threads have waited, as of the last answers."""
        seconds = {address: known.waiting_seconds for address, known in self._known.items() if known.waiting_seconds}
        if not seconds:
            return tuple(workers)
        return tuple(
            replace(one, worker=replace(one.worker, waiting_seconds=seconds[one.worker.address]))
            if one.worker.address in seconds
            else one
            for one in workers
        )

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


def _is_wasteful(worker: Worker) -> bool:
    """Return whether all threads of a worker have tasks, and hardly use the CPU.

    At a heartbeat, some may be between two tasks.
    """
    threads, cpu = worker.nthreads, worker.cpu_percent
    if not threads or cpu is None or not worker.executing or worker.executing + (worker.queued or 0) < threads:
        return False
    return cpu < 100 * WASTEFUL_CPU_SHARE * threads


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
