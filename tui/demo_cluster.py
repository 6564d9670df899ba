"""The demo's notebook: a real dask-jobqueue cluster with some work to do. Runs in a process of its own.

Prints the scheduler's address, then works until its standard input closes.
"""

import random
import sys
import threading
import time

import dask
from dask_jobqueue.slurm import SLURMCluster
from distributed import Client

JOBS, CORES, PROCESSES, MEMORY = 4, 4, 2, "2GB"


def simulate(seed: int) -> bytes:
    """Keep a thread busy for a share of some seconds, and return a result that takes up memory."""
    draw = random.Random(seed)  # noqa: S311 - a workload, no secret
    busy_share = draw.choice((0.02, 0.1, 0.4))
    until = time.monotonic() + draw.uniform(2, 8)
    while (started_at := time.monotonic()) < until:
        sum(i * i for i in range(20_000))
        worked_seconds = time.monotonic() - started_at
        time.sleep(worked_seconds * (1 - busy_share) / busy_share)
    return draw.randbytes(draw.randint(1, 10) * 1_000_000)


def summarize(parts: list[bytes]) -> int:
    """Stand for the step that waits for all others."""
    time.sleep(1)
    return sum(map(len, parts))


def work(client: Client, stop: threading.Event) -> None:
    """Submit one graph after the other."""
    seeds = iter(range(10**9))
    while not stop.is_set():
        parts = client.map(simulate, [next(seeds) for _ in range(60)], pure=False)
        total = client.submit(summarize, parts, pure=False)
        while not stop.wait(0.2) and not total.done():
            pass


def main() -> None:
    """Start the cluster, tell its address, and work."""
    dask.config.set({"distributed.scheduler.worker-saturation": 1.1})
    stop = threading.Event()
    with (
        SLURMCluster(cores=CORES, processes=PROCESSES, memory=MEMORY, walltime="00:30:00", interface="lo") as cluster,
        Client(cluster) as client,
    ):
        cluster.scale(jobs=JOBS)
        print(cluster.scheduler_address, flush=True)
        worker = threading.Thread(target=work, args=(client, stop), daemon=True)
        worker.start()
        sys.stdin.read()  # closes when the demo ends, however it ends
        stop.set()
        worker.join(2)


if __name__ == "__main__":
    main()
