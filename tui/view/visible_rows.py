"""Makes the list of tree rows from a snapshot and the folds. Rows below a folded one are not made. Pure."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

from dasktop.collectors.model.jobs import has_ended, is_pending, job_ids_of, workers_of
from dasktop.collectors.model.snapshot import Job, Snapshot, Task, Thread, Worker, WorkerEvent
from dasktop.collectors.model.sources import is_awaited
from dasktop.collectors.model.thresholds import DEFAULTS, Thresholds
from dasktop.tui.view.left_workers import left_workers
from dasktop.tui.view.row_list import FlatWorkers, FoldedWorkers, JobRun, RowList
from dasktop.tui.view.rows import (
    EARLIER,
    LEFT,
    MOST_GONE,
    OTHERS,
    OUTSIDE,
    ArrayRow,
    AskingRow,
    EarlierRow,
    GoneRow,
    IdleRow,
    InJob,
    JobRow,
    Key,
    LeftRow,
    OthersRow,
    OutsideRow,
    Row,
    TaskRow,
    ThreadRow,
    WorkerRow,
)

_IDLE_PERCENT = 0.5


def shows_tasks(job: Job) -> bool:
    """Return whether a job has rows for its SLURM tasks: a single one is shown by the row of the job itself."""
    return len(job.tasks) > 1


def visible_rows(
    snapshot: Snapshot,
    is_unfolded: Callable[[Key], bool],
    *,
    is_flat: bool = False,
    flat_order: Callable[[Iterable[InJob]], Iterable[InJob]] = iter,
    keeps_order: bool = False,
    thresholds: Thresholds = DEFAULTS,
    has_task_rows: Callable[[Job], bool] = shows_tasks,
    unfolded_workers: Collection[str] | None = None,
) -> RowList:
    """Return the rows in display order.

    The cluster's jobs come first (running, pending, ended; each by id; those that ended long ago in one group), then
    the workers that left, in one group, the newest first, then its workers outside SLURM, then the user's other jobs.
    Jobs that start workers for an unknown scheduler are listed with the cluster's, since they may belong to it. Until
    the scheduler has answered all jobs are at the top level. The jobs of an array form one group. The workers of a job
    of one task are directly below the job.

    Parameters
    ----------
    is_unfolded
        Returns whether the rows below a key are shown.
    is_flat
        Whether to list only workers, and their threads.
    flat_order
        Sorts the workers of a flat list; by default as in the tree.
    keeps_order
        Whether to keep the order of the snapshot's jobs.
    has_task_rows
        Returns whether a job has rows for its tasks; for a filtered snapshot, of which tasks may have been removed.
    unfolded_workers
        Addresses of the only workers that may be unfolded; the rows of the others are made when they are looked at.
        ``None``: `is_unfolded` is asked for each worker.
    """
    ours, others = split_jobs(snapshot, keeps_order=keeps_order)
    tree = _Tree(RowList(), is_unfolded, has_task_rows, unfolded_workers)
    rows = tree.rows
    if is_flat:
        placed = [(worker, task, job.job_id) for job in ours for task in job.tasks for worker in task.workers]
        unplaced = [(worker, None, None) for worker in snapshot.unplaced_workers]
        tree.add_flat(flat_order([*placed, *unplaced]))
        return rows
    recent, earlier = split_earlier(snapshot, ours, thresholds)
    tree.add_jobs(recent, None, 0)
    if earlier:
        unfolded = is_unfolded(EARLIER)
        rows.append(EarlierRow(key=EARLIER, unfolded=unfolded, jobs=earlier))
        if unfolded:
            tree.add_jobs(earlier, EARLIER, 1)
    if ends := left_workers(snapshot):
        unfolded = is_unfolded(LEFT)
        rows.append(LeftRow(key=LEFT, unfolded=unfolded, ends=ends))
        if unfolded:
            rows.extend(_gone_rows(ends[:MOST_GONE], snapshot.jobs))
    if snapshot.unplaced_workers:
        unfolded = is_unfolded(OUTSIDE)
        rows.append(OutsideRow(key=OUTSIDE, unfolded=unfolded, workers=snapshot.unplaced_workers))
        if unfolded:
            tree.add_workers(snapshot.unplaced_workers, OUTSIDE, None, 1)
    if others:
        unfolded = is_unfolded(OTHERS)
        rows.append(OthersRow(key=OTHERS, unfolded=unfolded, jobs=others))
        if unfolded:
            tree.add_jobs(others, OTHERS, 1)
    return rows


def split_jobs(snapshot: Snapshot, *, keeps_order: bool = False) -> tuple[tuple[Job, ...], tuple[Job, ...]]:
    """Return the jobs of the top level, and the user's other jobs, both in display order."""
    jobs = snapshot.jobs if keeps_order else sorted(snapshot.jobs, key=_order)
    # Else jobs that belong to the cluster would disappear for a moment: what their scripts say is not known yet.
    if snapshot.cluster.scheduler_id is None or is_awaited(snapshot.sources, "slurm.scripts"):
        return tuple(jobs), ()
    top: list[Job] = []
    others: list[Job] = []
    for job in jobs:
        is_top = job.evidence or (job.scheduler_unknown and not has_ended(job))
        (top if is_top else others).append(job)
    return tuple(top), tuple(others)


