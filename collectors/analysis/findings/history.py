"""What the rules need to know of earlier snapshots. Immutable: each snapshot returns a new history.

Pure: time is the snapshot's. Bounded: old entries, and those of jobs that are gone, are dropped.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Self

from msgspec.structs import replace

from dasktop.collectors.model.job_states import read_state
from dasktop.collectors.model.jobs import has_ended, is_pending, workers_of
from dasktop.collectors.model.record import Record
from dasktop.collectors.model.snapshot import Finding, Job, Snapshot, Worker
from dasktop.collectors.model.sources import is_failing
from dasktop.collectors.model.thresholds import MEMORY_SECONDS

MAX_DEPARTED = 1000
SHORTEST_BREAK_SECONDS = 60.0
INTERVALS_FOR_A_BREAK = 3
"""A snapshot comes after a gap (the process was stopped, the machine was suspended or its clock was set) if it is
older than the previous one, or later by more than this many times the usual interval."""

Key = tuple[str, str | None, str | None]
"""Identifies a finding: code, job id, and the worker or what else it is about."""
Rank = tuple[int, int, int, int]
"""How bad a finding is: whether it is more than an info, its harm, its severity, and its extent; the highest is the
worst."""
WorkerKey = tuple[str | None, str]
"""A job id (``None``: outside SLURM) and a worker name: stays the same when a nanny restarts the worker."""
ProcessKey = tuple[str, int | None]
"""A worker's address and pid: differs after a restart."""
_process: Callable[[Worker], ProcessKey] = attrgetter("address", "pid")


class DepartedWorker(Record, frozen=True, kw_only=True):
    """A worker that left, as it was last seen."""

    worker: Worker
    job_id: str | None
    at: datetime


