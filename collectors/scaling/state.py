"""The state of a cluster before scaling: which jobs count, which are lost, how large one more is. Pure."""

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Literal, NamedTuple

from dasktop.collectors.model.errors import PlanError
from dasktop.collectors.model.job_states import read_state
from dasktop.collectors.model.jobs import (
    array_task_of,
    command_id,
    has_ended,
    is_pending,
    lost_jobs,
    number_of_jobs,
    workers_of,
)
from dasktop.collectors.model.plan import JobToRelease, LostJob, Size
from dasktop.collectors.model.snapshot import Job, Owner, Snapshot
from dasktop.collectors.model.sums import sum_if_all_known

NOTHING = Size(jobs=0, workers=0, threads=0, cores=0, memory_bytes=0)
_UNKNOWN = Size(jobs=1, workers=None, threads=None, cores=None, memory_bytes=None)


def add(one: Size, other: Size) -> Size:
    """Return the sum of two sizes; a part that is unknown in one is unknown in the sum."""
    return Size(
        jobs=one.jobs + other.jobs,
        workers=sum_if_all_known((one.workers, other.workers)),
        threads=sum_if_all_known((one.threads, other.threads)),
        cores=sum_if_all_known((one.cores, other.cores)),
        memory_bytes=sum_if_all_known((one.memory_bytes, other.memory_bytes)),
    )


def times(size: Size, number: int) -> Size:
    """Return a multiple of a size; 0 times an unknown size is 0."""

    def as_often(part: int | None) -> int | None:
        return None if part is None else part * number

    if number == 0:
        return NOTHING
    return Size(
        jobs=size.jobs * number,
        workers=as_often(size.workers),
        threads=as_often(size.threads),
        cores=as_often(size.cores),
        memory_bytes=as_often(size.memory_bytes),
    )


