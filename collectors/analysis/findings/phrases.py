"""Phrases that several rules use. Durations are coarse, so that a message does not change with every snapshot."""

from collections.abc import Sequence

from dasktop.collectors.model.jobs import squeue_id, workers_of
from dasktop.collectors.model.snapshot import Allocated, Job, Worker
from dasktop.collectors.text.format import counted, listed, plain_duration, plain_size

_STEPS = ((60, 15), (600, 60), (3600, 300), (86400, 1800))
"""Below the first number of seconds, durations are rounded down to multiples of the second."""


def rounded_duration(seconds: float) -> str:
    """Return a duration, rounded down: ``15 s``, ``3 min``, ``25 min``, ``1 h 30 min``, ``2 d``."""
    step = next((step for below, step in _STEPS if seconds < below), 86400)
    return plain_duration(max(step, int(seconds) // step * step))


def rounded_percent(part: float, whole: float) -> int:
    """Return a share in steps of 5 per cent, rounded down."""
    return int(100 * part / whole) // 5 * 5


def job_name(job: Job) -> str:
    """Return ``job 4711``, ``job 54_1``."""
    return f"job {squeue_id(job)}"


def allocation_words(allocated: Allocated) -> str:
    """Return ``12 CPUs, 16 GiB``, as far as it is known."""
    parts = []
    if allocated.cpus is not None:
        parts.append(counted(allocated.cpus, "CPU"))
    if allocated.memory_bytes is not None:
        parts.append(plain_size(allocated.memory_bytes))
    return ", ".join(parts) or "allocation"


def workers_words(workers: Sequence[Worker]) -> str:
    """Return ``worker a`` or ``workers a, b, c and 2 more``."""
    names = [worker.name for worker in workers]
    return f"worker{'' if len(names) == 1 else 's'} {listed(names)}"


def lost_workers_words(workers: Sequence[Worker]) -> str:
    """Return the workers that were lost with a job: ``lost worker a (6.1 GiB of 8 GiB used, 3 tasks running)``."""
    details = []
    known = [worker for worker in workers if worker.memory_bytes is not None]
    if known:
        limits = [worker.memory_limit_bytes for worker in known]
        of_limit = f" of {plain_size(sum(limit or 0 for limit in limits))}" if all(limits) else ""
        details.append(f"{plain_size(sum(worker.memory_bytes or 0 for worker in known))}{of_limit} used")
    tasks = sum(worker.executing or 0 for worker in workers)
    if tasks:
        details.append(f"{counted(tasks, 'task')} running")
    return f"lost {workers_words(workers)}" + (f" ({', '.join(details)})" if details else "")


def tasks_of(job: Job) -> tuple[int, int]:
    """Return how many dask tasks run in a job, and how many are queued on its workers."""
    workers = workers_of(job)
    return sum(worker.executing or 0 for worker in workers), sum(worker.queued or 0 for worker in workers)