def split_earlier(
    snapshot: Snapshot, jobs: tuple[Job, ...], thresholds: Thresholds = DEFAULTS
) -> tuple[tuple[Job, ...], tuple[Job, ...]]:
    """Return the recent jobs, and those that ended long ago; a single one stays among the recent ones.

    A job counts as recent as long as findings report its end, and if one names it, such as a lost job.
    """
    named = {job_id for finding in snapshot.findings for job_id in job_ids_of(finding)}
    before = snapshot.taken_at - timedelta(seconds=thresholds.ended_recently_seconds)
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


class _Tree(NamedTuple):
    """The rows so far, and which ones are unfolded; see `visible_rows`."""

    rows: RowList
    is_unfolded: Callable[[Key], bool]
    has_task_rows: Callable[[Job], bool]
    unfolded_workers: Collection[str] | None

    def add_jobs(self, jobs: Iterable[Job], parent: Key | None, depth: int) -> None:
        """Add rows for jobs; adjacent jobs of one array form a group."""
        seen: Counter[str] = Counter()
        for array, group in groupby(jobs, key=attrgetter("array_job_id")):
            members = tuple(group)
            if array is None or len(members) == 1:
                self._add_members(members, parent, depth)
                continue
            # Running and pending jobs of one array may form two groups, and some of its jobs may be in a fold.
            key: Key = ("array", array, *(parent or ()), *((seen[array],) if seen[array] else ()))
            seen[array] += 1
            unfolded = self.is_unfolded(key)
            self.rows.append(ArrayRow(key=key, parent=parent, depth=depth, unfolded=unfolded, jobs=members))
            if unfolded:
                self._add_members(members, key, depth + 1)

    def _add_members(self, jobs: Iterable[Job], parent: Key | None, depth: int) -> None:
        for is_simple, group in groupby(jobs, key=self._is_simple):
            members = tuple(group)
            if is_simple:
                unfolded = [
                    self.is_unfolded(("job", job.job_id)) if job.tasks and job.tasks[0].workers else None
                    for job in members
                ]
                self.rows.append(JobRun.of(members, unfolded, parent, depth))
                continue
            for job in members:
                self._add_job(job, parent, depth)

    def _is_simple(self, job: Job) -> bool:
        """Return whether a job has only rows of folded workers."""
        if self.unfolded_workers is None or len(job.tasks) > 1 or self.has_task_rows(job):
            return False
        return self._folds_all_workers or not any(self._may_unfold(worker) for worker in workers_of(job))

    def _add_job(self, job: Job, parent: Key | None, depth: int) -> None:
        key: Key = ("job", job.job_id)
        shows_them = self.has_task_rows(job)
        has_rows_below = bool(job.tasks) if shows_them else any(task.workers for task in job.tasks)
        unfolded = self.is_unfolded(key) if has_rows_below else None
        self.rows.append(JobRow(key=key, parent=parent, depth=depth, unfolded=unfolded, job=job))
        if not unfolded:
            return
        for task_key, task in keyed_tasks(job):
            if not shows_them:
                self.add_workers(task.workers, key, task, depth + 1, job.job_id)
                continue
            unfolded = self.is_unfolded(task_key) if task.workers else None
            self.rows.append(TaskRow(key=task_key, parent=key, depth=depth + 1, unfolded=unfolded, task=task, job=job))
            if unfolded:
                self.add_workers(task.workers, task_key, task, depth + 2, job.job_id)

    def add_workers(
        self, workers: Sequence[Worker], parent: Key | None, task: Task | None, depth: int, job_id: str | None = None
    ) -> None:
        """Add rows for workers, and for the threads of those that are unfolded."""
        if self._folds_all_workers:
            self.rows.append(FoldedWorkers(workers, task, job_id, parent, depth))
            return
        for may_unfold, group in groupby(workers, key=self._may_unfold):
            if not may_unfold:
                self.rows.append(FoldedWorkers(tuple(group), task, job_id, parent, depth))
                continue
            for worker in group:
                self._add_worker(worker, parent, task, depth, job_id)

    def add_flat(self, workers: Iterable[InJob]) -> None:
        """Add rows for workers of all jobs, as `add_workers`."""
        if self._folds_all_workers:
            self.rows.append(FlatWorkers(tuple(workers)))
            return
        for may_unfold, group in groupby(workers, key=lambda one: self._may_unfold(one[0])):
            if not may_unfold:
                self.rows.append(FlatWorkers(tuple(group)))
                continue
            for worker, task, job_id in group:
                self._add_worker(worker, None, task, 0, job_id)

    @property
    def _folds_all_workers(self) -> bool:
        return self.unfolded_workers is not None and not self.unfolded_workers

    def _may_unfold(self, worker: Worker) -> bool:
        return self.unfolded_workers is None or worker.address in self.unfolded_workers

    def _add_worker(
        self, worker: Worker, parent: Key | None, task: Task | None, depth: int, job_id: str | None
    ) -> None:
        key: Key = ("worker", worker.address)
        unfolded = self.is_unfolded(key)
        self.rows.append(
            WorkerRow(key=key, parent=parent, depth=depth, unfolded=unfolded, worker=worker, task=task, job_id=job_id)
        )
        if unfolded:
            self.rows.extend(_thread_rows(worker, job_id, key, depth + 1, self.is_unfolded))


