"""Operations of `shipped_scaling` on the owner, the user's cluster object; shipped with it as source text.

Must run on Python 3.8, distributed 2022.6 and dask-jobqueue 0.7 onwards. Runs in the owner's event loop, and uses
the owner's own methods wherever they work as documented.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

from dasktop.collectors.sources.dask.shipped_distributed_private import (
    adaptive_of,
    created_jobs,
    forget_created,
    is_adapting,
    skip_names,
    submit_now,
)
from dasktop.collectors.sources.dask.shipped_jobqueue_private import sample_job
from dasktop.collectors.sources.dask.shipped_owner_finder import describe_adaptive
from dasktop.collectors.sources.dask.shipped_values import text

ADAPTING_SECONDS = 10.0


class Refused(Exception):  # noqa: N818 - it is not an error
    """A request was refused; the text says why, for users."""


async def in_loop_of(owner: Any, function: Any) -> Any:
    """Call the function in the owner's event loop, usually this one, and return its (awaited) result."""

    async def call() -> Any:
        result = function()
        return await result if hasattr(result, "__await__") else result

    loop = getattr(owner.loop, "asyncio_loop", None)
    if loop is None or loop is asyncio.get_event_loop():
        return await call()
    return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(call(), loop))


def own_names(owner: Any, jobs: dict[str, str]) -> list[Any]:
    """Return the owner's own names, which may be numbers, of these jobs (name → id); refuse if the ids differ."""
    names = {text(name): name for name in owner.worker_spec}
    for name, job_id in jobs.items():
        job = owner.workers.get(names.get(name, name))
        if name not in names or text(getattr(job, "job_id", None)) != job_id:
            raise Refused(f"job {job_id} is no longer {name} in the cluster object")
    return [names[name] for name in jobs]


def job_of(owner: Any, worker_name: Any) -> Any:
    """Return the owner's name of a worker's job: the worker's name or, with several per job, its prefix.

    With processes > 1 the workers of job ``SLURMCluster-0`` are ``SLURMCluster-0-0``, ``SLURMCluster-0-1``, ….
    """
    if worker_name in owner.worker_spec:
        return worker_name
    job, _, number = str(worker_name).rpartition("-")
    return {text(name): name for name in owner.worker_spec}.get(job) if number.isdigit() else None


async def grow(owner: Any, jobs: int, dead: list[Any], taken: set[Any]) -> dict[str, Any]:
    """Submit more jobs, after forgetting the dead ones; do not reuse names that workers have.

    With processes > 1 the owner never notices that a job died, and `scale` has no effect (distributed #9102).
    Return the ids of the submitted jobs, and sbatch's message if it failed.
    """
    for name in dead:
        owner.worker_spec.pop(name, None)
        owner.workers.pop(name, None)
    before = set(owner.worker_spec)
    skip_names(owner, jobs, taken)
    owner.scale(jobs=len(before) + jobs)
    failure = None
    try:
        # Submits in this task, so that sbatch's message is raised; `scale` would only log it.
        await asyncio.shield(submit_now(owner))
    except Exception as error:  # noqa: BLE001 - a RuntimeError with sbatch's message, or anything from a site's own class
        failure = text(str(error))
        forget_failed(owner, set(owner.worker_spec) - before)
    new = {text(name): getattr(owner.workers.get(name), "job_id", None) for name in set(owner.worker_spec) - before}
    return {"submitted": {name: text(job_id) for name, job_id in new.items() if job_id}, "failure": failure}


def forget_failed(owner: Any, names: set[Any]) -> None:
    """After sbatch refused some of these jobs, make the owner count exactly those that were submitted."""
    created = created_jobs(owner)
    for name in names:
        job: Any = owner.workers.get(name) or created.get(name)
        if job is not None:
            forget_created(owner, job)  # it is not collected, since the traceback keeps a reference
        if getattr(job, "job_id", None):
            owner.workers[name] = job  # older versions leave it out, and would submit it again
        else:
            owner.worker_spec.pop(name, None)
            owner.workers.pop(name, None)


async def stop_adapting(owner: Any) -> None:
    """Turn adaptive scaling off, and wait until a running adaptation has finished."""
    adaptive = adaptive_of(owner)
    if describe_adaptive(adaptive) is None:
        return
    adaptive.stop()
    deadline = time.monotonic() + ADAPTING_SECONDS
    while is_adapting(adaptive) and time.monotonic() < deadline:  # noqa: ASYNC110 - there is no event to wait for
        await asyncio.sleep(0.05)


def adapt(owner: Any, minimum: int, maximum: Any) -> bool:
    """Turn adaptive scaling on with these bounds, in jobs; return whether worker groups had to be set."""
    adaptive = adaptive_of(owner)
    processes = sample_job(owner).worker_processes
    grouped = group_workers(owner, processes)
    if describe_adaptive(adaptive) is None:
        owner.adapt(minimum_jobs=minimum, maximum_jobs=maximum)
    else:  # in place: keeps the user's other settings
        adaptive.minimum = minimum * processes
        adaptive.maximum = float("inf") if maximum is None else maximum * processes
    if processes > 1:
        keep_jobs_whole(adaptive_of(owner), processes)
    return grouped


def keep_jobs_whole(adaptive: Any, processes: int) -> None:
    """Make adaptive scaling request and release whole jobs only.

    By default it counts workers. It picks some workers of a job to close, the owner cancels the job with all of them,
    and the results of the others are lost; then too few are left, and it submits again (observed: distributed 2026.8,
    dask-jobqueue 0.9, 2 jobs of 4 processes).
    """
    if getattr(adaptive, "worker_key", None) is None:
        adaptive.worker_key = job_name_of
    if hasattr(adaptive.target, "in_workers"):
        return
    in_workers = adaptive.target

    async def in_whole_jobs() -> int:
        return -(-int(await in_workers()) // processes) * processes

    in_whole_jobs.in_workers = in_workers  # type: ignore[attr-defined]
    adaptive.target = in_whole_jobs


def job_name_of(worker: Any) -> str:
    """Return the name of the job that a worker (as the scheduler knows it) belongs to: ``SLURMCluster-0``."""
    return str(worker.name).rpartition("-")[0]


def group_workers(owner: Any, processes: int) -> bool:
    """Set the worker group in specs that lack it; return whether any did.

    Without ``processes=`` in the notebook no group is set. Adaptive scaling then compares the names of jobs with those
    of workers, and submits and cancels forever (dask-jobqueue #498).
    """
    specs = [spec for spec in (owner.new_spec, *owner.worker_spec.values()) if "group" not in spec]
    if processes <= 1 or not specs:
        return False
    for spec in specs:
        spec["group"] = ["-" + str(number) for number in range(processes)]
    return True