class FindingHistory(Record, frozen=True, kw_only=True):
    """What is kept from earlier snapshots. Its dictionaries are replaced, never changed."""

    taken_at: datetime | None = None
    """When the latest snapshot was taken."""
    interval_seconds: float | None = None
    """Time between the latest two snapshots."""
    first_read_at: datetime | None = None
    """When the scheduler was first read."""
    scheduler_id: str | None = None
    workers: Mapping[str | None, tuple[Worker, ...]] = {}
    """The workers of the latest snapshot in which the scheduler answered, by job id; ``None``: outside SLURM."""
    departed: tuple[DepartedWorker, ...] = ()
    """Workers that left and did not come back, the latest last."""
    restarts: Mapping[WorkerKey, tuple[datetime, ...]] = {}
    most_workers: Mapping[str, int] = {}
    """By running job, the highest number of workers that it has had."""
    most_memory: Mapping[str, int] = {}
    """By running job, the highest memory use that was seen, in bytes."""
    requeued_at: Mapping[str, datetime] = {}
    """By job, when it was seen to be requeued."""
    running: frozenset[str] | None = None
    """The user's running jobs; ``None``: ``squeue`` has never answered."""
    started_at: Mapping[str, datetime] = {}
    """By running job, when it was seen to start; not for jobs that were running when the queue was first read."""
    ended_at: Mapping[str, datetime] = {}
    """By job, when it was first seen to have ended."""
    failing_since: Mapping[str, datetime] = {}
    """By source, since when it has not answered."""
    ever_answered: frozenset[str] = frozenset()
    """The sources that answered in some snapshot."""
    first_seen: Mapping[Key, datetime] = {}
    """Since when each condition has held without interruption, whether reported or not."""
    active: Mapping[Key, Finding] = {}
    """The findings of the latest snapshot."""
    ranks: Mapping[Key, Rank] = {}
    """How bad each of these is."""

    def after(self, snapshot: Snapshot) -> Self:
        """Return the history with this snapshot in it; `first_seen` and `active` are updated by `evaluate.find`.

        After a gap no condition is known to have lasted, so durations start from zero.
        """
        now, history = snapshot.taken_at, self
        gap = None if self.taken_at is None else (now - self.taken_at).total_seconds()
        if gap is not None and self._is_break(gap):
            history = replace(self, failing_since={}, first_seen={}, active={}, ranks={}, restarts={}, started_at={})
        failing = {
            source.name: history.failing_since.get(source.name, now)
            for source in snapshot.sources
            if is_failing(source)
        }
        ended = {job.job_id: self.ended_at.get(job.job_id, now) for job in snapshot.jobs if has_ended(job)}
        answering = frozenset(source.name for source in snapshot.sources if source.state == "ok")
        history = replace(
            history,
            taken_at=now,
            interval_seconds=gap,
            failing_since=failing,
            ever_answered=self.ever_answered | answering,
            ended_at=ended,
        )
        if "slurm.queue" in answering:
            history = history._after_queue(snapshot)
        if "dask" in answering and snapshot.cluster.scheduler_id is not None:
            history = history._after_dask(snapshot)
        return history

    def departed_from(self, job_id: str) -> tuple[DepartedWorker, ...]:
        """Return the workers that left this job and did not come back to it."""
        return tuple(departed for departed in self.departed if departed.job_id == job_id)

    def last_workers_of(self, job_id: str) -> tuple[Worker, ...]:
        """Return the workers that were in this job when the scheduler last answered."""
        return self.workers.get(job_id, ())

    def _is_break(self, gap: float) -> bool:
        usual = INTERVALS_FOR_A_BREAK * (self.interval_seconds or gap)
        return not 0 <= gap <= max(SHORTEST_BREAK_SECONDS, usual)

    def _after_queue(self, snapshot: Snapshot) -> Self:
        cluster_jobs = [job for job in snapshot.jobs if job.evidence]
        before = self.running or frozenset()
        # A completing job still counts as running: if it is pending afterwards, it was requeued.
        running = frozenset(
            job.job_id
            for job in snapshot.jobs
            if read_state(job.state).is_running or (job.job_id in before and not is_pending(job) and not has_ended(job))
        )
        started = dict.fromkeys(running - before, snapshot.taken_at) if self.running is not None else {}
        requeued = {job.job_id: snapshot.taken_at for job in cluster_jobs if is_pending(job) and job.job_id in before}
        present = {job.job_id for job in cluster_jobs}
        oldest = snapshot.taken_at - timedelta(seconds=MEMORY_SECONDS)
        kept = {job_id: at for job_id, at in self.requeued_at.items() if job_id in present and at > oldest}
        return replace(
            self,
            running=running,
            started_at={job_id: at for job_id, at in (started | dict(self.started_at)).items() if job_id in running},
            requeued_at=kept | requeued,
        )

    def _after_dask(self, snapshot: Snapshot) -> Self:
        now, oldest = snapshot.taken_at, snapshot.taken_at - timedelta(seconds=MEMORY_SECONDS)
        is_same_scheduler = snapshot.cluster.scheduler_id == self.scheduler_id
        workers = _workers_by_job(snapshot)
        before = self.workers if is_same_scheduler else {}
        # Most jobs have the workers that they had.
        differing = [
            job_id for job_id in {**before, **workers} if not _has_same(before.get(job_id), workers.get(job_id))
        ]
        earlier = _by_process(before, differing)
        current = _by_process(workers, differing)
        left = [
            DepartedWorker(worker=worker, job_id=job_id, at=now)
            for process, (job_id, worker) in earlier.items()
            if process not in current
        ]
        departed = [old for old in (*(self.departed if is_same_scheduler else ()), *left) if old.at > oldest]
        arrived = {(job_id, worker.name) for process, (job_id, worker) in current.items() if process not in earlier}
        returned = arrived & {(old.job_id, old.worker.name) for old in departed} if departed else set()
        restarts = {
            key: kept
            for key, times in (self.restarts if is_same_scheduler else {}).items()
            if (kept := tuple(at for at in times if at > oldest))
        }
        for job_id, name in returned:
            if job_id not in self.requeued_at:  # else it is a worker of the job's next run
                restarts[job_id, name] = (*restarts.get((job_id, name), ()), now)
        running = {job.job_id: job for job in snapshot.jobs if read_state(job.state).is_running}
        return replace(
            self,
            first_read_at=self.first_read_at or dask_read_at(snapshot),
            scheduler_id=snapshot.cluster.scheduler_id,
            workers=workers,
            departed=tuple(old for old in departed if (old.job_id, old.worker.name) not in returned)[-MAX_DEPARTED:],
            restarts=restarts,
            most_workers={
                job_id: max(self.most_workers.get(job_id, 0), _count_workers(job)) for job_id, job in running.items()
            },
            most_memory={
                job_id: max(self.most_memory.get(job_id, 0), job.used.memory_bytes or 0)
                for job_id, job in running.items()
            },
        )


def dask_read_at(snapshot: Snapshot) -> datetime | None:
    """Return when the scheduler was read for this snapshot, by this host's clock."""
    age_seconds = next((source.age_seconds for source in snapshot.sources if source.name == "dask"), None)
    return None if age_seconds is None else snapshot.taken_at - timedelta(seconds=age_seconds)


def _workers_by_job(snapshot: Snapshot) -> dict[str | None, tuple[Worker, ...]]:
    found: dict[str | None, tuple[Worker, ...]] = {
        job.job_id: workers for job in snapshot.jobs if (workers := workers_of(job))
    }
    return found | {None: snapshot.unplaced_workers} if snapshot.unplaced_workers else found


def _has_same(before: Sequence[Worker] | None, now: Sequence[Worker] | None) -> bool:
    """Return whether these are the same processes; often even the same records."""
    if before is now:
        return True
    return before is not None and now is not None and list(map(_process, before)) == list(map(_process, now))


def _by_process(
    workers: Mapping[str | None, Sequence[Worker]], job_ids: Iterable[str | None]
) -> dict[ProcessKey, tuple[str | None, Worker]]:
    """Return the workers of these jobs, each with its job id."""
    return {_process(worker): (job_id, worker) for job_id in job_ids for worker in workers.get(job_id, ())}


def _count_workers(job: Job) -> int:
    return len(workers_of(job))
