"""What the work adds to a poll on the scheduler's event loop, in a cluster with tasks of many names."""

import asyncio
import copy
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any

from distributed import Client, Scheduler, Worker
from distributed.core import Status
from distributed.scheduler import TaskGroup, TaskPrefix, WorkerState

from dasktop.collectors.sources.dask import shipped_scheduler
from dasktop.collectors.sources.dask.work_reading import WorkReader
from tests.benchmarks.row import Row, cpu_seconds
from tests.benchmarks.stand_in_scheduler import SimpleTask

POLL_SECONDS = 2.0
POLLS = 30
"""In a minute; some parts of the work are read only at some of them."""
NAMES = 60
THREADS = 4
FAR_FUTURE = 2.0**32
"""Seconds since 1970; no failures are later."""
ACTIVITIES = ("deserialize", "disk-read", "executor", "other", "thread-cpu", "thread-noncpu", "transfer")


def rows(*, tiny: bool) -> Iterator[Row]:
    """Yield the row."""
    without, with_work = asyncio.run(compared(workers=8 if tiny else 1000, rounds=1 if tiny else 40))
    base = "a poll without the work"
    yield Row.of_ratio("poll-with-work", 1000 * with_work, "ms", base, 1000 * without, 1.15)


async def compared(workers: int, rounds: int) -> tuple[float, float]:
    """Return the seconds of a poll without the work, and the mean of those of a minute with it."""
    async with (
        Scheduler(port=0, dashboard_address=":0", host="127.0.0.1") as scheduler,
        Worker(scheduler.address, name="real", nthreads=THREADS, dashboard_address=":0") as worker,
        Client(scheduler.address, asynchronous=True) as client,
    ):
        await client.gather(client.map(str, range(20)))  # metrics grow with the tasks that have run
        await worker.heartbeat()
        add_workers(scheduler, workers - 1)
        add_work(scheduler)
        shipped_scheduler.dasktop_install(scheduler)
        reading = partial(scheduler.handlers[shipped_scheduler.READING], events_since=FAR_FUTURE)
        requests = requests_of_a_minute(len(scheduler.workers))
        # In turns, and the fastest of each, so that other work of the machine affects all alike.
        found = [[cpu_seconds(partial(reading, work=request)) for request in (None, *requests)] for _ in range(rounds)]
        without, *with_work = map(min, zip(*found, strict=True))
        for address in [address for address, state in scheduler.workers.items() if state.name != "real"]:
            del scheduler.workers[address]
        return without, sum(with_work) / POLLS


def requests_of_a_minute(workers: int) -> list[dict[str, Any]]:
    """Return what dasktop requests at each poll of a minute in which nothing fails."""
    now = 0.0
    reader = WorkReader(lambda: now)
    requests = []
    for number in range(POLLS):
        now = number * POLL_SECONDS
        request = reader.request(workers)
        requests.append(request | {"failures_since": FAR_FUTURE})
        answer = {"names": (), "activities": () if request.get("activities") else None} if len(request) > 1 else {}
        reader.after(answer, "id", None, datetime.now(UTC), lambda address: address)
    return requests


def add_workers(scheduler: Scheduler, number: int) -> None:
    """Add workers without processes, with the metrics of the real one."""
    (real,) = scheduler.workers.values()
    for place in range(number):
        state = WorkerState(
            address=f"tcp://10.0.{place // 250}.{place % 250}:40000",
            status=Status.running,
            pid=4000 + place,
            name=f"SLURMCluster-{place // 4}-{place % 4}",
            nthreads=THREADS,
            memory_limit=real.memory_limit,
            local_directory="/tmp/dask-worker-space",
            nanny=f"tcp://10.0.{place // 250}.{place % 250}:41000",
            server_id=f"Worker-{place}",
            scheduler=scheduler,
        )
        state.metrics = copy.deepcopy(real.metrics)
        scheduler.workers[state.address] = state


def add_work(scheduler: Scheduler) -> None:
    """Add task names with tasks in two states, and running tasks to all workers."""
    for number in range(NAMES - len(scheduler.task_prefixes)):
        prefix = TaskPrefix(f"name-{number}")
        prefix.states["memory"], prefix.states["processing"], prefix._size = 500, 60, 560
        scheduler.task_prefixes[prefix.name] = prefix
        group = scheduler.task_groups[prefix.name] = TaskGroup(prefix.name, prefix)
        group.states |= prefix.states
        for activity in ACTIVITIES:
            scheduler.cumulative_worker_metrics["execute", prefix.name, activity, "seconds"] = number + 0.5
    prefixes = list(scheduler.task_prefixes.values())
    (span,) = scheduler.extensions["spans"].spans.values()
    span.groups.update(scheduler.task_groups.values())
    for number, worker in enumerate(scheduler.workers.values()):
        tasks = [SimpleTask(f"task-{number}-{i}", prefixes[(number + i) % NAMES]) for i in range(THREADS)]
        worker.executing = {task: 1.0 + number + i / THREADS for i, task in enumerate(tasks)}
