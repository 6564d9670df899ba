"""Makes the record of one job from what both sources report of it. Pure."""

import re
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta

from msgspec.structs import replace

from dasktop.collectors.analysis.beyond_dask import OtherUse
from dasktop.collectors.analysis.matching import PlacedWorker
from dasktop.collectors.analysis.outcome import explain
from dasktop.collectors.model.job_states import read_state
from dasktop.collectors.model.jobs import threads_busy
from dasktop.collectors.model.readings import EndedJob, QueuedJob, Released, Step
from dasktop.collectors.model.snapshot import Allocated, Evidence, Job, Task, Used, Worker
from dasktop.collectors.model.sums import sum_of_known

_CLOCKS_DIFFER = timedelta(seconds=2)
"""SLURM gives whole seconds, by a clock that may differ a little."""
_AS_QUEUED = tuple(field for field in QueuedJob.__struct_fields__ if field in Job.__struct_fields__)
"""Fields that a job has from the queue or from accounting, under the same name."""


def job_record(
    job: QueuedJob,
    *,
    end: EndedJob | None,
    previous_end: EndedJob | None,
    evidence: tuple[Evidence, ...],
    tasks: tuple[Task, ...],
    workers_expected: int | None,
    scheduler_unknown: bool,
    dask_answered: bool,
    now: datetime,
) -> Job:
    """Return the record of a job.

    Parameters
    ----------
    job
        As SLURM last reported it; only the id if it is unknown to SLURM.
    end, previous_end
        How it ended, and how its previous run ended, if SLURM has requeued it.
    evidence
        All that links it to the cluster, the strongest first.
    tasks
        Its SLURM tasks, with their workers.
    dask_answered
        Whether the scheduler has answered: without it, busy threads are unknown.
    """
    workers = [worker for task in tasks for worker in task.workers]
    left_seconds = (
        int((job.ends_at - now).total_seconds()) if job.ends_at and read_state(job.state).is_running else None
    )
    return Job(
        **{field: getattr(job, field) for field in _AS_QUEUED},
        time_left_seconds=None if left_seconds is None else max(0, left_seconds),
        allocated=Allocated(cpus=job.cpus, memory_bytes=job.memory_bytes, gpus=job.gpus),
        used=Used(
            cpu_percent=one_decimal(sum_of_known(worker.cpu_percent for worker in workers)),
            memory_bytes=sum_of_known(worker.memory_bytes for worker in workers),
            threads_busy=busy_threads(workers) if dask_answered else None,
        ),
        workers_expected=workers_expected,
        evidence=evidence,
        scheduler_unknown=scheduler_unknown,
        fate=explain(end) if end is not None else None,
        previous_fate=explain(previous_end) if previous_end is not None else None,
        tasks=tasks,
    )


def with_other_programs(job: Job, beyond: OtherUse | None) -> Job:
    """Add what other programs use in a job, by SLURM's figures."""
    used = job.used
    if beyond is None or not read_state(job.state).is_running:
        return job
    if beyond.cpu_percent is not None:
        cpu_percent = one_decimal((used.cpu_percent or 0.0) + beyond.cpu_percent)
        used = replace(used, cpu_percent=cpu_percent, cpu_source="slurm")
    if beyond.memory_bytes is not None and beyond.memory_bytes > (used.memory_bytes or 0):
        used = replace(used, memory_bytes=beyond.memory_bytes, memory_source="slurm")
    return replace(job, used=used)


def with_releaser(job: Job, released: Released | None) -> Job:
    """Set what released a job, if SLURM only knows that its user cancelled it."""
    fate = job.fate
    if released is None or fate is None or not read_state(fate.state).is_cancelled:
        return job
    if fate.cancelled_by not in (None, job.user):
        return job
    if released.not_before and fate.ended_at and fate.ended_at < released.not_before - _CLOCKS_DIFFER:
        return job
    detail = f" ({released.detail})" if released.detail else ""
    late = " before it started" if job.started_at is None else ""
    explanation = f"released by {'the ' if released.by != 'dasktop' else ''}{released.by}{detail}{late}"
    return replace(job, fate=replace(fate, released_by=released.by, explanation=explanation))


def slurm_tasks(placed: Iterable[PlacedWorker], steps: Iterable[Step]) -> tuple[Task, ...]:
    """Return the SLURM tasks of a job: those of its steps, and those that workers report."""
    tasks: dict[tuple[str | None, int | None], Task] = {}
    workers: dict[tuple[str | None, int | None], list[Worker]] = defaultdict(list)
    for step in steps:
        if step.step_id != "extern":  # SLURM's own step: neither the batch script nor srun runs in it
            for task in _tasks_of_step(step):
                tasks[task.step_id, task.task_id] = task
    # A worker that could not be asked runs in one of the job's tasks; if there is only one, in that one.
    unknown: tuple[str | None, int | None] = next(iter(tasks)) if len(tasks) == 1 else (None, None)
    for placed_worker in placed:
        place = placed_worker.place
        key = (place.step_id, place.task_id) if place else unknown
        known = tasks.get(key) or Task(step_id=key[0], task_id=key[1], node=None, pid=None)
        if place is not None:
            known = replace(known, node=place.node or known.node, pid=place.task_pid or known.pid)
        tasks[key] = known
        workers[key].append(placed_worker.worker)
    return tuple(
        replace(tasks[key], workers=tuple(sorted(workers[key], key=lambda worker: natural_key(worker.name))))
        for key in sorted(tasks, key=_task_order)
    )


def _tasks_of_step(step: Step) -> Iterable[Task]:
    """Yield the tasks of a step. Node and pid of a task are known only if the step has one of them."""
    count = step.ntasks or 0
    for task_id in range(count):
        yield Task(
            step_id=step.step_id,
            task_id=task_id,
            node=step.nodes[0] if len(step.nodes) == 1 else None,
            pid=step.pids[0] if len(step.pids) == count == 1 else None,
            max_rss_bytes=step.max_rss_bytes,
            cpu_seconds=step.cpu_seconds,
        )


def _task_order(key: tuple[str | None, int | None]) -> tuple[bool, tuple[tuple[int, int, str], ...], int]:
    """Return a sort key: numbered steps first, then ``batch``, unknown ones last."""
    step_id, task_id = key
    return step_id is None, natural_key(step_id or ""), -1 if task_id is None else task_id


def natural_key(text: str) -> tuple[tuple[int, int, str], ...]:
    """Return a sort key that puts ``n2`` before ``n10``."""
    return tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in re.split(r"(\d+)", text))


def busy_threads(workers: list[Worker]) -> int | None:
    """Return how many threads of these workers run a task, as far as known; 0 without workers."""
    return sum_of_known(threads_busy(worker.executing, worker.nthreads) for worker in workers) if workers else 0


def one_decimal(percent: float | None) -> float | None:
    """Return a percentage as snapshots have it, rounded to tenths."""
    return None if percent is None else round(percent, 1)
