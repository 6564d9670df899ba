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
from functools import partial
from pathlib import Path

from distributed import Client, LocalCluster

from dasktop.collectors.model.options import Options
from dasktop.collectors.recording.recorder import RecordingWriter
from dasktop.collectors.runtime.poller import Poller

FOLDER = Path(__file__).parents[1] / "fixtures" / "eta"
SECONDS_BETWEEN = 1.0
THREADS = 4

Range = tuple[float, float]

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


def parallel(client: Client, _: LocalCluster, random_: random.Random, durations: Range = (0.7, 1.3)) -> list[object]:
    """Return independent tasks of similar duration, about 300 s of them."""
    count = round(600 / sum(durations))
    return [client.submit(load, random_.uniform(*durations), n) for n in range(count)]


def barrier(client: Client, _: LocalCluster, random_: random.Random, later: float = 1.0) -> list[object]:
    """Return tasks that all must end before the next begin; those take ``later`` times as long."""
    maps = [client.submit(load, random_.uniform(0.5, 1.1), n) for n in range(200)]
    shuffled = client.submit(merge, 0.5, maps)
    return [client.submit(regrid, random_.uniform(0.5, 1.1) * later, shuffled, n) for n in range(120)]


def two(client: Client, _: LocalCluster, random_: random.Random, longer: float = 1.0) -> list[object]:
    """Return the tasks of two computations, the second submitted during the first and ``longer`` times as long."""
    first = [client.submit(load, random_.uniform(0.7, 1.3), n) for n in range(160)]
    time.sleep(4)
    return first + [client.submit(regrid, random_.uniform(0.3, 0.9) * longer, n) for n in range(round(250 / longer))]


def heavy(
    client: Client, _: LocalCluster, random_: random.Random, alpha: float = 1.4, count: int = 350
) -> list[object]:
    """Return tasks whose durations have a heavy tail: Pareto with this exponent, at most 8 s."""
    least = 105 / count
    return [client.submit(load, min(8.0, least * random_.paretovariate(alpha)), n) for n in range(count)]


def growing(client: Client, cluster: LocalCluster, random_: random.Random, seconds: float = 7.0) -> list[object]:
    """Return tasks for a cluster that grows from two threads to eight, by two after each time of ``seconds``."""
    futures = [client.submit(load, random_.uniform(0.7, 1.3), n) for n in range(300)]

    def grow() -> None:
        for workers in (2, 3, 4):
            time.sleep(seconds)
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
    "validation-parallel": (partial(parallel, durations=(0.2, 2.8)), 101),
    "validation-barrier": (barrier, 102),
    "validation-barrier-longer": (partial(barrier, later=1.4), 112),
    "validation-two": (partial(two, longer=2.5), 103),
    "validation-heavy": (heavy, 104),
    "validation-heavy-1.2": (partial(heavy, alpha=1.2), 114),
    "validation-heavy-1.6": (partial(heavy, alpha=1.6), 124),
    "validation-heavy-many": (partial(heavy, count=700), 134),
    "validation-barrier-shorter": (partial(barrier, later=0.7), 122),
    "validation-growing": (growing, 105),
    "validation-growing-slowly": (partial(growing, seconds=11.0), 115),
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
