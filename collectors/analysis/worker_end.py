"""Why a worker ended, from all that is known: events of the scheduler and its nannies, and how its job ended. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from dasktop.collectors.model.jobs import squeue_id
from dasktop.collectors.model.snapshot import Job, WorkerEvent
from dasktop.collectors.text.format import plain_sizes

BEFORE = timedelta(seconds=60)
"""A nanny logs a memory kill up to this long before the scheduler notices that the worker is gone."""
AFTER = timedelta(seconds=10)
"""Events are logged in any order, and clocks differ."""
JOB_BEFORE = timedelta(seconds=120)
"""SLURM kills a job's processes up to this long before the time that it records as the job's end."""


def worker_end(
    address: str | None,
    job_id: str | None,
    at: datetime | None,
    events: Sequence[WorkerEvent],
    jobs: Mapping[str, Job],
) -> str | None:
    """Return what ended the worker at this address at about this time, in words; ``None``: unknown.

    Parameters
    ----------
    events
        What the scheduler reports, oldest first.
    jobs
        The jobs by id, with how they ended.
    """
    if at is None:
        return None
    near = [event for event in events if event.address == address and at - BEFORE <= event.at <= at + AFTER]
    for event in reversed(near):
        if event.kind == "killed for memory":
            return _memory_kill(event)
    job = jobs.get(job_id or "")
    if job is not None and job.fate is not None and (job.fate.ended_at is None or at >= job.fate.ended_at - JOB_BEFORE):
        return f"job {squeue_id(job)} ended: {job.fate.explanation}"
    for event in reversed(near):
        if event.kind == "restarted":
            by_whom = "the scheduler because it sent no heartbeat" if event.reason == "silent" else "a client"
            return f"restarted by {by_whom}"
    return None


def _memory_kill(event: WorkerEvent) -> str:
    if event.memory_bytes is None:
        return "killed by its nanny because of its memory use"
    if not event.limit_bytes:
        used, _ = plain_sizes(event.memory_bytes, event.memory_bytes)
        return f"killed by its nanny because of its memory use: {used}"
    used, limit = plain_sizes(event.memory_bytes, event.limit_bytes)
    return f"killed by its nanny because of its memory use: {used} of {limit}"
