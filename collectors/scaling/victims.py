"""Which jobs to give back, so that the least work is disturbed. Pure; says nothing of how they are given back."""

import math
from collections.abc import Collection, Iterable
from typing import Literal

from dasktop.collectors.model.errors import PlanError
from dasktop.collectors.model.jobs import array_task_of, is_pending, number_of_jobs, shown_id, workers_of
from dasktop.collectors.model.plan import JobToRelease
from dasktop.collectors.model.snapshot import Job
from dasktop.collectors.scaling.sizes import newest_first_key

Load = tuple[float, float, float, float]
Group = Literal["pending", "without workers", "idle", "runs nothing yet", "ends soon", "least busy"]
_GROUPS: tuple[Group, ...] = ("pending", "without workers", "idle", "runs nothing yet", "ends soon", "least busy")

SOON_SECONDS = 300
"""A job with less time left is a poor place for results, and gives little up if it goes."""


def choose(jobs: Iterable[Job], number: int, preferred: Collection[str] = ()) -> tuple[Job, ...]:
    """Return this many jobs to give back, in that order; ``jobs`` holds at least as many.

    Pending ones go first, then those without workers, then idle ones, then those in which tasks only wait, then those
    that SLURM ends soon by itself, then those that execute the least, with the fewest tasks queued, the fewest bytes
    and results stored, the shortest time left; of equals the newest. Within each of these groups, those whose ids are
    preferred come first.

    Raises
    ------
    PlanError
        Only the pending rest of an array is left to choose from before jobs that run, and it holds too many: it is
        given back whole or not at all.
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
        array = shown_id(too_many[0])
        raise PlanError(
            f"{array} waits as one array of {number_of_jobs(too_many[:1])} jobs, and only {missing} of them would go: "
            f"release all of it (--release {array}), or cancel some with scancel"
        )
    return tuple(chosen)


def job_to_release(job: Job, name: str | None, is_chosen: bool) -> JobToRelease:
    """Return a job to give back, with all that people should see of it.

    Parameters
    ----------
    job
        The job.
    name
        The owner's name of it, if an owner counts it.
    is_chosen
        Whether a person chose it; else it says by itself why it is one of the first to go.
    """
    workers = tuple(workers_of(job))
    return JobToRelease(
        job_id=job.job_id,
        name=name,
        array_task=array_task_of(job),
        state=job.state,
        workers=tuple(worker.address for worker in workers),
        executing=_sum_if_known(worker.executing for worker in workers),
        stored=_sum_if_known(worker.stored for worker in workers),
        why="chosen" if is_chosen else _group(job),
        time_left_seconds=job.time_left_seconds,
    )


def has_nothing_to_do(job: Job) -> bool:
    """Whether adaptive scaling may give the job back at once: it waits, has no workers, or these have no tasks."""
    return _group(job) in ("pending", "without workers", "idle")


def _order(job: Job, preferred: Collection[str]) -> tuple[int, bool, Load, float, int]:
    time_left = math.inf if job.time_left_seconds is None else job.time_left_seconds
    is_other = job.job_id not in preferred
    return _GROUPS.index(_group(job)), is_other, _load(job), time_left, newest_first_key(job)


def _load(job: Job) -> Load:
    """Return what giving the job back would disturb: executing, queued, bytes stored, results stored."""
    workers = tuple(workers_of(job))
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
    """Return the sum; a job of which a part isn't known may be as busy as can be."""
    total = 0
    for value in values:
        if value is None:
            return math.inf
        total += value
    return total


def _sum_if_known(values: Iterable[int | None]) -> int | None:
    total = _sum(values)
    return None if math.isinf(total) else int(total)
