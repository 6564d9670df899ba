"""What reading the threads of workers costs the scheduler, through which they are read."""

import asyncio
from collections.abc import Iterator, Sequence
from statistics import median

from dasktop.collectors.sources.address import parse_address
from dasktop.collectors.sources.dask.collector import DaskCollector
from dasktop.collectors.sources.dask.connection import Connection
from tests.benchmarks.row import Row, yardstick
from tests.benchmarks.stand_in_scheduler import COSTS, StandInScheduler
from tests.benchmarks.stand_in_workers import StandInWorkers

WORKERS_OF_A_JOB = 4
IN_SIGHT = 10
"""Workers with their rows of threads that a screen of 50 lines shows; the other workers are unfolded, too."""
PATIENCE_SECONDS = 60.0


def rows(*, tiny: bool) -> Iterator[Row]:
    """Yield the row."""
    workers = 4 if tiny else 40
    with (
        StandInWorkers(workers, WORKERS_OF_A_JOB) as peers,
        StandInScheduler(workers=workers, workers_of_a_job=WORKERS_OF_A_JOB, addresses=peers.addresses) as scheduler,
    ):
        seconds = asyncio.run(added(scheduler.address, peers.addresses, rounds=1 if tiny else 20))
    yield Row.of_time("threads", seconds, yardstick(), 5)


async def added(address: str, workers: Sequence[str], rounds: int) -> float:
    """Return the CPU seconds on the event loop of the scheduler that the threads of these workers add to a poll."""
    control = await Connection.open(parse_address(address), None, PATIENCE_SECONDS)
    watching, other = (DaskCollector(address, timeout_seconds=PATIENCE_SECONDS) for _ in range(2))

    async def cost_of_a_poll(collector: DaskCollector, threads_of: Sequence[str]) -> float:
        began, _ = await control.call(COSTS, PATIENCE_SECONDS)
        reading = await collector.read(threads_of, threads_of[IN_SIGHT:])
        assert len(threads_of) == sum(bool(worker.worker.threads) for worker in reading.workers)
        ended, _ = await control.call(COSTS, PATIENCE_SECONDS)
        return float(ended - began)

    for _ in range(3):
        await watching.read(workers, workers[IN_SIGHT:])
        await other.read()
    found = [await cost_of_a_poll(watching, workers) - await cost_of_a_poll(other, ()) for _ in range(rounds)]
    for connected in (watching, other, control):
        await connected.close()
    return median(found)