def keyed_tasks(job: Job) -> Iterator[tuple[Key, Task]]:
    """Yield a job's tasks with unique keys, even if step and task id of several are unknown."""
    seen: dict[Key, int] = {}
    for task in job.tasks:
        key: Key = ("task", job.job_id, task.step_id, task.task_id)
        nth = seen.get(key, 0)
        seen[key] = nth + 1
        yield (*key, nth) if nth else key, task


def _gone_rows(ends: Iterable[WorkerEvent], jobs: Iterable[Job]) -> Iterator[GoneRow]:
    """Yield rows for workers that left, with unique keys, even if the addresses of several are unknown."""
    of_ids = {job.job_id: job for job in jobs}
    seen: Counter[Key] = Counter()
    for end in ends:
        key: Key = ("gone", end.address, end.at.isoformat())
        seen[key] += 1
        key = (*key, seen[key]) if seen[key] > 1 else key
        yield GoneRow(key=key, parent=LEFT, depth=1, end=end, job=of_ids.get(end.job_id or ""))


def _thread_rows(
    worker: Worker, job_id: str | None, parent: Key, depth: int, is_unfolded: Callable[[Key], bool]
) -> Iterator[Row]:
    """Yield the thread rows of a worker: first those that run a task; several idle threads share one row."""
    if not worker.threads:
        yield AskingRow(key=("asking", worker.address), parent=parent, depth=depth, worker=worker, job_id=job_id)

    def thread_row(thread: Thread, below: Key, depth: int) -> ThreadRow:
        key: Key = ("thread", worker.address, thread.native_id)
        return ThreadRow(key=key, parent=below, depth=depth, thread=thread, worker=worker, job_id=job_id)

    threads = sorted(worker.threads, key=_is_without_task)
    idle = tuple(thread for thread in threads if _is_idle(thread))
    is_grouped = len(idle) > 1
    for thread in threads:
        if not (is_grouped and _is_idle(thread)):
            yield thread_row(thread, parent, depth)
    if is_grouped:
        key: Key = ("idle", worker.address)
        unfolded = is_unfolded(key)
        yield IdleRow(
            key=key, parent=parent, depth=depth, unfolded=unfolded, threads=idle, worker=worker, job_id=job_id
        )
        if unfolded:
            for thread in idle:
                yield thread_row(thread, key, depth + 1)


def _is_without_task(thread: Thread) -> tuple[bool, bool]:
    """Return what threads are sorted by; else they keep their order, so that rows seldom change places."""
    return thread.task_key is None, thread.role != "compute"


def _is_idle(thread: Thread) -> bool:
    """Return whether a thread runs no dask task and uses no CPU; the event loop never counts as idle."""
    return thread.task_key is None and thread.role != "event loop" and (thread.cpu_percent or 0) < _IDLE_PERCENT
