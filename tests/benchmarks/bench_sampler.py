"""What a poll costs dasktop itself in a large cluster: decode, reconcile, findings and history."""

import asyncio
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from time import thread_time

from dasktop.collectors.model.options import Options
from dasktop.collectors.runtime.poller import Poller
from dasktop.collectors.sources.address import parse_address
from dasktop.collectors.sources.dask.connection import Connection
from dasktop.tui.view.history import History
from tests.benchmarks.row import Row, yardstick
from tests.benchmarks.stand_in_scheduler import ADVANCE, StandInScheduler
from tests.benchmarks.stand_in_slurm import StandInSlurm

POLL_SECONDS = 2.0
WORKERS_OF_A_JOB = 20
PATIENCE_SECONDS = 60.0


def rows(*, tiny: bool) -> Iterator[Row]:
    """Yield the row."""
    workers = 40 if tiny else 8000
    with (
        tempfile.TemporaryDirectory(prefix="dasktop-bench-") as folder,
        StandInScheduler(workers=workers, workers_of_a_job=WORKERS_OF_A_JOB) as scheduler,
    ):
        slurm = StandInSlurm(Path(folder), workers // WORKERS_OF_A_JOB)
        seconds = asyncio.run(cost(scheduler.address, slurm, workers, polls=2 if tiny else 9))
    yield Row.of_time("sampler", seconds, yardstick(), 150)


async def attached_poller(address: str, slurm: StandInSlurm, workers: int) -> Poller:
    """Return a poller that has placed all workers in their jobs."""
    options = Options(address=address, dask_timeout_seconds=PATIENCE_SECONDS, slurm_timeout_seconds=PATIENCE_SECONDS)
    poller = Poller(options, os.environ | {"PATH": slurm.path})
    poller.attach_to(address)
    await poller.poll_everything()
    placed = 0
    while placed < workers:
        await poller.poll_dask()
        jobs = poller.snapshot().jobs
        placed = sum(task.node is not None for job in jobs for task in job.tasks for _ in task.workers)
    return poller


async def cost(address: str, slurm: StandInSlurm, workers: int, polls: int) -> float:
    """Return the CPU seconds of a poll and its snapshot."""
    poller, history = await attached_poller(address, slurm, workers), History()
    control = await Connection.open(parse_address(address), None, PATIENCE_SECONDS)
    found = []
    for _ in range(polls):
        await control.call(ADVANCE, PATIENCE_SECONDS, span=POLL_SECONDS)
        began_at = thread_time()
        await poller.poll_dask()
        history.feed(poller.snapshot())
        found.append(thread_time() - began_at)
    await poller.close()
    await control.close()
    return median(found)
