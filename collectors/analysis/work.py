"""What dask computes, completed with what SLURM and the scheduler's events know: jobs, and why workers ended. Pure."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import TypeVar

from msgspec.structs import replace

from dasktop.collectors.analysis.erred_tasks import erred_tasks
from dasktop.collectors.model.snapshot import Job, Worker
from dasktop.collectors.model.work import Attempt, Failure, RunningTask, Work

EndOf = Callable[[Attempt], str | None]
"""Returns why the worker of an attempt ended; ``None``: unknown."""

_OnWorker = TypeVar("_OnWorker", RunningTask, Failure, Attempt)
_Failed = TypeVar("_Failed", Failure, Attempt)

NodeOf = Callable[[str | None, str | None, datetime | None], str | None]
"""Returns the node of the worker at an address, in a job, at a time; ``None``: unknown."""


def _unknown_node(address: str | None, job_id: str | None, at: datetime | None) -> str | None:
    del address, job_id, at
    return None


def completed_work(
    work: Work | None, jobs: Mapping[str, str], end_of: EndOf, node_of: NodeOf = _unknown_node
) -> Work | None:
    """Return the work with jobs of workers, causes of failed attempts, and failed tasks apart from blocked ones.

    Parameters
    ----------
    jobs
        The job that a worker is or was in, by the worker's address.
    end_of
        Called for attempts whose worker ended, with their job.
    node_of
        Called for failures and attempts.
    """
    if work is None:
        return None

    def in_job(part: _OnWorker) -> _OnWorker:
        return replace(part, job_id=jobs.get(part.address or ""))

    def in_place(part: _Failed) -> _Failed:
        placed = in_job(part)
        return replace(placed, node=node_of(placed.address, placed.job_id, placed.at))

    def with_cause(attempt: Attempt) -> Attempt:
        return replace(attempt, cause=attempt.cause or end_of(attempt))

    def completed(failure: Failure) -> Failure:
        attempts = tuple(with_cause(in_place(attempt)) for attempt in failure.attempts)
        return replace(in_place(failure), attempts=attempts)

    return replace(
        work,
        running=None if work.running is None else tuple(map(in_job, work.running)),
        failures=None if work.failures is None else tuple(map(completed, work.failures)),
        progress=erred_tasks(work).of_progress(work.progress),
    )


class RunningTasks:
    """Adds what is typical for the tasks of threads to workers."""

    def __init__(self, work: Work | None) -> None:
        names = () if work is None else work.task_names
        self._typical = {name.name: name.seconds_mean for name in names}

    def in_job(self, job: Job) -> Job:
        """Return a job with its workers completed."""
        if not any(worker.threads for task in job.tasks for worker in task.workers):
            return job
        return replace(job, tasks=tuple(replace(task, workers=self.in_workers(task.workers)) for task in job.tasks))

    def in_workers(self, workers: Iterable[Worker]) -> tuple[Worker, ...]:
        """Return the workers with what is typical for the tasks of their threads."""
        return tuple(self._completed(worker) if worker.threads else worker for worker in workers)

    def _completed(self, worker: Worker) -> Worker:
        threads = tuple(
            replace(thread, typical_seconds=self._typical.get(thread.task_name)) if thread.task_name else thread
            for thread in worker.threads
        )
        return replace(worker, threads=threads)
