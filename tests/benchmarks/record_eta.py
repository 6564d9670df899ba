"""Record the runs for `bench_eta`: ``python -m tests.benchmarks.record_eta [NAME...]``; each takes about a minute.

Real runs of dask on this host, of tasks that only sleep, recorded with dasktop's own recorder, redacted. The shapes and
the durations come from seeds; the times at which tasks finish also depend on this machine.
"""

import asyncio
import random
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from distributed import Client, LocalCluster

from dasktop.collectors.model.options import Options
from dasktop.collectors.recording.recorder import RecordingWriter
from dasktop.collectors.runtime.poller import Poller

FOLDER = Path(__file__).parents[1] / "fixtures" / "eta"
SECONDS_BETWEEN = 1.0
THREADS = 4

Run = Callable[[Client, LocalCluster, random.Random], list[object]]


def load(seconds: float, *_: object) -> None:
    """Sleep."""
    time.sleep(seconds)


def regrid(seconds: float, *_: object) -> None:
    """Sleep."""
    time.sleep(seconds)


def merge(seconds: float, *_: object) -> None:
    """Sleep."""
    time.sleep(seconds)


def parallel(client: Client, _: LocalCluster, random_: random.Random) -> list[object]:
    """Return independent tasks of similar duration."""
    return [client.submit(load, random_.uniform(0.7, 1.3), n) for n in range(300)]


def barrier(client: Client, _: LocalCluster, random_: random.Random) -> list[object]:
    """Return tasks that all must end before the next begin."""
    maps = [client.submit(load, random_.uniform(0.5, 1.1), n) for n in range(200)]
    shuffled = client.submit(merge, 0.5, maps)
    return [client.submit(regrid, random_.uniform(0.5, 1.1), shuffled, n) for n in range(120)]


def two(client: Client, _: LocalCluster, random_: random.Random) -> list[object]:
    """Return the tasks of two computations, the second submitted during the first."""
    first = [client.submit(load, random_.uniform(0.7, 1.3), n) for n in range(160)]
    time.sleep(4)
    return first + [client.submit(regrid, random_.uniform(0.3, 0.9), n) for n in range(250)]


def heavy(client: Client, _: LocalCluster, random_: random.Random) -> list[object]:
    """Return tasks whose durations have a heavy tail."""
    return [client.submit(load, min(8.0, 0.3 * random_.paretovariate(1.4)), n) for n in range(350)]


def growing(client: Client, cluster: LocalCluster, random_: random.Random) -> list[object]:
    """Return tasks for a cluster that grows from two threads to eight."""
    futures = [client.submit(load, random_.uniform(0.7, 1.3), n) for n in range(300)]

    def grow() -> None:
        for workers in (2, 3, 4):
            time.sleep(7)
            cluster.scale(workers)

    cluster.scale(1)
    threading.Thread(target=grow, daemon=True).start()
    return futures


RUNS: dict[str, tuple[Run, int]] = {
    "parallel": (parallel, 1),
    "barrier": (barrier, 2),
    "two": (two, 3),
    "heavy": (heavy, 4),
    "growing": (growing, 5),
    "validation-heavy": (heavy, 104),
    "validation-barrier": (barrier, 102),
}


async def record(address: str, path: Path, is_done: Callable[[], bool]) -> None:
    """Record the scheduler until all is done, and two snapshots more."""
    writer = RecordingWriter(str(path), redact=True)
    poller = Poller(Options(slurm=False))
    try:
        poller.attach_to(address)
        left = 2
        while left:
            await poller.poll_everything(with_threads=False)
            writer.write(poller.snapshot())
            left -= is_done()
            await asyncio.sleep(SECONDS_BETWEEN)
    finally:
        await poller.close()
        writer.close()


def run(name: str) -> None:
    """Run one workload and record it."""
    shape, seed = RUNS[name]
    with (
        LocalCluster(
            n_workers=THREADS // 2,
            threads_per_worker=2,
            processes=False,
            dashboard_address=None,
            host="127.0.0.1",
            protocol="tcp",
        ) as cluster,
        Client(cluster) as client,
    ):
        futures: list[object] = []

        def submit() -> None:
            futures.extend(shape(client, cluster, random.Random(seed)))
            submitted.set()

        submitted = threading.Event()
        threading.Thread(target=submit, daemon=True).start()

        def is_done() -> bool:
            return submitted.is_set() and all(future.done() for future in futures)  # type: ignore[attr-defined]

        path = FOLDER / f"{name}.ndjson.gz"
        path.unlink(missing_ok=True)
        asyncio.run(record(cluster.scheduler_address, path, is_done))


if __name__ == "__main__":
    for each in sys.argv[1:] or RUNS:
        run(each)
