"""What rules know of earlier snapshots: a value that each snapshot turns into the next. Pure; time is the snapshot's.

Bounded: what is old, or of jobs that are gone, is forgotten.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Self

from msgspec.structs import replace

from dasktop.collectors.model.job_states import read_state
from dasktop.collectors.model.jobs import has_ended, is_pending, workers_of, workers_with_jobs
from dasktop.collectors.model.snapshot import Finding, Job, Record, Snapshot, Worker
from dasktop.collectors.model.thresholds import MEMORY_SECONDS

MOST_GONE = 1000
SHORTEST_BREAK_SECONDS = 60.0
INTERVALS_FOR_A_BREAK = 3
"""A snapshot that comes so many times later than the one before did, or with a time before that one's, comes after a
break: this process was stopped, the machine slept, or its clock was set."""

Key = tuple[str, str | None, str | None]
"""What tells findings apart: code, job id, and the worker or what else it is about."""
Seat = tuple[str | None, str]
"""A job's id (``None``: outside SLURM) and a worker's name, which a restarted worker keeps."""
Process = tuple[str, int | None]
"""A worker's address and pid, which it doesn't keep."""


class DepartedWorker(Record, frozen=True, kw_only=True):
    """A worker that left, as it was when it was last seen."""

    worker: Worker
    job_id: str | None
    at: datetime


class History(Record, frozen=True, kw_only=True):
    """What is remembered. Its dictionaries are never changed, but replaced."""

    taken_at: datetime | None = None
    """When the latest snapshot was taken."""
    interval_seconds: float | None = None
    """How long after the one before."""
    first_read_at: datetime | None = None
    """When the scheduler was read for the first time."""
    scheduler_id: str | None = None
    workers: Mapping[Process, tuple[str | None, Worker]] = {}
    """Those of the latest snapshot, each with its job."""
    gone: tuple[DepartedWorker, ...] = ()
    """Those that left and did not come back, the latest last."""
    restarts: Mapping[Seat, tuple[datetime, ...]] = {}
    most_workers: Mapping[str, int] = {}
    """By running job, the most workers that it ever had."""
    requeued_at: Mapping[str, datetime] = {}
    """By job, when it was seen to go back to the queue."""
    running: frozenset[str] | None = None
    """The user's jobs that run; ``None``: the queue has never answered."""
    started_at: Mapping[str, datetime] = {}
    """By running job, when it was seen to start; not of those that ran already when the queue was first read."""
    ended_at: Mapping[str, datetime] = {}
    """By job, when it was first seen to have ended."""
    in_trouble_since: Mapping[str, datetime] = {}
    """By source, since when it doesn't answer."""
    have_answered: frozenset[str] = frozenset()
    """The sources that were good in some snapshot."""
    began: Mapping[Key, datetime] = {}
    """Since when each suspicion holds without a break, told or not."""
    told: Mapping[Key, Finding] = {}
    """The findings of the latest snapshot."""

    def after(self, snapshot: Snapshot) -> Self:
        """Return what is known after this snapshot; `began` and `told` stay, as they are the rules' own.

        After a break nobody can tell that something has lasted, and what counts from some time on begins anew.
        """
        now, history = snapshot.taken_at, self
        gap = None if self.taken_at is None else (now - self.taken_at).total_seconds()
        if gap is not None and self._is_break(gap):
            history = replace(self, in_trouble_since={}, began={}, told={}, restarts={}, started_at={})
        trouble = {
            source.name: history.in_trouble_since.get(source.name, now)
            for source in snapshot.sources
            if source.state in ("stale", "error")
        }
        ended = {job.job_id: self.ended_at.get(job.job_id, now) for job in snapshot.jobs if has_ended(job)}
        answering = frozenset(source.name for source in snapshot.sources if source.state == "ok")
        history = replace(
            history,
            taken_at=now,
            interval_seconds=gap,
            in_trouble_since=trouble,
            have_answered=self.have_answered | answering,
            ended_at=ended,
        )
        if "slurm.queue" in answering:
            history = history._after_queue(snapshot)
        if "dask" in answering and snapshot.cluster.scheduler_id is not None:
            history = history._after_dask(snapshot)
        return history

    def gone_from(self, job_id: str) -> tuple[DepartedWorker, ...]:
        """Return the workers that left this job and did not come back to it."""
        return tuple(gone for gone in self.gone if gone.job_id == job_id)

    def latest_of(self, job_id: str) -> tuple[Worker, ...]:
        """Return the workers that were in this job when the scheduler answered last."""
        return tuple(worker for seat, worker in self.workers.values() if seat == job_id)

    def _is_break(self, gap: float) -> bool:
        usual = INTERVALS_FOR_A_BREAK * (self.interval_seconds or gap)
        return not 0 <= gap <= max(SHORTEST_BREAK_SECONDS, usual)

    def _after_queue(self, snapshot: Snapshot) -> Self:
        ours = [job for job in snapshot.jobs if job.evidence]
        before = self.running or frozenset()
        # One that completes has not left yet: if it waits afterwards, it was put back.
        running = frozenset(
            job.job_id
            for job in snapshot.jobs
            if read_state(job.state).is_running or (job.job_id in before and not is_pending(job) and not has_ended(job))
        )
        started = dict.fromkeys(running - before, snapshot.taken_at) if self.running is not None else {}
        back = {job.job_id: snapshot.taken_at for job in ours if is_pending(job) and job.job_id in before}
        here = {job.job_id for job in ours}
        since = snapshot.taken_at - timedelta(seconds=MEMORY_SECONDS)
        kept = {job_id: at for job_id, at in self.requeued_at.items() if job_id in here and at > since}
        return replace(
            self,
            running=running,
            started_at={job_id: at for job_id, at in (started | dict(self.started_at)).items() if job_id in running},
            requeued_at=kept | back,
        )

    def _after_dask(self, snapshot: Snapshot) -> Self:
        now, since = snapshot.taken_at, snapshot.taken_at - timedelta(seconds=MEMORY_SECONDS)
        is_same = snapshot.cluster.scheduler_id == self.scheduler_id
        workers = {
            (worker.address, worker.pid): (job.job_id if job is not None else None, worker)
            for job, worker in workers_with_jobs(snapshot)
        }
        before = self.workers if is_same else {}
        left = [
            DepartedWorker(worker=worker, job_id=job_id, at=now)
            for process, (job_id, worker) in before.items()
            if process not in workers
        ]
        gone = [old for old in (*(self.gone if is_same else ()), *left) if old.at > since]
        arrived = {(workers[process][0], workers[process][1].name) for process in workers.keys() - before.keys()}
        returned = arrived & {(old.job_id, old.worker.name) for old in gone} if gone else set()
        restarts = {
            seat: kept
            for seat, times in (self.restarts if is_same else {}).items()
            if (kept := tuple(at for at in times if at > since))
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
            gone=tuple(old for old in gone if (old.job_id, old.worker.name) not in returned)[-MOST_GONE:],
            restarts=restarts,
            most_workers={
                job_id: max(self.most_workers.get(job_id, 0), _count(job)) for job_id, job in running.items()
            },
        )


def dask_read_at(snapshot: Snapshot) -> datetime | None:
    """Return when the scheduler was read of which a snapshot tells, by this host's clock."""
    age_seconds = next((source.age_seconds for source in snapshot.sources if source.name == "dask"), None)
    return None if age_seconds is None else snapshot.taken_at - timedelta(seconds=age_seconds)


def _count(job: Job) -> int:
    return sum(1 for _ in workers_of(job))
