"""The cost of a reading for a scheduler with 1,000 workers, compared with dask's own ``identity``. Prints a table.

Run as ``python -m tests.benchmarks.bench_dask_reading [WORKERS]``. Only the ratios are comparable between machines.
"""

import asyncio
import copy
import logging
import sys
from collections.abc import Callable
from functools import partial
from time import perf_counter
from typing import Any

from distributed import Client, Scheduler, Worker
from distributed.core import Status
from distributed.protocol.core import dumps
from distributed.scheduler import TaskGroup, TaskPrefix, WorkerState

from dasktop.collectors.sources.dask import shipped_scheduler
from dasktop.collectors.sources.dask.scheduler_reading import decode
from dasktop.collectors.sources.dask.work_reading import LESS_OFTEN_IF_LARGE, MOST_SMALL, POLLS_BETWEEN_RUNNING

ROUNDS = 60
USUAL_KINDS = 60
POLL_SECONDS = 2
POLLS_IN_30_SECONDS = 30 // POLL_SECONDS
NOTHING_NEW = {"failures_since": 2**32, "known_code": [], "running": False, "activities": False, "longest": False}
ACTIVITIES = ("deserialize", "disk-read", "executor", "other", "thread-cpu", "thread-noncpu", "transfer")


async def main(workers: int) -> None:
    """Build a scheduler with that many workers, one of which is real, and print the costs."""
    async with (
        Scheduler(port=0, dashboard_address=":0", host="127.0.0.1") as scheduler,
        Worker(scheduler.address, name="real", nthreads=4, dashboard_address=":0") as worker,
        Client(scheduler.address, asynchronous=True) as client,
    ):
        await client.gather(client.map(str, range(20)))  # metrics grow with the tasks that have run
        await worker.heartbeat()
        add_workers(scheduler, workers - 1)
        shipped_scheduler.dasktop_install(scheduler)
        most = shipped_scheduler.MOST_COLLECTIONS
        for kinds in (USUAL_KINDS, most):
            add_prefixes(scheduler, kinds - len(scheduler.task_prefixes))
            print(f"{workers} workers, {kinds} kinds of tasks" + (" (more are not counted)" if kinds == most else ""))
            report(scheduler.handlers[shipped_scheduler.READING], scheduler.identity)
            report_work(scheduler.handlers[shipped_scheduler.READING], workers)
        for state in list(scheduler.workers.values()):
            if state.name != "real":
                del scheduler.workers[state.address]


def add_workers(scheduler: Scheduler, number: int) -> None:
    """Add workers without processes, with the metrics of the real one."""
    (real,) = scheduler.workers.values()
    for i in range(number):
        state = WorkerState(
            address=f"tcp://10.0.{i // 250}.{i % 250}:40000",
            status=Status.running,
            pid=4000 + i,
            name=f"SLURMCluster-{i // 4}-{i % 4}",
            nthreads=4,
            memory_limit=real.memory_limit,
            local_directory="/tmp/dask-worker-space",
            nanny=f"tcp://10.0.{i // 250}.{i % 250}:41000",
            server_id=f"Worker-{i}",
            scheduler=scheduler,
        )
        state.metrics = copy.deepcopy(real.metrics)
        scheduler.workers[state.address] = state


def add_prefixes(scheduler: Scheduler, number: int) -> None:
    """Add task prefixes, each with tasks in two states."""
    for i in range(number):
        prefix = TaskPrefix(f"kind-{len(scheduler.task_prefixes)}-{i}")
        prefix.states["memory"], prefix.states["processing"], prefix._size = 500, 60, 560
        scheduler.task_prefixes[prefix.name] = prefix
        group = scheduler.task_groups[prefix.name] = TaskGroup(prefix.name, prefix)
        group.states |= prefix.states
        for activity in ACTIVITIES:
            scheduler.cumulative_worker_metrics["execute", prefix.name, activity, "seconds"] = i + 0.5
    prefixes = list(scheduler.task_prefixes.values())
    (span,) = scheduler.extensions["spans"].spans.values()
    span.groups.update(scheduler.task_groups.values())
    for number, worker in enumerate(scheduler.workers.values()):
        tasks = [
            SimpleTask(f"task-{number}-{i}", prefixes[(number + i) % len(prefixes)]) for i in range(worker.nthreads)
        ]
        worker.executing = dict.fromkeys(tasks, 1.0 + number)


