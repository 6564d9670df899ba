"""Functions that query the jobs and workers of a snapshot, used by several packages. Pure."""

import re
from collections.abc import Iterable
from functools import cached_property

from dasktop.collectors.model.job_states import read_state
from dasktop.collectors.model.report import JobReport
from dasktop.collectors.model.snapshot import Finding, Job, Snapshot, Worker
from dasktop.collectors.model.thresholds import Thresholds

_RANGE = re.compile(r"(\d{1,9})(?:-(\d{1,9})(?::(\d{1,9}))?)?")


LEFT_HOURS = 12
"""How long jobs and workers that left are kept."""

MOST_NANNY_BYTES = 256 * 1024**2
"""Upper limit of what the shell, ``dask worker`` and nannies use in a job: usually 100 to 200 MiB."""


def has_ended(job: Job) -> bool:
    """Return whether a job has ended in SLURM. A job unknown to SLURM counts as not ended."""
    return job.fate is not None or read_state(job.state).has_ended


def ended_badly(job: Job) -> bool:
    """Return whether a job ended unsuccessfully; a cancelled one only if another user cancelled it."""
    fate = job.fate
    if fate is None:
        return False
    state = read_state(fate.state)
    if state.is_cancelled:
        by = fate.cancelled_by
        return by is not None and job.user is not None and by != job.user
    # A job whose workers lost their scheduler, or never found it, may end with exit code 0.
    return state.is_bad_end or (state.is_completed and fate.cause is not None)


def is_pending(job: Job) -> bool:
    """Return whether a job is pending."""
    return read_state(job.state).is_waiting


def ends_soon(job: Job, thresholds: Thresholds) -> bool:
    """Return whether a job has less time left than the threshold; for a short job, a quarter of its time limit."""
    left, limit, soon = job.time_left_seconds, job.time_limit_seconds, thresholds.walltime_ending_seconds
    return left is not None and left <= min(soon, limit / 4 if limit else soon)


def workers_of(job: Job) -> tuple[Worker, ...]:
    """Return all workers of a job."""
    if len(job.tasks) == 1:  # most jobs; called many times for each snapshot
        return job.tasks[0].workers
    return tuple(worker for task in job.tasks for worker in task.workers)


def threads_busy(executing: int | None, nthreads: int | None) -> int | None:
    """Return how many threads of a worker run a task; a task that has seceded occupies none. ``None``: unknown."""
    if not executing:
        return executing
    return None if nthreads is None else min(executing, nthreads)


def other_memory_bytes(job: Job) -> int:
    """Return the memory that SLURM counts beyond the job's dask workers; 0 if dask's figure is used."""
    if job.used.memory_source != "slurm":
        return 0
    return max(0, (job.used.memory_bytes or 0) - sum(worker.memory_bytes or 0 for worker in workers_of(job)))


def runs_other_programs(job: Job) -> bool:
    """Return whether other programs run in a job: they use CPU time, or more memory than nannies do."""
    return job.used.cpu_source == "slurm" or other_memory_bytes(job) >= MOST_NANNY_BYTES


def workers_with_jobs(snapshot: Snapshot) -> list[tuple[Job | None, Worker]]:
    """Return all workers, each with its job, or ``None`` if it runs outside SLURM or its job is unknown."""
    found: list[tuple[Job | None, Worker]] = [(job, worker) for job in snapshot.jobs for worker in workers_of(job)]
    found += [(None, worker) for worker in snapshot.unplaced_workers]
    return found


def job_ids_of(finding: Finding) -> tuple[str, ...]:
    """Return the ids of all jobs that a finding is about. Older recordings have `job_id` only."""
    return finding.job_ids or (() if finding.job_id is None else (finding.job_id,))


def worker_names_of(finding: Finding) -> tuple[str, ...]:
    """Return the names of all workers that a finding is about. Older recordings have `worker` only."""
    return finding.workers or (() if finding.worker is None else (finding.worker,))


def lost_jobs(snapshot: Snapshot) -> tuple[tuple[str, Job], ...]:
    """Return the jobs that have ended in SLURM but that the owner still counts, each with the owner's name for it."""
    owner = snapshot.cluster.owner
    jobs = {job.job_id: job for job in snapshot.jobs if has_ended(job)}
    return tuple((name, jobs[job_id]) for name, job_id in (owner.job_ids if owner else {}).items() if job_id in jobs)


def array_task_of(job: Job) -> str | None:
    """Return an array job's id for ``scancel``, ``54_1`` or ``54_[5-10]``; ``None`` if it belongs to no array.

    If squeue has truncated the list of tasks, only the complete ones count: scancel would read ``...`` as the rest of
    the array.
    """
    if job.array_job_id is None or job.array_task_id is None:
        return None
    tasks, dots, _ = job.array_task_id.partition("%")[0].partition("...")
    if dots:
        tasks = tasks.rpartition(",")[0]  # the number before the dots may be truncated too
    return _array_task(job.array_job_id, tasks)


def command_id(job: Job) -> str:
    """Return a job's id as SLURM's commands and ``--release`` take it: ``4711``, ``54_1``, ``54_[5-10]``."""
    return array_task_of(job) or job.job_id


def squeue_id(job: Job | JobReport) -> str:
    """Return a job's id as ``squeue`` writes it, to show it: ``4711``, ``54_1``, ``54_[5-10%2]``."""
    if job.array_job_id is None or job.array_task_id is None:
        return job.job_id
    return _array_task(job.array_job_id, job.array_task_id)


def _array_task(array_job_id: str, tasks: str) -> str:
    return f"{array_job_id}_{tasks if tasks.isdecimal() else f'[{tasks}]'}"


def number_of_jobs(jobs: Iterable[Job]) -> int:
    """Count jobs; the pending rest of an array (``5-10%2``, one line of squeue) counts as all its jobs.

    If squeue has truncated the rest (``1,3,5,...``), only the listed ones count.
    """
    return sum(jobs_in_array(job.array_task_id) for job in jobs)


def jobs_in_array(tasks: str | None) -> int:
    """Count the jobs of an expression such as ``5-10%2``; any other text counts as one."""
    count = 0
    for part in (tasks or "").partition("%")[0].split(","):
        if match := _RANGE.fullmatch(part):
            first, last, step = int(match[1]), int(match[2] or match[1]), int(match[3] or 1)
            count += len(range(first, last + 1, max(1, step)))
    return max(1, count)


# The scheduler sends no results to a worker that is paused or retiring.
_TAKES_RESULTS = frozenset({None, "running"})


def takes_results(worker: Worker) -> bool:
    """Whether results can be moved to a worker; if its status is unknown, they can."""
    return worker.status in _TAKES_RESULTS


def stranded_results(snapshot: Snapshot, leaving: Iterable[Worker]) -> int:
    """Return how many results would certainly be lost if these workers left: all that they hold, or 0."""
    return StrandedResults(snapshot).of(leaving)


class StrandedResults:
    """`stranded_results` of several groups of workers of one snapshot, without going through all workers for each."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def of(self, leaving: Iterable[Worker]) -> int:
        """Return how many results would certainly be lost if these workers left, and no others."""
        leaving = tuple(leaving)
        if len(self._keepers) > len(self._keepers.intersection(worker.address for worker in leaving)):
            return 0
        return sum(worker.stored or 0 for worker in leaving)

    @cached_property
    def _keepers(self) -> frozenset[str]:
        """The addresses of the workers that can take results, or may hold them: these may be copies."""
        workers = (worker for _, worker in workers_with_jobs(self._snapshot))
        return frozenset(worker.address for worker in workers if takes_results(worker) or worker.stored != 0)
