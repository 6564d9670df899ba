"""Generated snapshots of a busy cluster for tests and benchmarks of recordings, as noisy as real ones."""

import itertools
import random
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from msgspec.structs import replace

from dasktop.collectors.model.snapshot import Finding, Job, Snapshot, Worker
from tests.support.busy_work import BusyWork
from tests.support.snapshots import GIB, TAKEN_AT, busy_job, cluster, pending, snapshot, source

SECONDS_BETWEEN = 2.0
CHANCE_THAT_A_JOB_ENDS = 1 / 1800
"""In each snapshot; that is about one end an hour for each job."""


def busy_snapshots(jobs: int, count: int, processes: int = 1, seed: int = 1, task_names: int = 0) -> Iterator[Snapshot]:
    """Yield `count` snapshots, two seconds apart, of a cluster whose workers are all busy.

    Between snapshots, memory changes by pages, managed memory by bytes, CPU by tenths of a percent, and the time of
    the last heartbeat by microseconds. Jobs end and are replaced. With task names, they compute `BusyWork`.
    """
    works = iter(BusyWork(task_names, random.Random(seed))) if task_names else itertools.repeat(None)
    chance = random.Random(seed)
    number = 4000 + jobs
    running = [busy_job(str(4000 + index), index, processes) for index in range(jobs)]
    for tick in range(count):
        now = TAKEN_AT + timedelta(seconds=SECONDS_BETWEEN * tick, microseconds=chance.randrange(40_000))
        running = [_moved(job, chance, tick) for job in running]
        for index in range(jobs):
            if chance.random() < CHANCE_THAT_A_JOB_ENDS:
                number += 1
                running[index] = busy_job(str(number), number, processes)
        shown = snapshot([*running, pending(str(number + 1))])
        counts = {"processing": 4 * jobs, "queued": max(0, 90_000 - 2 * tick), "memory": 2 * tick, "erred": 0}
        yield replace(
            shown,
            taken_at=now,
            work=next(works),
            cluster=cluster(task_counts=counts),
            sources=(
                source("dask", age_seconds=0.001, latency_seconds=round(chance.uniform(0.002, 0.006), 4)),
                source("slurm.queue", age_seconds=round(tick % 5 * SECONDS_BETWEEN + 0.2, 3)),
            ),
            findings=(LOST,) if 300 <= tick % 2000 < 400 else (),
        )


LOST = Finding(
    code="lost-job",
    severity="warning",
    job_id="3999",
    worker=None,
    message="job 3999 (SLURMCluster-7) has ended in SLURM, and the cluster still counts it",
    advice="replace it",
    since=None,
)


def _moved(job: Job, chance: random.Random, tick: int) -> Job:
    [task] = job.tasks
    workers = tuple(_moved_worker(worker, chance) for worker in task.workers)
    left = (job.time_left_seconds or 0) - int(SECONDS_BETWEEN)
    used = replace(
        job.used,
        cpu_percent=round(sum(worker.cpu_percent or 0 for worker in workers), 1),
        memory_bytes=sum(worker.memory_bytes or 0 for worker in workers),
        threads_busy=sum(worker.executing or 0 for worker in workers),
    )
    return replace(job, tasks=(replace(task, workers=workers),), time_left_seconds=left % 90_000, used=used)


def _moved_worker(worker: Worker, chance: random.Random) -> Worker:
    memory = (worker.memory_bytes or 0) + 4096 * int(chance.gauss(0, 2000))
    managed = worker.managed_bytes or 0
    if chance.random() < 0.5:  # a task ended
        managed += int(chance.gauss(0, 3e6))
    return replace(
        worker,
        memory_bytes=min(max(memory, GIB // 4), 4 * GIB),
        managed_bytes=min(max(managed, 0), 3 * GIB),
        cpu_percent=round(min(max(chance.gauss(285, 12), 0), 300), 1),
        executing=3 if chance.random() < 0.9 else 2,
        queued=max(0, (worker.queued or 0) + chance.choice((-1, 0, 0, 0, 1))),
        stored=(worker.stored or 0) + (chance.random() < 0.5),
        last_seen_seconds=round(chance.uniform(0.0, 1.0), 3),
        **_longest_task(worker),
    )


def _longest_task(worker: Worker) -> dict[str, Any]:
    """Return the fields of a worker's longest running task; tasks of five names take 12 seconds on average."""
    # Not from the chance of the other values, which tests rely on.
    chance = random.Random(f"{worker.name} {worker.stored} {worker.longest_task_seconds}")
    if worker.longest_task_seconds is None or chance.random() < SECONDS_BETWEEN / 12:
        return {
            "longest_task_name": f"task-{chance.randrange(5):03}",
            "longest_task_seconds": round(chance.uniform(0, SECONDS_BETWEEN), 1),
        }
    return {"longest_task_seconds": round(worker.longest_task_seconds + chance.uniform(1.9, 2.1), 1)}