class SimpleTask:
    """A task that runs, as far as a reading looks at it."""

    def __init__(self, key: str, prefix: TaskPrefix) -> None:
        self.key = key
        self.prefix = prefix


def report(reading: Callable[[], Any], identity: Callable[[], Any]) -> None:
    """Print the time of both on the event loop of the scheduler, their sizes, and the time to decode a reading."""
    ours, theirs = measure(reading), measure(identity)
    print(f"{'':<18} {'collect':>10} {'and encode':>12} {'bytes':>12}")
    for name, (collect, encode, length) in {"dasktop's reading": ours, "dask's identity": theirs}.items():
        print(f"{name:<18} {1000 * collect:>7.2f} ms {1000 * encode:>9.2f} ms {length:>12,}")
    print(f"{'ratio':<18} {ours[0] / theirs[0]:>10.2f} {ours[1] / theirs[1]:>12.2f} {ours[2] / theirs[2]:>12.2f}")
    answer = reading()
    print(f"decoding in dasktop: {1000 * best([lambda: decode(answer)])[0]:.2f} ms\n")


def report_work(reading: Callable[..., Any], workers: int) -> None:
    """Print what a poll costs with the work, as the mean of 30 seconds, beside one without it."""
    parts = {
        "without the work": None,
        "with the work": NOTHING_NEW,
        "… and what workers run": NOTHING_NEW | {"longest": True},
        "… and what runs long": NOTHING_NEW | {"running": True, "longest": True},
        "… and activities": NOTHING_NEW | {"activities": True},
    }
    readings = {name: partial(reading, work=request) for name, request in parts.items()}
    cost = dict(zip(readings, measure_all(list(readings.values())), strict=True))
    _, with_work, longest, both, activities = cost.values()
    # In a large cluster both are read seldom, in a small one what workers run is read at each poll.
    is_large = workers > MOST_SMALL
    usual = with_work if is_large else longest
    polls_with_both = POLLS_IN_30_SECONDS / (POLLS_BETWEEN_RUNNING * (LESS_OFTEN_IF_LARGE if is_large else 1))
    polls_with_activities = POLLS_IN_30_SECONDS * POLL_SECONDS / 30
    cost["mean of 30 s"] = tuple(  # type: ignore[assignment]
        each + (polls_with_both * (most - each) + polls_with_activities * (more - base)) / POLLS_IN_30_SECONDS
        for base, each, most, more in zip(with_work, usual, both, activities, strict=True)
    )
    without = cost["without the work"]
    for name, (collect, encode, length) in cost.items():
        ratios = f"{collect / without[0]:.2f} {encode / without[1]:.2f} {length / without[2]:.2f}"
        print(f"{name:<22} {1000 * collect:>7.2f} ms {1000 * encode:>9.2f} ms {length:>12,.0f}   {ratios}")
    print()


def measure(function: Callable[[], Any]) -> tuple[float, float, int]:
    """Return the seconds to collect an answer, the seconds to collect and encode it, and its size in bytes."""
    return measure_all([function])[0]


def measure_all(functions: list[Callable[[], Any]]) -> list[tuple[float, float, int]]:
    """Measure each as `measure` does, in turns, so that other work of the machine delays all of them alike."""
    sizes = [sum(len(frame) for frame in dumps(function())) for function in functions]
    collect = best(functions)
    encode = best([partial(encoded, function) for function in functions])
    return list(zip(collect, encode, sizes, strict=True))


def encoded(function: Callable[[], Any]) -> object:
    """Call a function and encode what it returns."""
    return dumps(function())


def best(functions: list[Callable[[], Any]]) -> list[float]:
    """Return the seconds of the fastest round of each: other work of the machine delays the others."""
    rounds = [[seconds_of(function) for function in functions] for _ in range(ROUNDS)]
    return list(map(min, zip(*rounds, strict=True)))


def seconds_of(function: Callable[[], Any]) -> float:
    """Return how long a call takes."""
    started_at = perf_counter()
    function()
    return perf_counter() - started_at


if __name__ == "__main__":
    logging.disable()
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000))
