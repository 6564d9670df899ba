"""How the cost of each part grows with the cluster: what limits dasktop next."""

import asyncio
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

from dasktop.collectors.recording.recorder import RecordingWriter
from dasktop.collectors.sources.address import parse_address
from dasktop.collectors.sources.dask.collector import DaskCollector
from dasktop.collectors.sources.dask.connection import Connection
from dasktop.tui.view.filtering import View
from dasktop.tui.view.history import History
from tests.benchmarks.bench_sampler import attached_poller
from tests.benchmarks.bench_screen import of_snapshots
from tests.benchmarks.program import Screen
from tests.benchmarks.row import Row
from tests.benchmarks.stand_in_scheduler import ADVANCE, COSTS, StandInScheduler
from tests.benchmarks.stand_in_slurm import FIRST_JOB, StandInSlurm
from tests.benchmarks.stand_in_workers import StandInWorkers

SIZES = (2000, 8000, 20_000, 50_000)
WORKERS_OF_A_JOB = 8
POLL_SECONDS = 2.0
PATIENCE_SECONDS = 120.0
LINEAR = 1.1
"""The goal for each part: to grow no faster than the number of workers, and a tenth for chance."""
SECONDS, SECONDS_TO_SETTLE = 70.0, 40.0
"""Of the program; while it settles, it asks each worker once for its place."""
UNITS = {
    "loop": "ms",
    "bytes": "bytes",
    "sampler": "ms",
    "queue": "ms",
    "recording": "ms",
    "folded": "ms",
    "flat": "ms",
    "cpu": "% of a core",
    "memory": "bytes",
    "terminal": "bytes/s",
    "rpcs": "RPCs a minute",
}


def rows(*, tiny: bool) -> Iterator[Row]:
    """Yield the rows of each size, and that of a worker that joins."""
    yield Row.of_amount("joining", asyncio.run(of_joining(4 if tiny else 100)), "ms a worker", 1)
    smallest: dict[str, float] = {}
    values: dict[str, float] = {}
    for size in SIZES:
        if not tiny:
            values = of_size(size, 10) | of_program(size, SECONDS, SECONDS_TO_SETTLE)
        elif not values:
            values = of_size(16, 2) | of_program(16, 1.0, 0.5)
        for name, value in values.items():
            first = smallest.setdefault(name, value or 1.0)
            bound = round(LINEAR * size / SIZES[0], 1)
            yield Row.of_ratio(f"{name}-{size}", value, UNITS[name], f"of {SIZES[0]:,} workers", first, bound)


def of_size(workers: int, rounds: int) -> dict[str, float]:
    """Return what a cluster of so many workers costs, in `UNITS`."""
    jobs = workers // WORKERS_OF_A_JOB
    with (
        tempfile.TemporaryDirectory(prefix="dasktop-bench-") as folder,
        StandInScheduler(workers=workers, workers_of_a_job=WORKERS_OF_A_JOB) as scheduler,
    ):
        slurm = StandInSlurm(Path(folder), jobs)
        recording = RecordingWriter(str(Path(folder) / "growth.ndjson.gz"))
        found = asyncio.run(of_polls(scheduler.address, slurm, workers, recording, rounds))
        recording.close()
    for name, view in (("folded", View()), ("flat", View(sort="cpu", is_flat=True))):
        found[name] = 1000 * asyncio.run(of_snapshots(view, jobs, WORKERS_OF_A_JOB, rounds // 2))
    return found


async def of_joining(workers: int) -> float:
    """Return the CPU milliseconds on the scheduler's event loop to install a probe in a worker, over the network."""
    with (
        StandInWorkers(workers, WORKERS_OF_A_JOB) as peers,
        StandInScheduler(workers=workers, workers_of_a_job=WORKERS_OF_A_JOB, addresses=peers.addresses) as scheduler,
    ):
        control = await Connection.open(parse_address(scheduler.address), None, PATIENCE_SECONDS)
        collector = DaskCollector(scheduler.address, timeout_seconds=PATIENCE_SECONDS)
        began, _ = await control.call(COSTS, PATIENCE_SECONDS)
        reading = await collector.read()
        ended, _ = await control.call(COSTS, PATIENCE_SECONDS)
        assert all(worker.place_was_read for worker in reading.workers)
        await collector.close()
        await control.close()
    return float(1000 * (ended - began) / workers)


def of_program(workers: int, seconds: float, to_settle: float) -> dict[str, float]:
    """Return what the program costs in a cluster of so many workers, in `UNITS`."""
    with (
        tempfile.TemporaryDirectory(prefix="dasktop-bench-") as folder,
        StandInScheduler(workers=workers, workers_of_a_job=WORKERS_OF_A_JOB, beats=True) as scheduler,
    ):
        slurm = StandInSlurm(Path(folder), workers // WORKERS_OF_A_JOB)
        with Screen(scheduler.address, slurm.path) as screen:
            screen.read_until(str(FIRST_JOB))
            screen.read_for(to_settle)
            began_at, cpu, sent, rpcs = time.perf_counter(), screen.cpu_seconds, len(screen.sent), slurm.rpcs
            screen.read_for(seconds - to_settle)
            elapsed = time.perf_counter() - began_at
            return {
                "cpu": 100 * (screen.cpu_seconds - cpu) / elapsed,
                "memory": screen.memory_bytes,
                "terminal": (len(screen.sent) - sent) / elapsed,
                "rpcs": 60 * (slurm.rpcs - rpcs) / elapsed,
            }


async def of_polls(
    address: str, slurm: StandInSlurm, workers: int, recording: RecordingWriter, rounds: int
) -> dict[str, float]:
    """Return what a poll costs the scheduler, and what it costs dasktop."""
    poller, history = await attached_poller(address, slurm, workers), History()
    control = await Connection.open(parse_address(address), None, PATIENCE_SECONDS)
    found: dict[str, list[float]] = {}

    def note(name: str, value: float) -> None:
        found.setdefault(name, []).append(value)

    def cost(action: Callable[[], object]) -> float:
        began_at = time.process_time()
        action()
        return 1000 * (time.process_time() - began_at)

    for _ in range(rounds):
        await control.call(ADVANCE, PATIENCE_SECONDS, span=POLL_SECONDS)
        on_loop, sent = await control.call(COSTS, PATIENCE_SECONDS)
        began_at = time.process_time()
        await poller.poll_dask()
        snapshot = poller.snapshot()
        history.feed(snapshot)
        note("sampler", 1000 * (time.process_time() - began_at))
        on_loop_then, sent_then = await control.call(COSTS, PATIENCE_SECONDS)
        note("loop", 1000 * (on_loop_then - on_loop))
        note("bytes", sent_then - sent)
        note("recording", cost(lambda snapshot=snapshot: recording.write(snapshot)))  # type: ignore[misc]
    for _ in range(2):
        began_at = time.process_time()
        await poller.poll_queue()
        note("queue", 1000 * (time.process_time() - began_at))
    await poller.close()
    await control.close()
    return {name: median(values) for name, values in found.items()}
