"""What dask computes, completed from several snapshots: jobs, rates and estimates. Pure."""

from collections.abc import Mapping
from typing import TypeVar

from msgspec.structs import replace

from dasktop.collectors.model.work import Attempt, Failure, RunningTask, Work

_OnWorker = TypeVar("_OnWorker", RunningTask, Failure, Attempt)


def work_with_jobs(work: Work | None, jobs: Mapping[str, str]) -> Work | None:
    """Return the work with the job of each worker that it mentions.

    Parameters
    ----------
    jobs
        The job that a worker is or was in, by the worker's address.
    """
    if work is None:
        return None

    def in_job(part: _OnWorker) -> _OnWorker:
        return replace(part, job_id=jobs.get(part.address or ""))

    return replace(
        work,
        running=None if work.running is None else tuple(map(in_job, work.running)),
        failures=None
        if work.failures is None
        else tuple(
            replace(in_job(failure), attempts=tuple(map(in_job, failure.attempts))) for failure in work.failures
        ),
    )