def stated(owner: Owner | None) -> Size:
    """Return the size of one job as the owner states it; its ``None`` and 0 mean unknown."""
    if owner is None:
        return _UNKNOWN
    workers, cores = owner.processes_per_job or None, owner.cores_per_job or None
    return Size(
        jobs=1,
        workers=workers,
        # As dask-jobqueue does (`Job.worker_process_threads`): 12 cores in 5 processes are 10 threads.
        threads=workers * (cores // workers) if workers and cores else None,
        cores=cores,
        memory_bytes=owner.memory_per_job_bytes or None,
    )


def usual(owner: Owner | None, jobs: Iterable[Job]) -> Size:
    """Return the size of one more job: as the owner states it, else the most common among these jobs.

    Of two equally common values, take that of the newer job.
    """
    stated_size = stated(owner)
    newest_first = sorted(jobs, key=newest_first_key)
    workers = stated_size.workers or _most_common(_workers(job) for job in newest_first)
    return Size(
        jobs=1,
        workers=workers,
        threads=stated_size.threads or _most_common(_threads(job, workers) for job in newest_first),
        cores=stated_size.cores or _most_common(job.allocated.cpus for job in newest_first),
        memory_bytes=stated_size.memory_bytes or _most_common(job.allocated.memory_bytes for job in newest_first),
    )


def size_of(job: Job, stated_size: Size, one_job: Size) -> Size:
    """Return the size of a job as if it ran already: as its owner states it, else as observed, else a typical one.

    The owner comes first because SLURM rounds allocations, and targets mean the same as in dask-jobqueue.
    """
    workers = stated_size.workers or _workers(job) or one_job.workers
    cores = stated_size.cores or job.allocated.cpus or one_job.cores
    is_usual = (workers, cores) == (one_job.workers, one_job.cores)
    size = Size(
        jobs=1,
        workers=workers,
        threads=stated_size.threads or _threads(job, workers) or (one_job.threads if is_usual else None),
        cores=cores,
        memory_bytes=stated_size.memory_bytes or job.allocated.memory_bytes or one_job.memory_bytes,
    )
    return times(size, number_of_jobs([job]))


def newest_first_key(job: Job) -> int:
    """Sort key that puts the newest job first: ids increase."""
    return -int(job.job_id) if job.job_id.isdecimal() else 0


def _workers(job: Job) -> int | None:
    return job.workers_expected or len(workers_of(job)) or None


def _threads(job: Job, workers: int | None) -> int | None:
    """Return the number of compute threads of a job, if all its workers are known."""
    nthreads = [worker.nthreads for worker in workers_of(job)]
    return sum_if_all_known(nthreads) if len(nthreads) == workers else None


def _most_common(values: Iterable[int | None]) -> int | None:
    counted = Counter(value for value in values if value)
    return counted.most_common(1)[0][0] if counted else None


FAILED_SOON_SECONDS = 300
"""A job that ran for less may never have had a worker: one that cannot reach its scheduler gives up after a minute."""


class ClusterState(NamedTuple):
    """A cluster's jobs, as scaling counts them."""

    snapshot: Snapshot
    owner: Owner | None
    """The owner, if it starts jobs; a ``LocalCluster`` doesn't."""
    names: Mapping[str, str]
    """Job id → the owner's name for it."""
    jobs: tuple[Job, ...]
    """The cluster's running and pending jobs."""
    can_go: tuple[Job, ...]
    """Those of them that can be released, and resubmitted: all but the one that runs the scheduler."""
    unseen: tuple[Job, ...]
    """Jobs that the owner counts but SLURM does not show: just submitted, or ended and forgotten."""
    lost: tuple[LostJob, ...]
    one_job: Size
    """The size of one more job."""
    preferred: Collection[str]
    """Ids of jobs to release before others of the same group."""

    def size(self, jobs: Iterable[Job]) -> Size:
        """Return the total size of these jobs, counting pending and starting ones as if they ran."""
        total = NOTHING
        for job in jobs:
            total = add(total, size_of(job, stated(self.owner if job.job_id in self.names else None), self.one_job))
        return total


def cluster_state(snapshot: Snapshot, preferred: Collection[str] = ()) -> ClusterState:
    """Return the state of the snapshot's cluster.

    A completing job no longer runs anything, so it does not count; it is not lost before it has ended.
    """
    owner = _owner_of_jobs(snapshot)
    ours = tuple(job for job in snapshot.jobs if job.evidence)
    there = tuple(job for job in ours if not has_ended(job) and not read_state(job.state).is_ending)
    jobs = tuple(job for job in there if _is_seen(job))
    return ClusterState(
        snapshot=snapshot,
        owner=owner,
        names={job_id: name for name, job_id in owner.job_ids.items()} if owner else {},
        jobs=jobs,
        can_go=tuple(job for job in jobs if job.job_id != snapshot.cluster.scheduler_job_id),
        unseen=tuple(job for job in there if not _is_seen(job)),
        lost=tuple(_lost(name, job) for name, job in lost_jobs(snapshot)),
        one_job=usual(owner, jobs or ours),
        preferred=preferred,
    )


def _is_seen(job: Job) -> bool:
    return job.state is not None or any(True for _ in workers_of(job))


def _owner_of_jobs(snapshot: Snapshot) -> Owner | None:
    """Return the owner if it is a dask-jobqueue cluster: any other has no jobs, and states no job size."""
    owner = snapshot.cluster.owner
    if owner is None:
        return None
    stated_size = (owner.cores_per_job, owner.memory_per_job_bytes, owner.processes_per_job)
    return owner if owner.job_ids or any(stated_size) else None


def _lost(name: str, job: Job) -> LostJob:
    return LostJob(job_id=job.job_id, name=name, fate=_fate(job), failed_soon=_failed_soon(job))


def _failed_soon(job: Job) -> bool:
    """Return whether the job script itself seems to be the cause.

    A snapshot does not show whether an ended job ever had a worker; one that ran for long is assumed to have had.
    """
    fate = job.fate
    if fate is None or not read_state(fate.state).is_failed or not fate.exit_code or workers_of(job):
        return False
    if fate.ended_at is None or job.started_at is None:
        return True
    return (fate.ended_at - job.started_at).total_seconds() < FAILED_SOON_SECONDS


def _fate(job: Job) -> str | None:
    return job.fate.explanation if job.fate is not None else f"ended as {job.state}"


Load = tuple[float, float, float, float]
Group = Literal["pending", "without workers", "idle", "runs nothing yet", "ends soon", "least busy"]
_GROUPS: tuple[Group, ...] = ("pending", "without workers", "idle", "runs nothing yet", "ends soon", "least busy")

SOON_SECONDS = 300
"""A job with less time left is a poor place for results, and little is lost by releasing it."""


def choose(jobs: Iterable[Job], number: int, preferred: Collection[str] = ()) -> tuple[Job, ...]:
    """Return this many jobs to release, in that order; ``jobs`` has at least as many.

    Pending jobs come first, then those without workers, idle ones, those whose tasks are all queued, those whose time
    limit is near, then those that execute the least, with the fewest queued tasks, the fewest bytes and results stored,
    the shortest time left; of equals the newest. Within each group, preferred jobs come first.

    Raises
    ------
    PlanError
        The only pending jobs left are the rest of an array, which can only be released as a whole, and has too many.
    """
    chosen: list[Job] = []
    too_many: list[Job] = []
    missing = number
    for job in sorted(jobs, key=lambda job: _order(job, preferred)):
        if missing <= 0 or (too_many and not is_pending(job)):
            break
        held = number_of_jobs([job])
        if held <= missing:
            chosen.append(job)
            missing -= held
        else:
            too_many.append(job)
    if missing > 0 and too_many:
        array = command_id(too_many[0])
        raise PlanError(
            f"{array} is one pending array of {number_of_jobs(too_many[:1])} jobs, of which only {missing} would be "
            f"released: release all of it (--release {array}), or cancel some with scancel"
        )
    return tuple(chosen)


def job_to_release(job: Job, name: str | None, is_chosen: bool) -> JobToRelease:
    """Return the record of a job to release, with what the plan shows of it.

    Parameters
    ----------
    job
        The job.
    name
        The owner's name for it, if an owner counts it.
    is_chosen
        Whether the user chose it; otherwise ``why`` is the group that it was chosen from.
    """
    workers = workers_of(job)
    return JobToRelease(
        job_id=job.job_id,
        name=name,
        array_task=array_task_of(job),
        state=job.state,
        workers=tuple(worker.address for worker in workers),
        executing=sum_if_all_known(worker.executing for worker in workers),
        stored=sum_if_all_known(worker.stored for worker in workers),
        why="chosen" if is_chosen else _group(job),
        time_left_seconds=job.time_left_seconds,
    )


def has_nothing_to_do(job: Job) -> bool:
    """Return whether adaptive scaling may release the job at once: it is pending, has no workers, or no tasks."""
    return _group(job) in ("pending", "without workers", "idle")


def _order(job: Job, preferred: Collection[str]) -> tuple[int, bool, Load, float, int]:
    time_left = math.inf if job.time_left_seconds is None else job.time_left_seconds
    is_other = job.job_id not in preferred
    return _GROUPS.index(_group(job)), is_other, _load(job), time_left, newest_first_key(job)


def _load(job: Job) -> Load:
    """Return what releasing the job would affect: executing, queued, bytes stored, results stored."""
    workers = workers_of(job)
    return (
        _sum(worker.executing for worker in workers),
        _sum(worker.queued for worker in workers),
        _sum(worker.managed_bytes for worker in workers),
        _sum(worker.stored for worker in workers),
    )


def _group(job: Job) -> Group:
    if is_pending(job):
        return "pending"
    if not any(True for _ in workers_of(job)):
        return "without workers"
    executing, queued, *_ = _load(job)
    if executing == 0:
        return "idle" if queued == 0 else "runs nothing yet"
    return "ends soon" if job.time_left_seconds is not None and job.time_left_seconds < SOON_SECONDS else "least busy"


def _sum(values: Iterable[int | None]) -> float:
    """Return the sum; infinity if a part is unknown: such a job may be as busy as any."""
    total = sum_if_all_known(values)
    return math.inf if total is None else total
