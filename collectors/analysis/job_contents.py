"""What is in a job: its SLURM tasks with their workers, and what these use together. Pure."""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import lru_cache

from msgspec.structs import replace

from dasktop.collectors.analysis.matching import PlacedWorker
from dasktop.collectors.model.jobs import threads_busy
from dasktop.collectors.model.readings import Step
from dasktop.collectors.model.record import Record
from dasktop.collectors.model.snapshot import Evidence, Task
from dasktop.collectors.model.sums import sum_of_known

_DIGITS = re.compile(r"(\d+)")


class JobContents(Record, frozen=True, kw_only=True):
    """The SLURM tasks of a job with their workers, and the sums over the workers, as far as known."""

    tasks: tuple[Task, ...]
    evidence: frozenset[Evidence]
    """What shows that the workers are in this job."""
    workers: int
    threads: int | None
    threads_busy: int | None
    """0 without workers."""
    cpu_percent: float | None
    memory_bytes: int | None
    has_threads: bool
    """Whether the threads of a worker were read."""


def job_contents(placed: Iterable[PlacedWorker], steps: Iterable[Step]) -> JobContents:
    """Return what is in a job, from its workers and its steps."""
    placed = tuple(placed)
    tasks = _slurm_tasks(placed, steps)
    workers = [worker for task in tasks for worker in task.workers]
    evidence: set[Evidence] = {one.evidence for one in placed}
    if any(one.place is not None for one in placed):
        evidence.add("environment")
    return JobContents(
        tasks=tasks,
        evidence=frozenset(evidence),
        workers=len(workers),
        threads=sum_of_known([worker.nthreads for worker in workers]),
        threads_busy=sum_of_known([threads_busy(worker.executing, worker.nthreads) for worker in workers])
        if workers
        else 0,
        cpu_percent=sum_of_known([worker.cpu_percent for worker in workers]),
        memory_bytes=sum_of_known([worker.memory_bytes for worker in workers]),
        has_threads=any(worker.threads for worker in workers),
    )


def _slurm_tasks(placed: Sequence[PlacedWorker], steps: Iterable[Step]) -> tuple[Task, ...]:
    """Return the SLURM tasks of a job: those of its steps, and those that workers report."""
    tasks: dict[tuple[str | None, int | None], Task] = {}
    for step in steps:
        if step.step_id != "extern":  # a step of SLURM itself, without the batch script or srun
            for task in _tasks_of_step(step):
                tasks[task.step_id, task.task_id] = task
    # A worker that has not reported its task runs in one of the job's tasks; if there is only one, in that one.
    unknown: tuple[str | None, int | None] = next(iter(tasks)) if len(tasks) == 1 else (None, None)
    members: dict[tuple[str | None, int | None], list[PlacedWorker]] = defaultdict(list)
    for one in placed:
        members[(one.place.step_id, one.place.task_id) if one.place is not None else unknown].append(one)
    for key, group in members.items():
        known = tasks.get(key) or Task(step_id=key[0], task_id=key[1], node=None, pid=None)
        places = [one.place for one in reversed(group) if one.place is not None]
        group.sort(key=lambda one: natural_key(one.worker.name))
        tasks[key] = replace(
            known,
            node=next((place.node for place in places if place.node), known.node),
            pid=next((place.task_pid for place in places if place.task_pid), known.pid),
            workers=tuple([one.worker for one in group]),
        )
    return tuple(tasks[key] for key in sorted(tasks, key=_task_order))


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


def _task_order(key: tuple[str | None, int | None]) -> tuple[bool, tuple[str | int, ...], int]:
    """Return a sort key: numbered steps first, then ``batch``, unknown ones last."""
    step_id, task_id = key
    return step_id is None, natural_key(step_id or ""), -1 if task_id is None else task_id


@lru_cache(maxsize=1 << 16)
def natural_key(text: str) -> tuple[str | int, ...]:
    """Return a sort key that puts ``n2`` before ``n10``. Keeps those of the names of a large cluster."""
    # Text and digits alternate, the first part is text.
    return tuple([int(part) if index % 2 else part for index, part in enumerate(_DIGITS.split(text))])
