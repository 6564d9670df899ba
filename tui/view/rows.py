"""Snapshot and folds → the flat list of rows that a tree shows. Pure; only rows that are unfolded are made.

A row only points at what it shows; what stands in its columns is worked out in `cells`, for the rows that are drawn.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from itertools import groupby
from typing import Literal, NamedTuple

from dasktop.collectors.model.jobs import has_ended, is_pending, job_ids_of
from dasktop.collectors.model.snapshot import Job, Snapshot, Task, Thread, Worker
from dasktop.collectors.model.thresholds import DEFAULTS

Kind = Literal["job", "array", "task", "worker", "thread", "idle", "earlier", "outside", "others", "asking"]
Key = tuple[str | int | None, ...]
"""What a row is known by across snapshots; begins with its kind."""

InJob = tuple[Worker, Task | None, str | None]
"""A worker, the task that it is in, and the id of their job."""

EARLIER: Key = ("earlier",)
OUTSIDE: Key = ("outside",)
OTHERS: Key = ("others",)

_IDLE_PERCENT = 0.5
_EARLIER_SECONDS = DEFAULTS.ended_recently_seconds
"""By then a job that ended is told of no more, and many of them would fill the screen."""


class Row(NamedTuple):
    """One line of the tree."""

    kind: Kind
    key: Key
    parent: Key | None
    depth: int
    unfolded: bool | None
    """``None`` where there is nothing to unfold."""
    shows: Job | Task | Worker | Thread | tuple[Job, ...] | tuple[Worker, ...] | tuple[Thread, ...] | None
    """What it stands for: for a group all that is in it."""
    within: Job | Task | Worker | None = None
    """What its parent row stands for; ``None`` at the top and in a group."""
    job_id: str | None = None
    """Of the job that it is, or is in."""


def visible_rows(
    snapshot: Snapshot,
    is_unfolded: Callable[[Key], bool],
    *,
    is_flat: bool = False,
    flat_order: Callable[[Iterable[InJob]], Iterable[InJob]] = iter,
    keeps_order: bool = False,
) -> list[Row]:
    """Return the rows in the order in which they are shown.

    The cluster's jobs come first (running, pending, ended; each by id; those that ended long ago in one group), then
    its workers outside SLURM, then the user's jobs that nothing ties to the cluster. Jobs that start workers for a
    scheduler that nobody knows stand among the cluster's, since they may be. Until the scheduler has answered
    nobody can tell which those are: then all jobs stand at the top. Of an array, its jobs stand in one group.

    Parameters
    ----------
    is_unfolded
        Tells of a key whether what is below it shows.
    is_flat
        Whether there are only workers, and what is in them.
    flat_order
        In which order they are then; else as in the tree.
    keeps_order
        Whether jobs stay in the snapshot's order.
    """
    ours, others = split_jobs(snapshot, keeps_order=keeps_order)
    rows: list[Row] = []
    if is_flat:
        placed = [(worker, task, job.job_id) for job in ours for task in job.tasks for worker in task.workers]
        unplaced = [(worker, None, None) for worker in snapshot.unplaced_workers]
        for worker, task, job_id in flat_order([*placed, *unplaced]):
            _add_workers(rows, (worker,), None, task, 0, is_unfolded, job_id)
        return rows
    recent, earlier = split_earlier(snapshot, ours)
    _add_jobs(rows, recent, None, 0, is_unfolded)
    if earlier:
        unfolded = is_unfolded(EARLIER)
        rows.append(Row("earlier", EARLIER, None, 0, unfolded, earlier))
        if unfolded:
            _add_jobs(rows, earlier, EARLIER, 1, is_unfolded)
    if snapshot.unplaced_workers:
        unfolded = is_unfolded(OUTSIDE)
        rows.append(Row("outside", OUTSIDE, None, 0, unfolded, snapshot.unplaced_workers))
        if unfolded:
            _add_workers(rows, snapshot.unplaced_workers, OUTSIDE, None, 1, is_unfolded)
    if others:
        unfolded = is_unfolded(OTHERS)
        rows.append(Row("others", OTHERS, None, 0, unfolded, others))
        if unfolded:
            _add_jobs(rows, others, OTHERS, 1, is_unfolded)
    return rows


def name_of(row: Row) -> str | None:
    """Return what one would paste elsewhere: a job's id, a worker's address, a thread's task key or else its id."""
    match row.shows:
        case Job():
            return row.shows.job_id
        case Task():
            return row.job_id
        case Worker():
            return row.shows.address
        case Thread():
            return row.shows.task_key or str(row.shows.native_id)
        case _:
            return str(row.key[1]) if row.kind == "array" else None


def split_jobs(snapshot: Snapshot, *, keeps_order: bool = False) -> tuple[tuple[Job, ...], tuple[Job, ...]]:
    """Return the jobs to show at the top, and the user's others, each in the order in which they are shown."""
    jobs = snapshot.jobs if keeps_order else sorted(snapshot.jobs, key=_order)
    if snapshot.cluster.scheduler_id is None:
        return tuple(jobs), ()
    top = {job.job_id for job in jobs if job.evidence or (job.scheduler_unknown and not has_ended(job))}
    return tuple(job for job in jobs if job.job_id in top), tuple(job for job in jobs if job.job_id not in top)


