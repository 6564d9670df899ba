"""What planning, findings and the screen ask of the jobs of a snapshot. Pure; decides nothing about them."""

import re
from collections.abc import Iterable, Iterator

from dasktop.collectors.job_state import read_state
from dasktop.collectors.model import Finding, Job, Snapshot, Worker

_RANGE = re.compile(r"(\d{1,9})(?:-(\d{1,9})(?::(\d{1,9}))?)?")


MOST_NANNY_BYTES = 256 * 1024**2
"""Memory of the shell, of ``dask worker`` and of its nannies in a job: 100 to 200 MiB, shared and private."""


def has_ended(job: Job) -> bool:
    """Whether SLURM is done with the job. One that SLURM knows nothing about hasn't ended, as far as anyone knows."""
    return job.fate is not None or read_state(job.state).has_ended


def ended_badly(job: Job) -> bool:
    """Whether anybody wants to hear of how a job ended: it is cancelled on purpose, but not by somebody else."""
    fate = job.fate
    if fate is None:
        return False
    state = read_state(fate.state)
    if state.name == "CANCELLED":
        by = fate.cancelled_by
        return by is not None and job.user is not None and by != job.user
    # A job whose workers have lost their scheduler, or never found it, may end with status 0.
    return state.is_bad_end or (state.name == "COMPLETED" and fate.cause is not None)


def is_pending(job: Job) -> bool:
    """Whether the job waits for its allocation."""
    return read_state(job.state).is_waiting


def workers_of(job: Job) -> Iterator[Worker]:
    """Yield all workers of a job."""
    for task in job.tasks:
        yield from task.workers


def other_memory_bytes(job: Job) -> int:
    """Return how much of the memory that SLURM counts no dask worker of the job holds; 0 where dask's figure counts."""
    if job.used.memory_source != "slurm":
        return 0
    return max(0, (job.used.memory_bytes or 0) - sum(worker.memory_bytes or 0 for worker in workers_of(job)))


def runs_other_programs(job: Job) -> bool:
    """Whether something runs in a job beside its dask workers: it uses CPU time, or more memory than a nanny does."""
    return job.used.cpu_source == "slurm" or other_memory_bytes(job) >= MOST_NANNY_BYTES


def seats(snapshot: Snapshot) -> Iterator[tuple[Job | None, Worker]]:
    """Yield all workers, each with its job; ``None``: it is outside SLURM."""
    for job in snapshot.jobs:
        for worker in workers_of(job):
            yield job, worker
    for worker in snapshot.unplaced_workers:
        yield None, worker


def job_ids_of(finding: Finding) -> tuple[str, ...]:
    """Return the ids of all jobs that a finding is about; one in an older recording tells one at most."""
    return finding.job_ids or (() if finding.job_id is None else (finding.job_id,))


def worker_names_of(finding: Finding) -> tuple[str, ...]:
    """Return the names of all workers that a finding is about, in the same way."""
    return finding.workers or (() if finding.worker is None else (finding.worker,))


def lost_jobs(snapshot: Snapshot) -> tuple[tuple[str, Job], ...]:
    """Return the jobs that the owner still counts and SLURM has ended, each with the owner's name of it."""
    owner = snapshot.cluster.owner
    jobs = {job.job_id: job for job in snapshot.jobs if has_ended(job)}
    return tuple((name, jobs[job_id]) for name, job_id in (owner.job_ids if owner else {}).items() if job_id in jobs)


def array_task_of(job: Job) -> str | None:
    """Return an array's job as ``scancel`` takes it, ``54_1`` or ``54_[5-10]``; ``None`` where it is of no array.

    Of a list of tasks that was cut short, as recordings and wrappers of squeue may have it, only what is there for
    certain: scancel would take ``...`` for the end of the array.
    """
    if job.array_job_id is None or job.array_task_id is None:
        return None
    tasks, dots, _ = job.array_task_id.partition("%")[0].partition("...")
    if dots:
        tasks = tasks.rpartition(",")[0]  # a number that stands before the dots may be cut too
    return f"{job.array_job_id}_{tasks if tasks.isdecimal() else f'[{tasks}]'}"


def shown_id(job: Job) -> str:
    """Return a job's id as SLURM's commands take and show it: of an array's job not the raw one."""
    return array_task_of(job) or job.job_id


def number_of_jobs(jobs: Iterable[Job]) -> int:
    """Count jobs, where the pending rest of an array (``5-10%2``, one line in the queue) counts as all it holds.

    Of a rest that squeue has cut short (``1,3,5,...``) only what is there is counted.
    """
    return sum(_elements(job.array_task_id) for job in jobs)


def _elements(tasks: str | None) -> int:
    count = 0
    for part in (tasks or "").partition("%")[0].split(","):
        if match := _RANGE.fullmatch(part):
            first, last, step = int(match[1]), int(match[2] or match[1]), int(match[3] or 1)
            count += len(range(first, last + 1, max(1, step)))
    return max(1, count)
