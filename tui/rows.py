"""Snapshot and folds → the flat list of rows that a tree shows. Pure; only rows that are unfolded are made.

A row only points at what it shows; what stands in its columns is worked out in `cells`, for the rows that are drawn.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Literal, NamedTuple

from dasktop.collectors.jobs import has_ended, is_pending
from dasktop.collectors.model import Job, Snapshot, Task, Thread, Worker

Kind = Literal["job", "task", "worker", "thread", "outside", "others", "asking"]
Key = tuple[str | int | None, ...]
"""What a row is known by across snapshots; begins with its kind."""

OUTSIDE: Key = ("outside",)
OTHERS: Key = ("others",)


class Row(NamedTuple):
    """One line of the tree."""

    kind: Kind
    key: Key
    parent: Key | None
    depth: int
    unfolded: bool | None
    """``None`` where there is nothing to unfold."""
    shows: Job | Task | Worker | Thread | tuple[Job, ...] | tuple[Worker, ...] | None
    """What it stands for: for a group all that is in it."""
    within: Job | Task | Worker | None = None
    """What its parent row stands for; ``None`` at the top and in a group."""


def visible_rows(snapshot: Snapshot, is_unfolded: Callable[[Key], bool]) -> list[Row]:
    """Return the rows in the order in which they are shown.

    The cluster's jobs come first (running, pending, ended; each by id), then its workers outside SLURM, then the
    user's jobs that nothing ties to the cluster. Until the scheduler has answered nobody can tell which those are:
    then all jobs stand at the top.
    """
    ours, others = split_jobs(snapshot)
    rows: list[Row] = []
    for job in ours:
        _add_job(rows, job, None, 0, is_unfolded)
    if snapshot.unplaced_workers:
        unfolded = is_unfolded(OUTSIDE)
        rows.append(Row("outside", OUTSIDE, None, 0, unfolded, snapshot.unplaced_workers))
        if unfolded:
            _add_workers(rows, snapshot.unplaced_workers, OUTSIDE, None, 1, is_unfolded)
    if others:
        unfolded = is_unfolded(OTHERS)
        rows.append(Row("others", OTHERS, None, 0, unfolded, others))
        if unfolded:
            for job in others:
                _add_job(rows, job, OTHERS, 1, is_unfolded)
    return rows


def split_jobs(snapshot: Snapshot) -> tuple[tuple[Job, ...], tuple[Job, ...]]:
    """Return the jobs to show at the top, and the user's others, each in the order in which they are shown."""
    jobs = sorted(snapshot.jobs, key=_order)
    if snapshot.cluster.scheduler_id is None:
        return tuple(jobs), ()
    return tuple(job for job in jobs if job.evidence), tuple(job for job in jobs if not job.evidence)


def _order(job: Job) -> tuple[int, bool, int, str]:
    group = 2 if has_ended(job) else 1 if is_pending(job) else 0
    number = int(job.job_id) if job.job_id.isdecimal() else 0
    return group, number == 0, number, job.job_id


def _add_job(rows: list[Row], job: Job, parent: Key | None, depth: int, is_unfolded: Callable[[Key], bool]) -> None:
    key: Key = ("job", job.job_id)
    unfolded = is_unfolded(key) if job.tasks else None
    rows.append(Row("job", key, parent, depth, unfolded, job))
    if not unfolded:
        return
    for task_key, task in _keyed_tasks(job):
        unfolded = is_unfolded(task_key) if task.workers else None
        rows.append(Row("task", task_key, key, depth + 1, unfolded, task, job))
        if unfolded:
            _add_workers(rows, task.workers, task_key, task, depth + 2, is_unfolded)


def _keyed_tasks(job: Job) -> Iterator[tuple[Key, Task]]:
    """Yield tasks with keys of their own, also where step and number of several are unknown."""
    seen: dict[Key, int] = {}
    for task in job.tasks:
        key: Key = ("task", job.job_id, task.step_id, task.task_id)
        nth = seen.get(key, 0)
        seen[key] = nth + 1
        yield (*key, nth) if nth else key, task


def _add_workers(
    rows: list[Row],
    workers: Iterable[Worker],
    parent: Key,
    task: Task | None,
    depth: int,
    is_unfolded: Callable[[Key], bool],
) -> None:
    for worker in workers:
        key: Key = ("worker", worker.address)
        unfolded = is_unfolded(key)
        rows.append(Row("worker", key, parent, depth, unfolded, worker, task))
        if unfolded:
            rows.extend(_thread_rows(worker, key, depth + 1))


def _thread_rows(worker: Worker, parent: Key, depth: int) -> Iterator[Row]:
    for thread in worker.threads:
        yield Row("thread", ("thread", worker.address, thread.native_id), parent, depth, None, thread, worker)
    if not worker.threads:
        yield Row("asking", ("asking", worker.address), parent, depth, None, None, worker)
