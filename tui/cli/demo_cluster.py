"""The demo's notebook: a real dask-jobqueue cluster with some work to do, and some of what goes wrong in real ones.

One job fails at once, one waits for a node, in one nothing ever runs, and one worker is near its memory limit. Prints
the scheduler's address, then works until its standard input closes. Runs in a process of its own.
"""

import random
import shlex
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Collection

import dask
import psutil
from dask_jobqueue.slurm import SLURMCluster
from distributed import Client, Future, get_worker
from distributed.core import Status
from distributed.scheduler import WorkerState

JOBS, CORES, PROCESSES, MEMORY = 5, 4, 2, "1GB"
RUNNING = JOBS - 2
"""One fails, one waits."""
TASKS_A_ROUND = 30
FAILS = f"mkdir first-job 2>/dev/null && {{ {shlex.quote(sys.executable)} -c 'import regional_model'; exit 1; }}"
"""A line of the job script: the first job that comes to it lacks a module, as after a change of environments."""
NEAR_LIMIT = 0.925
"""Of a worker's memory limit. It stays below dask's 0.95, at which the worker would be killed."""
CHUNK_BYTES = 8_000_000
SECONDS_FOR_WORKERS = 30.0


def simulate(seed: int) -> bytes:
    """Keep a thread busy for a share of some seconds, and return a result that takes up memory."""
    draw = random.Random(seed)  # noqa: S311 - a workload, no secret
    busy_share = draw.choice((0.02, 0.05, 0.2))  # all at once, it is less than one core
    until = time.monotonic() + draw.uniform(2, 8)
    while (started_at := time.monotonic()) < until:
        sum(i * i for i in range(20_000))
        worked_seconds = time.monotonic() - started_at
        time.sleep(worked_seconds * (1 - busy_share) / busy_share)
    return draw.randbytes(draw.randint(1, 4) * 1_000_000)


def summarize(parts: list[bytes]) -> int:
    """Stand for the step that waits for all others."""
    time.sleep(1)
    return sum(map(len, parts))


def hoard(share: float) -> None:
    """Bring the worker to this share of its memory limit, and keep it there until it is to close: a leak."""
    worker, process = get_worker(), psutil.Process()
    wanted_bytes = share * (worker.memory_manager.memory_limit or 0)
    held: list[bytes] = []
    while worker.status in (Status.running, Status.paused):
        spare_bytes = wanted_bytes - process.memory_info().rss
        if spare_bytes > CHUNK_BYTES:
            held.append(b"x" * CHUNK_BYTES)
            time.sleep(0.05)
            continue
        if spare_bytes < 0 and held:
            held.pop()
        time.sleep(0.2)


class Workload:
    """Has one graph after the other computed, but by one job's workers nothing: all is pinned to the others'."""

    def __init__(self, cluster: SLURMCluster, client: Client, stop: threading.Event) -> None:
        self._cluster = cluster
        self._client = client
        self._stop = stop
        self._idle: str | None = None
        self._hoarding: Future[None] | None = None
        self._hoarder = ""

    def run(self) -> None:
        """Work until it is to stop."""
        patience_until = time.monotonic() + SECONDS_FOR_WORKERS
        while len(self._whole_jobs()) < RUNNING and time.monotonic() < patience_until and not self._stop.wait(0.2):
            pass
        seeds = iter(range(10**9))
        while not self._stop.is_set():
            at_work = self._at_work()
            if at_work and (self._hoarding is None or self._hoarding.done()):
                self._hoarder = at_work[0]
                self._hoarding = self._client.submit(hoard, NEAR_LIMIT, workers=[self._hoarder], pure=False)
            # The hoarder gets nothing else to do, unless there is no other: dask pauses it, with its tasks waiting.
            pinned_to = [address for address in at_work if address != self._hoarder] or at_work or None
            round_of_seeds = [next(seeds) for _ in range(TASKS_A_ROUND)]
            parts = self._client.map(simulate, round_of_seeds, workers=pinned_to, pure=False)
            total = self._client.submit(summarize, parts, workers=pinned_to, pure=False)
            while not self._stop.wait(0.2) and not total.done() and not self._are_gone(pinned_to or ()):
                pass

    def _workers(self) -> list[WorkerState]:
        return list(self._cluster.scheduler.workers.values()) if self._cluster.scheduler is not None else []

    def _whole_jobs(self) -> dict[str, list[str]]:
        """Return the jobs, by their names, all of whose workers are there, and the workers' addresses."""
        found = defaultdict(list)
        for worker in self._workers():
            found[str(worker.name).rpartition("-")[0]].append(worker.address)
        return {job: addresses for job, addresses in found.items() if len(addresses) == PROCESSES}

    def _at_work(self) -> list[str]:
        """Return the workers that have something to do."""
        jobs = self._whole_jobs()
        if self._idle not in jobs:
            self._idle = max(jobs, key=self._number) if len(jobs) > 1 else None
        return [address for job, addresses in jobs.items() if job != self._idle for address in addresses]

    def _number(self, job: str) -> int:
        """Return SLURM's number of a job; the idle one is the last on the screen."""
        return int(self._cluster.workers[job].job_id)

    def _are_gone(self, pinned_to: Collection[str]) -> bool:
        """Tell whether none is left of those that tasks are pinned to."""
        return bool(pinned_to) and {worker.address for worker in self._workers()}.isdisjoint(pinned_to)


def main() -> None:
    """Start the cluster, tell its address, and work."""
    dask.config.set({"distributed.scheduler.worker-saturation": 1.1})
    stop = threading.Event()
    with (
        SLURMCluster(
            cores=CORES,
            processes=PROCESSES,
            memory=MEMORY,
            walltime="00:30:00",
            interface="lo",
            job_script_prologue=[FAILS],
        ) as cluster,
        Client(cluster) as client,
    ):
        cluster.scale(jobs=JOBS)
        print(cluster.scheduler_address, flush=True)
        worker = threading.Thread(target=Workload(cluster, client, stop).run, daemon=True)
        worker.start()
        sys.stdin.read()  # closes when the demo ends, however it ends
        stop.set()
        worker.join(2)


if __name__ == "__main__":
    main()
