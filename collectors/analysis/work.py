"""What dask computes, completed with what SLURM and the scheduler's events know: jobs, and why workers ended. Pure."""

from collections.abc import Callable, Mapping
from typing import TypeVar

from msgspec.structs import replace

from dasktop.collectors.model.work import Attempt, Failure, RunningTask, Work

EndOf = Callable[[Attempt], str | None]
"""Returns why the worker of an attempt ended; ``None``: unknown."""

_OnWorker = TypeVar("_OnWorker", RunningTask, Failure, Attempt)


def completed_work(work: Work | None, jobs: Mapping[str, str], end_of: EndOf) -> Work | None:
    """Return the work with the job of each worker that it mentions, and the cause of each attempt that failed.

    Parameters
    ----------
    jobs
        The job that a worker is or was in, by the worker's address.
    end_of
        Called for attempts whose worker ended, with their job.
    """
    if work is None:
        return None

    def in_job(part: _OnWorker) -> _OnWorker:
        return replace(part, job_id=jobs.get(part.address or ""))

    def with_cause(attempt: Attempt) -> Attempt:
        return replace(attempt, cause=attempt.cause or end_of(attempt))

    def completed(failure: Failure) -> Failure:
        attempts = tuple(with_cause(in_job(attempt)) for attempt in failure.attempts)
        return replace(in_job(failure), attempts=attempts)

    return replace(
        work,
        running=None if work.running is None else tuple(map(in_job, work.running)),
        failures=None if work.failures is None else tuple(map(completed, work.failures)),
    )
