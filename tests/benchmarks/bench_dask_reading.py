"""The cost of a reading for a scheduler with 1,000 workers, compared with dask's own ``identity``. Prints a table.

Run as ``python -m tests.benchmarks.bench_dask_reading [WORKERS]``. Only the ratios are comparable between machines.
"""

import asyncio
import copy
import logging
import sys
from collections.abc import Callable
from time import perf_counter
from typing import Any

from distributed import Client, Scheduler, Worker
from distributed.core import Status
from distributed.protocol.core import dumps
from distributed.scheduler import TaskGroup, TaskPrefix, WorkerState

from dasktop.collectors.sources.dask import shipped_scheduler
from dasktop.collectors.sources.dask.scheduler_reading import decode

ROUNDS = 30
USUAL_KINDS = 100


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
        prefix.states["memory"], prefix.states["processing"] = 10, 5
        scheduler.task_prefixes[prefix.name] = prefix
        scheduler.task_groups[prefix.name] = TaskGroup(prefix.name, prefix)


def report(reading: Callable[[], Any], identity: Callable[[], Any]) -> None:
    """Print the time of both on the event loop of the scheduler, their sizes, and the time to decode a reading."""
    ours, theirs = measure(reading), measure(identity)
    print(f"{'':<18} {'collect':>10} {'and encode':>12} {'bytes':>12}")
    for name, (collect, encode, length) in {"dasktop's reading": ours, "dask's identity": theirs}.items():
        print(f"{name:<18} {1000 * collect:>7.2f} ms {1000 * encode:>9.2f} ms {length:>12,}")
    print(f"{'ratio':<18} {ours[0] / theirs[0]:>10.2f} {ours[1] / theirs[1]:>12.2f} {ours[2] / theirs[2]:>12.2f}")
    answer = reading()
    print(f"decoding in dasktop: {1000 * best(lambda: decode(answer)):.2f} ms\n")


def measure(function: Callable[[], Any]) -> tuple[float, float, int]:
    """Return the seconds to collect an answer, the seconds to collect and encode it, and its size in bytes."""
    return best(function), best(lambda: dumps(function())), sum(len(frame) for frame in dumps(function()))


def best(function: Callable[[], Any]) -> float:
    """Return the seconds of the fastest round: other work of the machine delays the others."""
    times = []
    for _ in range(ROUNDS):
        started_at = perf_counter()
        function()
        times.append(perf_counter() - started_at)
    return min(times)


if __name__ == "__main__":
    logging.disable()
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000))
