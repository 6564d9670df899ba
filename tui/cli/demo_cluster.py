"""The demo's cluster: a real SLURMCluster with a workload and some typical problems. Runs in its own process.

One job fails, one stays pending, one is idle, and one worker is near its memory limit. Prints the scheduler's address,
then computes until its standard input closes.
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
"""One fails, one stays pending."""
TASKS_PER_ROUND = 30
FAIL_ONCE = f"mkdir first-job 2>/dev/null && {{ {shlex.quote(sys.executable)} -c 'import regional_model'; exit 1; }}"
"""A line of the job script: the first job that runs it fails with a missing Python module."""
NEAR_LIMIT = 0.925
"""Share of a worker's memory limit; below 0.95, at which the nanny kills the worker."""
CHUNK_BYTES = 8_000_000
WORKERS_TIMEOUT_SECONDS = 30.0


def simulate(seed: int) -> bytes:
    """Keep a thread partly busy for 2 to 8 seconds, and return a result of 1 to 4 MB."""
    draw = random.Random(seed)  # noqa: S311 - not used for secrets
    busy_share = draw.choice((0.02, 0.05, 0.2))  # all tasks together use less than one core
    until = time.monotonic() + draw.uniform(2, 8)
    while (started_at := time.monotonic()) < until:
        sum(i * i for i in range(20_000))
        worked_seconds = time.monotonic() - started_at
        time.sleep(worked_seconds * (1 - busy_share) / busy_share)
    return draw.randbytes(draw.randint(1, 4) * 1_000_000)


def summarize(parts: list[bytes]) -> int:
    """Reduce the results of a round."""
    time.sleep(1)
    return sum(map(len, parts))


def hoard(share: float) -> None:
    """Fill this share of the worker's memory limit until the worker closes, like a memory leak."""
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
    """Computes one task graph after another, pinned to the workers of all jobs but one, so that this job stays idle."""

    def __init__(self, cluster: SLURMCluster, client: Client, stop: threading.Event) -> None:
        self._cluster = cluster
        self._client = client
        self._stop = stop
        self._idle_job: str | None = None
        self._hoarding: Future[None] | None = None
        self._hoarder = ""

    def run(self) -> None:
        """Compute until the stop event is set."""
        deadline = time.monotonic() + WORKERS_TIMEOUT_SECONDS
        while len(self._complete_jobs()) < RUNNING and time.monotonic() < deadline and not self._stop.wait(0.2):
            pass
        seeds = iter(range(10**9))
        while not self._stop.is_set():
            busy = self._busy_workers()
            if busy and (self._hoarding is None or self._hoarding.done()):
                self._hoarder = busy[0]
                self._hoarding = self._client.submit(hoard, NEAR_LIMIT, workers=[self._hoarder], pure=False)
            # dask pauses the worker that fills its memory, so it gets no other tasks, unless it is the only worker.
            pinned_to = [address for address in busy if address != self._hoarder] or busy or None
            round_of_seeds = [next(seeds) for _ in range(TASKS_PER_ROUND)]
            parts = self._client.map(simulate, round_of_seeds, workers=pinned_to, pure=False)
            total = self._client.submit(summarize, parts, workers=pinned_to, pure=False)
            while not self._stop.wait(0.2) and not total.done() and not self._are_all_gone(pinned_to or ()):
                pass

    def _workers(self) -> list[WorkerState]:
        return list(self._cluster.scheduler.workers.values()) if self._cluster.scheduler is not None else []

    def _complete_jobs(self) -> dict[str, list[str]]:
        """Return the worker addresses of each job, by job name, for jobs with all their workers."""
        found = defaultdict(list)
        for worker in self._workers():
            found[str(worker.name).rpartition("-")[0]].append(worker.address)
        return {job: addresses for job, addresses in found.items() if len(addresses) == PROCESSES}

    def _busy_workers(self) -> list[str]:
        """Return the addresses of the workers that get tasks: all but the idle job's."""
        jobs = self._complete_jobs()
        if self._idle_job not in jobs:
            self._idle_job = max(jobs, key=self._job_id) if len(jobs) > 1 else None
        return [address for job, addresses in jobs.items() if job != self._idle_job for address in addresses]

    def _job_id(self, job: str) -> int:
        """Return a job's SLURM id. The idle job has the highest, so it is the last on the screen."""
        return int(self._cluster.workers[job].job_id)

    def _are_all_gone(self, pinned_to: Collection[str]) -> bool:
        """Return whether all workers that tasks are pinned to are gone."""
        return bool(pinned_to) and {worker.address for worker in self._workers()}.isdisjoint(pinned_to)


def main() -> None:
    """Start the cluster, print its address, and compute."""
    dask.config.set({"distributed.scheduler.worker-saturation": 1.1})
    stop = threading.Event()
    with (
        SLURMCluster(
            cores=CORES,
            processes=PROCESSES,
            memory=MEMORY,
            walltime="00:30:00",
            interface="lo",
            job_script_prologue=[FAIL_ONCE],
        ) as cluster,
        Client(cluster) as client,
    ):
        cluster.scale(jobs=JOBS)
        print(cluster.scheduler_address, flush=True)
        worker = threading.Thread(target=Workload(cluster, client, stop).run, daemon=True)
        worker.start()
        sys.stdin.read()  # closed when the demo ends, even if it is killed
        stop.set()
        worker.join(2)


if __name__ == "__main__":
    main()
