"""The jobs of workers that left before they were read: by their names, and when they registered. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from dasktop.collectors.analysis.matching import PlacedWorker, job_id_in_name
from dasktop.collectors.model.readings import DepartedWorker, JobScript
from dasktop.collectors.model.snapshot import Job, Owner

CLOCKS_DIFFER = timedelta(seconds=10)
"""How much clocks may differ. dask-jobqueue replaces a lost job no sooner than 15 s after its workers have left."""


def jobs_of_departed(
    departed: Iterable[DepartedWorker],
    jobs: Mapping[str, Job],
    owner: Owner | None,
    scripts: Mapping[str, JobScript],
    placed: Mapping[str, Iterable[PlacedWorker]],
) -> dict[str, str]:
    """Return address → job id of the workers whose job is certain.

    The scheduler refuses a name that another worker has. So of the jobs that start a worker of that name, a worker was
    in the one that ran when it registered; dask-jobqueue gives a job that replaces a lost one the same name.

    Parameters
    ----------
    jobs
        By id, with their times.
    scripts
        The scripts of this cluster's jobs, by job id.
    placed
        The present workers of jobs: a nanny's next worker has the same name.
    """
    departed = tuple(departed)
    if not departed:
        return {}
    of_names = _jobs_of_names(jobs, owner, scripts, placed)
    found = {}
    for worker in departed:
        stem, dash, number = worker.name.rpartition("-")
        of_stem = of_names.get(stem, set()) if dash and number.isdecimal() else set()
        in_name = job_id_in_name(worker.name)
        possible = of_names.get(worker.name, set()) | of_stem | ({in_name} if in_name else set())
        ran = [job_id for job_id in possible if _ran(jobs.get(job_id), worker.registered_at)]
        if len(ran) == 1:
            found[worker.address] = ran[0]
    return found


def _jobs_of_names(
    jobs: Mapping[str, Job],
    owner: Owner | None,
    scripts: Mapping[str, JobScript],
    placed: Mapping[str, Iterable[PlacedWorker]],
) -> dict[str, set[str]]:
    of_names: dict[str, set[str]] = defaultdict(set)
    for name, job_id in (owner.job_ids if owner else {}).items():
        of_names[name].add(job_id)
    arrays = {job.array_job_id for job in jobs.values()}  # one script for many jobs: a name in it identifies none
    for job_id, script in scripts.items():
        for name in script.worker_names if job_id not in arrays else ():
            of_names[name].add(job_id)
    for job_id, workers in placed.items():
        for one in workers:
            of_names[one.worker.name].add(job_id)
    return of_names


def _ran(job: Job | None, at: datetime) -> bool:
    """Return whether a job ran at this time, in its present run or, if it was requeued, in the one before."""
    if job is None:
        return False
    before = job.previous_fate
    if before is not None and before.ended_at is not None and at <= before.ended_at + CLOCKS_DIFFER:
        return True
    # Strict: an earlier job with the same name may have ended just before. A worker takes seconds to register.
    if job.started_at is None or at < job.started_at:
        return False
    ended_at = job.fate.ended_at if job.fate is not None else None
    return ended_at is None or at <= ended_at + CLOCKS_DIFFER