def split_earlier(snapshot: Snapshot, jobs: tuple[Job, ...]) -> tuple[tuple[Job, ...], tuple[Job, ...]]:
    """Return the jobs without those that ended long ago, and these; they stay among the others if there is only one.

    One that a finding names, such as a lost job, is never among them.
    """
    named = {job_id for finding in snapshot.findings for job_id in job_ids_of(finding)}
    before = snapshot.taken_at - timedelta(seconds=_EARLIER_SECONDS)
    earlier = tuple(job for job in jobs if _ended_before(job, before) and job.job_id not in named)
    if len(earlier) < 2:
        return jobs, ()
    ids = {job.job_id for job in earlier}
    return tuple(job for job in jobs if job.job_id not in ids), earlier


def _ended_before(job: Job, moment: datetime) -> bool:
    ended_at = job.fate.ended_at if job.fate is not None else None
    return has_ended(job) and ended_at is not None and ended_at < moment


def _order(job: Job) -> tuple[int, bool, int, str]:
    group = 2 if has_ended(job) else 1 if is_pending(job) else 0
    number = int(job.job_id) if job.job_id.isdecimal() else 0
    return group, number == 0, number, job.job_id


def _add_jobs(
    rows: list[Row], jobs: Iterable[Job], parent: Key | None, depth: int, is_unfolded: Callable[[Key], bool]
) -> None:
    """Add jobs; those of one array that follow each other, in a group of their own."""
    seen: Counter[str] = Counter()
    for array, group in groupby(jobs, key=lambda job: job.array_job_id):
        members = tuple(group)
        if array is None or len(members) == 1:
            for job in members:
                _add_job(rows, job, parent, depth, is_unfolded)
            continue
        # An array's running and pending jobs may stand apart, as two groups.
        key: Key = ("array", array, seen[array]) if seen[array] else ("array", array)
        seen[array] += 1
        unfolded = is_unfolded(key)
        rows.append(Row("array", key, parent, depth, unfolded, members))
        if unfolded:
            for job in members:
                _add_job(rows, job, key, depth + 1, is_unfolded)


def _add_job(rows: list[Row], job: Job, parent: Key | None, depth: int, is_unfolded: Callable[[Key], bool]) -> None:
    key: Key = ("job", job.job_id)
    unfolded = is_unfolded(key) if job.tasks else None
    rows.append(Row("job", key, parent, depth, unfolded, job, job_id=job.job_id))
    if not unfolded:
        return
    for task_key, task in keyed_tasks(job):
        unfolded = is_unfolded(task_key) if task.workers else None
        rows.append(Row("task", task_key, key, depth + 1, unfolded, task, job, job.job_id))
        if unfolded:
            _add_workers(rows, task.workers, task_key, task, depth + 2, is_unfolded, job.job_id)


def keyed_tasks(job: Job) -> Iterator[tuple[Key, Task]]:
    """Yield a job's tasks with keys of their own, also where step and number of several are unknown."""
    seen: dict[Key, int] = {}
    for task in job.tasks:
        key: Key = ("task", job.job_id, task.step_id, task.task_id)
        nth = seen.get(key, 0)
        seen[key] = nth + 1
        yield (*key, nth) if nth else key, task


def _add_workers(
    rows: list[Row],
    workers: Iterable[Worker],
    parent: Key | None,
    task: Task | None,
    depth: int,
    is_unfolded: Callable[[Key], bool],
    job_id: str | None = None,
) -> None:
    for worker in workers:
        key: Key = ("worker", worker.address)
        unfolded = is_unfolded(key)
        rows.append(Row("worker", key, parent, depth, unfolded, worker, task, job_id))
        if unfolded:
            rows.extend(row._replace(job_id=job_id) for row in _thread_rows(worker, key, depth + 1, is_unfolded))


def _thread_rows(worker: Worker, parent: Key, depth: int, is_unfolded: Callable[[Key], bool]) -> Iterator[Row]:
    """Yield a worker's threads; those that do nothing as one line, if there are several."""
    if not worker.threads:
        yield Row("asking", ("asking", worker.address), parent, depth, None, None, worker)
    idle = tuple(thread for thread in worker.threads if _is_idle(thread))
    is_grouped = len(idle) > 1
    for thread in worker.threads:
        if not (is_grouped and _is_idle(thread)):
            yield _thread_row(worker, thread, parent, depth)
    if is_grouped:
        key: Key = ("idle", worker.address)
        unfolded = is_unfolded(key)
        yield Row("idle", key, parent, depth, unfolded, idle, worker)
        if unfolded:
            for thread in idle:
                yield _thread_row(worker, thread, key, depth + 1)


def _thread_row(worker: Worker, thread: Thread, parent: Key, depth: int) -> Row:
    return Row("thread", ("thread", worker.address, thread.native_id), parent, depth, None, thread, worker)


def _is_idle(thread: Thread) -> bool:
    """Tell whether a thread runs no dask task and takes no CPU; the event loop always counts as at work."""
    return thread.task_key is None and thread.role != "event loop" and (thread.cpu_percent or 0) < _IDLE_PERCENT
