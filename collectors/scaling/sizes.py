"""What jobs bring: workers, threads, cores and memory, of one job and of many together. Pure; chooses no job."""

from collections import Counter
from collections.abc import Iterable

from dasktop.collectors.model.jobs import number_of_jobs, workers_of
from dasktop.collectors.model.plan import Size
from dasktop.collectors.model.snapshot import Job, Owner

NOTHING = Size(jobs=0, workers=0, threads=0, cores=0, memory_bytes=0)
_UNKNOWN = Size(jobs=1, workers=None, threads=None, cores=None, memory_bytes=None)


def add(one: Size, other: Size) -> Size:
    """Return both sizes together; what is unknown of one is unknown of both."""

    def both(part: int | None, counterpart: int | None) -> int | None:
        return None if part is None or counterpart is None else part + counterpart

    return Size(
        jobs=one.jobs + other.jobs,
        workers=both(one.workers, other.workers),
        threads=both(one.threads, other.threads),
        cores=both(one.cores, other.cores),
        memory_bytes=both(one.memory_bytes, other.memory_bytes),
    )


def times(size: Size, number: int) -> Size:
    """Return so many times this size; none of something unknown is nothing."""

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
    """Return what the owner says that one job of it has; ``None`` or 0 is nothing said."""
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
    """Return what one more job would bring: what the owner states, else what most of these jobs have.

    Of two equally common values, that of the newer job.
    """
    said = stated(owner)
    newest_first = sorted(jobs, key=newest_first_key)
    workers = said.workers or _most_common(_workers(job) for job in newest_first)
    return Size(
        jobs=1,
        workers=workers,
        threads=said.threads or _most_common(_threads(job, workers) for job in newest_first),
        cores=said.cores or _most_common(job.allocated.cpus for job in newest_first),
        memory_bytes=said.memory_bytes or _most_common(job.allocated.memory_bytes for job in newest_first),
    )


def size_of(job: Job, said: Size, one_job: Size) -> Size:
    """Return what a job brings, as if it ran already: what its owner states, else what it shows, else as most do.

    The owner's word comes first because SLURM rounds what it grants, and targets are meant as in dask-jobqueue.
    """
    workers = said.workers or _workers(job) or one_job.workers
    cores = said.cores or job.allocated.cpus or one_job.cores
    is_usual = (workers, cores) == (one_job.workers, one_job.cores)
    size = Size(
        jobs=1,
        workers=workers,
        threads=said.threads or _threads(job, workers) or (one_job.threads if is_usual else None),
        cores=cores,
        memory_bytes=said.memory_bytes or job.allocated.memory_bytes or one_job.memory_bytes,
    )
    return times(size, number_of_jobs([job]))


def newest_first_key(job: Job) -> int:
    """Sort key that puts the newest job first: ids are given in rising order."""
    return -int(job.job_id) if job.job_id.isdecimal() else 0


def _workers(job: Job) -> int | None:
    return job.workers_expected or len(tuple(workers_of(job))) or None


def _threads(job: Job, workers: int | None) -> int | None:
    """Return the compute threads of a job, if all its workers are there to be counted."""
    nthreads = [worker.nthreads for worker in workers_of(job)]
    return sum(filter(None, nthreads)) if None not in nthreads and len(nthreads) == workers else None


def _most_common(values: Iterable[int | None]) -> int | None:
    counted = Counter(value for value in values if value)
    return counted.most_common(1)[0][0] if counted else None
